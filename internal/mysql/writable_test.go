package mysql_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/mysql"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
)

// view puts a view in the place of a table of the shop's.
func view(t *testing.T, plain *testdb.DB, table, definition string) {
	t.Helper()
	worktest.Exec(t, plain, `RENAME TABLE `+table+` TO shop_`+table)
	worktest.Exec(t, plain, `CREATE VIEW `+table+` AS `+definition)
}

func TestTablesThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ table, definition, says string }{
		"a plain view": {"products", `SELECT * FROM shop_products`, ""},
		"a computed column": {
			"products", `SELECT id, name, stock + 0 AS stock, low_stock_threshold FROM shop_products`, "cannot write stock of products (error 1348",
		},
		"a view that groups": {
			"products", `SELECT id, MAX(name) AS name, MAX(stock) AS stock, MAX(low_stock_threshold) AS low_stock_threshold FROM shop_products GROUP BY id`,
			"cannot write stock of products (error 1288",
		},
		"columns of two tables, written together": {
			"orders", `SELECT o.id, o.customer_id, o.status, o.failure_reason, o.amount, o.currency, o.created_at, p.refunded_at AS completed_at, o.failed_at,
o.updated_at FROM shop_orders o JOIN payments p ON p.order_id = o.id`,
			"cannot write status, completed_at, failed_at, failure_reason of orders together (error 1393",
		},
		"columns of two tables, written one after the other": {
			"subscriptions", `SELECT s.id, s.customer_id, s.status, s.gateway, s.payment_method, s.method_type, s.description, s.amount, s.currency, s.interval_unit,
s.interval_count, s.anchor_day, s.next_billing_date, o.failure_reason AS review_reason, s.cancelled_at, s.cancel_reason, s.created_at, s.updated_at
FROM shop_subscriptions s JOIN orders o ON o.id = s.id`, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			plain := testdb.New(t)
			view(t, plain, c.table, c.definition)
			db := worktest.Open(t, plain.DSN)
			err := mysql.CheckWritable(t.Context(), db, mysql.WrittenTables()...)
			if c.says == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.says)
			require.ErrorContains(t, err, "make these columns plain columns of one table")
			require.True(t, mysql.IsMisconfigured(err))
			require.NoError(t, mysql.CheckWritable(t.Context(), db, "payment_attempts"), "each job asks for its own")
		})
	}
	plain := testdb.New(t)
	require.NoError(t, mysql.CheckWritable(t.Context(), worktest.Open(t, plain.DSN), mysql.WrittenTables()...))
}
