package archtest

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Two names of a package, or of a type, differ in more than the case of their letters.
func TestNamesDifferInMoreThanCase(t *testing.T) {
	found, err := alike(filepath.Join("..", ".."))
	require.NoError(t, err)
	require.Empty(t, found)
}

func TestAlike(t *testing.T) {
	found, err := alike(filepath.Join("testdata", "shapes"))
	require.NoError(t, err)
	require.Equal(t, []string{
		"a has Limit and limit in Options",
		"a has Open and open",
		"a has Run and run in Options",
	}, found, "neither fields of different types nor a field and what gives it")
}
