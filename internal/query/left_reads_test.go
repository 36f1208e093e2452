package query_test

import (
	"database/sql"
	"strconv"
	"testing"

	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/require"

	"duly/internal/mysql"
	"duly/internal/query"
	"duly/internal/store"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
)

// At the end of a run the indexes still hold what it has moved on, until the server purges it. The counts of what is left find what is there,
// and do not read the tables instead.
func TestCountsOfWhatIsLeftReadOnlyThat(t *testing.T) {
	t.Parallel()
	const rows = 3000
	plain := testdb.New(t)
	db := worktest.Open(t, plain.DSN)
	today := worktest.Day(t, "2026-03-29")
	worktest.Enrol(t, plain, rows, today.String(), nil)
	worktest.Exec(t, plain, `INSERT INTO invoices (subscription_id, due_date, amount, currency, status, next_attempt_date, issued_date)
SELECT id, next_billing_date, amount, currency, 'charging', next_billing_date, next_billing_date FROM subscriptions`)
	worktest.Exec(t, plain, `INSERT INTO payment_attempts (invoice_id, subscription_id, attempt_no, stage, idempotency_key, reference, customer_id,
amount, currency, gateway, payment_method, body_version, status, run_id) SELECT id, subscription_id, 1, 0, CONCAT('sub_', subscription_id, '-1'), 'r', 'c',
amount, currency, 'main', CONCAT('pm:', id), 1, 'in_flight', 7 FROM invoices`)
	worktest.Exec(t, plain, `ANALYZE TABLE subscriptions, invoices, payment_attempts`)
	older, err := worktest.Open(t, plain.DSN).BeginTxx(t.Context(), &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	require.NoError(t, err)
	defer func() { require.NoError(t, older.Rollback()) }()
	var before int
	require.NoError(t, older.GetContext(t.Context(), &before, `SELECT COUNT(*) FROM subscriptions`)) // nothing is purged from here on
	for _, moved := range []string{
		`UPDATE payment_attempts SET status = 'succeeded' WHERE id % 1000 <> 1`,
		`UPDATE invoices SET status = 'paid'`,
		`UPDATE subscriptions SET next_billing_date = '2026-04-29' WHERE id % 1000 <> 1`,
	} {
		worktest.Exec(t, plain, moved)
	}
	db.SetMaxOpenConns(1) // one session counts what it reads
	all := store.Selection{Business: today}
	others := store.Gateways{Names: []string{"paused"}}
	for name, count := range map[string]func(db *mysql.DB) (int64, error){
		"subscriptions": func(db *mysql.DB) (int64, error) {
			return query.Issuable(t.Context(), db, query.Issuing{Selection: all, Effective: today + 1})
		},
		"claims": func(db *mysql.DB) (int64, error) {
			_, free, err := query.Claims(t.Context(), db, all, others, 8)
			return free, err
		},
		"unsettled attempts": func(db *mysql.DB) (int64, error) {
			u, err := query.CountUnsettled(t.Context(), db, all, others)
			return u.InFlight, err
		},
		"attempts elsewhere": func(db *mysql.DB) (int64, error) {
			list, err := query.AttemptsElsewhere(t.Context(), db, all, []string{"other"})
			return query.ElsewhereSum(list), err
		},
	} {
		t.Run(name, func(t *testing.T) {
			from := rowsRead(t, db)
			n, err := count(db)
			require.NoError(t, err)
			require.EqualValues(t, 3, n)
			require.Less(t, rowsRead(t, db)-from, 200)
		})
	}
}

// rowsRead is how many entries of tables and indexes the session has read.
func rowsRead(t *testing.T, q sqlx.QueryerContext) int {
	t.Helper()
	var rows []struct {
		Name  string `db:"Variable_name"`
		Value string `db:"Value"`
	}
	require.NoError(t, sqlx.SelectContext(t.Context(), q, &rows, `SHOW SESSION STATUS LIKE 'Handler_read%'`))
	sum := 0
	for _, r := range rows {
		n, err := strconv.Atoi(r.Value)
		require.NoError(t, err)
		sum += n
	}
	return sum
}
