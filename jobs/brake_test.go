package jobs_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/gateway"
	"duly/internal/gateway/simulator"
	"duly/internal/runs"
	"duly/internal/test/worktest"
	"duly/jobs"
)

// atOnce is how many requests of a town are on their way to a gateway at most: so many more customers are charged than it takes
// to stop it.
const atOnce = 8

// suspend makes every charge at a gateway a hard decline.
func (w *town) suspend(name string) {
	w.sims[name].Update(func(c *simulator.Config) { c.Shares = simulator.Shares{Hard: 1} })
}

// burned is how many invoices of a gateway have used up a stage.
func (w *town) burned(name string) int {
	return worktest.Get[int](w.t, w.plain, `SELECT COUNT(*) FROM invoices i JOIN subscriptions s ON s.id = i.subscription_id WHERE s.gateway = ? AND i.stage = 1`, name)
}

// paused is who has paused a gateway, and why.
func (w *town) paused(name string) []string {
	return worktest.List[string](w.t, w.plain, `SELECT CONCAT_WS(': ', who, reason) FROM pauses WHERE subject = ?`, runs.GatewaySubject(name))
}

// resume is what an operator does, by the clock of the town.
func (w *town) resume(name string) {
	w.t.Helper()
	worktest.Exec(w.t, w.plain, `DELETE FROM pauses WHERE subject = ?`, runs.GatewaySubject(name))
	worktest.Exec(w.t, w.plain, `INSERT INTO operator_actions (action, subject, who, host, created_at) VALUES ('resume', ?, 'ada', 'here', ?)`,
		runs.GatewaySubject(name), w.clock()().UTC())
}

// of makes the first n subscriptions those of gateway main, the others those of other.
func of(n int, main, other string) func(int, *worktest.Subscription) {
	return func(i int, s *worktest.Subscription) {
		s.Method = fmt.Sprintf("%s:%d", main, i)
		if i > n {
			s.Gateway, s.Method = "other", fmt.Sprintf("%s:%d", other, i)
		}
	}
}

// A suspended account is stopped after a few customers, whatever a healthy gateway answers, which goes on. No later run sends it
// anything, also if the pause was lost with the run that wanted to write it, and only answers from after a resume count.
func TestTheBrakeStopsASuspendedGateway(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	worktest.Enrol(t, w.plain, 600, day0, of(200, "pm_hard", "pm_ok"))
	result := w.run(nil)
	require.Equal(t, batch.ExitFailed, result.Exit)
	require.ErrorContains(t, result.Err, "brake: gateway main: ")
	require.ErrorContains(t, result.Err, "none succeeded; it is paused: fix its account, then duly resume gateway main")
	first := w.burned("main")
	require.GreaterOrEqual(t, first, 20)
	require.LessOrEqual(t, first, 20+atOnce)
	require.Equal(t, []string{"main open 200", "other paid 400"}, w.byGateway())
	require.Len(t, w.paused("main"), 1)
	require.Regexp(t, `^duly: brake: brake: \d+ first tries are hard declines, actions, rejections or differ, and none succeeded$`, w.paused("main")[0])
	require.Equal(t, []string{"pause"}, worktest.List[string](t, w.plain, `SELECT action FROM operator_actions WHERE subject = 'gateway:main' AND who = ?`, runs.BrakeWho))

	worktest.Exec(t, w.plain, `DELETE FROM pauses`)
	sent := w.sims["main"].Stats().Payments
	require.Equal(t, batch.ExitFailed, w.run(nil).Exit)
	require.Equal(t, sent, w.sims["main"].Stats().Payments)
	require.Len(t, w.paused("main"), 1)

	w.resume("main")
	require.Equal(t, batch.ExitFailed, w.run(nil).Exit)
	require.GreaterOrEqual(t, w.burned("main"), first+20)
	require.LessOrEqual(t, w.burned("main"), first+20+atOnce)
}

// Many short runs burn no more customers than a long one.
func TestTheBrakeRemembersEarlierRuns(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	worktest.Enrol(t, w.plain, 200, day0, of(200, "pm_action", ""))
	for range 12 {
		w.run(func(_ *jobs.BillingOptions, r *batch.Runner) { r.Limit = 15 })
	}
	require.LessOrEqual(t, w.burned("main"), 20+atOnce)
	require.Len(t, w.paused("main"), 1)
}

// What customers paid last month does not vouch for tonight: of a small shop 20 are charged, of a larger one as many as show
// that most of 200 fail.
func TestTheBrakeOfAShopWithAPast(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ customers, burned int }{{100, 20}, {300, 101}} {
		t.Run(fmt.Sprint(c.customers), func(t *testing.T) {
			w := newTown(t)
			worktest.Enrol(t, w.plain, c.customers, day0, of(c.customers, "card", ""))
			require.Equal(t, batch.ExitDone, w.run(nil).Exit)
			w.suspend("main")
			require.Equal(t, batch.ExitFailed, w.on("2026-02-28").run(nil).Exit)
			require.GreaterOrEqual(t, w.burned("main"), c.burned)
			require.LessOrEqual(t, w.burned("main"), c.burned+atOnce)
		})
	}
}

// New methods that fail stop no gateway at which those go on that have paid before.
func TestTheBrakeWeighsWhoHasPaid(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	worktest.Enrol(t, w.plain, 220, day0, nil)
	require.Equal(t, batch.ExitDone, w.run(nil).Exit)
	worktest.Exec(t, w.plain, `UPDATE subscriptions SET next_billing_date = '2026-02-01'`)
	require.Equal(t, batch.ExitDone, w.on("2026-02-01").run(nil).Exit)
	worktest.Enrol(t, w.plain, 150, "2026-02-01", func(i int, s *worktest.Subscription) {
		s.Customer, s.Method = fmt.Sprintf("new-%d", i), fmt.Sprintf("pm_hard:%d", i)
	})
	result := w.run(nil)
	require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
	require.Equal(t, 150, w.burned("main"))
}

