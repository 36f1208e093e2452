package jobs_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"duly/internal/batch"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
	"duly/jobs"
)

const (
	pruneNow = "2026-06-30T12:00:00Z"
	longAgo  = "2026-01-01 00:00:00"
	edgeRuns = "2026-04-01 12:00:00" // exactly 90 days before
	edge     = "2026-05-31 12:00:00" // exactly 30 days before
)

func (k *keeper) prune(change func(o *jobs.PruneOptions)) batch.Result {
	k.t.Helper()
	o := jobs.PruneOptions{Runs: 90 * 24 * time.Hour, Events: 30 * 24 * time.Hour, ChunkSize: 3}
	if change != nil {
		change(&o)
	}
	return k.run(func(d jobs.Deps) batch.Job { return jobs.Prune(d, o) })
}

// ran adds a run with a step and returns its id.
func (k *keeper) ran(job, status string, exit any, finished any) uint64 {
	k.t.Helper()
	worktest.Exec(k.t, k.plain, `INSERT INTO job_runs (job, business_date, params, status, exit_code, lease, lease_ms, host, pid, version, started_at, finished_at)
VALUES (?, '2026-01-01', '{}', ?, ?, '1234567890123456', 60000, 'host', 1, 'v', '2026-01-01', ?)`, job, status, exit, finished)
	id := worktest.Get[uint64](k.t, k.plain, `SELECT MAX(id) FROM job_runs`)
	worktest.Exec(k.t, k.plain, `INSERT INTO step_runs (run_id, step, status) VALUES (?, 'a', 'completed'), (?, 'b', 'completed')`, id, id)
	return id
}

// told adds an event with its deliveries, each written as sink:status, and returns its id.
func (k *keeper) told(created string, deliveries ...string) uint64 {
	k.t.Helper()
	worktest.Exec(k.t, k.plain, `INSERT INTO events (type, subject, payload, created_at) VALUES ('t', 's', '{}', ?)`, created)
	id := worktest.Get[uint64](k.t, k.plain, `SELECT MAX(id) FROM events`)
	for _, d := range deliveries {
		sink, status, _ := strings.Cut(d, ":")
		worktest.Exec(k.t, k.plain, `INSERT INTO event_deliveries (event_id, sink, status) VALUES (?, ?, ?)`, id, sink, status)
	}
	return id
}

// fannedOut marks how far a sink is.
func (k *keeper) fannedOut(sink string, id uint64) {
	k.t.Helper()
	worktest.Exec(k.t, k.plain, `INSERT INTO outbox_marks (sink, event_id, seen_at) VALUES (?, ?, UTC_TIMESTAMP(6))
ON DUPLICATE KEY UPDATE event_id = VALUES(event_id)`, sink, id)
}

func (k *keeper) ids(table string) []uint64 {
	k.t.Helper()
	return worktest.List[uint64](k.t, k.plain, `SELECT id FROM `+table+` ORDER BY id`)
}

