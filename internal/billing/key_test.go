package billing_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"duly/internal/billing"
	"duly/internal/payment"
	"duly/internal/test/sample"
)

func TestKeyAndReference(t *testing.T) {
	require.Equal(t, "sub_42_20260131", billing.Reference(42, sample.Day("2026-01-31")))
	require.Equal(t, "sub_42_20260131-1", billing.Key(42, sample.Day("2026-01-31"), 1))
	require.Equal(t, "sub_42_20260131-12", billing.Key(42, sample.Day("2026-01-31"), 12))
	require.LessOrEqual(t, len(billing.Key(math.MaxUint64, sample.Day("9999-12-31"), math.MaxInt)), 64)
}

func TestKeysOfDifferentChargesDiffer(t *testing.T) {
	type charge struct {
		id  uint64
		due payment.Date
		n   int
	}
	draw := func(t *rapid.T, label string) charge {
		return charge{
			rapid.Uint64Range(1, 300).Draw(t, label+" id"),
			payment.Date(rapid.Int32Range(20000, 20400).Draw(t, label+" due")),
			rapid.IntRange(1, 30).Draw(t, label+" n"),
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := draw(t, "a"), draw(t, "b")
		require.Equal(t, a == b, billing.Key(a.id, a.due, a.n) == billing.Key(b.id, b.due, b.n))
	})
}
