package planned_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/billing/planned"
	"duly/internal/test/sample"
)

func TestPriceOn(t *testing.T) {
	t.Parallel()
	made := func(id uint64, day, value, outcome string) planned.Change {
		return planned.Change{ID: id, Effective: sample.Day(day), Kind: planned.Amount, Value: value, Outcome: outcome, Ended: outcome != ""}
	}
	list := []planned.Change{
		made(3, "2026-03-01", "300", planned.Applied),
		made(1, "2026-01-01", "100", planned.Applied),
		made(2, "2026-01-01", "200", planned.Applied),
		{ID: 4, Effective: sample.Day("2026-02-01"), Kind: planned.OneOff, Value: "999", Outcome: planned.UsedFor + "2026-02-28", Ended: true},
		made(5, "2026-04-01", "four", planned.Applied),
		made(6, "2026-05-01", "500", planned.Applied),
		made(7, "2026-06-01", "600", "ignored by ops: three zeros too many"),
		made(8, "2026-07-01", "700", ""),
	}
	for day, want := range map[string]int64{
		"2025-12-31": -1, "2026-01-01": 200, "2026-02-28": 200, "2026-03-01": 300, "2026-04-01": -1, "2026-05-01": 500, "2026-06-01": 500, "2026-07-01": 500,
	} {
		amount, ok := planned.PriceOn(list, sample.Day(day), planned.Made)
		if !ok {
			amount = -1
		}
		require.Equal(t, want, amount, day)
	}
	amount, ok := planned.PriceOn(list, sample.Day("2026-07-01"), planned.Foreseen)
	require.True(t, ok)
	require.EqualValues(t, 700, amount, "a run will have applied it")
	amount, _ = planned.PriceOn(list, sample.Day("2026-06-30"), planned.Foreseen)
	require.EqualValues(t, 500, amount, "an ignored one never counts")
}
