package archtest

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// A step that is renamed is renamed everywhere: its name stands as a literal once.
func TestStepNamesAreConstants(t *testing.T) {
	found, err := stepLiterals(filepath.Join("..", ".."))
	require.NoError(t, err)
	require.Empty(t, found)
}

func TestStepLiterals(t *testing.T) {
	found, err := stepLiterals(filepath.Join("testdata", "steps"))
	require.NoError(t, err)
	require.Equal(t, []string{
		`jobs/jobs.go:8 says "collect": the step has a constant`,
		`view/view.go:3 says "events": the step has a constant`,
		`view/view.go:6 says "collect": the step has a constant`,
	}, found)
}
