package worklist_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/query/worklist"
	"duly/internal/store"
	"duly/internal/test/worktest"
)

// What nobody bills for its status is counted by status, as the database compares words; of millions of rows that are billed not one is read.
func TestUnbilledByStatus(t *testing.T) {
	t.Parallel()
	plain := worktest.Shop(t, 30, "2026-01-31", nil)
	worktest.Exec(t, plain, `UPDATE subscriptions SET next_billing_date = '2026-01-31'`)
	worktest.Exec(t, plain, `UPDATE subscriptions SET status = 'grace' WHERE id BETWEEN 3 AND 10`)
	worktest.Exec(t, plain, `UPDATE subscriptions SET status = '' WHERE id = 11`)
	worktest.Exec(t, plain, `UPDATE subscriptions SET status = 'Trialing' WHERE id IN (12, 13)`)
	worktest.Exec(t, plain, `UPDATE subscriptions SET next_billing_date = '2026-01-30' WHERE id = 13`)
	worktest.Exec(t, plain, `UPDATE subscriptions SET status = 'ACTIVE' WHERE id = 14`)
	worktest.Exec(t, plain, `UPDATE subscriptions SET next_billing_date = '2026-02-01' WHERE id = 3`)
	db := worktest.Open(t, plain.DSN)
	list := func(ids ...uint64) []worklist.Unbilled {
		found, err := worklist.UnbilledByStatus(t.Context(), db, store.Selection{Business: worktest.Day(t, "2026-01-31"), Subscriptions: ids})
		require.NoError(t, err)
		slices.SortFunc(found, func(a, b worklist.Unbilled) int { return int(a.Count - b.Count) })
		return found
	}
	all := list()
	require.Len(t, all, 3)
	require.Equal(t, worklist.Unbilled{Status: "grace", Count: 7, IDs: []uint64{4, 5, 6, 7, 8}}, all[2])
	require.ElementsMatch(t, [][]uint64{{11}, {13}}, [][]uint64{all[0].IDs, all[1].IDs})
	require.Equal(t, []worklist.Unbilled{{Status: "grace", Count: 1, IDs: []uint64{9}}}, list(9, 12, 20))
	require.Empty(t, list(1, 2))

	// Where the database tells letter cases apart no walk meets these.
	worktest.Exec(t, plain, `ALTER TABLE subscriptions MODIFY status VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL`)
	require.Equal(t, []worklist.Unbilled{{Status: "ACTIVE", Count: 1, IDs: []uint64{14}}}, list(14, 15))
	require.Equal(t, []worklist.Unbilled{{Status: "Trialing", Count: 1, IDs: []uint64{12}}}, list(12))
	var unknown []uint64
	require.NoError(t, worklist.Unknown(worktest.Day(t, "2026-01-31")).Each(t.Context(), db, worklist.Filter{}, func(l worklist.Row) error {
		unknown = append(unknown, l.ID)
		return nil
	}))
	require.ElementsMatch(t, []uint64{3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14}, unknown)
}
