package report_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/report"
)

var update = flag.Bool("update", false, "write the golden files anew")

func html(t *testing.T, p report.Page) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, report.Write(&b, p))
	return b.String()
}

func TestGolden(t *testing.T) {
	got := html(t, page(billing()))
	path := filepath.Join("testdata", "billing.golden.html")
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got, "go test ./internal/report -update writes it anew")
}

// Whatever names there are, they are text and nothing else.
func TestNamesAreText(t *testing.T) {
	got := html(t, page(hostile()))
	require.Equal(t, 1, strings.Count(got, "</style>"))
	require.Equal(t, 1, strings.Count(got, "<style"))
	require.NotContains(t, got, "<script")
	require.NotContains(t, got, "<img")
	require.NotContains(t, got, `"><`+"img")
	require.Contains(t, got, "&lt;script&gt;")
}

// The page may load and run nothing; its style is let through by its hash alone.
func TestPolicy(t *testing.T) {
	got := html(t, page(nothing()))
	style := regexp.MustCompile(`(?s)<style>(.*)</style>`).FindStringSubmatch(got)
	require.NotNil(t, style)
	sum := sha256.Sum256([]byte(style[1]))
	policy := regexp.MustCompile(`<meta http-equiv="Content-Security-Policy" content="([^"]*)">`).FindStringSubmatch(got)
	require.NotNil(t, policy)
	require.Equal(t, "default-src 'none'; style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'; img-src data:; base-uri 'none'; form-action 'none'",
		strings.NewReplacer("&#39;", "'", "&#43;", "+").Replace(policy[1]))
	require.NotRegexp(t, `(?i)\b(https?:)?//[a-z]|@import|url\([^#]`, got)
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestWriteFails(t *testing.T) {
	require.ErrorContains(t, report.Write(broken{}, page(nothing())), "write the report: disk full")
}

func TestVerdicts(t *testing.T) {
	for exit, want := range map[int]string{
		0: "<strong>Done</strong>", 1: "Failed, nothing lost", 2: "Not started", 3: "4 rows need a person; the rest is done", 4: "Unfinished; the next run continues",
		5: "Not run", 130: "Stopped by a signal", 143: "Stopped by a signal",
	} {
		r := nothing()
		r.Exit = &exit
		r.Steps[1].Review = 4
		require.Contains(t, html(t, page(r)), want)
	}
	running := nothing()
	running.Exit, running.Finished, running.Alive = nil, nil, true
	require.Contains(t, html(t, page(running)), "Running")
	require.Contains(t, html(t, page(dead())), "Died; the next run takes over what it left")
	require.Contains(t, html(t, page(nothing())), "Nothing due: recover, issue, collect, retry-1, recover-last")
}

func TestParams(t *testing.T) {
	require.Equal(t, []report.Param{{"date", "2026-01-31"}, {"limit", "7"}, {"steps", "collect, retry-1"}, {"subscriptions", "41, 42"}},
		report.ParseParams([]byte(`{"subscriptions":[41,42],"date":"2026-01-31","limit":7,"steps":["collect","retry-1"]}`)))
	require.Empty(t, report.ParseParams([]byte(`{}`)))
	require.Empty(t, report.ParseParams([]byte(`no JSON`)))
}

// Of a night in which one job did not run, the others are done.
func TestVerdictOfANight(t *testing.T) {
	p := night()
	p.Night.Exit = 5
	require.Contains(t, html(t, p), "Not run: outbox; the rest is done")
}

// What is unusual comes before what is done, and what a run was like comes last, closed.
func TestSectionsAreInOrder(t *testing.T) {
	headings := regexp.MustCompile(`<h2 id="[a-z-]+">([^<]+)</h2>`)
	for name, want := range map[string][]string{
		"billing": {"Needs a person", "Why declined", "Next", "Steps", "Details"},
		"night":   {"Needs a person", "Why declined", "Next", "Orders", "Jobs", "Details"},
		"refused": {"Fix", "Next", "Steps", "Details"},
		"nothing": {"Steps", "Details"},
		"dead":    {"Why declined", "Next", "Steps", "Details"},
	} {
		got := html(t, pages()[name])
		var found []string
		for _, m := range headings.FindAllStringSubmatch(got, -1) {
			found = append(found, m[1])
		}
		require.Equal(t, want, found, name)
		require.Equal(t, 1, strings.Count(got, "<details>"), name)
		require.NotContains(t, got, "<details open", name)
		require.Less(t, strings.Index(got, `class="verdict `), strings.Index(got, "<h2"), name)
	}
}

// figures reads the first screen of a page: every figure by its name.
func figures(t *testing.T, p report.Page) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, m := range regexp.MustCompile(`<div><dt>([^<]+)</dt><dd>(.*)</dd></div>`).FindAllStringSubmatch(html(t, p), -1) {
		found[m[1]] = strings.TrimSpace(regexp.MustCompile(`\s*<[^>]+>\s*`).ReplaceAllString(strings.ReplaceAll(m[2], "&#43;", "+"), " "))
	}
	return found
}

