package query_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/query"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
)

func TestDeclineSums(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	db := worktest.Open(t, plain.DSN)
	add := func(n int, run uint64, status, class, code, at string) {
		key := strings.Repeat("k", n)
		worktest.Exec(t, plain, `INSERT INTO payment_attempts (invoice_id, subscription_id, attempt_no, stage, idempotency_key, reference, customer_id, amount,
currency, gateway, payment_method, body_version, status, run_id, decline_class, decline_code, created_at)
VALUES (?, 1, 1, 0, ?, 'r', '1', 100, 'KRW', 'main', 'a', 1, ?, ?, NULLIF(?, ''), NULLIF(?, ''), ?)`, n, key, status, run, class, code, at)
	}
	add(1, 7, "declined", "soft", "no_money", "2026-01-31 01:00:00")
	add(2, 7, "declined", "soft", "no_money", "2026-01-31 02:00:00")
	add(3, 7, "declined", "", "", "2026-01-31 02:00:00")
	add(4, 7, "declined", "hard", "card_1a", "2026-01-31 02:00:00")
	add(5, 7, "succeeded", "", "", "2026-01-31 02:00:00")
	add(6, 8, "declined", "soft", "no_money", "2026-01-31 02:00:00")
	add(7, 7, "declined", "soft", "no_money", "2026-01-31 03:00:01")
	from := time.Date(2026, 1, 31, 1, 0, 0, 0, time.UTC)
	list, err := query.DeclineSums(t.Context(), db, 7, from, from.Add(2*time.Hour), 10)
	require.NoError(t, err)
	require.Equal(t, []query.DeclineSum{{"soft", "no_money", 2}, {"", "", 1}, {"hard", "card_1a", 1}}, list)
	list, err = query.DeclineSums(t.Context(), db, 7, from, from.Add(2*time.Hour), 1)
	require.NoError(t, err)
	require.Len(t, list, 1)
}

// A run that takes over the charges of one that died has charges that are older than itself.
func TestTakenOverSince(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	db := worktest.Open(t, plain.DSN)
	add := func(status, started, finished string) {
		worktest.Exec(t, plain, `INSERT INTO job_runs (job, business_date, params, status, lease, lease_ms, host, pid, version, started_at, finished_at)
VALUES ('billing', '2026-01-31', '{}', ?, 'abcdefghijklmnop', 1000, 'vm', 7, 'v1', ?, ?)`, status, started, finished)
	}
	from := time.Date(2026, 1, 31, 2, 0, 0, 0, time.UTC)
	since := func() time.Time {
		at, err := query.TakenOverSince(t.Context(), db, 9, from, from.Add(time.Hour))
		require.NoError(t, err)
		return at
	}
	add("abandoned", "2026-01-30 01:00:00", "2026-01-31 01:59:59") // somebody else's
	add("completed", "2026-01-31 01:00:00", "2026-01-31 02:30:00")
	require.Equal(t, from, since())
	add("abandoned", "2026-01-31 01:30:00", "2026-01-31 02:10:00")
	add("abandoned", "2026-01-31 01:10:00", "2026-01-31 02:30:00")
	add("abandoned", "2026-01-31 01:00:00", "2026-01-31 03:00:01")
	require.Equal(t, from.Add(-50*time.Minute), since())
	add("abandoned", "2026-01-31 00:50:00", "2026-01-31 01:59:59")
	require.Equal(t, from.Add(-50*time.Minute), since())
	worktest.Exec(t, plain, `UPDATE job_runs SET recovered_by = 9 WHERE started_at = '2026-01-31 00:50:00'`)
	require.Equal(t, from.Add(-70*time.Minute), since(), "found dead by a run of another job, and recovered by this one")
}
