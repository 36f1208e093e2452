package e2e_test

import (
	"fmt"
	"maps"
	"slices"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/crash"
	"duly/internal/gateway/simulator"
	"duly/internal/test/testdb"
)

// settled is what the tables say of money, whole.
func (w *world) settled() map[string][]string {
	w.t.Helper()
	tables := map[string][]string{}
	for table, columns := range map[string]string{
		"payment_attempts": "id, idempotency_key, status, doubted, run_id, HEX(lease), checks, gateway_payment_id, settled_at",
		"invoices":         "id, status, stage, attempts, next_attempt_date, paid_at, updated_at",
		"subscriptions":    "id, status, next_billing_date, updated_at",
		"events":           "id, dedupe_key",
	} {
		var rows []string
		require.NoError(w.t, w.db.SelectContext(w.t.Context(), &rows, fmt.Sprintf("SELECT CONCAT_WS(' ', %s) FROM %s ORDER BY id", columns, table)))
		tables[table] = rows
	}
	return tables
}

// A worker that slept until its lease was over wakes up in the middle of a charge.
func TestSleepsPastItsLease(t *testing.T) {
	t.Parallel()
	lent := lend(t)
	for name, at := range map[string]crash.Point{
		"before the check of lease and age": crash.BeforeCheck,
		"right after the check":             crash.BeforeSend,
		"after sending":                     crash.AfterSend,
		"with the answer":                   crash.Answered,
		"before it settles":                 crash.Before("settle"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := lent.world(t, simulator.Config{})
			w.enrol("pm_ok", "pm_ok", "pm_ok", "pm_ok", "pm_ok")
			sleeper := w.bill(where{point: at, nth: 1, stop: true})
			sleeper.awaitStop()
			// The next one waits until the lease is really over, by the database's clock. If the sleeper holds
			// locks, as in the middle of a settlement, it is for one more run.
			w.finish(1)
			requests, settled := w.sim.Requests(), w.settled()

			sleeper.signal(syscall.SIGCONT)
			require.Equal(t, batch.ExitUnfinished, sleeper.exit(), "%s", sleeper.printed())
			if at == crash.BeforeCheck {
				require.True(t, maps.Equal(requests, w.sim.Requests()), "it sent something")
			}
			require.Equal(t, settled, w.settled(), "it settled something")
			w.reconcile()
		})
	}
}

// A worker that cannot renew its lease sends nothing that could be under way when the lease is over: with less than a time-out of it
// left, the next request stays where it is, whether the lease is over by then or not.
func TestSendsNothingThatOutlivesItsLease(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Config{})
	w.enrol(slices.Repeat([]string{"pm_ok"}, 10)...)
	proxy := testdb.NewProxy(t, w.db.DSN)
	direct := w.env
	w.set("DULY_DATABASE_DSN", proxy.DSN)
	w.set("DULY_BILLING_CHUNK_SIZE", 10)
	w.set("DULY_GATEWAYS_MAIN_PARALLELISM", 1)
	w.set("DULY_RUN_WITNESS", t.TempDir())
	cut := w.bill(where{point: crash.BeforeCheck, nth: 3, stop: true})
	cut.awaitStop()
	proxy.Refuse()
	proxy.Cut()
	require.Len(t, w.gate.times(), 2, "while its lease lasts it sends")
	w.await(func() bool {
		return w.count(`SELECT COUNT(*) FROM job_runs WHERE pid = ? AND heartbeat_at + INTERVAL (lease_ms * 1000 - ?) MICROSECOND < UTC_TIMESTAMP(6)`,
			cut.pid, timeout.Microseconds()) == 1
	})

	cut.signal(syscall.SIGCONT)
	require.Equal(t, batch.ExitUnfinished, cut.exit(), "%s", cut.printed())
	require.Len(t, w.gate.times(), 2, "it sent something")

	w.env = direct
	w.finish(1)
	w.reconcile()
}
