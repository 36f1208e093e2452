package steps_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/gateway"
	"duly/internal/orders"
	"duly/internal/payment"
	"duly/internal/test/worktest"
	"duly/steps"
)

// desk is a gateway whose payments are looked at and cancelled.
type desk struct {
	*provider

	sights []payment.LookupResult // one after the other; the last one again and again
	reply  payment.Reply
	did    []string
}

func (p *desk) Look(_ context.Context, w payment.Ref) payment.LookupResult {
	p.did = append(p.did, fmt.Sprintf("look %s %s %s", w.Key, w.ID, w.RequestID))
	sight := p.sights[0]
	if len(p.sights) > 1 {
		p.sights = p.sights[1:]
	}
	return sight
}

func (p *desk) Cancel(ctx context.Context, c payment.Cancel) payment.Reply {
	if err := gateway.CheckGuard(ctx); err != nil {
		return payment.Reply{Effect: payment.EffectNone, Reason: err.Error()}
	}
	p.did = append(p.did, "cancel "+c.Key+" "+c.ID)
	return p.reply
}

// seen is a payment of order 7 at the gateway.
func seen(status payment.Status) payment.LookupResult {
	return payment.LookupResult{Payment: &payment.Payment{
		ID: "pay_1", Status: status, Key: "ord_7-1", Reference: "ord_7", CustomerID: "c", Money: payment.Money{Amount: 500, Currency: "KRW"},
	}}
}

// unpaid is a claimed order with a pending payment of that age at each gateway.
func unpaid(age time.Duration, gateways ...string) orders.Claimed {
	c := orders.Claimed{Order: orders.Order{ID: 7, CustomerID: "c", Status: orders.OrderInProgress}, Checks: 1, At: time.Now()}
	for i, name := range gateways {
		c.Payments = append(c.Payments, orders.Payment{
			ID: uint64(i) + 1, OrderID: 7, Gateway: name, Key: "ord_7-1", Status: orders.PaymentPending,
			Money: payment.Money{Amount: 500, Currency: "KRW"}, CreatedAt: time.Now().Add(-age),
		})
	}
	return c
}

// reconcile processes an order in a run of its own.
func reconcile(ctx context.Context, t *testing.T, p *desk, item orders.Claimed, before func(x *batch.StepExecution)) orders.Result {
	t.Helper()
	paced := gateway.Limit("main", p, gateway.Limits{Tries: 1, Now: time.Now})
	defer paced.Close()
	step := &steps.StaleOrders{Gateways: steps.Gateways{"main": paced}, Policy: orders.Policy{GiveUpAfter: 24 * time.Hour}, Now: time.Now, Controls: &steps.Controls{Now: time.Now}, Source: source{}}
	var got orders.Result
	worktest.InMemory(ctx, t, func(ctx context.Context, x *batch.StepExecution) error {
		if before != nil {
			before(x)
		}
		var err error
		got, err = step.Process(ctx, item)
		require.NoError(t, err)
		return nil
	})
	return got
}

