// Package testprom finds Prometheus's programs for tests.
package testprom

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// Program is the path of prometheus or promtool: as scripts/install-prometheus.sh unpacks it, or one that is installed.
func Program(t testing.TB, name string) string {
	t.Helper()
	if _, here, _, ok := runtime.Caller(0); ok {
		unpacked := filepath.Join(filepath.Dir(here), "..", "..", "..", "bin", "prometheus", name)
		if _, err := os.Stat(unpacked); err == nil {
			return unpacked
		}
	}
	path, err := exec.LookPath(name)
	require.NoError(t, err, "scripts/install-prometheus.sh installs it")
	return path
}
