package e2e_test

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/crash"
	"duly/internal/test/e2e"
)

// TestOrdersOfASleeper stops a worker around a refund, lets another one take over what it held and finish it, at once
// or when all keys are forgotten, and wakes it up: nothing is refunded twice, and it settles nothing (I9).
func TestOrdersOfASleeper(t *testing.T) {
	t.Parallel()
	lent := lend(t)
	for _, point := range []crash.Point{crash.BeforeCheck, crash.BeforeSend, crash.AfterSend, crash.Answered} {
		for name, later := range map[string]bool{"at once": false, "a day later": true} {
			t.Run(string(point)+"/"+name, func(t *testing.T) {
				t.Parallel()
				m := openMall(lent.world(t, mallFaults()), purchases())
				nth, _ := orderWay(point)
				sleeper := m.tidy(where{point: point, nth: nth, stop: true})
				sleeper.awaitStop()
				e2e.TakeLease(t, m.db.DB, sleeper.pid)
				if later {
					m.pass(aDay)
				}
				m.settle(1)
				m.audit()

				sleeper.signal(syscall.SIGCONT)
				require.Equal(t, batch.ExitUnfinished, sleeper.exit(), "%s", sleeper.printed())
				m.audit()
				m.settle(1)
				m.audit()
			})
		}
	}
}