func TestMoneyIsOnTheFirstScreen(t *testing.T) {
	billed := figures(t, page(billing()))
	require.Equal(t, "120,000 JPY + 25,087,100 KRW + 6,456.03 USD", squeeze(billed["Collected"]))
	require.Equal(t, "3,127,400 KRW + 601.23 USD 251 invoices", squeeze(billed["Unpaid"]))
	require.Equal(t, "89.2% 1,928 of 2,161", squeeze(billed["Success rate"]))
	require.Equal(t, "21 rows", billed["Needs a person"])
	require.NotContains(t, billed, "Refunded")

	reconciled := figures(t, page(reconcile()))
	require.Equal(t, "5,619,700 KRW", reconciled["Collected"], "refunds are not collected")
	require.Equal(t, "2,669,400 KRW", reconciled["Refunded"])

	all := figures(t, night())
	require.Equal(t, "120,000 JPY + 25,087,100 KRW + 6,456.03 USD orders 5,619,700 KRW", squeeze(all["Collected"]))
	require.Equal(t, "2,669,400 KRW", all["Refunded"])
	require.Equal(t, "24 rows", all["Needs a person"])

	require.Equal(t, "nothing 500 released, none charged", squeeze(figures(t, page(refused()))["Collected"]))
	require.NotContains(t, figures(t, page(audit())), "Collected", "an audit collects nothing")
}

func squeeze(s string) string { return strings.Join(strings.Fields(s), " ") }

// Rows that differ in ids and amounts alone are one row with their number and three ids.
func TestEqualReasonsAreOneRow(t *testing.T) {
	got := html(t, page(billing()))
	require.Equal(t, 3, strings.Count(got, `<p class="why">`))
	require.Contains(t, got, "<strong>6 invoices</strong>")
	require.Contains(t, got, "gateway booked … USD (…), invoice is 12.99 USD")
	require.Contains(t, got, "812, 813, 814 and 3 more · since")
	require.Contains(t, got, "77, 51 · since")
	require.Contains(t, got, "77.94 USD")
	require.Contains(t, got, `<span class="new">1 new</span>`)
	require.Contains(t, got, "<strong>invoice 640</strong>")
	require.Contains(t, got, "and 12 more rows")
	require.Contains(t, got, "duly list review")
	require.Less(t, strings.Index(got, "6 invoices"), strings.Index(got, "2 subscriptions"))
}

// The zone is named once, and so is what the machine may do.
func TestSaidOnce(t *testing.T) {
	for name, p := range pages() {
		if name == "hostile" {
			continue
		}
		got := html(t, p)
		if name != "empty night" {
			require.Equal(t, 1, strings.Count(got, "times in KST"), name)
			require.Equal(t, 1, strings.Count(got, "KST"), name)
			require.NotContains(t, got, "UTC", name)
		}
		require.LessOrEqual(t, strings.Count(got, "The machine "), 1, name)
		require.LessOrEqual(t, strings.Count(got, "heartbeat."), 1, name)
	}
}

// Nothing is drawn that has nothing to compare, and a short run has no chart over time.
func TestFewCharts(t *testing.T) {
	charts := func(p report.Page) int { return strings.Count(html(t, p), `role="img"`) }
	require.Equal(t, 1+len(billing().Declines)+1, charts(page(billing())), "outcomes, reasons, throughput of 94 s")
	short := billing()
	short.Measured.Pace.Seconds = 59
	require.Equal(t, 1+len(billing().Declines), charts(page(short)))
	require.Zero(t, charts(page(one())), "everything was paid")
	single := billing()
	single.Declines = single.Declines[:1]
	require.Equal(t, 2, charts(page(single)), "one reason is no comparison")
	for _, latency := range []string{"p50", "p95", "p99"} {
		require.Contains(t, html(t, page(billing())), `<th scope="row">`+latency+`</th>`)
	}
}

// Words that people had to translate.
func TestPlainWords(t *testing.T) {
	for name, p := range pages() {
		if name == "hostile" {
			continue
		}
		got := strings.ToLower(html(t, p))
		for _, old := range []string{
			"given back", "became of", "of what was decided", "95 in 100", "within", "left alone", "told", "nobody", "waits for an operator", "fan-out", "what is left to do",
			`n">0<`, "commonest", "put right", "left behind",
		} {
			require.NotContains(t, got, old, name)
		}
	}
}
