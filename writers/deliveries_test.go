package writers_test

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
	"duly/writers"
)

// eventsFor is a database with three events of different subjects for the webhook.
func eventsFor(t *testing.T) *testdb.DB {
	t.Helper()
	plain := testdb.New(t)
	worktest.Exec(t, plain, `INSERT INTO events (type, subject, payload) VALUES ('x', 'order:1', '{}'), ('x', 'order:2', '{}'), ('x', 'order:3', '{}')`)
	worktest.Exec(t, plain, `INSERT INTO event_deliveries (event_id, sink, subject, next_try_at) SELECT id, 'webhook', subject, created_at FROM events`)
	return plain
}

// Deliveries that were taken over, and those of a run without its lease, are not settled (I8).
func TestDeliveriesAreSettledUnderTheirLease(t *testing.T) {
	t.Parallel()
	plain := eventsFor(t)
	db := worktest.Open(t, plain.DSN)
	w := &writers.Deliveries{DB: db, Sink: "webhook", Now: time.Now}
	worktest.Run(t, db, func(ctx context.Context, _ *batch.StepExecution) error {
		r := &readers.Deliveries{DB: db, Sink: "webhook", Now: time.Now, Held: &outbox.Held{}}
		page, err := r.Read(ctx, batch.ClaimRequest{Limit: 5, Skip: func(string) bool { return false }})
		require.NoError(t, err)
		require.Len(t, page.Items, 3)
		results := make([]outbox.Result, 3)
		for i, item := range page.Items {
			results[i] = outbox.Result{Claimed: item, Ends: []outbox.End{{ID: item.Events[0].ID, Status: outbox.Delivered, At: time.Now()}}}
		}
		worktest.Exec(t, plain, `UPDATE event_deliveries SET lease = REPEAT('x', 16) WHERE event_id = 2`)
		tally, err := w.Write(ctx, results[:2])
		require.NoError(t, err)
		require.Equal(t, batch.Tally{Succeeded: 1}, tally)
		tally, err = w.Write(ctx, results[:1])
		require.NoError(t, err)
		require.Equal(t, batch.Tally{Succeeded: 1}, tally, "written before, and counted")
		worktest.Exec(t, plain, `UPDATE job_runs SET status = 'abandoned'`)
		_, err = w.Write(ctx, results[2:])
		require.ErrorIs(t, err, batch.ErrLeaseLost)
		require.NoError(t, w.Keep(ctx, results[2:]))
		return nil
	})
	require.Equal(t, []string{"delivered 0", "pending 1", "pending 1"}, worktest.List[string](t, plain,
		`SELECT CONCAT_WS(' ', status, run_id IS NOT NULL) FROM event_deliveries ORDER BY event_id`))
}
