package writers_test

import (
	"context"
	"testing"

	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/mysql"
	"duly/internal/operator"
	"duly/internal/orders"
	"duly/internal/payment"
	"duly/internal/store"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
)

// A review for the same reason is one event however often it is written, and another one after each action of an operator on the
// order or a payment of it. The first one keeps its key.
func TestAReviewOccursAgainAfterAnOperator(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	db := worktest.Open(t, plain.DSN)
	review := orders.ReviewNeeded(orders.Order{ID: 7}, "why", orders.Payment{ID: 3})
	tell := func() {
		t.Helper()
		require.NoError(t, mysql.Tx(t.Context(), db, "test", func(tx *sqlx.Tx) error {
			return store.WriteEvents(t.Context(), tx, []payment.Event{review})
		}))
	}
	keys := func() []string {
		return worktest.List[string](t, plain, `SELECT dedupe_key FROM events ORDER BY id`)
	}
	tell()
	tell()
	require.Equal(t, []string{review.Dedupe}, keys(), "the write was repeated")
	for i, subject := range []string{"order:7", "payment:3"} {
		require.NoError(t, operator.Record(t.Context(), db, action(subject)))
		tell()
		tell()
		require.Len(t, keys(), i+2)
	}
	require.NoError(t, operator.Record(t.Context(), db, action("order:8")))
	tell()
	require.Equal(t, []string{review.Dedupe, review.Dedupe + "#2", review.Dedupe + "#3"}, keys())
}

// An order that the shop opens again and that fails again, with the same payment, tells of it again, and a repeated write does not.
func TestAnOrderThatFailsAgain(t *testing.T) {
	t.Parallel()
	plain := ordered(t, 1, 5)
	db := worktest.Open(t, plain.DSN)
	for range 2 {
		worktest.Run(t, db, func(ctx context.Context, _ *batch.StepExecution) error {
			items := claimOrders(ctx, t, db)
			require.Len(t, items, 1)
			results := []orders.Result{answered(items[0], payment.Declined, nil)}
			for range 2 {
				_, err := orderWriter(db).Write(ctx, results)
				require.NoError(t, err)
			}
			return nil
		})
		require.Equal(t, "failed", worktest.Get[string](t, plain, `SELECT status FROM orders`))
		worktest.Exec(t, plain, `UPDATE payments SET status = 'pending', updated_at = UTC_TIMESTAMP(6) - INTERVAL 1 HOUR`)
		worktest.Exec(t, plain, `UPDATE orders SET status = 'pending', updated_at = UTC_TIMESTAMP(6) - INTERVAL 1 HOUR`)
		worktest.Exec(t, plain, `DELETE FROM order_checks`)
	}
	require.Equal(t, []string{"order.failed:ord_1:pay_1", "order.failed:ord_1:pay_1#2"},
		worktest.List[string](t, plain, `SELECT dedupe_key FROM events WHERE type = 'order.failed' ORDER BY id`))
}
