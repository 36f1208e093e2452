package writers

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/payment"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
)

// A report on one day of a long history reads the rows of that day, not those of the others.
func TestReportReadsItsDayAlone(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	db := worktest.Open(t, plain.DSN)
	worktest.Exec(t, plain, `INSERT INTO orders (id, customer_id, status, amount, currency) VALUES (1, 'c', 'completed', 100, 'KRW')`)
	for n := 1; n < 16384; n *= 2 {
		worktest.Exec(t, plain, `INSERT INTO orders (id, customer_id, status, amount, currency) SELECT id + ?, 'c', 'completed', 100, 'KRW' FROM orders`, n)
	}
	// 16 orders an hour, most of them completed and a few failed; some without saying when.
	worktest.Exec(t, plain, `UPDATE orders SET created_at = '2026-01-01' + INTERVAL id * 225 SECOND, status = IF(id % 10 = 0, 'failed', 'completed')`)
	worktest.Exec(t, plain, `UPDATE orders SET completed_at = IF(id % 10 = 0, NULL, created_at), failed_at = IF(id % 10 = 0, created_at, NULL) WHERE id % 7 > 0`)
	worktest.Exec(t, plain, `INSERT INTO order_items SELECT id, id % 5 + 1, 1 FROM orders`)
	worktest.Exec(t, plain, `INSERT INTO payments (order_id, gateway, status, amount, currency, refunded_amount, refunded_at)
SELECT id, 'main', IF(id % 4 = 0, 'refunded', 'succeeded'), 100, 'KRW', IF(id % 4 = 0, 100, 0), IF(id % 4 = 0, created_at, NULL) FROM orders`)
	worktest.Exec(t, plain, `ANALYZE TABLE orders, order_items, payments`)

	span := payment.NewDate(2026, time.January, 20).In(time.UTC)
	for _, q := range []struct {
		query string
		times int
		most  int64 // rows that may be read, those of temporary tables too: the day has 384 orders, the history 16,384
	}{
		{orderStats, 5, 4_000},
		{productSales, 2, 12_000},
	} {
		tx, err := db.BeginTxx(t.Context(), nil) // for one connection
		require.NoError(t, err)
		reads := func() (n int64) {
			rows, err := tx.QueryContext(t.Context(), `SHOW SESSION STATUS LIKE 'Handler_read%'`)
			require.NoError(t, err)
			defer func() { require.NoError(t, rows.Close()) }()
			for rows.Next() {
				var name string
				var v int64
				require.NoError(t, rows.Scan(&name, &v))
				n += v
			}
			require.NoError(t, rows.Err())
			return n
		}
		before := reads()
		var n int
		require.NoError(t, tx.GetContext(t.Context(), &n, fmt.Sprintf("SELECT COUNT(*) FROM (%s) x", q.query), times(span, q.times)...))
		require.Positive(t, n)
		require.Less(t, reads()-before, q.most)
		require.NoError(t, tx.Rollback())
	}
}