func TestPruneRuns(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, pruneNow)
	want := map[uint64]string{}
	kept := func(why string, id uint64) uint64 { want[id] = why; return id }
	gone := func(uint64) {}

	gone(k.ran("billing", "completed", 0, longAgo))
	inFlight := kept("a charge is in flight", k.ran("billing", "abandoned", nil, longAgo))
	inDoubt := kept("a charge is in doubt", k.ran("billing", "completed", 4, longAgo))
	settled := k.ran("billing", "completed", 4, longAgo)
	order := kept("an order is leased", k.ran("reconcile", "abandoned", nil, longAgo))
	released := k.ran("reconcile", "abandoned", nil, longAgo)
	delivery := kept("a delivery is leased", k.ran("outbox", "abandoned", nil, longAgo))
	delivered := k.ran("outbox", "abandoned", nil, longAgo)
	kept("its end is not marked", k.ran("billing", "running", nil, nil))
	gone(k.ran("audit", "completed", 0, longAgo))
	kept("the newest finished audit", k.ran("audit", "completed", 0, longAgo))
	kept("the newest audit that found something", k.ran("audit", "completed", 3, longAgo))
	gone(k.ran("audit", "failed", 1, longAgo))
	kept("the newest failed audit", k.ran("audit", "failed", 1, longAgo))
	gone(k.ran("billing", "completed", 0, "2026-04-01 11:59:59.999999"))
	kept("just young enough", k.ran("billing", "completed", 0, edgeRuns))
	kept("the newest unfinished", k.ran("billing", "completed", 4, longAgo))
	kept("the newest abandoned", k.ran("billing", "abandoned", nil, longAgo))
	kept("the newest abandoned", k.ran("reconcile", "abandoned", nil, longAgo))
	kept("the newest abandoned", k.ran("outbox", "abandoned", nil, longAgo))
	kept("young", k.ran("billing", "completed", 0, "2026-06-29"))
	for i, a := range []struct {
		run    uint64
		status string
	}{{inFlight, "in_flight"}, {inDoubt, "in_doubt"}, {settled, "succeeded"}} {
		worktest.Exec(t, k.plain, `INSERT INTO payment_attempts (invoice_id, subscription_id, attempt_no, stage, idempotency_key, reference, customer_id,
amount, currency, gateway, payment_method, body_version, status, run_id) VALUES (?, 1, 1, 0, ?, 'r', 'c', 1, 'KRW', 'main', 'pm', 1, ?, ?)`,
			i+1, fmt.Sprint("key-", i), a.status, a.run)
	}
	worktest.Exec(t, k.plain, `INSERT INTO order_checks (order_id, lease, run_id) VALUES (1, '1234567890123456', ?), (2, NULL, ?)`, order, released)
	k.fannedOut("webhook", 0)
	worktest.Exec(t, k.plain, `INSERT INTO event_deliveries (event_id, sink, status, lease, run_id)
VALUES (1, 'webhook', 'pending', '1234567890123456', ?), (2, 'webhook', 'delivered', NULL, ?)`, delivery, delivered)

	before := len(k.ids("job_runs"))
	result := k.prune(nil)
	require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
	left := map[uint64]bool{}
	for _, id := range k.ids("job_runs") {
		left[id] = true
	}
	for id, why := range want {
		require.True(t, left[id], "run %d was pruned: %s", id, why)
		require.Equal(t, 2, worktest.Get[int](t, k.plain, `SELECT COUNT(*) FROM step_runs WHERE run_id = ?`, id))
	}
	require.Len(t, left, len(want)+1, "what is kept, and the run itself")
	pruned := int64(before - len(want))
	require.Equal(t, batch.Tally{Read: pruned, Succeeded: pruned}, result.Tally)
	require.Zero(t, worktest.Get[int](t, k.plain, `SELECT COUNT(*) FROM step_runs s WHERE NOT EXISTS (SELECT 1 FROM job_runs r WHERE r.id = s.run_id)`))

	require.Zero(t, k.prune(nil).Tally.Succeeded, "a second time there is nothing")
}

func TestPruneEvents(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, pruneNow)
	both := func(o *jobs.PruneOptions) { o.Sinks = []string{"webhook", "slack"} }
	var want []uint64
	kept := func(id uint64) { want = append(want, id) }

	k.told(longAgo, "webhook:delivered", "slack:delivered")
	kept(k.told(longAgo, "webhook:delivered", "slack:pending"))
	kept(k.told(longAgo, "webhook:dead"))
	k.told(longAgo, "webhook:delivered")                             // slack is not told of it
	k.told(longAgo)                                                  // of no interest to any
	k.told(longAgo, "webhook:delivered", "old:delivered")            // of a sink of former days
	k.told("2026-05-31 11:59:59.999999", "webhook:delivered")        // just old enough
	kept(k.told(edge, "webhook:delivered"))                          // just young enough
	kept(k.told("2026-06-29", "webhook:delivered", "slack:pending")) // young
	last := k.told(longAgo, "webhook:delivered")                     // written late
	kept(k.told(longAgo))                                            // slack was not given it yet
	k.fannedOut("webhook", last+1)

	result := k.prune(both)
	require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
	require.Zero(t, result.Tally.Succeeded, "a sink that was given nothing yet needs everything")

	k.fannedOut("slack", last)
	result = k.prune(both)
	require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
	require.Equal(t, want, k.ids("events"))
	require.Equal(t, batch.Tally{Read: 6, Succeeded: 6}, result.Tally)
	require.Zero(t, worktest.Get[int](t, k.plain, `SELECT COUNT(*) FROM event_deliveries d WHERE NOT EXISTS (SELECT 1 FROM events e WHERE e.id = d.event_id)`))
}