// What is asked of a gateway, in which order, and what is made of the answers.
func TestReconcile(t *testing.T) {
	const look, again, cancel = "look ord_7-1  run-1/order-7/payment-1", "look ord_7-1 pay_1 run-1/order-7/payment-1", "cancel cx_ord_7-1 pay_1"
	young, old := time.Hour, 25*time.Hour
	for _, c := range []struct {
		name      string
		item      orders.Claimed
		sights    []payment.LookupResult
		reply     payment.Reply
		did       []string
		sight     payment.Status // of the last look; empty: no payment
		cancelled bool
		left      string
	}{
		{name: "paid", item: unpaid(young, "main"), sights: []payment.LookupResult{seen(payment.Succeeded)}, did: []string{look}, sight: payment.Succeeded},
		{name: "absent", item: unpaid(young, "main"), sights: []payment.LookupResult{{Absent: true}}, did: []string{look}},
		{name: "no answer", item: unpaid(young, "main"), sights: []payment.LookupResult{{Reason: "timeout"}}, did: []string{look}},
		{name: "pending", item: unpaid(young, "main"), sights: []payment.LookupResult{seen(payment.Pending)}, did: []string{look}, sight: payment.Pending},
		{
			name: "pending for too long", item: unpaid(old, "main"), sights: []payment.LookupResult{seen(payment.Pending)},
			reply: payment.Reply{Effect: payment.EffectDone, Payment: seen(payment.Canceled).Payment},
			did:   []string{look, cancel}, sight: payment.Canceled, cancelled: true,
		},
		{
			name: "decided meanwhile", item: unpaid(old, "main"), sights: []payment.LookupResult{seen(payment.Pending), seen(payment.Succeeded)},
			reply: payment.Reply{Effect: payment.EffectRefused}, did: []string{look, cancel, again}, sight: payment.Succeeded,
		},
		{
			name: "nobody knows what the cancellation did", item: unpaid(old, "main"), sights: []payment.LookupResult{seen(payment.Pending)},
			reply: payment.Reply{Effect: payment.EffectUnknown, Reason: "timeout"}, did: []string{look, cancel}, sight: payment.Pending,
		},
		{
			name: "the cancellation is refused for good", item: unpaid(old, "main"), sights: []payment.LookupResult{seen(payment.Pending)},
			reply: payment.Reply{Effect: payment.EffectRejected}, did: []string{look, cancel}, sight: payment.Pending,
		},
		{
			name: "credentials refused on the look-up", item: unpaid(young, "main"), sights: []payment.LookupResult{{Misconfigured: true, Reason: "401"}},
			did: []string{look}, left: "refused our credentials: 401",
		},
		{
			name: "credentials refused on the cancellation", item: unpaid(old, "main"), sights: []payment.LookupResult{seen(payment.Pending)},
			reply: payment.Reply{Effect: payment.EffectMisconfigured, Reason: "403"}, did: []string{look, cancel}, left: "refused our credentials: 403",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &desk{provider: ordinary(), sights: c.sights, reply: c.reply}
			got := reconcile(t.Context(), t, p, c.item, nil)
			require.Equal(t, c.did, p.did)
			require.Equal(t, c.left, got.Left)
			if c.left != "" {
				require.Empty(t, got.Checked, "half of an order is no order")
				return
			}
			require.Len(t, got.Checked, 1)
			require.True(t, got.Checked[0].Asked)
			require.Equal(t, c.cancelled, got.Checked[0].Cancelled)
			require.Equal(t, orders.Guarantees{Known: true, KeyLife: keyLife, Longest: longest, FindByKey: true, LookupOutlivesKey: true}, got.Checked[0].Guarantees)
			if c.sight == "" {
				require.Nil(t, got.Checked[0].Sight.Payment)
			} else {
				require.Equal(t, c.sight, got.Checked[0].Sight.Payment.Status)
			}
		})
	}
}

// Nothing is asked about what no answer could change, nor of a gateway that is not configured here.
func TestReconcileAsksOnlyWhatItMust(t *testing.T) {
	p := &desk{provider: ordinary(), sights: []payment.LookupResult{seen(payment.Succeeded)}}
	item := unpaid(time.Hour, "main", "main", "gone")
	item.Payments[0].Status = orders.PaymentRefundDue
	got := reconcile(t.Context(), t, p, item, nil)
	require.Len(t, p.did, 1)
	require.Len(t, got.Checked, 3)
	require.False(t, got.Checked[0].Asked)
	require.True(t, got.Checked[2].Sight.Unasked)
	require.False(t, got.Checked[2].Guarantees.Known)
	require.False(t, got.Checked[2].Asked)
}

// An order that waits for a gateway that is not configured here is left to a host that knows it, however old it is.
func TestOrdersOfAGatewayThatIsNotConfigured(t *testing.T) {
	for _, found := range []payment.Status{payment.Pending, payment.Declined} {
		p := &desk{provider: ordinary(), sights: []payment.LookupResult{seen(found)}}
		got := reconcile(t.Context(), t, p, unpaid(time.Hour, "main", "gone"), nil)
		require.Equal(t, "gateway gone is not configured", got.Left)
		require.Empty(t, got.Checked)
	}
	got := reconcile(t.Context(), t, &desk{provider: ordinary()}, unpaid(1000*time.Hour, "gone"), nil)
	require.Equal(t, "gateway gone is not configured", got.Left)
}

// A run that is over asks and cancels nothing, and what it had claimed is released.
func TestReconcileAgainstTheGuard(t *testing.T) {
	for name, before := range map[string]func(stop func(), x *batch.StepExecution){
		"a lease too short for a request": func(func(), *batch.StepExecution) { time.Sleep(worktest.Lease - timeout) },
		"a lease that was lost":           func(_ func(), x *batch.StepExecution) { x.Lease.Lose() },
		"a stop":                          func(stop func(), _ *batch.StepExecution) { stop() },
		"a halt":                          func(_ func(), x *batch.StepExecution) { x.Halt(errors.New("brake")) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				p := &desk{provider: ordinary(), sights: []payment.LookupResult{seen(payment.Pending)}, reply: payment.Reply{Effect: payment.EffectDone}}
				got := reconcile(ctx, t, p, unpaid(25*time.Hour, "main"), func(x *batch.StepExecution) { before(stop, x) })
				for _, did := range p.did {
					require.NotContains(t, did, "cancel")
				}
				require.NotEmpty(t, got.Left)
			})
		})
	}
	require.Equal(t, "stopped", steps.FailReconcile(unpaid(0, "main"), batch.ErrStopped).Left)
}
