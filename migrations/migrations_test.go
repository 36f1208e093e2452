package migrations_test

import (
	"context"
	"database/sql"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/test/testdb"
	"duly/migrations"
)

func TestMain(m *testing.M) { os.Exit(testdb.Main(m)) }

func exec(t *testing.T, db *testdb.DB, query string, args ...any) {
	t.Helper()
	_, err := db.ExecContext(t.Context(), query, args...)
	require.NoError(t, err)
}

func list(t *testing.T, db *testdb.DB, query string, args ...any) []string {
	t.Helper()
	rows := []string{}
	require.NoError(t, db.SelectContext(t.Context(), &rows, query, args...))
	return rows
}

func number(t *testing.T, db *testdb.DB, query string, args ...any) (n int) {
	t.Helper()
	require.NoError(t, db.GetContext(t.Context(), &n, query, args...))
	return n
}

func up(t *testing.T, db *testdb.DB) []string {
	t.Helper()
	names, err := migrations.Up(t.Context(), db.DB.DB)
	require.NoError(t, err)
	return names
}

// back takes migrations back, down to the one that is named, and that one too.
func back(t *testing.T, db *testdb.DB, through string) {
	t.Helper()
	for name := ""; name != through; {
		var err error
		name, err = migrations.Down(t.Context(), db.DB.DB)
		require.NoError(t, err)
	}
}

// before is a database without the bookings.
func before(t *testing.T) *testdb.DB {
	t.Helper()
	db := testdb.New(t)
	back(t, db, "00003_bookings.go")
	return db
}

func attempt(t *testing.T, db *testdb.DB, id int, gateway, status, payment string, account any) {
	t.Helper()
	exec(t, db, `INSERT INTO payment_attempts (id, invoice_id, subscription_id, attempt_no, stage, idempotency_key, reference, customer_id, amount, currency,
gateway, payment_method, body_version, status, gateway_payment_id, run_id, account_id)
VALUES (?, ?, 1, 1, 0, CONCAT('k', ?), CONCAT('sub_', ?, '_20260131'), 'c', 1, 'KRW', ?, 'pm', 1, ?, ?, 1, ?)`, id, id, id, id, gateway, status, payment, account)
}

func payment(t *testing.T, db *testdb.DB, id int, gateway, status string, transaction any) {
	t.Helper()
	exec(t, db, `INSERT INTO payments (id, order_id, gateway, transaction_key, status, amount, currency) VALUES (?, ?, ?, ?, ?, 1, 'KRW')`, id, id, gateway, transaction, status)
}

const booked = `SELECT CONCAT_WS(' ', g.gateway, g.address, b.gateway_payment_id, b.kind, b.row_id) FROM bookings b
JOIN gateway_accounts g ON g.id = b.account_id ORDER BY b.kind, b.row_id`

const found = `SELECT CONCAT_WS(' ', kind, reference, gateway_payment_id, JSON_UNQUOTE(JSON_EXTRACT(detail, '$.row')), JSON_UNQUOTE(JSON_EXTRACT(detail, '$.text')))
FROM audit_findings ORDER BY reference`

// What succeeded is booked; what is there twice becomes a finding, once, and never an error. Another gateway and another letter
// case are other payments; accounts that were joined are one.
func TestBackfill(t *testing.T) {
	for _, view := range []bool{false, true} {
		db := before(t)
		exec(t, db, `INSERT INTO gateway_accounts (id, gateway, address, joined_to) VALUES (1, 'main', 'https://new', NULL), (2, 'main', 'https://old', 1)`)
		attempt(t, db, 1, "main", "succeeded", "pay_1", nil)
		attempt(t, db, 2, "main", "succeeded", "PAY_1", nil)
		attempt(t, db, 3, "other", "succeeded", "pay_1", nil)
		attempt(t, db, 4, "main", "succeeded", "pay_1", nil)
		attempt(t, db, 5, "main", "review", "pay_1", nil)
		attempt(t, db, 6, "main", "succeeded", "pay_6", 2)
		attempt(t, db, 7, "main", "succeeded", "pay_6", 1)
		attempt(t, db, 8, "main", "succeeded", "pay_1", 1)
		payment(t, db, 1, "main", "succeeded", "pay_11")
		payment(t, db, 2, "main", "succeeded", "pay_11")
		payment(t, db, 3, "main", "succeeded", "pay_1")
		payment(t, db, 4, "main", "failed", "pay_14")
		payment(t, db, 5, "main", "succeeded", nil)
		payment(t, db, 6, "third", "succeeded", "pay_1")
		if view {
			exec(t, db, `RENAME TABLE payments TO shop_payments`)
			exec(t, db, `CREATE VIEW payments AS SELECT * FROM shop_payments`)
		}
		require.Contains(t, up(t, db), "00003_bookings.go")
		want := []string{
			"main  pay_1 attempt 1", "main  PAY_1 attempt 2", "other  pay_1 attempt 3", "main https://new pay_6 attempt 6",
			"main  pay_11 payment 1", "third  pay_1 payment 6",
		}
		findings := []string{
			"booked_twice ord_2 pay_11 payment:2 pay_11 is booked for payment 1 too", "booked_twice ord_3 pay_1 payment:3 pay_1 is booked for attempt 1 too",
			"booked_twice sub_4_20260131 pay_1 attempt:4 pay_1 is booked for attempt 1 too",
			"booked_twice sub_7_20260131 pay_6 attempt:7 pay_6 is booked for attempt 6 too",
			"booked_twice sub_8_20260131 pay_1 attempt:8 pay_1 is booked for attempt 1 too",
		}
		require.Equal(t, want, list(t, db, booked))
		require.Equal(t, findings, list(t, db, found))

		exec(t, db, "DELETE FROM duly_migrations WHERE version_id >= 3") // it was killed before it was noted
		require.Contains(t, up(t, db), "00003_bookings.go")
		require.Equal(t, want, list(t, db, booked))
		require.Equal(t, findings, list(t, db, found))
		if view {
			exec(t, db, `DROP VIEW payments`)
		}
	}
}

