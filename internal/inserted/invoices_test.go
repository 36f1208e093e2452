package inserted_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/inserted"
	"duly/internal/mysql"
	"duly/internal/mysql/sqltext"
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
			ids, err := inserted.Invoices{First: c.first, N: 3}.IDs(t.Context(), tx, keys)
			require.NoError(t, err)
			require.Equal(t, c.ids[:], ids)
			_, err = inserted.Invoices{First: c.first, N: 4}.IDs(t.Context(), tx, append(keys, store.InvoiceKey{Subscription: 99}))
			require.ErrorContains(t, err, "3 of 4")
		})
	}
}

// Ids are those of the rows, whether the server returns them or they are read: behind triggers that put rows elsewhere, through a view, and with
// other columns than the table has.
func TestIDsAreThoseOfTheRows(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	worktest.Exec(t, plain, `CREATE TRIGGER spread BEFORE INSERT ON invoices FOR EACH ROW SET NEW.id = 1000 - 7 * NEW.subscription_id`)
	worktest.Exec(t, plain, `CREATE VIEW invoices_seen AS SELECT * FROM invoices`)
	worktest.Exec(t, plain, `CREATE VIEW attempts_seen AS SELECT * FROM payment_attempts`)
	subscriptions, keys := make([]uint64, 60), make([]string, 60)
	for i := range subscriptions {
		subscriptions[i], keys[i] = uint64(i+1), fmt.Sprintf("%c-%d", "ba"[i%2], i)
	}
	for name, server := range worktest.ReturningAndNot(t, worktest.Open(t, plain.DSN)) {
		for _, table := range []string{"invoices", "invoices_seen"} {
			t.Run(name+", "+table, func(t *testing.T) {
				tx, err := plain.BeginTxx(t.Context(), nil)
				require.NoError(t, err)
				defer func() { require.NoError(t, tx.Rollback()) }()
				in, err := inserted.InsertInvoices(t.Context(), tx, server, sqltext.RowsOf(invoicesInto(table), invoiceRows(subscriptions...)))
				require.NoError(t, err)
				day := worktest.Day(t, "2026-01-31")
				ids, err := in.IDs(t.Context(), tx, []store.InvoiceKey{{Subscription: 3, Due: day}, {Subscription: 1, Due: day}})
				require.NoError(t, err)
				require.Equal(t, []uint64{979, 993}, ids)
				_, err = in.IDs(t.Context(), tx, []store.InvoiceKey{{Subscription: 3, Due: day}, {Subscription: 1, Due: day + 1}})
				require.ErrorContains(t, err, "1 of 2")
			})
		}
		for _, table := range []string{"payment_attempts", "attempts_seen"} {
			t.Run(name+", "+table, func(t *testing.T) {
				tx, err := plain.BeginTxx(t.Context(), nil)
				require.NoError(t, err)
				defer func() { require.NoError(t, tx.Rollback()) }()
				ids, err := inserted.Attempts(t.Context(), tx, server, sqltext.RowsOf(attemptsInto(table), attemptRows(keys...)))
				require.NoError(t, err)
				rows := map[string]uint64{}
				for _, key := range keys {
					var id uint64
					require.NoError(t, tx.GetContext(t.Context(), &id, `SELECT id FROM payment_attempts WHERE idempotency_key = ?`, key))
					rows[key] = id
				}
				if !server.Returns {
					rows = nil
				}
				require.Equal(t, rows, ids)
			})
		}
	}
}

func invoicesInto(table string) string {
	return "INSERT INTO " + table + " (subscription_id, due_date, amount, currency, status, next_attempt_date, issued_date) VALUES "
}

func invoiceRows(subscriptions ...uint64) [][]any {
	rows := make([][]any, len(subscriptions))
	for i, id := range subscriptions {
		rows[i] = []any{id, "2026-01-31", 9900, "KRW", "charging", "2026-01-31", "2026-01-31"}
	}
	return rows
}

func attemptsInto(table string) string {
	return "INSERT INTO " + table + " (invoice_id, subscription_id, attempt_no, stage, idempotency_key, reference, customer_id, amount, currency, gateway, payment_method, body_version, status, run_id) VALUES "
}

func attemptRows(keys ...string) [][]any {
	rows := make([][]any, len(keys))
	for i, key := range keys {
		rows[i] = []any{i + 1, i + 1, 1, 0, key, "r", "c", 1, "KRW", "main", "m", 1, "in_flight", 1}
	}
	return rows
}

// A row that is there is a duplicate, wherever it stands among many, and nothing of the statement is written. What the server says of it names no
// customer's value.
func TestADuplicateIsRefused(t *testing.T) {
	t.Parallel()
	const many = 2000 // more than the server keeps back before it answers
	plain := testdb.New(t)
	db := worktest.Open(t, plain.DSN)
	list := make([]uint64, many)
	for i := range list {
		list[i] = uint64(i + 1)
	}
	for name, server := range worktest.ReturningAndNot(t, worktest.Open(t, plain.DSN)) {
		for _, there := range []uint64{1, many} {
			t.Run(fmt.Sprintf("%s, row %d", name, there), func(t *testing.T) {
				worktest.Exec(t, plain, `DELETE FROM invoices`)
				_, err := mysql.Insert(t.Context(), plain, invoicesInto("invoices"), invoiceRows(there), "")
				require.NoError(t, err)
				tx, err := db.BeginTxx(t.Context(), nil)
				require.NoError(t, err)
				_, err = inserted.InsertInvoices(t.Context(), tx, server, sqltext.RowsOf(invoicesInto("invoices"), invoiceRows(list...)))
				require.True(t, mysql.IsDuplicate(err), "%v", err)
				require.ErrorContains(t, err, "[redacted]")
				require.NoError(t, tx.Commit(), "the transaction can go on")
				require.Equal(t, 1, worktest.Get[int](t, plain, `SELECT COUNT(*) FROM invoices`))
			})
		}
	}
}

// Where something between here and the server refuses to return ids, they are read.
func TestIDsAreReadWhereReturningIsRefused(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	for name, server := range worktest.ReturningAndNot(t, worktest.Open(t, plain.DSN)) {
		for _, number := range []uint16{1064, 1235} {
			t.Run(fmt.Sprintf("%s, %d", name, number), func(t *testing.T) {
				proxy := testdb.NewProxy(t, plain.DSN)
				proxy.Fail(" RETURNING ", 2, number, "42000", "You have an error in your SQL syntax near 'RETURNING id' at line 1")
				tx, err := worktest.Open(t, proxy.DSN).BeginTxx(t.Context(), nil)
				require.NoError(t, err)
				defer func() { require.NoError(t, tx.Rollback()) }()
				in, err := inserted.InsertInvoices(t.Context(), tx, server, sqltext.RowsOf(invoicesInto("invoices"), invoiceRows(1, 2)))
				require.NoError(t, err)
				ids, err := in.IDs(t.Context(), tx, []store.InvoiceKey{{Subscription: 2, Due: worktest.Day(t, "2026-01-31")}})
				require.NoError(t, err)
				var id uint64
				require.NoError(t, tx.GetContext(t.Context(), &id, `SELECT id FROM invoices WHERE subscription_id = 2`))
				require.Equal(t, []uint64{id}, ids)
				keys, err := inserted.Attempts(t.Context(), tx, server, sqltext.RowsOf(attemptsInto("payment_attempts"), attemptRows("a")))
				require.NoError(t, err)
				require.Empty(t, keys)
			})
		}
	}
}
