package e2e_test

import (
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/crash"
	"duly/internal/gateway/simulator"
	"duly/internal/test/e2e"
	"duly/jobs"
)

// smallShop has a subscription for each way in which a charge can go.
func smallShop() []string {
	return []string{
		"pm_ok", "pm_soft", "pm_ok", "pm_drop_after", "pm_hard", "pm_ok", "pm_drop_before_2", "pm_drop_after_2", "pm_5xx_after",
		"pm_429", "pm_429_after", "pm_half_body", "pm_slow", "pm_late", "pm_ok", "pm_not_executed", "pm_garbage_after_then_soft",
		"pm_action", "pm_wrong_amount", "pm_soft_1_then_ok", "pm_ok", "pm_ok", "pm_ok",
	}
}

// takesADay is refused for its own fault. If the answer is lost in a crash, nobody knows that it was refused until
// no request can take effect any more.
const takesADay = "pm_reject"

// smallShopFaults are how slow and how late its gateway is: slower than the time-out.
func smallShopFaults() simulator.Config {
	return simulator.Config{Faults: simulator.Faults{SlowBy: timeout * 13 / 10, LateBy: timeout / 5}}
}

// meets is how a process is brought to a point in a way that means something: what has happened before, and
// which time of reaching it counts.
type meets struct {
	nth    int
	before func(w *world)
	issued bool     // every invoice was issued, open, by a run before
	steps  []string // that the process is told to run; none: all
}

// prepare makes what has happened before.
func (m meets) prepare(w *world) {
	w.t.Helper()
	if m.issued {
		require.Equal(w.t, batch.ExitDone, w.bill(where{steps: []string{jobs.StepIssue}}).exit())
	}
	if m.before != nil {
		m.before(w)
	}
}

// way finds out how a point is met.
func way(point crash.Point) meets {
	switch point {
	case crash.Before("abandon"), crash.After("abandon"):
		return meets{nth: 1, before: afterDeath}
	case crash.Before("takeover"), crash.After("takeover"):
		return meets{nth: 2, before: afterDeath} // the first takes what is in doubt, the second what was in flight
	case crash.Before("answers"), crash.After("answers"):
		return meets{nth: 1, before: loseLease}
	case crash.IssueBeforeCommit, crash.IssueAfterCommit:
		return meets{nth: 1, steps: []string{jobs.StepIssue}}
	case crash.ClaimBeforeCommit, crash.ClaimAfterCommit:
		return meets{nth: 1, issued: true}
	case crash.BeforeCheck, crash.BeforeSend, crash.AfterSend, crash.Answered:
		return meets{nth: 3}
	}
	return meets{nth: 1}
}

// afterDeath leaves a dead run with attempts in flight.
func afterDeath(w *world) {
	p := w.bill(where{point: crash.AfterSend, nth: 2})
	mustDie(w, p)
	w.died(p)
}

// loseLease takes the lease away from the worker that sends the third request, before it is answered.
func loseLease(w *world) {
	w.gate.on(3, func() { e2e.TakeLease(w.t, w.db.DB, 0) })
}

func mustDie(w *world, p *process) {
	w.t.Helper()
	if !p.killed() {
		w.t.Fatalf("the point was not reached: %s", p.printed())
	}
}

// typeAgain kills a command at a point, at the first time that it reaches it, then at the second, and types it again until it gets through. whole
// checks what there is after each.
func (w *world) typeAgain(point crash.Point, whole func(*world), args ...string) *process {
	w.t.Helper()
	for nth := 1; ; nth++ {
		p := start(w.t, slices.Concat(w.env, where{point: point, nth: nth}.env()), args...)
		killed := p.killed()
		whole(w)
		if !killed {
			require.Greater(w.t, nth, 1, "the point was not reached")
			return p
		}
	}
}

// tried reports whether the point of that index is met in that way: in half of the ways, of which every other point has the other half.
// `make points` tries all.
func tried(i int, beside, later bool) bool {
	return (beside == later) == (i%2 == 0) || os.Getenv("DULY_TEST_POINTS") == "all"
}

// TestEveryPoint kills a worker at every point of the protocol, alone and beside another one, and runs again: at
// once, and when all keys are forgotten.
func TestEveryPoint(t *testing.T) {
	t.Parallel()
	everyPoint(t, nightly(), crash.Points())
}

// everyPoint is TestEveryPoint at a gateway that speaks a dialect, at some points.
func everyPoint(t *testing.T, dialect string, points []crash.Point) {
	t.Helper()
	lent := lend(t)
	for i, point := range points {
		for _, workers := range []int{1, 2} {
			for _, later := range []bool{false, true} {
				if !tried(i, workers > 1, later) {
					continue
				}
				name := string(point) + map[int]string{1: "/alone", 2: "/beside"}[workers] + map[bool]string{false: "/at once", true: "/a day later"}[later]
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					w := lent.worldIn(t, dialect, smallShopFaults())
					methods, review := shop(dialect)
					if later {
						methods, review = slices.Insert(methods, 1, takesADay), review+1
					}
					w.enrol(methods...)
					dieAt(w, point, workers)
					if later {
						w.pass(aDay)
					}
					w.finish(workers)
					w.agreed(review)
				})
			}
		}
	}
}

// waitsForLease are the points after which the next run really waits until the dead one's lease is over.
func waitsForLease(point crash.Point) bool { return point == crash.AfterSend }

// dieAt kills a worker at a point; with two, another one goes on.
func dieAt(w *world, point crash.Point, workers int) {
	w.t.Helper()
	how := way(point)
	how.prepare(w)
	dying := w.bill(where{point: point, nth: how.nth, steps: how.steps})
	var survivor *process
	if workers > 1 {
		w.awaitRun(dying)
		survivor = w.bill(where{})
	}
	mustDie(w, dying)
	if !waitsForLease(point) {
		w.died(dying)
	}
	if survivor != nil {
		require.Contains(w.t, []int{batch.ExitDone, batch.ExitReview, batch.ExitUnfinished}, survivor.exit())
	}
}
