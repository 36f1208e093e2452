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

func TestWords(t *testing.T) {
	for exit, want := range map[int]string{
		0: "Done, nothing left behind", 1: "Failed; work remains", 2: "nothing was touched", 3: "something waits for an operator", 4: "Unfinished", 5: "Not run",
		130: "Stopped by a signal", 143: "Stopped by a signal",
	} {
		r := nothing()
		r.Exit = &exit
		require.Contains(t, html(t, page(r)), want)
	}
	running := nothing()
	running.Exit, running.Finished, running.Alive = nil, nil, true
	require.Contains(t, html(t, page(running)), "Under way")
	require.Contains(t, html(t, page(dead())), "Died without ending")
	require.Contains(t, html(t, page(nothing())), "There was nothing to do.")
}

func TestTold(t *testing.T) {
	require.Equal(t, []report.Told{{"date", "2026-01-31"}, {"limit", "7"}, {"steps", "collect, retry-1"}, {"subscriptions", "41, 42"}},
		report.ToldBy([]byte(`{"subscriptions":[41,42],"date":"2026-01-31","limit":7,"steps":["collect","retry-1"]}`)))
	require.Empty(t, report.ToldBy([]byte(`{}`)))
	require.Empty(t, report.ToldBy([]byte(`no JSON`)))
}
