package jobs_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/gateway/simulator"
	"duly/internal/payment"
	"duly/internal/test/worktest"
)

// stale is a copy of the gateway main as it was after so many payments: they have the ids that the gateway gave.
func (w *town) stale(payments int) *simulator.Simulator {
	w.t.Helper()
	sim := simulator.New(simulator.Config{Token: "token"})
	w.t.Cleanup(sim.Close)
	for e := range w.sims["main"].Entries() {
		if payments--; payments < 0 {
			break
		}
		id, err := sim.Inject(e)
		require.NoError(w.t, err)
		require.Equal(w.t, e.ID, id)
	}
	return sim
}

// changes are the requests that refunded or cancelled anything at a gateway.
func changes(sim *simulator.Simulator) int {
	requests := sim.Stats().Requests
	return requests["refundPayment"] + requests["cancelPayment"]
}

// owing is a market with a payment to be refunded, one to be cancelled, and then one that is kept: a copy of the gateway that
// was made before that one has the first two.
func owing(t *testing.T) (m *market, ids []uint64) {
	t.Helper()
	m = newMarket(t)
	m.accounts, m.options.Steps = true, nil
	one := func(age time.Duration) []worktest.Payment { return []worktest.Payment{{Age: age}} }
	ids = m.sell(worktest.Order{Age: 3 * time.Hour, Payments: one(3 * time.Hour), Items: map[uint64]int64{99: 1}},
		worktest.Order{Age: 30 * time.Hour, Payments: one(30 * time.Hour)}, worktest.Order{Payments: one(time.Hour)})
	m.took(ids[0], 1, nil)
	m.took(ids[1], 1, stands(payment.Pending))
	m.took(ids[2], 1, nil)
	return m, ids
}

// Nothing is refunded and nothing cancelled where the newest payments that duly took are not shown, as at a stale copy of the
// account: the money would be marked as refunded, and the account keep it.
func TestNothingIsRefundedAtAStaleCopy(t *testing.T) {
	t.Parallel()
	m, ids := owing(t)
	address := m.turnedOut()
	m.options.Steps = []string{"reconcile"}
	m.only(ids[0], ids[2])
	require.Equal(t, batch.ExitDone, m.run().Exit)
	require.Equal(t, "completed | succeeded", m.order(ids[2]))
	m.options.Steps = nil

	copied := m.stale(2)
	address.lead(copied)
	m.only(ids...)
	for range 2 {
		result := m.run()
		require.Equal(t, batch.ExitUnfinished, result.Exit, "%v", result)
		require.Contains(t, strings.Join(result.Left, "\n"), "check gateways.main.url and .token")
		require.Zero(t, changes(copied))
		require.Equal(t, "failed (out of stock) | refund_due", m.order(ids[0]))
		require.Equal(t, "payment_in_progress | pending", m.order(ids[1]))
	}

	address.lead(m.sims["main"])
	require.Equal(t, batch.ExitDone, m.run().Exit)
	require.Equal(t, "failed (out of stock) | refunded", m.order(ids[0]))
	require.Contains(t, m.order(ids[1]), "| cancelled")
	require.Equal(t, 2, changes(m.sims["main"]))
}

// What was taken at another account is not refunded at the one that the gateway is called at now, whether duly settled it there
// or the shop marked it, and nor is what was pending before: the run names both addresses.
func TestNothingIsRefundedAtAnotherAccount(t *testing.T) {
	t.Parallel()
	for name, settled := range map[string]bool{"settled there": true, "marked by the shop": false} {
		t.Run(name, func(t *testing.T) {
			m, ids := owing(t)
			m.only(ids[2])
			if settled {
				m.options.Steps = []string{"reconcile"}
				m.only(ids[0], ids[2])
			}
			require.Equal(t, batch.ExitDone, m.run().Exit)
			if !settled {
				worktest.Exec(t, m.plain, `UPDATE payments SET status = 'refund_due' WHERE order_id = ?`, ids[0])
				worktest.Exec(t, m.plain, `UPDATE orders SET status = 'failed', failure_reason = 'out of stock' WHERE id = ?`, ids[0])
				worktest.Exec(t, m.plain, `UPDATE gateway_accounts SET created_at = UTC_TIMESTAMP(6) - INTERVAL 2 DAY`)
			}
			m.options.Steps = nil
			right, copied := m.urls["main"], m.stale(2)
			m.urls["main"] = serve(t, copied)
			m.only(ids...)
			result := m.run()
			require.Equal(t, batch.ExitUnfinished, result.Exit, "%v", result)
			require.Contains(t, strings.Join(result.Left, "\n"), "duly doctor --moved main "+right)
			require.Zero(t, changes(copied))
			require.Equal(t, "failed (out of stock) | refund_due", m.order(ids[0]))
			require.Equal(t, "payment_in_progress | pending", m.order(ids[1]))

			m.urls["main"] = right
			require.Equal(t, batch.ExitDone, m.run().Exit)
			require.Equal(t, "failed (out of stock) | refunded", m.order(ids[0]))
			require.Equal(t, 2, changes(m.sims["main"]))
		})
	}
}

// With nothing that it could show a gateway is sent refunds, and newest payments are looked up once in a run.
func TestTheNewestPaymentsAreLookedUpOnce(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	m.accounts, m.options.Steps = true, nil
	var list []worktest.Order
	for range 5 {
		list = append(list, worktest.Order{Status: "failed", Payments: []worktest.Payment{{Status: "refund_due"}}})
	}
	ids := m.sell(list...)
	for _, id := range ids {
		m.took(id, 1, nil)
	}
	m.only(ids[:4]...)
	require.Equal(t, batch.ExitDone, m.run().Exit)
	require.Equal(t, 4, changes(m.sims["main"]), "nothing to show")

	worktest.Charged(t, m.plain, m.sims["main"], "main", time.Now().Add(-time.Hour), time.Now().Add(-2*time.Hour), time.Now().Add(-3*time.Hour), time.Now().Add(-4*time.Hour))
	before := m.sims["main"].Stats().Requests["findPaymentByKey"]
	m.only(ids[4])
	require.Equal(t, batch.ExitDone, m.run().Exit)
	require.Equal(t, 5, changes(m.sims["main"]))
	require.Equal(t, 1+payment.MaxControls, m.sims["main"].Stats().Requests["findPaymentByKey"]-before, "the payment and the newest three")
}
