package jobs_test

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/gateway"
	"duly/internal/gateway/simulator"
	"duly/internal/history"
	"duly/internal/payment"
	"duly/internal/test/worktest"
	"duly/jobs"
)

// ofOneCustomer is a gateway that finds a key among the payments of one customer alone, as Stripe does.
type ofOneCustomer struct{ gateway.Gateway }

func (g ofOneCustomer) Capabilities() gateway.Capabilities {
	able := g.Gateway.Capabilities()
	able.FindNeedsCustomer = true
	return able
}

func (g ofOneCustomer) Look(ctx context.Context, w payment.Ref) payment.LookupResult {
	seen := g.Gateway.Look(ctx, w)
	if p := seen.Payment; p != nil && w.ID == "" && p.GatewayCustomer != w.GatewayCustomer {
		return payment.LookupResult{Absent: true, Reason: "no payment of the customer has the key"}
	}
	return seen
}

// oneCustomersTown is a town whose gateway main finds keys of one customer alone; its lists are answered by list once lost is true.
func oneCustomersTown(t *testing.T, lost *atomic.Bool, list func(w *town) http.HandlerFunc) *town {
	t.Helper()
	w := newRecord(t)
	w.wrap = func(g gateway.Gateway) gateway.Gateway { return ofOneCustomer{g} }
	w.front(func(rw http.ResponseWriter, r *http.Request, sim http.Handler) {
		if isList(r) && lost.Load() {
			list(w)(rw, r)
			return
		}
		sim.ServeHTTP(rw, r)
	})
	return w
}

// lose changes all subscriptions, charges what is due, restores a backup from before that, and forgets the keys. It returns how many payments
// there are.
func (w *town) lose(change string) (payments int) {
	w.t.Helper()
	restore := worktest.Backup(w.t, w.plain)
	worktest.Exec(w.t, w.plain, `UPDATE subscriptions SET `+change)
	require.Equal(w.t, batch.ExitDone, w.run(nil).Exit)
	restore()
	w.sims["main"].ForgetKeys()
	return w.sims["main"].Stats().Payments
}

// orders makes the list of gateway main long.
func (w *town) orders() {
	w.t.Helper()
	for i := range 60 { // two a day
		_, err := w.sims["main"].Inject(simulator.Entry{
			Key: fmt.Sprintf("ord_%d-1", i), Reference: fmt.Sprintf("ord_%d", i), CustomerID: "c", Method: "m", Amount: 1, Currency: "KRW",
			CreatedAt: time.Date(2025, time.December, 1, 12, 0, 0, 0, time.UTC).Add(time.Duration(i) * 12 * time.Hour),
		})
		require.NoError(w.t, err)
	}
}

// twoAPage lists two payments a page.
func twoAPage(w *town) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		q.Set("limit", "2")
		r.URL.RawQuery = q.Encode()
		w.sims["main"].ServeHTTP(rw, r)
	}
}

// bounded reads so little of a list that a long one takes several runs.
func bounded(o *jobs.BillingOptions, r *batch.Runner) {
	restored(o, r)
	o.List = history.Bounds{Pages: 10, Time: time.Minute, Slice: 8}
}

func restored(o *jobs.BillingOptions, _ *batch.Runner) { o.Suspected = func() bool { return true } }

// A restored backup does not know that a subscription was charged as another customer of the gateway's since. A look-up by key asks for
// today's customer and finds nothing: nobody is charged until the list was read to its end, which shows the payments of all.
func TestALostChargeOfAnotherCustomer(t *testing.T) {
	t.Parallel()
	var lost atomic.Bool
	w := oneCustomersTown(t, &lost, twoAPage)
	worktest.Enrol(t, w.plain, 2, "2025-12-01", nil)
	w.orders()
	worktest.Exec(t, w.plain, `UPDATE subscriptions SET gateway_customer = 'cus_before'`)
	taken := w.lose(`gateway_customer = 'cus_since'`)
	lost.Store(true)
	w.on("2026-02-02")
	result := w.run(bounded)
	require.Equal(t, batch.ExitUnfinished, result.Exit, "%v", result)
	require.True(t, contains(result.Left, "gateway main was left alone: its list is not compared to the end (10 pages), and the database may have been restored, and a look-up by "+
		"key finds the payments of one customer alone; the next run goes on"), "%v", result.Left)
	for day := 3; day < 28 && result.Exit == batch.ExitUnfinished; day++ {
		require.Equal(t, taken, w.sims["main"].Stats().Payments, "nothing was sent: %v", result)
		w.on(fmt.Sprintf("2026-02-%02d", day))
		result = w.run(bounded)
	}
	require.Equal(t, batch.ExitFailed, result.Exit, "the list shows what was charged: %v", result)
	require.ErrorContains(t, result.Err, "duly adopt main")
	require.Equal(t, taken, w.sims["main"].Stats().Payments)
	require.Empty(t, w.twice())
}

// A list that is not whole is no better after a restore: look-ups do not stand in for it.
func TestALostChargeOfAnotherCustomerAndAListThatIsNotWhole(t *testing.T) {
	t.Parallel()
	var lost atomic.Bool
	w := oneCustomersTown(t, &lost, func(*town) http.HandlerFunc {
		return func(rw http.ResponseWriter, _ *http.Request) {
			_, _ = rw.Write([]byte(`{"data": [], "next_cursor": null}`))
		}
	})
	w.enrol("pm_ok:1", "pm_ok:2")
	require.Equal(t, batch.ExitDone, w.run(nil).Exit)
	w.enrol("pm_ok:3", "pm_ok:4")
	worktest.Exec(t, w.plain, `UPDATE subscriptions SET gateway_customer = 'cus_before'`)
	taken := w.lose(`gateway_customer = 'cus_since'`)
	lost.Store(true)
	w.on("2026-02-02")
	result := w.run(restored)
	require.Equal(t, batch.ExitUnfinished, result.Exit, "%v", result)
	require.True(t, contains(result.Left, "gateway main lists its payments without pay_"), "%v", result.Left)
	require.Equal(t, taken, w.sims["main"].Stats().Payments, "nothing was sent")
}

// A restored backup does not know either that a subscription was charged at another gateway since: nobody is charged anywhere until the lists
// of all were read to their ends.
func TestALostChargeAtAnotherGateway(t *testing.T) {
	t.Parallel()
	var lost atomic.Bool
	w := oneCustomersTown(t, &lost, twoAPage)
	worktest.Enrol(t, w.plain, 2, "2025-12-01", func(_ int, s *worktest.Subscription) { s.Gateway = "other" })
	w.orders()
	taken := w.lose(`gateway = 'main'`)
	lost.Store(true)
	w.on("2026-02-02")
	result := w.run(bounded)
	require.Equal(t, batch.ExitUnfinished, result.Exit, "%v", result)
	require.True(t, contains(result.Left, "the database may have been restored, and the list of gateway main is not compared to the end: the next run goes on"), "%v", result.Left)
	for day := 3; day < 28 && result.Exit == batch.ExitUnfinished; day++ {
		require.Equal(t, taken, w.sims["main"].Stats().Payments, "nothing was sent: %v", result)
		require.Zero(t, w.sims["other"].Stats().Payments, "nothing was sent: %v", result)
		w.on(fmt.Sprintf("2026-02-%02d", day))
		result = w.run(bounded)
	}
	require.Equal(t, batch.ExitFailed, result.Exit, "the list shows what was charged: %v", result)
	require.Zero(t, w.sims["other"].Stats().Payments)
}
