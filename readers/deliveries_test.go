package readers_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/outbox"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
	"duly/readers"
)

// letters is a database with events for the webhook, of these subjects.
func letters(t *testing.T, subjects ...string) *testdb.DB {
	t.Helper()
	plain := testdb.New(t)
	for _, s := range subjects {
		worktest.Exec(t, plain, `INSERT INTO events (type, subject, payload) VALUES ('x', ?, '{}')`, s)
	}
	worktest.Exec(t, plain, `INSERT INTO event_deliveries (event_id, sink, subject, next_try_at)
SELECT id, 'webhook', subject, '2026-01-01' FROM events`)
	return plain
}

// deliveries are the events that a run claims, by item.
func deliveries(t *testing.T, plain *testdb.DB, limit int) (items [][]uint64) {
	t.Helper()
	db := worktest.Open(t, plain.DSN)
	r := &readers.Deliveries{DB: db, Sink: "webhook", Now: time.Now, Held: &outbox.Held{}}
	worktest.Run(t, db, func(ctx context.Context, _ *batch.StepExecution) error {
		for {
			page, err := r.Read(ctx, batch.ClaimRequest{Limit: limit, Skip: func(string) bool { return false }})
			require.NoError(t, err)
			for _, item := range page.Items {
				items = append(items, idsOf(item))
			}
			if page.Done {
				return nil
			}
		}
	})
	return items
}

func idsOf(item outbox.Claimed) []uint64 {
	var out []uint64
	for _, e := range item.Events {
		out = append(out, e.ID)
	}
	return out
}

func TestDeliveriesAreClaimedBySubject(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{1, 2, 100} {
		plain := letters(t, "a", "b", "a", "A", "a", "b")
		require.Equal(t, [][]uint64{{1, 3, 5}, {2, 6}, {4}}, deliveries(t, plain, limit), "subjects are told apart by their case")
	}
}

// What waits for its next try, and what another run has, holds back what follows it, and nothing else.
func TestDeliveriesWaitForEarlierOnes(t *testing.T) {
	t.Parallel()
	plain := letters(t, "a", "b", "a", "c", "b", "c", "c")
	worktest.Exec(t, plain, `INSERT INTO job_runs (id, job, business_date, params, status, lease, lease_ms, host, pid, version)
VALUES (900, 'outbox', '2026-01-31', '{}', 'running', '1234567890123456', 60000, 'host', 1, 'v'),
(901, 'outbox', '2026-01-31', '{}', 'abandoned', '1234567890123456', 60000, 'host', 1, 'v')`)
	worktest.Exec(t, plain, `UPDATE event_deliveries SET next_try_at = UTC_TIMESTAMP(6) + INTERVAL 1 HOUR WHERE event_id = 1`)
	worktest.Exec(t, plain, `UPDATE event_deliveries SET run_id = 900 WHERE event_id = 6`)
	worktest.Exec(t, plain, `UPDATE event_deliveries SET run_id = 901 WHERE event_id IN (2, 5)`)
	require.Equal(t, [][]uint64{{2, 5}, {4}}, deliveries(t, plain, 10))
	worktest.Exec(t, plain, `UPDATE event_deliveries SET status = 'dead' WHERE event_id = 1`)
	worktest.Exec(t, plain, `UPDATE event_deliveries SET status = 'delivered' WHERE event_id IN (2, 4, 5)`)
	require.Equal(t, [][]uint64{{3}}, deliveries(t, plain, 10))
}

// A row that somebody has locked holds up its subject alone.
func TestALockedDelivery(t *testing.T) {
	t.Parallel()
	plain := letters(t, "a", "b", "a", "c")
	begin(t, plain, `UPDATE event_deliveries SET last_error = 'x' WHERE event_id = 1`)
	require.Equal(t, [][]uint64{{2}, {4}}, deliveries(t, plain, 10))
}
