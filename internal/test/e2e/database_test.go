package e2e_test

import (
	"slices"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/crash"
	"duly/internal/gateway/simulator"
	"duly/internal/test/testdb"
)

// TestLostCommit loses a COMMIT, or only the answer to it, at each transaction of the protocol: the run goes on or
// exits 4, and the next one completes.
func TestLostCommit(t *testing.T) {
	t.Parallel()
	lent := lend(t)
	for _, name := range transactions() {
		for what, lose := range map[string]func(*testdb.Proxy) <-chan struct{}{
			"its answer": (*testdb.Proxy).LoseCommitAnswer, "itself": (*testdb.Proxy).LoseCommit,
		} {
			t.Run(name+"/"+what, func(t *testing.T) {
				t.Parallel()
				w := lent.world(t, smallShopFaults())
				w.enrol("pm_ok", "pm_soft", "pm_drop_after", "pm_ok", "pm_drop_after_2", "pm_ok")
				point := crash.Before(name)
				how := way(point)
				how.prepare(w)
				proxy := testdb.NewProxy(t, w.db.DSN)
				direct := w.env
				w.set("DULY_DATABASE_DSN", proxy.DSN)
				p := w.bill(where{point: point, nth: how.nth, steps: how.steps, stop: true})
				p.awaitStop()
				lost := lose(proxy)
				p.signal(syscall.SIGCONT)
				code := p.exit()
				<-lost
				require.Contains(t, []int{batch.ExitDone, batch.ExitUnfinished}, code, "%s", p.printed())

				w.env = direct
				w.died(p)
				w.finish(1)
				w.reconcile()
			})
		}
	}
}

// transactions lists the names of the protocol's transactions.
func transactions() []string {
	var names []string
	for _, p := range crash.Points() {
		if name, ok := p.Transaction(); ok && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// TestDatabaseRestarts kills the database server in mid-run and starts it again: the run goes on or exits 4, and the
// next one completes.
func TestDatabaseRestarts(t *testing.T) {
	t.Parallel()
	server := testdb.NewServer(t)
	w := worldOn(t, server.New(t), simulator.Config{Latency: simulator.Latency{Fixed: heartbeat / 4}})
	for _, nth := range []int{1, 40} {
		w.enrol(slices.Repeat([]string{"pm_ok", "pm_drop_after", "pm_soft"}, 20)...)
		killed := make(chan struct{})
		w.gate.on(len(w.gate.times())+nth, func() { close(killed) })
		p := w.bill(where{})
		select {
		case <-killed:
		case <-p.ended:
			require.Fail(t, "the run ended before", "%s", p.printed())
		}
		server.Kill(t)
		server.Restart(t)
		require.Contains(t, []int{batch.ExitDone, batch.ExitUnfinished}, p.exit(), "%s", p.printed())
	}
	w.finish(1)
	w.reconcile()
}