// Without an outbox nobody is ever told, and events go by their age alone; what an outbox of former days has not
// delivered stays.
func TestPruneEventsWithoutAnOutbox(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, pruneNow)
	k.told(longAgo)
	pending := k.told(longAgo, "webhook:pending")
	young := k.told("2026-06-29")
	require.Equal(t, batch.ExitDone, k.prune(nil).Exit)
	require.Equal(t, []uint64{pending, young}, k.ids("events"))
}

func TestPruneKeepsForEverWhatHasNoRetention(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, pruneNow)
	k.told(longAgo)
	k.ran("billing", "completed", 0, longAgo)
	k.ran("billing", "completed", 0, longAgo)
	require.Equal(t, batch.ExitDone, k.prune(func(o *jobs.PruneOptions) { o.Runs, o.Events = 0, 0 }).Exit)
	require.Len(t, k.ids("events"), 1)
	require.Len(t, k.ids("job_runs"), 3)
}

func TestPruneTouchesNothingElse(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, pruneNow)
	tables := []string{"order_checks", "gateway_answers", "operator_actions", "audit_findings", "invoices"}
	for _, statement := range []string{
		`INSERT INTO order_checks (order_id, checked_at) VALUES (1, '2026-01-01')`,
		`INSERT INTO gateway_answers (idempotency_key, answer, run_id, created_at) VALUES ('k', '{}', 1, '2026-01-01')`,
		`INSERT INTO operator_actions (action, subject, who, host, created_at) VALUES ('a', 's', 'w', 'h', '2026-01-01')`,
		`INSERT INTO audit_findings (kind, detail, first_seen_at, last_seen_at) VALUES ('k', '{}', '2026-01-01', '2026-01-01')`,
		`INSERT INTO invoices (subscription_id, due_date, amount, currency, status, issued_date) VALUES (1, '2026-01-01', 1, 'KRW', 'paid', '2026-01-01')`,
	} {
		worktest.Exec(t, k.plain, statement)
	}
	require.Equal(t, batch.ExitDone, k.prune(nil).Exit)
	for _, table := range tables {
		require.Equal(t, 1, worktest.Get[int](t, k.plain, `SELECT COUNT(*) FROM `+table), table)
	}
}

// many adds n old events.
func (k *keeper) many(n int) {
	k.t.Helper()
	for range n {
		k.told(longAgo)
	}
}

func TestPruneInChunks(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, pruneNow)
	k.many(10)
	largest := func() int {
		return worktest.Get[int](t, k.plain, `SELECT COALESCE(MAX(n), 0) FROM deleted`)
	}
	// A transaction's rows share a time stamp to the microsecond: that of its DELETE.
	worktest.Exec(t, k.plain, `CREATE TABLE deletions (at DATETIME(6) NOT NULL)`)
	worktest.Exec(t, k.plain, `CREATE VIEW deleted AS SELECT at, COUNT(*) AS n FROM deletions GROUP BY at`)
	worktest.Exec(t, k.plain, `CREATE TRIGGER note BEFORE DELETE ON events FOR EACH ROW INSERT INTO deletions VALUES (NOW(6))`)
	result := k.prune(nil)
	require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
	require.Empty(t, k.ids("events"))
	require.EqualValues(t, 10, result.Tally.Succeeded)
	require.LessOrEqual(t, largest(), 3)
}

