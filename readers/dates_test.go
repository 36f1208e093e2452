package readers_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/mysql"
	"duly/internal/orders"
	"duly/internal/query"
	"duly/internal/store"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
	"duly/readers"
)

// storeRow writes what no calendar has, as a shop can that asks its server for less.
func storeRow(t *testing.T, plain *testdb.DB, statement string, args ...any) {
	t.Helper()
	conn, err := plain.Connx(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	_, err = conn.ExecContext(t.Context(), `SET SESSION sql_mode = 'ALLOW_INVALID_DATES'`)
	require.NoError(t, err)
	_, err = conn.ExecContext(t.Context(), statement, args...)
	require.NoError(t, err)
	_, err = conn.ExecContext(t.Context(), `SET SESSION sql_mode = DEFAULT`)
	require.NoError(t, err)
}

// Dates that stand for none, and those that no calendar has, each on more rows than a page holds: the walk goes on behind what is
// stored, meets every row once, and ends.
func TestTheWalkGoesOnBehindWhatIsStored(t *testing.T) {
	t.Parallel()
	stored := []string{"0000-00-00", "1970-01-01", "2025-02-28", "2025-02-31", "2025-03-01", "2025-11-00", "2025-11-01", due}
	const each = 7
	for _, page := range []int{1, 3, each, 100} {
		t.Run(fmt.Sprint(page), func(t *testing.T) {
			plain := testdb.New(t)
			worktest.Enrol(t, plain, each*len(stored), due, nil)
			worktest.Invoice(t, plain)
			want := make([]uint64, 0, each*len(stored))
			for i, date := range stored {
				for n := range each {
					id := 1 + i + n*len(stored) // rows of one date lie apart
					storeRow(t, plain, `UPDATE subscriptions SET next_billing_date = ? WHERE id = ?`, date, id)
					storeRow(t, plain, `UPDATE invoices SET next_attempt_date = ? WHERE id = ?`, date, id)
					want = append(want, uint64(id))
				}
			}
			db := worktest.Open(t, plain.DSN)
			walk := &readers.DueSubscriptions{Selection: store.Selection{Business: worktest.Day(t, due)}, Status: billing.Active}
			met, dates := []uint64{}, map[uint64]string{}
			for passes := 0; passes < 2; {
				var got readers.DueSubscriptionsPage
				require.NoError(t, mysql.Tx(t.Context(), db, "test", func(tx *sqlx.Tx) error {
					var err error
					got, err = walk.Read(t.Context(), tx, page)
					return err
				}))
				for _, row := range got.Rows {
					if passes == 0 {
						met = append(met, row.ID)
					}
					dates[row.ID] = row.Next.String()
				}
				done := walk.Took(got)
				if got.Done {
					passes++
				}
				require.Equal(t, passes == 2, done)
				require.LessOrEqual(t, len(met), len(want), "it goes round")
			}
			require.ElementsMatch(t, want, met)
			for i, date := range stored {
				require.Equal(t, date, dates[uint64(1+i)])
			}
			var foretold []uint64
			peek := query.Preview{DB: db, Selection: store.Selection{Business: worktest.Day(t, due)}, Size: page}
			require.NoError(t, peek.Due(t.Context(), billing.Active, func(s readers.DueSubscription) bool {
				foretold = append(foretold, s.ID)
				return len(foretold) <= len(want)
			}))
			require.ElementsMatch(t, want, foretold)

			items, result := Make(t, db, stage(t, db), page)
			require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
			require.ElementsMatch(t, want, invoices(items))
		})
	}
}

// So does the walk over orders, also with more of one instant than a page holds.
func TestTheWalkOverOrdersMeetsThoseOfNoInstant(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	for i, at := range []string{"0000-00-00 00:00:00", "1969-12-31 10:00:00", "1970-01-01 00:00:00", "2025-02-31 10:00:00", "2025-03-02 10:00:00"} {
		storeRow(t, plain, `INSERT INTO orders (id, customer_id, status, amount, currency, created_at, updated_at) VALUES (?, 'c', 'pending', 1, 'KRW', ?, '2025-03-03')`, i+1, at)
	}
	db := worktest.Open(t, plain.DSN)
	var met []uint64
	result := worktest.Run(t, db, func(ctx context.Context, _ *batch.StepExecution) error {
		reader := &readers.StaleOrders{DB: db, Selection: store.Selection{}, Policy: orders.Policy{OlderThan: time.Hour}, Now: time.Now}
		for {
			page, err := reader.Read(ctx, batch.ClaimRequest{Limit: 2, Skip: func(string) bool { return false }})
			if err != nil {
				return err
			}
			for _, item := range page.Items {
				met = append(met, item.ID)
			}
			if page.Done {
				return nil
			}
		}
	})
	require.NoError(t, result.Err)
	require.ElementsMatch(t, []uint64{1, 2, 3, 4, 5}, met)
}

// The list of a gateway begins no later than with what may be charged, whatever dates stand beside it.
func TestOldestChargeableBesideDatesThatAreNone(t *testing.T) {
	t.Parallel()
	plain := shop(t, 2, nil)
	worktest.Exec(t, plain, `UPDATE invoices SET status = 'paid'`)
	worktest.Exec(t, plain, `UPDATE subscriptions SET next_billing_date = '2025-03-01' WHERE id = 1`)
	storeRow(t, plain, `UPDATE subscriptions SET next_billing_date = '2025-02-31' WHERE id = 2`)
	oldest, err := query.OldestChargeable(t.Context(), worktest.Open(t, plain.DSN), worktest.Day(t, due))
	require.NoError(t, err)
	require.Equal(t, "2025-02-28", oldest.String())
}
