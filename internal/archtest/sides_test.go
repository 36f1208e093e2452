package archtest

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// readers holds nothing but readers, and writers nothing but writers.
func TestReadersReadAndWritersWrite(t *testing.T) {
	root := filepath.Join("..", "..")
	for folder, verb := range map[string]string{"readers": "Read", "writers": "Write"} {
		found, err := strangers(root, folder, verb)
		require.NoError(t, err)
		require.Empty(t, found)
	}
}

func TestStrangers(t *testing.T) {
	found, err := strangers(filepath.Join("testdata", "sides"), "readers", "Read")
	require.NoError(t, err)
	require.Equal(t, []string{
		"readers.Deletion has no Read, and is neither an item nor an option of a type that has",
		"readers.Unread has no Read, and is neither an item nor an option of a type that has",
	}, found)
}
