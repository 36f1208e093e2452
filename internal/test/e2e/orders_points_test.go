package e2e_test

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/crash"
	"duly/internal/test/testdb"
)

// reconcilePoints are the points that a run meets which settles orders: its own, and those of every run and of every
// request that moves money.
func reconcilePoints() []crash.Point {
	return append(crash.OrderPoints(),
		crash.StartBeforeCommit, crash.StartAfterCommit,
		crash.BeforeCheck, crash.BeforeSend, crash.AfterSend, crash.Answered,
		crash.BeatBeforeCommit, crash.BeatAfterCommit,
		crash.AbandonBeforeCommit, crash.AbandonAfterCommit,
		crash.FinishBeforeCommit, crash.FinishAfterCommit,
	)
}

// orderWay is which time of reaching a point counts, and what is done before.
func orderWay(point crash.Point) (nth int, before func(m *mall)) {
	switch point {
	case crash.CheckBeforeCommit, crash.CheckAfterCommit, crash.ReconcileBeforeCommit, crash.ReconcileAfterCommit:
		return 2, nil
	case crash.BeforeCheck, crash.BeforeSend, crash.AfterSend, crash.Answered:
		return 3, nil // the first is a cancellation
	case crash.AbandonBeforeCommit, crash.AbandonAfterCommit:
		return 1, func(m *mall) { m.die(m.tidy(where{point: crash.CheckAfterCommit, nth: 2})) }
	}
	return 1, nil
}

// die waits until the process is killed, and ends its lease.
func (m *mall) die(p *process) {
	m.t.Helper()
	mustDie(m.world, p)
	m.died(p)
}

// TestOrdersAtEveryPoint kills a worker at every point, alone and beside another one, and runs again: at once, and
// when all keys are forgotten. Money, stock, orders and events agree in the end (I9, I10, I11).
func TestOrdersAtEveryPoint(t *testing.T) {
	t.Parallel()
	lent := lend(t)
	for i, point := range reconcilePoints() {
		for _, beside := range []bool{false, true} {
			for _, later := range []bool{false, true} {
				if !tried(i, beside, later) {
					continue
				}
				name := string(point) + map[bool]string{false: "/alone", true: "/beside"}[beside] + map[bool]string{false: "/at once", true: "/a day later"}[later]
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					m := openMall(lent.world(t, mallFaults()), purchases())
					nth, before := orderWay(point)
					if before != nil {
						before(m)
					}
					m.dieAt(where{point: point, nth: nth}, beside)
					m.agree()
					m.arrive()
					workers := 1
					if beside {
						workers = 2
					}
					if later {
						m.pass(aDay)
					}
					m.settle(workers)
					m.audit()
				})
			}
		}
	}
}

// dieAt kills a worker at a point. With another one beside it, it stays there, with all that it has locked, until
// the other has begun, which then goes on.
func (m *mall) dieAt(at where, beside bool) {
	m.t.Helper()
	if !beside {
		m.die(m.tidy(at))
		return
	}
	at.stop = true
	dying := m.tidy(at)
	dying.awaitStop()
	survivor := m.tidy(where{})
	m.awaitRun(survivor)
	dying.signal(syscall.SIGKILL)
	m.die(dying)
	require.Contains(m.t, []int{batch.ExitDone, batch.ExitUnfinished}, survivor.exit(), "%s", survivor.printed())
}

// TestOrdersLostCommit loses a COMMIT, or only the answer to it, at each transaction that changes orders: the run goes
// on or exits 4, and the next one completes.
func TestOrdersLostCommit(t *testing.T) {
	t.Parallel()
	lent := lend(t)
	for _, point := range crash.OrderPoints() {
		name, _ := point.Transaction()
		if point != crash.Before(name) {
			continue
		}
		for what, lose := range map[string]func(*testdb.Proxy) <-chan struct{}{
			"its answer": (*testdb.Proxy).LoseCommitAnswer, "itself": (*testdb.Proxy).LoseCommit,
		} {
			t.Run(name+"/"+what, func(t *testing.T) {
				t.Parallel()
				m := openMall(lent.world(t, mallFaults()), purchases())
				proxy := testdb.NewProxy(t, m.db.DSN)
				direct := m.env
				m.set("DULY_DATABASE_DSN", proxy.DSN)
				nth, _ := orderWay(point)
				p := m.tidy(where{point: point, nth: nth, stop: true})
				p.awaitStop()
				lost := lose(proxy)
				p.signal(syscall.SIGCONT)
				code := p.exit()
				<-lost
				require.Contains(t, []int{batch.ExitDone, batch.ExitUnfinished}, code, "%s", p.printed())

				m.env = direct
				m.died(p)
				m.agree()
				m.settle(1)
				m.audit()
			})
		}
	}
}
