package report

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files anew")

// example has a case of every form.
func example() Run {
	cases := []Case{
		{
			Name: "B2", What: "cost of our own, 300000 due", Figure: "9500/s", Baseline: "10000/s by bulk SQL", Ratio: 0.95,
			Rounds: []float64{0.97, 0.95, 0.91}, Target: Target{Limit: 1, Least: 0.9}, Notes: []string{"Ours: the whole run.", "Baseline: the least SQL."},
		},
		{
			Name: "B3", What: "flat memory, 2000000 ÷ 100000 due", Figure: "50.1 MiB", Baseline: "47.0 MiB", Ratio: 1.066,
			Rounds: []float64{1.05, 1.066, 1.07}, Target: Target{AtMost: true, Limit: 1.1, Also: "< 48 MiB", Failed: true},
		},
		{Name: "B7", What: "100 ms a charge ÷ one by one", Figure: "612/s", Baseline: "9.8/s", Ratio: 62.4, Target: Target{Limit: 60}},
		{
			Name: "B9", What: "statements for one charge", Figure: "0.041", Baseline: "0.012 by bulk SQL", Ratio: 0.041,
			Rounds: []float64{0.041, 0.041}, Target: Target{AtMost: true, Limit: 0.04}, Absolute: true, Notes: []string{"As counted by the server, <all> of them."},
		},
	}
	for i, c := range cases {
		cases[i].Verdict = c.Target.Verdict(c.Ratio)
	}
	return Run{Cores: 2, Platform: "linux/amd64", Go: "go1.26", Database: "MariaDB 10.11", Scale: 1, Rounds: 3, Cases: cases}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got, "go test ./bench/report -update writes it")
}

func TestGoldenTable(t *testing.T)    { golden(t, "table.golden.txt", example().Table()+"\n") }
func TestGoldenMarkdown(t *testing.T) { golden(t, "report.golden.md", example().Markdown()) }
func TestGoldenChart(t *testing.T)    { golden(t, "chart.golden.svg", example().Chart()) }

func TestGoldenJSON(t *testing.T) {
	text, err := example().JSON()
	require.NoError(t, err)
	golden(t, "report.golden.json", string(text))
	var back Run
	require.NoError(t, json.Unmarshal(text, &back))
	require.Equal(t, example(), back)
}

// What people wrote about the benchmarks stays when the figures are written anew.
func TestDocumentKeepsItsText(t *testing.T) {
	r := example()
	old := "# Benchmarks\n\nHow to run them.\n\n" + figuresBegin + "\nOld figures.\n"
	want := "# Benchmarks\n\nHow to run them.\n\n" + figuresBegin + "\n" + r.Markdown()
	require.Equal(t, want, r.Document(old))
	require.Equal(t, want, r.Document(want))
	require.Equal(t, "# Benchmarks\n\n"+r.Markdown(), r.Document(""))
}

// A name with signs that XML reserves leaves the chart well-formed.
func TestChartIsWellFormed(t *testing.T) {
	r := example()
	r.Cases[0].What = `memory < 48 MiB & "flat"`
	d := xml.NewDecoder(strings.NewReader(r.Chart()))
	for {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		require.NoError(t, err)
	}
}

// A run at a share of the sizes says so wherever its figures stand.
func TestScaleIsSaid(t *testing.T) {
	r := example()
	r.Scale = 0.1
	require.Contains(t, r.Markdown(), "at 0.1 of the full sizes")
	require.Contains(t, r.Chart(), "at 0.1 of the full sizes")
	require.NotContains(t, example().Chart(), "of the full sizes")
}

func TestVerdict(t *testing.T) {
	atLeast, atMost, least := Target{Limit: 0.9}, Target{AtMost: true, Limit: 1.1}, Target{Limit: 1, Least: 0.9}
	other := Target{AtMost: true, Limit: 1.1, Also: "< 48 MiB", Failed: true}
	for _, test := range []struct {
		target Target
		ratio  float64
		want   string
	}{
		{atLeast, 0.9, "met"},
		{atLeast, 0.899, "not met"},
		{atMost, 1.1, "met"},
		{atMost, 1.101, "not met"},
		{least, 1, "met"},
		{least, 0.9, "not met, least met"},
		{least, 0.899, "not met"},
		{other, 1, "not met"},
	} {
		require.Equal(t, test.want, test.target.Verdict(test.ratio), "%s: %g", test.target, test.ratio)
	}
}

// One round has no spread.
func TestSpread(t *testing.T) {
	require.Empty(t, Case{Rounds: []float64{1}}.spread())
	require.Equal(t, "0.500 to 2.000", Case{Rounds: []float64{1, 2, 0.5}}.spread())
}
