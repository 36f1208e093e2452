package e2e_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/gateway/simulator"
	"duly/internal/test/e2e"
)

// The old system reports 25,777 invoices of a day, on which it left 174 without an answer. `make volume` bills as many; a shop of a
// tenth of that has every fault dozens of times.
const (
	invoicesOfOldSystem = 25_777
	invoicesOfTenth     = invoicesOfOldSystem / 10
)

// volume is how many invoices the shop of this run has.
func volume() int {
	if os.Getenv("DULY_TEST_VOLUME") == "all" {
		return invoicesOfOldSystem
	}
	return invoicesOfTenth
}

// TestLargeShop is what takes long, side by side: one keeps the processors busy while the other waits.
func TestLargeShop(t *testing.T) {
	t.Run("volume", testVolume)
	t.Run("chaos", testChaos)
}

// testVolume bills a large shop on a gateway on a very bad day: after three runs at most, every charge has an
// answer.
func testVolume(t *testing.T) {
	t.Parallel()
	const quick = 500 * time.Millisecond // a page of the list is read in that time on a machine that has much else to do
	invoices := volume()
	faults := simulator.DefaultFaults(0.20)
	faults.SlowBy, faults.LateBy = 2*quick, quick/2
	// Five charges in a row that are answered by what nobody can read stop a gateway, and among so many there would be five.
	faults.Garbage, faults.Empty400, faults.Empty404, faults.Redirect = 0, 0, 0, 0
	for name, rise := range map[string]simulator.Rise{
		"a fifth of all requests fail":                  {},
		"the share of failing requests rises up to 75%": {To: 0.75, OverRequests: invoices},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, simulator.Config{
				Seed: 1, Faults: faults, LookupFaults: simulator.DefaultFaults(0.05), Rise: rise,
				Shares: simulator.Shares{Soft: 0.06, Hard: 0.01, Action: 0.01},
			})
			list := make([]e2e.Subscription, invoices)
			for i := range list {
				list[i] = e2e.Subscription{Customer: fmt.Sprintf("customer-%d", i), Method: fmt.Sprintf("card-%d", i), Amount: int64(1000 + i), Due: w.date}
			}
			e2e.Enrol(t, w.db, list)
			k := w.worker()
			// What is in doubt is looked at three times within a lease, and all that forty times as soon.
			k.lease, k.pace, k.chunk, k.width = 3*time.Minute, 40, 500, 50
			k.client.Timeout, k.client.ConnectTimeout, k.client.MaxConns = quick, quick, k.width
			k.limits.Tries = 3
			begun, runs, code := time.Now(), 0, batch.ExitUnfinished
			for ; runs < 3 && code != batch.ExitDone; runs++ {
				result := k.run(t)
				code = result.Exit
				t.Logf("run %d: exit code %d after %s, %+v, left: %v", runs+1, code, time.Since(begun).Round(time.Second), result.Tally, result.Left)
			}
			stats := w.sim.Stats()
			t.Logf("requests %v, faults %v", stats.Requests, stats.Faults)
			t.Logf("invoices %d: paid %d, declined %d, without an answer %d (the old system: 174 of 25,777), charged twice %d, requests that moved money %d",
				w.count(`SELECT COUNT(*) FROM invoices`), w.count(`SELECT COUNT(*) FROM invoices WHERE status = 'paid'`),
				w.count(`SELECT COUNT(*) FROM invoices WHERE status = 'open' AND first_declined_date IS NOT NULL`),
				w.count(`SELECT COUNT(*) FROM invoices WHERE status IN ('charging', 'review') OR status = 'open' AND first_declined_date IS NULL`),
				len(w.sim.DoubleCharged()), len(w.sim.Successes()))
			require.Equal(t, batch.ExitDone, code)
			require.Equal(t, invoices, w.count(`SELECT COUNT(*) FROM invoices WHERE status = 'paid'
OR status = 'open' AND first_declined_date IS NOT NULL`))
			w.reconcile()
		})
	}
}