// A hundred thousand rows, in which it fails half-way: what is booked stays, and the next try books the rest. A row of the shop's
// that somebody has locked is not waited for.
func TestBackfillGoesOn(t *testing.T) {
	db := before(t)
	attempt(t, db, 1, "main", "succeeded", "pay_1", nil)
	payment(t, db, 1, "main", "succeeded", "tx_1")
	for n := 1; n < 1<<16; n *= 2 {
		exec(t, db, `INSERT INTO payment_attempts (id, invoice_id, subscription_id, attempt_no, stage, idempotency_key, reference, customer_id, amount, currency,
gateway, payment_method, body_version, status, gateway_payment_id, run_id)
SELECT id + ?, id + ?, 1, 1, 0, CONCAT('k', id + ?), 'r', 'c', 1, 'KRW', gateway, 'pm', 1, 'succeeded', CONCAT('pay_', id + ?), 1 FROM payment_attempts`, n, n, n, n)
		exec(t, db, `INSERT INTO payments (id, order_id, gateway, transaction_key, status, amount, currency)
SELECT id + ?, id + ?, gateway, CONCAT('tx_', id + ?), 'succeeded', 1, 'KRW' FROM payments`, n, n, n)
	}
	exec(t, db, `UPDATE payments SET transaction_key = 'tx_1' WHERE id = 60000`)
	exec(t, db, `CREATE TRIGGER die BEFORE INSERT ON bookings FOR EACH ROW BEGIN
IF NEW.row_id = 30500 THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'died'; END IF; END`)
	_, err := migrations.Up(t.Context(), db.DB.DB)
	require.ErrorContains(t, err, "died")
	require.Equal(t, 30000, number(t, db, `SELECT COUNT(*) FROM bookings`))
	require.ErrorIs(t, migrations.Check(t.Context(), db.DB.DB), migrations.ErrVersion)
	exec(t, db, `DROP TRIGGER die`)

	shop, err := db.BeginTx(t.Context(), &sql.TxOptions{})
	require.NoError(t, err)
	_, err = shop.ExecContext(t.Context(), `UPDATE payments SET refunded_amount = 1 WHERE id BETWEEN 100 AND 200`)
	require.NoError(t, err)
	up(t, db)
	require.NoError(t, shop.Rollback())
	require.Equal(t, 2<<16-1, number(t, db, `SELECT COUNT(*) FROM bookings`))
	require.Equal(t, []string{"booked_twice ord_60000 tx_1 payment:60000 tx_1 is booked for payment 1 too"}, list(t, db, found))

	exec(t, db, "DELETE FROM duly_migrations WHERE version_id > 3") // the way back from these would lose columns of the rows
	back(t, db, "00003_bookings.go")
	require.Zero(t, number(t, db, `SELECT (SELECT COUNT(*) FROM bookings) + (SELECT COUNT(*) FROM gateway_accounts)`))
	_, err = migrations.Down(t.Context(), db.DB.DB)
	require.ErrorIs(t, err, migrations.ErrRows)
	require.ErrorContains(t, err, "payment_attempts has rows")
}

// A stop in the middle of it is an error, and no damage.
func TestBackfillStops(t *testing.T) {
	db := before(t)
	attempt(t, db, 1, "main", "succeeded", "pay_1", nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := migrations.Up(ctx, db.DB.DB)
	require.ErrorIs(t, err, context.Canceled)
	up(t, db)
	require.Equal(t, []string{"main  pay_1 attempt 1"}, list(t, db, booked))
}
