package archtest

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// A package that has grown past what one person keeps in mind holds more than one subject.
func TestPackagesAreSmall(t *testing.T) {
	large, err := oversized(filepath.Join("..", ".."), mostLines, mostOfCommands)
	require.NoError(t, err)
	require.Empty(t, large)
}

func TestOversized(t *testing.T) {
	large, err := oversized(filepath.Join("testdata", "documents"), 10, 1)
	require.NoError(t, err)
	require.Equal(t, []string{"a has 52 lines: divide it by subject"}, large)
}
