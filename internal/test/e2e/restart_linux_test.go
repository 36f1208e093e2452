package e2e_test

import (
	"os"
	"slices"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/crash"
	"duly/internal/gateway/simulator"
	"duly/internal/test/e2e"
	"duly/jobs"
)

// memory is a folder of the test's own on tmpfs.
func memory(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "duly-e2e-") //nolint:usetesting // t.TempDir is on a disk
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return dir
}

// endless is a lease that no test can wait for.
const endless = "1h"

const (
	takenOverEarly = `SELECT COUNT(*) FROM job_runs WHERE status = 'abandoned' AND finished_at < heartbeat_at + INTERVAL lease_ms * 1000 MICROSECOND`
	takenOverLate  = `SELECT COUNT(*) FROM job_runs WHERE status = 'abandoned' AND finished_at >= heartbeat_at + INTERVAL lease_ms * 1000 MICROSECOND`
)

// A worker that was killed is taken over by the next one on the same host without waiting for its lease, wherever it died, and nobody is
// charged twice.
func TestARestartAfterAKillIsAtOnce(t *testing.T) {
	t.Parallel()
	lent := lend(t)
	for name, at := range map[string]where{
		"after a claim":       {point: crash.ClaimAfterCommit},
		"before a request":    {point: crash.BeforeSend, nth: 2},
		"after a request":     {point: crash.AfterSend, nth: 2},
		"with an answer":      {point: crash.Answered, nth: 2},
		"before a settlement": {point: crash.SettleBeforeCommit},
		"after a heartbeat":   {point: crash.BeatAfterCommit},
		"before a heartbeat":  {point: crash.BeatBeforeCommit},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := lent.world(t, simulator.Config{})
			dir := memory(t)
			w.set("DULY_RUN_LOCK_DIR", dir)
			w.set("DULY_RUN_LEASE", endless)
			w.enrol(slices.Repeat([]string{"pm_ok"}, 12)...)
			if at.point == crash.BeatAfterCommit || at.point == crash.BeatBeforeCommit {
				w.gate.on(2, func() { <-t.Context().Done() }) // it still charges when its heartbeat comes
			}
			first := w.bill(at)
			mustDie(w, first)
			require.Equal(t, 1, w.count(`SELECT COUNT(*) FROM job_runs WHERE status = 'running' AND boot_id IS NOT NULL`))

			second := w.bill(where{})
			require.Contains(t, []int{batch.ExitDone, batch.ExitUnfinished}, second.exit(), "%s", second.printed())
			require.Equal(t, 1, w.count(takenOverEarly))
			require.Equal(t, 1, w.count(`SELECT COUNT(*) FROM job_runs d JOIN job_runs r ON r.id = d.recovered_by WHERE d.pid = ? AND r.pid = ?`, first.pid, second.pid))
			w.pass(2 * longest)
			w.finish(1)
			w.reconcile()
			left, err := os.ReadDir(dir)
			require.NoError(t, err)
			require.Empty(t, left, "no lock stays behind")
		})
	}
}

// Where nothing proves that the worker is gone, its lease is waited for.
func TestARestartThatWaits(t *testing.T) {
	t.Parallel()
	lent := lend(t)
	for name, before := range map[string]func(t *testing.T, w *world){
		"no lock is looked for": func(_ *testing.T, w *world) { w.set("DULY_RUN_LOCK_DIR", "none") },
		"the file is elsewhere": func(t *testing.T, w *world) { t.Helper(); w.set("DULY_RUN_LOCK_DIR", memory(t)) },
		"another boot": func(t *testing.T, w *world) {
			t.Helper()
			w.do(`UPDATE job_runs SET boot_id = '00000000-0000-4000-8000-000000000000'`)
		},
		"a run of the version before": func(t *testing.T, w *world) {
			t.Helper()
			w.do(`UPDATE job_runs SET boot_id = NULL, lock_proof = NULL`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := lent.world(t, simulator.Config{})
			w.set("DULY_RUN_LOCK_DIR", memory(t))
			w.enrol("pm_ok", "pm_ok", "pm_ok", "pm_ok", "pm_ok")
			first := w.bill(where{point: crash.AfterSend, nth: 2})
			mustDie(w, first)
			before(t, w)
			second := w.bill(where{})
			require.Contains(t, []int{batch.ExitDone, batch.ExitUnfinished}, second.exit(), "%s", second.printed())
			require.Equal(t, 1, w.count(takenOverLate))
			require.Contains(t, string(second.printed()), "waiting for the lease of another run")
			w.finish(1)
			w.reconcile()
		})
	}
}

// A worker that is stopped holds its lock.
func TestAStoppedWorkerIsNotDead(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Config{})
	w.set("DULY_RUN_LOCK_DIR", memory(t))
	w.enrol("pm_ok", "pm_ok", "pm_ok", "pm_ok", "pm_ok")
	stopped := w.bill(where{point: crash.BeforeSend, nth: 2, stop: true})
	stopped.awaitStop()
	w.finish(1)
	require.Equal(t, 1, w.count(takenOverLate))
	stopped.signal(syscall.SIGCONT)
	require.Equal(t, batch.ExitUnfinished, stopped.exit(), "%s", stopped.printed())
	w.reconcile()
}

// Even a worker that lives and is taken for dead charges nobody twice: it goes on for as long as it believes in its lease, beside the one
// that has taken over what it holds.
func TestAWorkerThatIsTakenForDead(t *testing.T) {
	t.Parallel()
	lent := lend(t)
	for name, sim := range map[string]simulator.Config{"keys": {}, "no keys": {NoKeys: true}} {
		for _, at := range []crash.Point{crash.BeforeSend, crash.AfterSend, crash.Answered} {
			t.Run(name+"/"+string(at), func(t *testing.T) {
				t.Parallel()
				w := lent.world(t, sim)
				w.set("DULY_RUN_LEASE", endless)
				w.set("DULY_RUN_HEARTBEAT", "10m") // which it would notice by
				if sim.NoKeys {
					w.set("DULY_GATEWAYS_MAIN_KEY_LIFE", 0)
				}
				w.enrol("pm_ok") // one alone: while it settles another it cannot be taken over
				alive := w.bill(where{point: at, nth: 1, stop: true})
				alive.awaitStop()
				e2e.TakeLease(t, w.db.DB, alive.pid)
				beside := w.bill(where{steps: []string{jobs.StepRecover, jobs.StepCollect}})
				require.Contains(t, []int{batch.ExitDone, batch.ExitReview, batch.ExitUnfinished}, beside.exit(), "%s", beside.printed())
				alive.signal(syscall.SIGCONT)
				require.Contains(t, []int{batch.ExitUnfinished, batch.ExitReview, batch.ExitDone}, alive.exit(), "%s", alive.printed())
				require.Empty(t, simulator.DoubleCharged(w.sim.Entries()))
				w.pass(aDay)
				w.finish(1)
				require.Empty(t, simulator.DoubleCharged(w.sim.Entries()))
				w.reconcile()
			})
		}
	}
}
