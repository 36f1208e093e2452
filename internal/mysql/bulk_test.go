package mysql_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"duly/internal/mysql"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
)

func TestInsertAndUpdate(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	db := worktest.Open(t, plain.DSN)
	ctx := t.Context()
	const head = `INSERT INTO payments (order_id, gateway, status, amount, currency) VALUES `
	first, err := mysql.Insert(ctx, db, head, [][]any{{1, "main", "pending", 100, "KRW"}, {2, "main", "pending", 200, "KRW"}, {3, "main", "failed", 300, "KRW"}}, "")
	require.NoError(t, err)
	require.EqualValues(t, 1, first)
	_, err = mysql.Insert(ctx, db, head, nil, "")
	require.NoError(t, err, "no rows are no statement")

	at := time.Date(2026, 1, 31, 0, 0, 0, 5000, time.UTC)
	n, err := mysql.Update(ctx, db, "payments", []string{"transaction_key", "refunded_at", "currency", "refunded_amount"},
		[][]any{{1, "a'\\", at, "USD", 1}, {2, nil, nil, "USD", 2}, {3, "c", at, "USD", 3}}, "status = 'pending'", "failure_code = 'x'")
	require.NoError(t, err)
	require.EqualValues(t, 2, n, "rows matched")
	require.Equal(t, []string{"a'\\ 2026-01-31 00:00:00.000005 USD 1 x", "- - USD 2 x", "- - KRW 0 -"}, worktest.List[string](t, plain,
		`SELECT CONCAT_WS(' ', COALESCE(transaction_key, '-'), COALESCE(refunded_at, '-'), currency, refunded_amount, COALESCE(failure_code, '-')) FROM payments ORDER BY id`))
	n, err = mysql.Update(ctx, db, "payments", nil, [][]any{{1}, {2}}, "", "status = 'failed'")
	require.NoError(t, err)
	require.EqualValues(t, 2, n)
	n, err = mysql.Update(ctx, db, "payments", []string{"status"}, nil, "")
	require.NoError(t, err)
	require.Zero(t, n)
}

func TestCut(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in   string
		n    int
		want string
	}{
		{"abc", 3, "abc"},
		{"abcd", 3, "abc"},
		{"한국어", 2, "한국"},
		{"a\xffb", 3, "a\uFFFDb"},
		{"", 3, ""},
		{"abc", 0, ""},
	} {
		require.Equal(t, c.want, mysql.Cut(c.in, c.n))
	}
}

// The largest chunk that the configuration allows, with the longest texts, is one statement.
func TestTheLargestChunkIsOneStatement(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	db := worktest.Open(t, plain.DSN)
	const chunk = 2000
	require.NoError(t, mysql.CheckPacket(t.Context(), db, chunk))
	rows := make([][]any, chunk)
	for i := range rows {
		rows[i] = []any{i + 1, "main", "pending", 1, "KRW", strings.Repeat("'", 255)}
	}
	_, err := mysql.Insert(t.Context(), db, `INSERT INTO payments (order_id, gateway, status, amount, currency, failure_reason) VALUES `, rows, "")
	require.NoError(t, err)
	columns := []string{"transaction_key", "idempotency_key", "failure_code", "failure_reason", "amount", "gateway", "method_type", "refunded_amount", "refunded_at", "order_id"}
	for i := range rows {
		rows[i] = []any{
			i + 1, strings.Repeat("한", 250) + string(rune('a'+i%26)), i, i, strings.Repeat("'", 254) + string(rune('a'+i%26)), i, i, i, i,
			time.Unix(int64(i), 0).UTC(), i,
		}
	}
	n, err := mysql.Update(t.Context(), db, "payments", columns, rows, "")
	require.NoError(t, err)
	require.EqualValues(t, chunk, n)
}

// A text is stored as it is, whatever it is made of and however the session reads quotes and backslashes.
func TestTextsAreStoredAsTheyAre(t *testing.T) {
	t.Parallel()
	const head = `INSERT INTO payments (order_id, gateway, status, amount, currency, failure_reason) VALUES `
	plain := testdb.New(t)
	db := worktest.Open(t, plain.DSN)
	db.SetMaxOpenConns(1) // the session of the mode
	pieces := rapid.SampledFrom([]string{"a", "'", `"`, `\`, "?", "`", "%", "--", "/*", "\x00", "\n", "한", "😀", "{}", " ", ";", "~", "\x7f", "??", `\'`, "''"})
	for _, mode := range []string{"STRICT_ALL_TABLES", "STRICT_ALL_TABLES,ANSI_QUOTES", "STRICT_ALL_TABLES,NO_BACKSLASH_ESCAPES"} {
		worktest.Exec(t, plain, `DELETE FROM payments`)
		_, err := db.ExecContext(t.Context(), "SET SESSION sql_mode = '"+mode+"'")
		require.NoError(t, err)
		rapid.Check(t, func(rt *rapid.T) {
			texts := rapid.SliceOfN(rapid.Map(rapid.SliceOfN(pieces, 0, 12), func(p []string) string { return strings.Join(p, "") }), 1, 8).Draw(rt, "texts")
			rows := make([][]any, len(texts))
			for i, text := range texts {
				rows[i] = []any{7, "main", "failed", 100, "KRW", text}
			}
			first, err := mysql.Insert(t.Context(), db, head, rows, "")
			require.NoError(t, err)
			var got []string
			require.NoError(t, db.SelectContext(t.Context(), &got, `SELECT failure_reason FROM payments WHERE id >= ? ORDER BY id`, first))
			require.Equal(t, texts, got)
		})
	}
}
