package jobs_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"duly/internal/batch"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
	"duly/jobs"
)

// deliver runs the example of a shop's own job.
func (k *keeper) deliver() batch.Result {
	k.t.Helper()
	return k.run(func(d jobs.Deps) batch.Job {
		return jobs.Delivered(d, jobs.DeliveredOptions{After: 14 * 24 * time.Hour, ChunkSize: 3})
	})
}

// ship adds n orders that were shipped at an instant.
func (k *keeper) ship(n int, at string) {
	k.t.Helper()
	for range n {
		worktest.Exec(k.t, k.plain, `INSERT INTO orders (customer_id, status, amount, currency, created_at, updated_at)
VALUES ('c', 'shipped', 100, 'KRW', '2026-06-01', ?)`, at)
	}
}

// newCarrier is a shop where everything happens in UTC.
func newCarrier(t *testing.T) *keeper {
	t.Helper()
	k := newKeeper(t, pruneNow)
	k.plain.SetMaxOpenConns(1)
	worktest.Exec(t, k.plain, `SET SESSION time_zone = '+00:00'`)
	return k
}

// statuses are how many orders have each.
func (k *keeper) statuses() []string {
	k.t.Helper()
	return worktest.List[string](k.t, k.plain, `SELECT CONCAT_WS(' ', status, COUNT(*)) FROM orders GROUP BY status ORDER BY status`)
}

func (k *keeper) news() []string {
	k.t.Helper()
	return worktest.List[string](k.t, k.plain, `SELECT CONCAT_WS(' ', type, subject, JSON_EXTRACT(payload, '$.order_id'), dedupe_key) FROM events ORDER BY id`)
}

func TestDelivered(t *testing.T) {
	t.Parallel()
	k := newCarrier(t)
	k.ship(1, "2026-06-16 11:59:59.999999") // just long enough ago
	k.ship(1, "2026-06-16 12:00:00")
	for _, status := range []string{"completed", "pending", "failed"} {
		worktest.Exec(t, k.plain, `INSERT INTO orders (customer_id, status, amount, currency, updated_at) VALUES ('c', ?, 100, 'KRW', '2026-01-02')`, status)
	}
	result := k.deliver()
	require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
	require.Equal(t, []string{"completed 1", "delivered 1", "failed 1", "pending 1", "shipped 1"}, k.statuses())
	require.Equal(t, []string{"order.delivered order:1 1 order.delivered:1"}, k.news())
	require.Equal(t, batch.Tally{Read: 1, Succeeded: 1}, result.Tally)

	require.Zero(t, k.deliver().Tally.Read, "a second time there is nothing")
}

func TestDeliveredInChunksByTwoRuns(t *testing.T) {
	t.Parallel()
	k := newCarrier(t)
	k.ship(40, "2026-06-02")
	results := make([]batch.Result, 2)
	var both errgroup.Group
	for i := range results {
		both.Go(func() error { results[i] = k.deliver(); return nil })
	}
	require.NoError(t, both.Wait())
	require.Equal(t, []string{"delivered 40"}, k.statuses())
	require.Len(t, k.news(), 40)
	require.EqualValues(t, 40, results[0].Tally.Succeeded+results[1].Tally.Succeeded, "each is counted once: %v", results)
}

// An order that the shop is changing is left, and stops no other.
func TestDeliveredLeavesWhatTheShopHolds(t *testing.T) {
	t.Parallel()
	k := newCarrier(t)
	k.ship(5, "2026-06-02")
	shop := worktest.Open(t, k.plain.DSN)
	tx, err := shop.BeginTxx(t.Context(), nil)
	require.NoError(t, err)
	_, err = tx.ExecContext(t.Context(), `UPDATE orders SET status = 'returned' WHERE id = 2`)
	require.NoError(t, err)
	result := k.deliver()
	require.Equal(t, batch.ExitUnfinished, result.Exit, "%v", result)
	require.Equal(t, []string{"1 order shipped long ago and not delivered"}, result.Left)
	require.NoError(t, tx.Commit())
	require.Equal(t, []string{"delivered 4", "returned 1"}, k.statuses())
	require.Len(t, k.news(), 4)
	require.Equal(t, batch.ExitDone, k.deliver().Exit)
}

// The event and the change commit together, and one order that cannot be written stops no other.
func TestDeliveredTellsOfWhatItChanges(t *testing.T) {
	t.Parallel()
	k := newCarrier(t)
	k.ship(5, "2026-06-02")
	worktest.Exec(t, k.plain, fmt.Sprintf(trigger("INSERT", "events", "subject = 'order:%[1]d'"), 3))
	result := k.deliver()
	require.Equal(t, batch.ExitUnfinished, result.Exit, "%v", result)
	require.EqualValues(t, 1, result.Tally.Rejected)
	require.Equal(t, []string{"delivered 4", "shipped 1"}, k.statuses())
	require.Len(t, k.news(), 4)
}

func TestDeliveredAfterALostAnswer(t *testing.T) {
	t.Parallel()
	k := newCarrier(t)
	k.ship(7, "2026-06-02")
	proxy := testdb.NewProxy(t, k.plain.DSN)
	k.dsn = proxy.DSN
	k.first = func() { proxy.LoseCommitAnswer() }
	result := k.deliver()
	require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
	require.Equal(t, []string{"delivered 7"}, k.statuses())
	require.Len(t, k.news(), 7)
}

func TestDeliveredUpToALimit(t *testing.T) {
	t.Parallel()
	k := newCarrier(t)
	k.ship(7, "2026-06-02")
	k.limit = 4
	require.Equal(t, batch.ExitUnfinished, k.deliver().Exit)
	require.Equal(t, []string{"delivered 4", "shipped 3"}, k.statuses())
}
