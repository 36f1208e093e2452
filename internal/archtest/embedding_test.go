package archtest

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Embedding is one deep: what a selector reaches is in the struct itself, or in one that it names.
func TestEmbeddingIsOneDeep(t *testing.T) {
	packages, err := sources(filepath.Join("..", ".."))
	require.NoError(t, err)
	require.Empty(t, deep(packages))
}

func TestDeep(t *testing.T) {
	packages, err := sources(filepath.Join("testdata", "shapes"))
	require.NoError(t, err)
	require.Equal(t, []string{"a.Two embeds Far, which embeds Near", "a.Two embeds One, which embeds Other"}, deep(packages))
}
