package sum_test

import (
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"duly/internal/sum"
)

func TestAdd(t *testing.T) {
	t.Parallel()
	edge := rapid.OneOf(rapid.Int64(), rapid.Int64Range(math.MaxInt64-2, math.MaxInt64), rapid.Int64Range(math.MinInt64, math.MinInt64+2))
	rapid.Check(t, func(t *rapid.T) {
		a, b := edge.Draw(t, "a"), edge.Draw(t, "b")
		exact := new(big.Int).Add(big.NewInt(a), big.NewInt(b))
		want := exact.Int64()
		switch {
		case exact.Cmp(big.NewInt(math.MaxInt64)) > 0:
			want = math.MaxInt64
		case exact.Cmp(big.NewInt(math.MinInt64)) < 0:
			want = math.MinInt64
		}
		require.Equal(t, want, sum.Add(a, b))
	})
}
