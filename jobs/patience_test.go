package jobs_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/gateway/httpapi"
	"duly/internal/gateway/simulator"
	"duly/internal/payment"
	"duly/internal/test/worktest"
)

// after is the n-th day after day0.
func (w *town) after(n int) *town {
	w.turn(worktest.Day(w.t, day0) + payment.Date(n))
	return w
}

// counted is what has been counted of the attempts in doubt or in review.
func (w *town) counted() payment.Patience {
	w.t.Helper()
	return payment.ParsePatience(worktest.Get[string](w.t, w.plain, `SELECT COALESCE(MAX(patience), '') FROM payment_attempts WHERE status IN ('in_doubt', 'review')`))
}

// A charge that its gateway says is pending is left to an operator at the twelfth answer, and not before a day has passed.
func TestPendingIsAskedAboutTwelveTimes(t *testing.T) {
	t.Parallel()
	w := doubted(t, 1, "pm_pending:%d")
	w.after(2)
	for range 15 {
		require.Equal(t, batch.ExitUnfinished, w.look().Exit)
	}
	require.Equal(t, 15, w.counted().Pending)
	require.Equal(t, 1, w.attempts("in_doubt"), "re-runs of one day, however many")
	result := w.after(3).look()
	require.Equal(t, batch.ExitReview, result.Exit, "%v", result)
	require.Contains(t, worktest.Get[string](t, w.plain, `SELECT review_reason FROM invoices WHERE status = 'review'`), "the gateway said 16 times since 2026-02-02 12:0")
}

func TestPendingIsNotGivenUpByAge(t *testing.T) {
	t.Parallel()
	w := doubted(t, 1, "pm_pending:%d")
	for n := 1; n <= 11; n++ {
		require.Equal(t, batch.ExitUnfinished, w.after(10*n).look().Exit)
	}
	require.Equal(t, 1, w.attempts("in_doubt"), "asked eleven times in a hundred days")
	require.Equal(t, batch.ExitReview, w.after(120).look().Exit)
	require.Equal(t, 1, w.attempts("review"))
}

// What nobody answers about is asked on seven days, over seven days, before it is left to an operator. An answer begins that anew.
func TestNoAnswerIsGivenUpAfterSevenDaysOfAsking(t *testing.T) {
	t.Parallel()
	w := doubted(t, 1, "pm_pending:%d")
	mute := func(faults simulator.Faults) {
		w.sims["main"].Update(func(c *simulator.Config) { c.LookupFaults = faults })
	}
	mute(simulator.Faults{DropBefore: 1})
	for range 12 {
		require.Equal(t, batch.ExitUnfinished, w.after(2).look().Exit)
	}
	require.Equal(t, 1, w.counted().SilentDays, "quick re-runs of one day")
	require.Equal(t, batch.ExitUnfinished, w.after(20).look().Exit)
	require.Equal(t, 2, w.counted().SilentDays, "and a pause of weeks")
	mute(simulator.Faults{})
	w.after(21).look()
	require.Zero(t, w.counted().SilentDays, "it answered")
	mute(simulator.Faults{DropBefore: 1})
	for n := 30; n < 37; n++ {
		require.Equal(t, batch.ExitUnfinished, w.after(n).look().Exit)
	}
	require.Equal(t, 7, w.counted().SilentDays)
	require.Equal(t, 1, w.attempts("in_doubt"), "seven days are over with the eighth try")
	result := w.after(37).look()
	require.Equal(t, batch.ExitReview, result.Exit, "%v", result)
	require.Contains(t, worktest.Get[string](t, w.plain, `SELECT review_reason FROM invoices WHERE status = 'review'`), "the gateway was asked in vain on 8 days since 2026-03-02")
}

// A weekend with a wrong token, a paused gateway or a host that does not know it: nobody was asked about, and nothing is given up.
func TestWhatWasNotAskedCountsForNothing(t *testing.T) {
	t.Parallel()
	for name, prevent := range map[string]func(w *town){
		"credentials refused": func(w *town) { w.client = func(c *httpapi.Config) { c.Token = "another" } },
		"left alone":          func(w *town) { w.blocked = map[string]string{"main": "paused"} },
		"not configured here": func(w *town) { delete(w.urls, "main") },
	} {
		t.Run(name, func(t *testing.T) {
			w := doubted(t, 3, "pm_pending:%d")
			prevent(w)
			for n := 2; n < 14; n++ {
				require.Contains(t, []int{batch.ExitUnfinished, batch.ExitFailed}, w.after(n).look().Exit)
			}
			require.Equal(t, 3, w.attempts("in_doubt"))
			require.Equal(t, payment.Patience{}, w.counted())
		})
	}
}

// The payment of an order is counted by the same rule.
func TestPatienceWithAnOrder(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	id := m.sell(worktest.Order{Payments: []worktest.Payment{{}}})[0]
	m.took(id, 1, stands(payment.Pending))
	m.sims["main"].Update(func(c *simulator.Config) { c.LookupFaults = simulator.Faults{DropBefore: 1} })
	for range 7 {
		require.Equal(t, batch.ExitUnfinished, m.run().Exit)
		require.Equal(t, "payment_in_progress | pending", m.order(id))
		m.pass(24*time.Hour + time.Second)
	}
	require.Equal(t, batch.ExitReview, m.run().Exit)
	require.Equal(t, "payment_in_progress | review", m.order(id))
	require.Contains(t, m.check(id), "(payment 1 cannot be decided: the gateway was asked in vain on 8 days since")
	require.Empty(t, worktest.List[string](t, m.plain, `SELECT patience FROM order_checks WHERE patience IS NOT NULL`))

	m = newMarket(t)
	id = m.sell(worktest.Order{Payments: []worktest.Payment{{}}})[0]
	m.sims["main"].Update(func(c *simulator.Config) { c.Token = "another" })
	for range 9 {
		m.run()
		m.pass(24*time.Hour + time.Second)
	}
	require.Equal(t, "payment_in_progress | pending", m.order(id), "nobody was asked")
}
