package core

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/gateway/simulator/plan"
)

func TestKeysOfOneHash(t *testing.T) {
	b := newBook("pay_")
	first := b.touch("a")
	b.byHash[plan.Hash('k', "b")] = first + 1 // as if "b" had the hash of "a"
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
