package simulator

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestKeysOfOneHash(t *testing.T) {
	b := newBook()
	first := b.touch("a")
	b.byHash[hash('k', "b")] = first + 1 // as if "b" had the hash of "a"
	second := b.touch("b")
	require.NotEqual(t, first, second)
	for text, want := range map[string]uint32{"a": first, "b": second} {
		at, ok := b.find(text)
		require.True(t, ok)
		require.Equal(t, want, at)
	}
}

func TestSlab(t *testing.T) {
	var s slab[int]
	first := s.at(s.add(0))
	for i := 1; i < 3*slabChunk; i++ {
		s.add(i)
	}
	for i := range 3 * slabChunk {
		require.Equal(t, i, *s.at(uint32(i)))
	}
	require.Same(t, first, s.at(0), "nothing moves")
}