// What a limit leaves, the next run deletes.
func TestPruneIsResumed(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, pruneNow)
	kept := k.told(longAgo, "webhook:dead")
	k.many(10)
	k.limit = 4
	result := k.prune(nil)
	require.Equal(t, batch.ExitUnfinished, result.Exit, "%v", result)
	require.EqualValues(t, 4, result.Tally.Succeeded)
	require.Len(t, k.ids("events"), 7)
	k.limit = 0
	result = k.prune(nil)
	require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
	require.Equal(t, []uint64{kept}, k.ids("events"))
}

// A bound of time, or a signal, ends it between two chunks.
func TestPruneEndsWhenItIsStopped(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, pruneNow)
	k.many(10)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	k.ctx = ctx
	second := k.hold(5)
	ended := make(chan batch.Result, 1)
	go func() { ended <- k.prune(nil) }()
	// The first chunk is gone, and the second one waits for the lock.
	require.Eventually(t, func() bool {
		return len(k.ids("events")) < 10 && worktest.Get[int](t, k.plain, `SELECT COUNT(*) FROM information_schema.PROCESSLIST
WHERE DB = DATABASE() AND ID <> CONNECTION_ID() AND INFO LIKE '%FROM events WHERE id IN%FOR UPDATE%'`) > 0
	}, worktest.Patience, 5*time.Millisecond)
	stop()
	require.NoError(t, second.Rollback())
	result := <-ended
	require.Equal(t, batch.ExitUnfinished, result.Exit, "%v", result)
	require.Equal(t, []uint64{7, 8, 9, 10}, k.ids("events"), "the chunk that was under way is finished")
}

// hold locks an event for somebody else.
func (k *keeper) hold(id uint64) *sqlx.Tx {
	k.t.Helper()
	tx, err := k.plain.BeginTxx(k.t.Context(), nil)
	require.NoError(k.t, err)
	k.t.Cleanup(func() { _ = tx.Rollback() })
	require.NoError(k.t, tx.GetContext(k.t.Context(), &id, `SELECT id FROM events WHERE id = ? FOR UPDATE`, id))
	return tx
}

// Rows that somebody holds are left, and stop no others.
func TestPrunePassesLockedRowsOver(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, pruneNow)
	k.many(7)
	for range 200 { // MySQL scans a small table, and waits for any of its rows
		k.told("2026-06-30 11:00:00")
	}
	held := k.hold(2)
	result := k.prune(nil)
	require.NoError(t, held.Rollback())
	require.Equal(t, batch.ExitUnfinished, result.Exit, "%v", result)
	require.Equal(t, []string{"old rows stayed locked by another transaction"}, result.Left)
	require.Equal(t, []uint64{1, 2, 3}, k.ids("events WHERE id <= 7"), "the chunk that it is in")
}

func TestTwoPrunesAtOnce(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, pruneNow)
	k.many(40)
	var both errgroup.Group
	results := make([]batch.Result, 2)
	for i := range results {
		both.Go(func() error { results[i] = k.prune(nil); return nil })
	}
	require.NoError(t, both.Wait())
	require.Empty(t, k.ids("events"))
	require.EqualValues(t, 40, results[0].Tally.Succeeded+results[1].Tally.Succeeded, "each row is counted once")
	require.Equal(t, []int{batch.ExitDone, batch.ExitDone}, []int{results[0].Exit, results[1].Exit}, "%v", results)
}

func TestPruneGoesOnAfterALostAnswer(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, pruneNow)
	k.many(7)
	proxy := testdb.NewProxy(t, k.plain.DSN)
	k.dsn = proxy.DSN
	k.first = func() { proxy.LoseCommitAnswer() }
	result := k.prune(nil)
	require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
	require.Empty(t, k.ids("events"))
}
