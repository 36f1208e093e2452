package e2e_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/crash"
	"duly/internal/gateway/simulator"
)

// Where nothing proves that a worker is gone, every job waits for its lease and takes over what it held: nobody has to run it again.
func TestEveryJobWaitsForTheDead(t *testing.T) {
	t.Parallel()
	lent := lend(t)
	takesOver := func(t *testing.T, w *world, again *process, held string) {
		t.Helper()
		require.Contains(t, []int{batch.ExitDone, batch.ExitUnfinished}, again.exit(), "%s", again.printed())
		require.Contains(t, string(again.printed()), `"msg":"waiting for the lease of another run"`)
		require.Equal(t, 1, w.count(`SELECT COUNT(*) FROM job_runs WHERE status = 'abandoned' AND recovered_by > 0`))
		require.Zero(t, w.count(held), "%s", again.printed())
	}
	orders := `SELECT COUNT(*) FROM order_checks c JOIN job_runs r ON r.id = c.run_id WHERE c.lease IS NOT NULL AND r.status = 'abandoned'`
	for name, point := range map[string]crash.Point{"orders": crash.CheckAfterCommit, "refunds": crash.RefundClaimAfterCommit} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := openMall(lent.world(t, simulator.Config{}), purchases())
			mustDie(m.world, m.tidy(where{point: point}))
			takesOver(t, m.world, m.tidy(where{}), orders)
			m.settle(1)
			m.audit()
		})
	}
	t.Run("events", func(t *testing.T) {
		t.Parallel()
		p := openPost(lent.world(t, simulator.Config{}))
		mustDie(p.world, p.send(where{point: crash.DeliverClaimAfter}))
		takesOver(t, p.world, p.send(where{}), `SELECT COUNT(*) FROM event_deliveries WHERE status = 'pending'`)
	})
}

// A worker that reaches the database by another address than the one that was killed finds its lock all the same.
func TestARestartByAnotherAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Config{})
	w.set("DULY_RUN_LOCK_DIR", memory(t))
	w.set("DULY_RUN_LEASE", endless)
	w.enrol("pm_ok", "pm_ok", "pm_ok", "pm_ok", "pm_ok")
	mustDie(w, w.bill(where{point: crash.AfterSend, nth: 2}))
	spelled := strings.Replace(w.db.DSN, "unix(/", "unix(//", 1) // the same socket
	require.NotEqual(t, w.db.DSN, spelled)
	w.set("DULY_DATABASE_DSN", spelled)
	again := w.bill(where{})
	require.Contains(t, []int{batch.ExitDone, batch.ExitUnfinished}, again.exit(), "%s", again.printed())
	require.Equal(t, 1, w.count(takenOverEarly))
	w.pass(2 * longest)
	w.finish(1)
	w.reconcile()
}
