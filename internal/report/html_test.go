package report_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
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
