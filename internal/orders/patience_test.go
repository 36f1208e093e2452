package orders_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/orders"
	"duly/internal/payment"
)

// askedEnough is what has been counted of a payment that its gateway says often enough is pending.
func askedEnough() payment.Patience {
	var p payment.Patience
	for i := range 12 {
		p = p.Answered(true, noon().Add(time.Duration(i-12)*3*time.Hour))
	}
	return p
}

// However old a payment is: what was hardly asked about waits.
func TestAgeAloneLeavesNothingToAnOperator(t *testing.T) {
	for name, sight := range map[string]payment.LookupResult{
		"pending":          {Payment: record(row(1, orders.PaymentPending), payment.Pending)},
		"another status":   {Payment: record(row(1, orders.PaymentPending), "disputed")},
		"no answer":        {Reason: "timeout"},
		"it was not asked": {Unasked: true, Reason: "stopped"},
	} {
		t.Run(name, func(t *testing.T) {
			c := orders.Checked{Payment: row(1, orders.PaymentPending), Guarantees: lasting(), Asked: true, Sight: sight}
			c.CreatedAt = noon().Add(-1000 * time.Hour)
			require.Empty(t, orders.Decide(order(orders.OrderPending), []orders.Checked{c}, false, policy(), 1, noon()).Review)
			c.Patience = askedEnough()
			require.Contains(t, orders.Decide(order(orders.OrderPending), []orders.Checked{c}, false, policy(), 1, noon()).Review, "payment 1 ")
			c.CreatedAt = noon().Add(-time.Hour)
			require.Empty(t, orders.Decide(order(orders.OrderPending), []orders.Checked{c}, false, policy(), 1, noon()).Review, "it is still to be cancelled there first")
		})
	}
}

func TestWhatACheckCountsFor(t *testing.T) {
	before := askedEnough().Unanswered(noon().Add(-time.Hour))
	counted := func(asked bool, s payment.LookupResult) payment.Patience {
		return orders.Checked{Payment: row(1, orders.PaymentPending), Asked: asked, Sight: s}.Counted(before, noon())
	}
	require.Equal(t, before, counted(false, payment.LookupResult{}))
	for _, s := range []payment.LookupResult{{Unaskable: true}, {Unasked: true, Reason: "stopped"}, {Misconfigured: true, Reason: "401"}} {
		require.Equal(t, before, counted(true, s))
	}
	require.Equal(t, before.Unanswered(noon()), counted(true, payment.LookupResult{Reason: "timeout"}))
	require.Equal(t, before.Answered(false, noon()), counted(true, payment.LookupResult{Absent: true}))
	require.Equal(t, before.Answered(false, noon()), counted(true, payment.LookupResult{Payment: record(row(1, orders.PaymentPending), payment.Declined)}))
	require.Equal(t, before.Answered(true, noon()), counted(true, payment.LookupResult{Payment: record(row(1, orders.PaymentPending), payment.Pending)}))
}

func TestPatienceIsStoredByPayment(t *testing.T) {
	list := []orders.Checked{{Payment: orders.Payment{ID: 1}}, {Payment: orders.Payment{ID: 2}, Patience: askedEnough()}}
	require.Equal(t, map[uint64]payment.Patience{2: askedEnough()}, orders.ParsePatience(orders.PatienceText(list)))
	require.Empty(t, orders.PatienceText(list[:1]))
	require.Nil(t, orders.ParsePatience("not what was written"))
}