// A gateway of which many answers are always bad is stopped by more than three times as many.
func TestTheBrakeKnowsWhatIsUsual(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ bad, exit int }{{140, batch.ExitDone}, {160, batch.ExitFailed}} {
		t.Run(fmt.Sprint(c.bad), func(t *testing.T) {
			w := newTown(t)
			earlier := w.today.Time().Add(-30 * 24 * time.Hour)
			worktest.Exec(t, w.plain, `INSERT INTO payment_attempts (invoice_id, subscription_id, attempt_no, stage, idempotency_key, reference, customer_id,
amount, currency, gateway, payment_method, body_version, status, decline_class, proof, run_id, created_at, settled_at)
WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
SELECT i + 1000000, i, 1, 0, CONCAT('k', i), 'r', CONCAT('old-', i), 1, 'KRW', 'main', 'pm', 1, IF(i % 4 = 0, 'declined', 'succeeded'),
IF(i % 4 = 0, 'hard', NULL), 'answer', 1, ?, ? FROM n`, earlier, earlier)
			w.resume("main")
			worktest.Enrol(t, w.plain, 200, day0, func(i int, s *worktest.Subscription) {
				if i > 200-c.bad {
					s.Method = fmt.Sprintf("pm_hard:%d", i)
				}
			})
			result := w.run(nil)
			require.Equal(t, c.exit, result.Exit, "%v", result)
		})
	}
}

// A brake that is switched off stops nobody.
func TestTheBrakeIsOff(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	worktest.Enrol(t, w.plain, 210, day0, of(210, "pm_hard", ""))
	result := w.run(func(o *jobs.BillingOptions, _ *batch.Runner) { o.BrakePercent = 100 })
	require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
	require.Equal(t, 210, w.burned("main"))
}

// A gateway whose answers nobody can read is left alone after a few customers, and the run fails; others go on. What was sent is in
// doubt, and is settled once the address is right.
func TestAnswersThatNobodyCanRead(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	worktest.Enrol(t, w.plain, 120, day0, of(60, "pm_ok", "pm_ok"))
	page := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			_, _ = rw.Write([]byte(`{"welcome":true}`))
			return
		}
		w.sims["main"].ServeHTTP(rw, r)
	}))
	t.Cleanup(page.Close)
	right := w.urls["main"]
	w.urls["main"] = page.URL
	result := w.run(nil)
	require.Equal(t, batch.ExitFailed, result.Exit, "%v", result)
	require.ErrorContains(t, result.Err, "gateway main: 5 charges in a row were answered with what cannot be read")
	require.ErrorContains(t, result.Err, `field "id" is missing`)
	require.ErrorContains(t, result.Err, "check gateways.main.url")
	doubt := worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM payment_attempts WHERE status = 'in_doubt'`)
	require.GreaterOrEqual(t, doubt, 5)
	require.LessOrEqual(t, doubt, 5+atOnce)
	require.Empty(t, w.paused("main"), "nobody has to resume it")
	require.Equal(t, 60, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM invoices i JOIN subscriptions s ON s.id = i.subscription_id WHERE s.gateway = 'other' AND i.status = 'paid'`))
	w.urls["main"] = right
	w.began = w.began.Add(-time.Hour)
	require.Equal(t, batch.ExitDone, w.run(nil).Exit)
	w.reconcile()
}

// A maintenance page opens the gateway's circuit after a few customers, whatever its status, and the run goes on when it is gone. What the
// page answered is in doubt, for the gateway may have executed it, and is settled by what the gateway knows.
func TestAMaintenancePage(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.limits.MaxOutage = time.Minute
	w.limits.Circuit = gateway.CircuitLimits{Window: 40, Minimum: 20, FailurePercent: 60, OpenFor: 2 * time.Second, HalfOpen: 1}
	worktest.Enrol(t, w.plain, 60, day0, nil)
	var (
		mu    sync.Mutex
		began time.Time
		pages int
	)
	statuses := []int{200, 404, 402, 503, 301}
	page := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		mu.Lock()
		if r.Method == http.MethodPost && began.IsZero() {
			began = time.Now()
		}
		down := r.Method == http.MethodPost && time.Since(began) < time.Second
		if down {
			pages++
		}
		status := statuses[pages%len(statuses)]
		mu.Unlock()
		if !down {
			w.sims["main"].ServeHTTP(rw, r)
			return
		}
		w.sims["main"].ServeHTTP(httptest.NewRecorder(), r)
		rw.Header().Set("Content-Type", "text/html")
		rw.WriteHeader(status)
		_, _ = rw.Write([]byte("<html>Back soon</html>"))
	}))
	t.Cleanup(page.Close)
	w.urls["main"] = page.URL
	result := w.run(nil)
	require.NotEqual(t, batch.ExitFailed, result.Exit, "%v", result)
	require.GreaterOrEqual(t, pages, 1)
	require.LessOrEqual(t, pages, 5+atOnce)
	if result.Exit != batch.ExitDone { // what is in doubt may be asked about later
		w.began = w.began.Add(-time.Hour)
		require.Equal(t, batch.ExitDone, w.run(nil).Exit)
	}
	w.reconcile()
	require.Equal(t, 60, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM invoices WHERE status = 'paid'`))
	require.Equal(t, 60, w.sims["main"].Stats().Payments, "nobody is charged twice")
}
