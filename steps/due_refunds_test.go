package steps_test

import (
	"context"
	"errors"
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

// till is a gateway whose payments are looked at and refunded.
type till struct {
	*provider

	sight payment.LookupResult
	reply payment.Reply
	did   []string         // what it was asked, in order
	asked []payment.Refund // the refunds among that
}

func (p *till) Look(_ context.Context, w payment.Ref) payment.LookupResult {
	p.did = append(p.did, "look "+w.Key+w.ID)
	return p.sight
}

func (p *till) Refund(ctx context.Context, r payment.Refund) payment.Reply {
	if err := gateway.CheckGuard(ctx); err != nil {
		p.refused++
		return payment.Reply{Effect: payment.EffectNone, Reason: err.Error()}
	}
	p.did, p.asked = append(p.did, "refund "+r.ID), append(p.asked, r)
	return p.reply
}

// taken is a payment that the gateway has, of 500 won, with so much refunded.
func taken(back int64) *payment.Payment {
	return &payment.Payment{
		ID: "pay_1", Status: payment.Succeeded, Key: "ord_7-1", Reference: "ord_7", CustomerID: "c",
		Money: payment.Money{Amount: 500, Currency: "KRW"}, Refunded: back,
	}
}

// refundable is a claimed order with so many payments to be refunded.
func refundable(n uint64) orders.RefundClaim {
	item := orders.RefundClaim{Order: orders.Order{ID: 7, CustomerID: "c", Status: orders.OrderFailed}, Tries: 1, Since: time.Now(), At: time.Now()}
	for id := range n {
		item.Due = append(item.Due, orders.Payment{
			ID: id + 1, OrderID: 7, Gateway: "main", Key: "ord_7-1", Status: orders.PaymentRefundDue,
			Money: payment.Money{Amount: 500, Currency: "KRW"}, CreatedAt: time.Now().Add(-time.Hour), UpdatedAt: time.Now().Add(-time.Hour),
		})
	}
	return item
}

// refund processes an order in a run of its own.
func refund(ctx context.Context, t *testing.T, p *till, item orders.RefundClaim, before func(x *batch.StepExecution)) orders.RefundResult {
	t.Helper()
	paced := gateway.Limit("main", p, gateway.Limits{Tries: 1, Now: time.Now})
	defer paced.Close()
	step := &steps.DueRefunds{
		Gateways: steps.Gateways{"main": paced}, Now: time.Now, Window: worktest.Lease, Controls: &steps.Controls{Now: time.Now}, Source: source{},
		Reserve: func(context.Context, orders.Payment) (string, error) { return "", nil },
	}
	var got orders.RefundResult
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

// Each payment is looked at first, and money is sent back only for what the look shows to be there.
func TestRefundLooksFirst(t *testing.T) {
	look, send := "look ord_7-1", "refund pay_1"
	declined := taken(0)
	declined.Status, declined.Decline.Code = payment.Declined, "insufficient_funds"
	pending := taken(0)
	pending.Status = payment.Pending
	foreign := taken(0)
	foreign.Reference = "ord_8"
	for _, c := range []struct {
		name  string
		sight payment.LookupResult
		reply payment.Reply
		did   []string
		want  orders.RefundEnd
	}{
		{"refunded", payment.LookupResult{Payment: taken(0)}, payment.Reply{Effect: payment.EffectDone, Payment: taken(500)}, []string{look, send}, orders.RefundEnd{Step: orders.RefundDone, Given: 500}},
		{"refunded before", payment.LookupResult{Payment: taken(500)}, payment.Reply{}, []string{look}, orders.RefundEnd{Step: orders.RefundDone, Given: 500}},
		{"in part by someone", payment.LookupResult{Payment: taken(200)}, payment.Reply{}, []string{look}, orders.RefundEnd{Step: orders.RefundReview}},
		{"not ours", payment.LookupResult{Payment: foreign}, payment.Reply{}, []string{look}, orders.RefundEnd{Step: orders.RefundReview}},
		{"declined", payment.LookupResult{Payment: declined}, payment.Reply{}, []string{look}, orders.RefundEnd{Step: orders.RefundNone, Code: "insufficient_funds"}},
		{"not decided", payment.LookupResult{Payment: pending}, payment.Reply{}, []string{look}, orders.RefundEnd{Step: orders.RefundLater}},
		{"no answer to the look", payment.LookupResult{Reason: "timeout"}, payment.Reply{}, []string{look}, orders.RefundEnd{Step: orders.RefundLater}},
		{"no answer to the refund", payment.LookupResult{Payment: taken(0)}, payment.Reply{Reason: "timeout"}, []string{look, send}, orders.RefundEnd{Step: orders.RefundLater}},
		{"more than was paid", payment.LookupResult{Payment: taken(0)}, payment.Reply{Effect: payment.EffectRefused}, []string{look, send}, orders.RefundEnd{Step: orders.RefundLater}},
		{"rejected", payment.LookupResult{Payment: taken(0)}, payment.Reply{Effect: payment.EffectRejected}, []string{look, send}, orders.RefundEnd{Step: orders.RefundReview}},
		{"not executed", payment.LookupResult{Payment: taken(0)}, payment.Reply{Effect: payment.EffectNone, Reason: "429"}, []string{look, send}, orders.RefundEnd{Step: orders.RefundLater}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &till{provider: ordinary(), sight: c.sight, reply: c.reply}
				got := refund(t.Context(), t, p, refundable(1), nil)
				require.Equal(t, c.did, p.did)
				require.Empty(t, got.Left)
				require.Len(t, got.Ends, 1)
				require.Equal(t, uint64(1), got.Ends[0].Payment.ID)
				require.Equal(t, c.want.Step == orders.RefundDone, got.Ends[0].Reason == "", "an operator is told why")
				require.Equal(t, c.want, orders.RefundEnd{Step: got.Ends[0].Step, Given: got.Ends[0].Given, Code: got.Ends[0].Code})
				for _, r := range p.asked {
					require.Equal(t, payment.Refund{Key: "rf_ord_7-1", ID: "pay_1", Amount: 500, Reason: "ord_7", RequestID: r.RequestID}, r)
					require.Equal(t, "pay_1", got.Ends[0].Payment.TransactionKey)
				}
			})
		})
	}
}

