package e2e_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/crash"
	"duly/internal/gateway/simulator"
)

// A gateway without keys that cannot be asked either: what a worker had claimed when it died is for an operator. That
// is no more than can be on its way at once, wherever the worker dies; everything else is charged by the next run.
func TestACrashWithoutKeysLeavesNoMoreThanWasOnItsWay(t *testing.T) {
	t.Parallel()
	lent := lend(t)
	const customers, parallelism = 60, 4
	for name, at := range map[string]where{
		"after the first issue":             {point: crash.IssueClaimAfterCommit},
		"after the first claim":             {point: crash.ClaimAfterCommit},
		"after a later claim":               {point: crash.ClaimAfterCommit, nth: 6},
		"before a request":                  {point: crash.BeforeSend, nth: 9},
		"with a request on its way":         {point: crash.AfterSend, nth: 9},
		"with an answer":                    {point: crash.Answered, nth: 9},
		"before a settlement":               {point: crash.SettleBeforeCommit, nth: 3},
		"after a settlement":                {point: crash.SettleAfterCommit, nth: 3},
		"on the way there, at the very end": {point: crash.AfterSend, nth: customers},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := lent.world(t, simulator.Config{NoKeys: true, NoFind: true})
			w.set("DULY_GATEWAYS_MAIN_KEY_LIFE", 0)
			w.set("DULY_GATEWAYS_MAIN_LOOK_UP", false)
			w.set("DULY_GATEWAYS_MAIN_LIST", false)
			w.set("DULY_GATEWAYS_MAIN_PARALLELISM", parallelism)
			w.set("DULY_BILLING_CHUNK_SIZE", 40)
			w.enrol(slices.Repeat([]string{"pm_ok"}, customers)...)
			p := w.bill(at)
			mustDie(w, p)
			w.died(p)
			left := w.count(`SELECT COUNT(*) FROM payment_attempts WHERE status = 'in_flight'`)
			require.LessOrEqual(t, left, parallelism)

			again := w.bill(where{})
			if left > 0 {
				require.Equal(t, batch.ExitReview, again.exit(), "%s", again.printed())
			} else {
				require.Equal(t, batch.ExitDone, again.exit(), "%s", again.printed())
			}
			require.Equal(t, left, w.count(`SELECT COUNT(*) FROM invoices WHERE status = 'review'`))
			require.Equal(t, customers-left, w.count(`SELECT COUNT(*) FROM invoices WHERE status = 'paid'`))
			require.Empty(t, simulator.DoubleCharged(w.sim.Entries()))
		})
	}
}
