package jobs_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/audit"
	"duly/internal/batch"
	"duly/internal/orders"
	"duly/internal/payment"
	"duly/internal/query"
	"duly/internal/query/details"
	"duly/internal/query/worklist"
	"duly/internal/store"
	"duly/internal/test/worktest"
	"duly/jobs"
)

// A NULL that a shop's view gives in any column keeps neither the report nor what only reads from going on: the row is counted or shown,
// and so is the row beside it that is whole.
func TestNullsThroughAShopsViews(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, "2026-01-31T12:00:00Z")
	worktest.Exec(t, k.plain, `INSERT INTO products (id, name, stock, low_stock_threshold) VALUES (1, 'one', 5, 1), (2, 'two', 5, 1)`)
	for id := 1; id <= 2; id++ {
		worktest.Exec(t, k.plain, `INSERT INTO orders (id, customer_id, status, amount, currency, created_at, completed_at)
VALUES (?, 'cus', 'completed', 1000, 'KRW', '2026-01-30 01:00:00', '2026-01-30 02:00:00')`, id)
		worktest.Exec(t, k.plain, `INSERT INTO orders (id, customer_id, status, amount, currency, created_at, updated_at)
VALUES (?, 'cus', 'pending', 1000, 'KRW', '2026-01-30 01:00:00', '2026-01-30 01:00:00')`, id+10)
		worktest.Exec(t, k.plain, `INSERT INTO order_items (order_id, product_id, quantity) VALUES (?, ?, 2)`, id, id)
		worktest.Exec(t, k.plain, `INSERT INTO payments (id, order_id, gateway, transaction_key, idempotency_key, status, amount, currency, refunded_amount, refunded_at, created_at)
VALUES (?, ?, 'main', ?, ?, 'refunded', 1000, 'KRW', 1000, '2026-01-30 03:00:00', '2026-01-30 01:00:00')`, id, id, fmt.Sprintf("pay_%d", id), fmt.Sprintf("ord_%d-1", id))
		worktest.Exec(t, k.plain, `INSERT INTO payments (id, order_id, gateway, idempotency_key, status, amount, currency, created_at, updated_at)
VALUES (?, ?, 'main', ?, 'refund_due', 1000, 'KRW', '2026-01-30 01:00:00', '2026-01-30 01:00:00')`, id+10, id+10, fmt.Sprintf("ord_%d-1", id+10))
		worktest.Exec(t, k.plain, `INSERT INTO subscriptions (id, customer_id, status, gateway, payment_method, amount, currency, interval_unit, next_billing_date, review_reason)
VALUES (?, 'cus', 'active', 'main', 'pm', 1000, 'KRW', 'month', '2026-01-31', 'odd')`, id)
		worktest.Exec(t, k.plain, `INSERT INTO order_checks (order_id, reason, checked_at) VALUES (?, 'odd', UTC_TIMESTAMP(6))`, id)
	}
	db := worktest.Open(t, k.dsn)
	today := worktest.Day(t, "2026-01-31")
	reads := map[string]func() error{
		"show order": func() error {
			for id := uint64(1); id <= 2; id++ {
				if o, err := details.FindOrder(t.Context(), db, id); err != nil || o == nil {
					return fmt.Errorf("order %d: %v, %w", id, o, err)
				}
			}
			return nil
		},
		"show subscription": func() error {
			for id := uint64(1); id <= 2; id++ {
				if s, err := details.FindSubscription(t.Context(), db, id); err != nil || s == nil {
					return fmt.Errorf("subscription %d: %v, %w", id, s, err)
				}
			}
			return nil
		},
		"list": func() error {
			for _, list := range []worklist.List{worklist.InReview(today), worklist.InDoubt(), worklist.Unknown(today)} {
				if err := list.Each(t.Context(), db, worklist.Filter{}, func(worklist.Row) error { return nil }); err != nil {
					return err
				}
			}
			_, err := worklist.SubscriptionReviews(t.Context(), db, today, 10)
			return err
		},
		"status": func() error {
			left, err := query.CountOrders(t.Context(), db, store.Selection{}, orders.Policy{OlderThan: time.Hour}, k.now, 0, nil)
			if err == nil && left.Due == 0 {
				return fmt.Errorf("the whole order is not counted: %+v", left)
			}
			if err == nil {
				_, err = query.CountRefunds(t.Context(), db, store.Selection{}, k.now)
			}
			return err
		},
		"dry run": func() error {
			return query.Preview{DB: db, Size: 10}.Refunds(t.Context(), func(query.DueRefund) bool { return true })
		},
		"audit": func() error {
			rows, err := store.Matches(t.Context(), db, []payment.Payment{{ID: "pay_1", Key: "ord_1-1"}, {ID: "pay_2", Key: "ord_2-1"}})
			if err == nil && len(rows) == 0 {
				return fmt.Errorf("the whole payment is not met: %+v", rows)
			}
			for id := uint64(1); id <= 2 && err == nil; id++ {
				_, _, err = store.ReadOurs(t.Context(), db, audit.Row{Table: audit.Payments, ID: id})
			}
			return err
		},
	}
	check := func(name string) {
		t.Helper()
		result := k.report(jobs.ReportOptions{From: today - 1, To: today - 1})
		require.Equal(t, batch.ExitDone, result.Exit, "%s: report: %v", name, result)
		require.GreaterOrEqual(t, worktest.Get[int](t, k.plain, `SELECT COALESCE(SUM(orders_completed), 0) FROM daily_order_stats WHERE business_date = '2026-01-30'`), 1, name)
		require.Equal(t, 2, worktest.Get[int](t, k.plain, `SELECT quantity FROM daily_product_sales WHERE business_date = '2026-01-30' AND product_id = 2`), name)
		for what, read := range reads {
			require.NoError(t, read(), "%s: %s", name, what)
		}
	}
	check("tables")
	for _, table := range []string{"subscriptions", "orders", "products", "order_items", "payments"} {
		id := "id"
		if table == "order_items" {
			id = "order_id"
		}
		columns := worktest.List[string](t, k.plain, `SELECT column_name FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = ? ORDER BY ordinal_position`, table)
		worktest.Exec(t, k.plain, fmt.Sprintf("RENAME TABLE %s TO real_%[1]s", table))
		for _, column := range columns {
			if column == id {
				continue
			}
			list := make([]string, len(columns))
			for i, c := range columns {
				if list[i] = c; c == column {
					list[i] = fmt.Sprintf("IF(%s IN (1, 11), NULL, %[2]s) AS %[2]s", id, c)
				}
			}
			worktest.Exec(t, k.plain, fmt.Sprintf("CREATE OR REPLACE VIEW %s AS SELECT %s FROM real_%[1]s", table, strings.Join(list, ", ")))
			check(table + "." + column)
		}
		worktest.Exec(t, k.plain, "DROP VIEW "+table)
		worktest.Exec(t, k.plain, fmt.Sprintf("RENAME TABLE real_%s TO %[1]s", table))
	}
}
