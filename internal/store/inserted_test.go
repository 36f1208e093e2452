package store_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/store"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
)

// An invoice gets the id of its own row, wherever a trigger of the shop, another worker or the server's way to count has put it.
func TestInsertedInvoicesAreFoundByWhatTheySay(t *testing.T) {
	t.Parallel()
	const insert = `INSERT INTO invoices (id, subscription_id, due_date, amount, currency, status, next_attempt_date, issued_date) VALUES (?, ?, ?, 9900, 'KRW', 'charging', '2026-01-31', '2026-01-31')`
	for name, c := range map[string]struct {
		ids   [3]uint64
		first uint64
	}{
		"one after the other":             {[3]uint64{5, 6, 7}, 5},
		"in another order":                {[3]uint64{7, 5, 6}, 5},
		"with gaps":                       {[3]uint64{5, 8, 11}, 5},
		"the server does not say":         {[3]uint64{5, 6, 7}, 0},
		"a trigger gave the first":        {[3]uint64{5, 6, 7}, 90},
		"another worker's stand between":  {[3]uint64{5, 9, 10}, 5},
		"behind what the server has said": {[3]uint64{5, 6, 7}, 6},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := testdb.New(t)
			for i, id := range c.ids {
				worktest.Exec(t, db, insert, id, i+1, "2026-01-31")
				worktest.Exec(t, db, insert, 100+id, i+1, "2025-12-31") // of the same subscription, earlier
			}
			worktest.Exec(t, db, insert, 4, 77, "2026-01-31")
			for _, id := range []uint64{6, 7, 8} {
				_, _ = db.Exec(insert, id, 70+id, "2026-01-31") // where it is free
			}
			var keys []store.InvoiceKey
			for i := range c.ids {
				keys = append(keys, store.InvoiceKey{Subscription: uint64(i + 1), Due: worktest.Day(t, "2026-01-31")})
			}
			tx, err := db.BeginTxx(t.Context(), nil)
			require.NoError(t, err)
			defer func() { require.NoError(t, tx.Rollback()) }()
			ids, err := store.InsertedInvoices(t.Context(), tx, c.first, 3, keys)
			require.NoError(t, err)
			require.Equal(t, c.ids[:], ids)
			_, err = store.InsertedInvoices(t.Context(), tx, c.first, 4, append(keys, store.InvoiceKey{Subscription: 99}))
			require.ErrorContains(t, err, "3 of 4")
		})
	}
}