// The payments of an order are dealt with one after the other.
func TestRefundsOfOneOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &till{provider: ordinary(), sight: payment.LookupResult{Payment: taken(0)}, reply: payment.Reply{Effect: payment.EffectDone, Payment: taken(500)}}
		got := refund(t.Context(), t, p, refundable(2), nil)
		require.Len(t, got.Ends, 2)
		require.Equal(t, []string{"look ord_7-1", "refund pay_1", "look ord_7-1", "refund pay_1"}, p.did)
	})
}

// Nothing is sent on a short lease, after a stop or a halt; and what is not sent leaves the order as it was.
func TestRefundsAreNotSentAgainstTheGuard(t *testing.T) {
	for _, c := range []struct {
		name   string
		able   func(*gateway.Capabilities)
		before func(stop func(), x *batch.StepExecution)
		sent   bool
		left   bool
	}{
		{"a lease just long enough", nil, func(func(), *batch.StepExecution) { time.Sleep(worktest.Lease - timeout - time.Second) }, true, false},
		{"a lease too short for a request", nil, func(func(), *batch.StepExecution) { time.Sleep(worktest.Lease - timeout) }, false, true},
		{"a lease that was lost", nil, func(_ func(), x *batch.StepExecution) { x.Lease.Lose() }, false, true},
		{"a stop", nil, func(stop func(), _ *batch.StepExecution) { stop() }, false, true},
		{"a halt", nil, func(_ func(), x *batch.StepExecution) { x.Halt(errors.New("brake")) }, false, true},
		{"no keys, in time", func(a *gateway.Capabilities) { a.KeyLife = 0 }, nil, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &till{provider: ordinary(), sight: payment.LookupResult{Payment: taken(0)}, reply: payment.Reply{Effect: payment.EffectDone, Payment: taken(500)}}
				if c.able != nil {
					c.able(&p.abilities)
				}
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				got := refund(ctx, t, p, refundable(1), func(x *batch.StepExecution) {
					if c.before != nil {
						c.before(stop, x)
					}
				})
				require.Equal(t, c.sent, len(p.asked) == 1)
				require.Equal(t, c.left, got.Left != "", got.Left)
				require.Equal(t, c.left, len(got.Ends) == 0)
			})
		})
	}
}

// A gateway without keys is sent nothing once the time is over that the claim reserved for requests.
func TestRefundsWithoutKeysAreSentInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &till{provider: ordinary(), sight: payment.LookupResult{Payment: taken(0)}}
		p.abilities.KeyLife = 0
		item := refundable(1)
		item.At = time.Now().Add(-worktest.Lease)
		got := refund(t.Context(), t, p, item, nil)
		require.Empty(t, p.asked)
		require.Equal(t, orders.RefundLater, got.Ends[0].Step)
		p.abilities.KeyLife = time.Hour
		require.NotEmpty(t, refund(t.Context(), t, p, item, nil).Ends)
		require.Len(t, p.asked, 1)
	})
}

func TestRefundsOfAGatewayThatIsNotConfigured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		item := refundable(2)
		item.Due[0].Gateway = "gone"
		p := &till{provider: ordinary(), sight: payment.LookupResult{Payment: taken(500)}}
		got := refund(t.Context(), t, p, item, nil)
		require.Equal(t, "gateway gone is not configured", got.Left)
		require.Len(t, got.Ends, 1)
		require.Equal(t, orders.RefundDone, got.Ends[0].Step, "the other payment goes on")
		item.Due[0].UpdatedAt = time.Now().Add(-1000 * time.Hour)
		item.Due[0].CreatedAt = item.Due[0].UpdatedAt
		require.Len(t, refund(t.Context(), t, p, item, nil).Ends, 1, "another host knows the gateway, however long that takes")
	})
}

// A gateway that refuses our credentials is left alone, and so are its refunds.
func TestRefundsOfAGatewayThatRefusesUs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &till{provider: ordinary(), sight: payment.LookupResult{Misconfigured: true, Reason: "401"}}
		got := refund(t.Context(), t, p, refundable(2), nil)
		require.Empty(t, got.Ends)
		require.NotEmpty(t, got.Left)
		require.Len(t, p.did, 1)
		p = &till{provider: ordinary(), sight: payment.LookupResult{Payment: taken(0)}, reply: payment.Reply{Effect: payment.EffectMisconfigured, Reason: "403"}}
		got = refund(t.Context(), t, p, refundable(1), nil)
		require.Empty(t, got.Ends)
		require.NotEmpty(t, got.Left)
	})
}

func TestFailRefund(t *testing.T) {
	item := refundable(2)
	require.Empty(t, steps.FailRefund(item, batch.ErrStopped).Ends, "nothing was begun")
	require.NotEmpty(t, steps.FailRefund(item, batch.ErrStopped).Left)
	failed := steps.FailRefund(item, errors.New("panic"))
	require.Len(t, failed.Ends, 2)
	require.Equal(t, orders.RefundLater, failed.Ends[0].Step, "the next look says how far it came")
}
