package planned_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/billing/planned"
	"duly/internal/test/sample"
)

func TestPriceOn(t *testing.T) {
	t.Parallel()
	list := []planned.Change{
		{ID: 3, Effective: sample.Day("2026-03-01"), Kind: planned.Amount, Value: "300"},
		{ID: 1, Effective: sample.Day("2026-01-01"), Kind: planned.Amount, Value: "100"},
		{ID: 2, Effective: sample.Day("2026-01-01"), Kind: planned.Amount, Value: "200"},
		{ID: 4, Effective: sample.Day("2026-02-01"), Kind: planned.OneOff, Value: "999"},
		{ID: 5, Effective: sample.Day("2026-04-01"), Kind: planned.Amount, Value: "four"},
	}
	for day, want := range map[string]int64{"2025-12-31": -1, "2026-01-01": 200, "2026-02-28": 200, "2026-03-01": 300, "2026-04-01": -1} {
		amount, ok := planned.PriceOn(list, sample.Day(day))
		if !ok {
			amount = -1
		}
		require.Equal(t, want, amount, day)
	}
}
