package mysql_test

import (
	"strings"
	"testing"

	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/require"

	"duly/internal/mysql"
	"duly/internal/test/testdb"
)

// The server quotes the values of a statement in its errors. What duly tells of one holds none of them, and still says
// which table, column or key it was.
func TestErrorsHoldNoValues(t *testing.T) {
	t.Parallel()
	const value = "jane@example.com"
	plain := testdb.New(t)
	db, err := mysql.Open(plain.DSN, mysql.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	_, err = plain.ExecContext(t.Context(), "SET SESSION sql_mode = 'STRICT_ALL_TABLES'")
	require.NoError(t, err)
	_, err = plain.ExecContext(t.Context(), "INSERT INTO pauses (subject, who, reason) VALUES (?, 'a', 'b')", value)
	require.NoError(t, err)
	for name, c := range map[string]struct {
		query string
		args  []any
		still string
		shown bool // without care
	}{
		"duplicate key":   {"INSERT INTO pauses (subject, who, reason) VALUES (?, 'a', 'b')", []any{value}, "PRIMARY", true},
		"quoted twice":    {"INSERT INTO events (type, subject, payload, dedupe_key) VALUES ('t', 's', '{}', ?), ('t', 's', '{}', ?)", []any{"it's '" + value + "' for key", "it's '" + value + "' for key"}, "once", true},
		"wrong instant":   {"INSERT INTO orders (customer_id, status, amount, currency, completed_at) VALUES ('c', 's', 1, 'KRW', ?)", []any{value}, "completed_at", true},
		"wrong amount":    {"INSERT INTO orders (customer_id, status, amount, currency) VALUES ('c', 's', ?, 'KRW')", []any{value}, "amount", true},
		"too long":        {"INSERT INTO orders (customer_id, status, amount, currency) VALUES (?, 's', 1, 'KRW')", []any{strings.Repeat(value, 9)}, "customer_id", false},
		"no JSON":         {"INSERT INTO events (type, subject, payload) VALUES ('t', 's', ?)", []any{"{" + value}, "payload", false},
		"wrong statement": {"SELECT 1 OR OR '" + value + "'", nil, "syntax", true},
		"out of range":    {"INSERT INTO daily_order_stats (business_date, currency, orders_failed) SELECT '2026-01-01', 'KRW', 18446744073709551615 + CHAR_LENGTH('" + value + "')", nil, "out of range", true},
	} {
		t.Run(name, func(t *testing.T) {
			_, quoted := plain.ExecContext(t.Context(), c.query, c.args...)
			_, err := db.ExecContext(t.Context(), c.query, c.args...)
			if !c.shown && quoted == nil {
				return
			}
			require.Error(t, quoted)
			if c.shown {
				require.Contains(t, quoted.Error(), "jane", "the control: the server quotes it")
			}
			require.Error(t, err)
			require.NotContains(t, err.Error(), "jane")
			require.NotContains(t, mysql.Reason(err), "jane")
			require.Contains(t, err.Error(), c.still)
			err = mysql.Tx(t.Context(), db, "test", func(tx *sqlx.Tx) error {
				stmt, err := tx.PreparexContext(t.Context(), c.query) //nolint:sqlclosecheck // it is, below
				if err != nil {
					return err
				}
				defer func() { _ = stmt.Close() }()
				_, err = stmt.ExecContext(t.Context(), c.args...)
				return err
			})
			require.Error(t, err)
			require.NotContains(t, err.Error(), "jane")
		})
	}
	_, err = db.ExecContext(t.Context(), "SELECT nothing FROM nowhere")
	require.ErrorContains(t, err, "nowhere", "names stay")
}
