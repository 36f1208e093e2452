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

// claimed are the claims of a run, by the numbers of their events, each settled before the next, and the most bytes that were held.
func claimed(t *testing.T, plain *testdb.DB, together bool) (claims []int, most int) {
	t.Helper()
	db := worktest.Open(t, plain.DSN)
	held := &outbox.Held{}
	r := &readers.Deliveries{DB: db, Sink: "webhook", Now: time.Now, Held: held, Together: together}
	worktest.Run(t, db, func(ctx context.Context, _ *batch.StepExecution) error {
		for {
			page, err := r.Read(ctx, batch.ClaimRequest{Limit: 100, Skip: func(string) bool { return false }})
			require.NoError(t, err)
			events := 0
			for _, item := range page.Items {
				events += len(item.Events)
				for i := range item.Events {
					held.Free(&item.Events[i])
				}
			}
			if together && len(page.Items) > 0 {
				require.Len(t, page.Items, 1)
			}
			if events > 0 {
				claims = append(claims, events)
			}
			if page.Done {
				return nil
			}
		}
	})
	return claims, held.Most()
}

// unsettled claims without settling: the third claim waits until the run ends, since two are held.
func unsettled(t *testing.T, plain *testdb.DB) {
	t.Helper()
	db := worktest.Open(t, plain.DSN)
	held := &outbox.Held{}
	r := &readers.Deliveries{DB: db, Sink: "webhook", Now: time.Now, Held: held}
	worktest.Run(t, db, func(ctx context.Context, _ *batch.StepExecution) error {
		for range 2 {
			_, err := r.Read(ctx, batch.ClaimRequest{Limit: 100, Skip: func(string) bool { return false }})
			require.NoError(t, err)
		}
		require.Equal(t, readers.HeldBytes, held.Most())
		ctx, stop := context.WithCancel(ctx)
		stop()
		page, err := r.Read(ctx, batch.ClaimRequest{Limit: 100, Skip: func(string) bool { return false }})
		require.NoError(t, err, "it waited")
		require.Empty(t, page.Items)
		require.False(t, page.Done)
		return nil
	})
	require.Equal(t, readers.HeldBytes, held.Most())
}

// A claim takes no more payloads than a few megabytes, whether they are of one subject or of many; an event that has more by itself
// goes alone. The walk goes on behind what was taken.
func TestAClaimIsBoundedByBytes(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	fill := func(n, bytes int, subject string) {
		t.Helper()
		worktest.Exec(t, plain, `DELETE FROM event_deliveries`)
		worktest.Exec(t, plain, `DELETE FROM events`)
		for range n {
			worktest.Exec(t, plain, `INSERT INTO events (type, subject, payload) VALUES ('x', `+subject+`, CONCAT('"', REPEAT('x', ?), '"'))`, bytes-2)
		}
		worktest.Exec(t, plain, `INSERT INTO event_deliveries (event_id, sink, subject, next_try_at) SELECT id, 'webhook', subject, '2026-01-01' FROM events`)
	}
	const mega = 1 << 20
	for _, together := range []bool{false, true} {
		fill(10, mega, "UUID()")
		claims, most := claimed(t, plain, together)
		require.Equal(t, []int{4, 4, 2}, claims)
		require.Equal(t, readers.ClaimBytes, most)
	}
	fill(20, mega, "UUID()")
	unsettled(t, plain)

	fill(5, mega, "'order:1'")
	claims, _ := claimed(t, plain, false)
	require.Equal(t, []int{4}, claims, "the rest of the subject is for the next walk")

	fill(3, readers.ClaimBytes+1, "UUID()")
	claims, most := claimed(t, plain, false)
	require.Equal(t, []int{1, 1, 1}, claims)
	require.Equal(t, readers.ClaimBytes+1, most)

	fill(90, 100, "UUID()")
	claims, _ = claimed(t, plain, false)
	require.Equal(t, []int{90}, claims, "small ones are claimed by count")
}
