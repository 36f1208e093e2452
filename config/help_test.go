package config_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/config"
)

// one is a complete gateway in the environment.
func one() []string {
	return []string{"DULY_GATEWAYS_MAIN_URL=https://pay.example.com", "DULY_GATEWAYS_MAIN_TOKEN=tok"}
}

// write puts content into a file of its own and returns the path.
func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

// load reads a file with content, and nothing else.
func load(t *testing.T, content string) (*config.Config, error) {
	t.Helper()
	t.Chdir(t.TempDir())
	require.NoError(t, os.WriteFile(config.DefaultFile, []byte(content), 0o600))
	return config.Load(config.Options{})
}

// problems is the lines of err, which must be Problems.
func problems(t *testing.T, err error) []string {
	t.Helper()
	var p config.Problems
	require.ErrorAs(t, err, &p)
	return p
}
