package refunds_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"duly/internal/billing"
	"duly/internal/orders"
	"duly/internal/payment"
	"duly/internal/refunds"
)

func noon() time.Time { return time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC) }

func won(n int64) payment.Money { return payment.Money{Amount: n, Currency: "KRW"} }

// claimed is a claimed refund of so much of an invoice of 500 won.
func claimed(amount int64, change ...func(*refunds.Claimed)) refunds.Claimed {
	c := refunds.Claimed{
		Refund: refunds.Refund{ID: 1, InvoiceID: 9, Amount: amount, Reason: "asked for", Number: 1, Key: "rf_k", Tries: 1, CreatedAt: noon().Add(-time.Hour)},
		Target: refunds.Target{
			AttemptID: 5, SubscriptionID: 42, Gateway: "main", ChargeKey: "k", GatewayID: "pay_1", Reference: "sub_42_20260131", CustomerID: "c",
			Paid: won(500), CreatedAt: noon().Add(-48 * time.Hour),
		},
	}
	for _, f := range change {
		f(&c)
	}
	return c
}

// shown is the payment as its gateway shows it, with so much refunded.
func shown(back int64, change ...func(*payment.Payment)) payment.LookupResult {
	p := payment.Payment{ID: "pay_1", Status: payment.Succeeded, Key: "k", Reference: "sub_42_20260131", CustomerID: "c", Money: won(500), Refunded: back}
	for _, f := range change {
		f(&p)
	}
	return payment.LookupResult{Payment: &p}
}

// sent is a refund of so much that may have been executed, of which so much was refunded before.
func sent(before, amount int64, ago time.Duration) func(*refunds.Claimed) {
	return func(c *refunds.Claimed) {
		c.Sent = &refunds.Sent{Before: before, Amount: amount, At: noon().Add(-ago)}
	}
}

// elsewhere makes a record one of a test channel that is none of ours.
func elsewhere(p *payment.Payment) { p.ForeignChannel = "channel-key-2" }

var keys = refunds.Guarantees{KeyLife: 24 * time.Hour, Longest: 2 * time.Minute}

func TestDecide(t *testing.T) {
	keyless := refunds.Guarantees{Longest: 2 * time.Minute}
	absent := payment.LookupResult{Absent: true}
	for _, c := range []struct {
		name       string
		claimed    refunds.Claimed
		sight      payment.LookupResult
		guarantees refunds.Guarantees
		want       refunds.Step
		amount     int64
		reason     string
	}{
		{"a part", claimed(200), shown(0), keys, refunds.Send, 200, ""},
		{"all", claimed(0), shown(0), keys, refunds.Send, 500, ""},
		{"the rest", claimed(0), shown(200), keys, refunds.Send, 300, ""},
		{"exactly the rest", claimed(300), shown(200), keys, refunds.Send, 300, ""},
		{"more than is left", claimed(301), shown(200), keys, refunds.Refuse, 301, "300 KRW are left of 500 KRW"},
		{"more than was paid", claimed(501), shown(0), keys, refunds.Refuse, 0, "500 KRW were paid, less than 501 KRW"},
		{"nothing is left", claimed(0), shown(500), keys, refunds.Refuse, 0, "nothing is left: it was refunded in full before"},
		{"another currency", claimed(200, func(c *refunds.Claimed) { c.Refund.Currency = "USD" }), shown(0), keys, refunds.Refuse, 0, "it was paid in KRW, not in USD"},
		{"nothing was paid", claimed(200, func(c *refunds.Claimed) { c.Problem = "nothing was paid: the invoice is open" }), payment.LookupResult{}, keys, refunds.Refuse, 0, "nothing was paid: the invoice is open"},
		{"not yet", claimed(200, func(c *refunds.Claimed) { c.Wait = "the invoice is being charged" }), payment.LookupResult{}, keys, refunds.Later, 0, "the invoice is being charged"},
		{"a part of a period", claimed(200, func(c *refunds.Claimed) { c.FollowUp = refunds.GivePeriodBack }), shown(0), keys, refunds.Refuse, 200, "give_period_back needs a refund of the full amount"},
		{"a period", claimed(0, func(c *refunds.Claimed) { c.FollowUp = refunds.GivePeriodBack }), shown(0), keys, refunds.Send, 500, ""},
		{"taken back", claimed(0, func(c *refunds.Claimed) { c.Origin = refunds.OfMark }), payment.LookupResult{}, keys, refunds.Withdraw, 0, "the payment is not to be refunded any more"},
		{"declined there", claimed(200), shown(0, func(p *payment.Payment) { p.Status = payment.Declined }), keys, refunds.Refuse, 0, "nothing is held: the payment is declined at the gateway"},
		{"pending there", claimed(200), shown(0, func(p *payment.Payment) { p.Status = payment.Pending }), keys, refunds.Later, 0, "the gateway has not decided the payment"},
		{"another amount there", claimed(200), shown(0, func(p *payment.Payment) { p.Money.Amount = 600 }), keys, refunds.ToReview, 0, "600 KRW were taken, 500 KRW are recorded"},
		{"another's key", claimed(200), shown(0, func(p *payment.Payment) { p.Key = "x" }), keys, refunds.ToReview, 0, "it is another charge at the gateway: idempotency_key is not ours"},
		{"another's key, named by hand", claimed(200, func(c *refunds.Claimed) { c.ByHand = true }), shown(0, func(p *payment.Payment) { p.Key = "x" }), keys, refunds.Send, 200, ""},
		{"another's customer", claimed(200), shown(0, func(p *payment.Payment) { p.CustomerID = "x" }), keys, refunds.ToReview, 0, "it is another charge at the gateway: customer_id is not ours"},
		{"another channel's", claimed(200), shown(0, elsewhere), keys, refunds.ToReview, 0, "it is another charge at the gateway: test channel channel-key-2 is not ours"},
		{"another channel's, named by hand", claimed(200, func(c *refunds.Claimed) { c.ByHand = true }), shown(0, elsewhere), keys, refunds.ToReview, 0, "it is another charge at the gateway: test channel channel-key-2 is not ours"},
		{"another channel's shows it refunded", claimed(200, sent(0, 200, time.Hour)), shown(200, elsewhere), keys, refunds.ToReview, 0, "it is another charge at the gateway: test channel channel-key-2 is not ours"},
		{"impossible", claimed(200), shown(501), keys, refunds.ToReview, 0, "the gateway shows payment pay_1 with 501 KRW of 500 KRW refunded, which cannot be: more than was paid"},
		{"unknown there", claimed(200), absent, keys, refunds.ToReview, 0, "the gateway does not know the payment"},
		{"unanswered", claimed(200), payment.LookupResult{Reason: "timeout"}, keys, refunds.Later, 0, "timeout"},
		{"unaskable", claimed(200), payment.LookupResult{Unaskable: true}, keys, refunds.Later, 0, "the gateway cannot be asked about the payment"},

		{"executed", claimed(200, sent(0, 200, time.Hour)), shown(200), keys, refunds.Done, 200, ""},
		{"executed long ago", claimed(200, sent(0, 200, 100*time.Hour)), shown(200), keys, refunds.Done, 200, ""},
		{"not executed, in the life of the key", claimed(200, sent(0, 200, 24*time.Hour-2*time.Minute-1)), shown(0), keys, refunds.Send, 200, ""},
		{"not executed, and the key may be gone when it arrives", claimed(200, sent(0, 200, 24*time.Hour-2*time.Minute)), shown(0), keys, refunds.Later, 200, "a request may still be on its way"},
		{"not executed, and the key is gone", claimed(200, sent(0, 200, 24*time.Hour+2*time.Minute+1)), shown(0), keys, refunds.ToReview, 200, "its answer was lost, and the gateway shows no refund of 200 KRW"},
		{"all, not executed, and the key is gone", claimed(0, sent(0, 500, 100*time.Hour)), shown(0), keys, refunds.Send, 500, ""},
		{"the rest, not executed, and the key is gone", claimed(0, sent(200, 300, 100*time.Hour)), shown(200), keys, refunds.Send, 300, ""},
		{"somebody refunds beside it, in the life of the key", claimed(200, sent(0, 200, time.Hour)), shown(300), keys, refunds.Send, 200, ""},
		{"somebody refunds beside it, and the key is gone", claimed(200, sent(0, 200, 25*time.Hour)), shown(300), keys, refunds.ToReview, 200, "its answer was lost; 300 KRW of 500 KRW are refunded, 0 KRW were before 200 KRW were asked for"},
		{"less is refunded than before", claimed(200, sent(100, 200, time.Hour)), shown(0), keys, refunds.ToReview, 200, "100 KRW were refunded before it was sent, and 0 KRW are now"},
		{"no keys, executed", claimed(200, sent(0, 200, 0)), shown(200), keyless, refunds.Done, 200, ""},
		{"no keys, it may still arrive", claimed(200, sent(0, 200, 2*time.Minute)), shown(0), keyless, refunds.Later, 200, "a request may still be on its way"},
		{"no keys, it did not arrive", claimed(200, sent(0, 200, 2*time.Minute+1)), shown(0), keyless, refunds.ToReview, 200, "its answer was lost, and the gateway shows no refund of 200 KRW"},
		{"no keys, all, it may still arrive", claimed(0, sent(0, 500, 2*time.Minute)), shown(0), keyless, refunds.Later, 500, "a request may still be on its way"},
		{"no keys, all, it did not arrive", claimed(0, sent(0, 500, 2*time.Minute+1)), shown(0), keyless, refunds.Send, 500, ""},
		{"sent, and nothing is known of what it is of", claimed(200, sent(0, 200, time.Hour), func(c *refunds.Claimed) { c.Problem = "there is no invoice 9" }), payment.LookupResult{}, keys, refunds.ToReview, 0, "there is no invoice 9, and its refund may have been executed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			end := refunds.Decide(c.claimed, c.sight, c.guarantees, noon())
			require.Equal(t, c.want, end.Step, end.Reason)
			require.Equal(t, c.amount, end.Amount)
			require.Equal(t, c.reason, end.Reason)
			require.Equal(t, c.claimed.Sent != nil, end.Doubted)
		})
	}
}

func TestAfter(t *testing.T) {
	p := func(back int64) *payment.Payment { return shown(back).Payment }
	send := refunds.End{Step: refunds.Send, Before: 100, Amount: 200}
	doubted := send
	doubted.Doubted = true
	for _, c := range []struct {
		name    string
		end     refunds.End
		reply   payment.Reply
		want    refunds.Step
		doubted bool
	}{
		{"done", send, payment.Reply{Effect: payment.EffectDone, Payment: p(300)}, refunds.Done, false},
		{"done, and somebody else too", send, payment.Reply{Effect: payment.EffectDone, Payment: p(400)}, refunds.Done, false},
		{"done, and not shown", send, payment.Reply{Effect: payment.EffectDone, Payment: p(299)}, refunds.Later, true},
		{"done, without a payment", send, payment.Reply{Effect: payment.EffectDone}, refunds.Later, true},
		{"unknown", send, payment.Reply{}, refunds.Later, true},
		{"not executed", send, payment.Reply{Effect: payment.EffectNone}, refunds.Later, false},
		{"not executed now", doubted, payment.Reply{Effect: payment.EffectNone}, refunds.Later, true},
		{"refused", send, payment.Reply{Effect: payment.EffectRefused}, refunds.Later, false},
		{"rejected", send, payment.Reply{Effect: payment.EffectRejected}, refunds.ToReview, false},
		{"rejected now", doubted, payment.Reply{Effect: payment.EffectRejected}, refunds.ToReview, true},
	} {
		end := claimed(200).After(c.end, c.reply)
		require.Equal(t, c.want, end.Step, c.name)
		require.Equal(t, c.doubted, end.Doubted, c.name)
	}
}

func TestKey(t *testing.T) {
	require.Equal(t, "rf_ord_7-1", refunds.Key("ord_7-1", 3, 1))
	require.Equal(t, "rf2_ord_7-1", refunds.Key("ord_7-1", 3, 2))
	require.Equal(t, "rf_pay_3", refunds.Key("", 3, 1), "a shop that writes no keys")
	require.Equal(t, "rf2_pay_3", refunds.Key("", 3, 2))
	require.NotEqual(t, refunds.Key("col", 3, 2), refunds.Key("col-2", 4, 1))
	long := strings.Repeat("k", 60)
	require.Len(t, refunds.Key(long, 3, 123), 63)
	require.NotEqual(t, refunds.Key(long, 3, 12), refunds.Key(long, 3, 13))
	require.Equal(t, orders.RefundKey(orders.Payment{ID: 3, Key: "ord_7-1"}), refunds.Key("ord_7-1", 3, 1), "whole refunds keep their key")
}

// Whatever was sent, whatever somebody else refunded meanwhile and however late it is: nothing is sent that the gateway could execute a second
// time, and what was executed is never refused.
func TestNothingIsSentTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		paid := rapid.Int64Range(1, 9).Draw(t, "paid")
		before := rapid.Int64Range(0, paid-1).Draw(t, "before")
		amount := rapid.Int64Range(1, paid-before).Draw(t, "amount")
		executed := rapid.Bool().Draw(t, "executed")
		total := before
		if executed {
			total += amount
		}
		total += rapid.Int64Range(0, paid-total).Draw(t, "others") // the gateway refunds no more than was paid
		life := rapid.SampledFrom([]time.Duration{0, 24 * time.Hour}).Draw(t, "life")
		ago := time.Duration(rapid.Int64Range(0, int64(50*time.Hour)).Draw(t, "ago"))
		c := claimed(amount, sent(before, amount, ago))
		c.Paid = won(paid)
		k := refunds.Guarantees{KeyLife: life, Longest: 2 * time.Minute}
		end := refunds.Decide(c, shown(total, func(p *payment.Payment) { p.Money = won(paid) }), k, noon())
		kept := ago < life-k.Longest
		switch end.Step {
		case refunds.Send:
			again := executed && total+amount <= paid
			require.False(t, again && !kept, "sent without its key, and executed a second time")
			require.Equal(t, amount, end.Amount, "the same bytes under the same key")
		case refunds.Refuse:
			t.Fatal("what may have been executed is not refused")
		case refunds.Done:
			require.Equal(t, before+amount, total)
		case refunds.Later, refunds.ToReview:
		case refunds.Withdraw:
			t.Fatal("what may have been executed is not withdrawn")
		}
	})
}

// What is settled settles, and what may have been executed keeps other refunds of its payment waiting.
func TestSettle(t *testing.T) {
	at := func(end refunds.End, change ...func(*refunds.Claimed)) refunds.Settlement {
		return refunds.Result{Claimed: claimed(200, change...), End: end}.Settle(noon(), 2*time.Minute, 0)
	}
	require.Equal(t, refunds.Settlement{Status: refunds.Refunded, Tries: 1, Refunded: 300}, at(refunds.End{Step: refunds.Done, Amount: 200, Total: 300}))
	require.Equal(t, refunds.Settlement{Status: refunds.Refused, Tries: 1, Unsent: true, Refunded: 400}, at(refunds.End{Step: refunds.Refuse, Total: 400}))
	require.Equal(t, refunds.Settlement{Status: refunds.InDoubt, Unsettled: true, Tries: 1, NextAt: noon().Add(time.Minute)}, at(refunds.End{Doubted: true}))
	require.Equal(t, refunds.Settlement{Status: refunds.Requested, Unsent: true, Tries: 1, NextAt: noon().Add(time.Minute)}, at(refunds.End{}))
	require.Equal(t, refunds.Settlement{Status: refunds.Review, Unsettled: true, Tries: 1, NextAt: noon().Add(2 * time.Minute)}, at(refunds.End{Step: refunds.ToReview, Doubted: true}))
	require.Equal(t, refunds.Settlement{Status: refunds.Review, Unsent: true, Tries: 1}, at(refunds.End{Step: refunds.ToReview}))
	require.Equal(t, refunds.Settlement{Status: refunds.Cancelled, Unsent: true, Tries: 1}, at(refunds.End{Step: refunds.Withdraw}))
	left := refunds.Result{Claimed: claimed(200), Left: "stopped"}
	require.Equal(t, refunds.Settlement{Status: refunds.Requested, Unsent: true}, left.Settle(noon(), 2*time.Minute, 0))
	left.Claimed = claimed(200, sent(0, 200, time.Hour))
	require.Equal(t, refunds.Settlement{Status: refunds.InDoubt, Unsettled: true}, left.Settle(noon(), 2*time.Minute, 0))
	later := refunds.Result{Claimed: claimed(200), End: refunds.End{Doubted: true}}
	require.Equal(t, noon().Add(time.Hour), later.Settle(noon(), 2*time.Minute, time.Hour).NextAt, "a gateway without keys")
}

// An order's items go back into the stock if it had taken them.
func TestTookItems(t *testing.T) {
	for status, want := range map[orders.OrderStatus]bool{
		orders.OrderCompleted: true, "delivered": true, orders.OrderCancelled: true, orders.OrderPending: false, orders.OrderInProgress: false, orders.OrderFailed: false, "": false,
	} {
		require.Equal(t, want, refunds.TookItems(orders.Order{Status: status}), status)
	}
}

// What was asked for beside a refund follows once the money is back, by whichever refund, and from nothing else.
func TestFollows(t *testing.T) {
	for _, c := range []struct {
		name               string
		end                refunds.End
		left               string
		back, ends, voided bool
	}{
		{"all", refunds.End{Step: refunds.Done, Amount: 500, Total: 500}, "", true, true, true},
		{"a part", refunds.End{Step: refunds.Done, Amount: 200, Total: 200}, "", false, true, false},
		{"the last part", refunds.End{Step: refunds.Done, Amount: 200, Total: 500}, "", true, true, true},
		{"refunded by somebody else", refunds.End{Step: refunds.Refuse, Total: 500}, "", true, true, true},
		{"refunded by somebody else in part", refunds.End{Step: refunds.Refuse, Total: 499}, "", false, false, false},
		{"nothing was paid", refunds.End{Step: refunds.Refuse}, "", false, false, false},
		{"in doubt", refunds.End{Total: 500}, "", false, false, false},
		{"in review", refunds.End{Step: refunds.ToReview, Total: 500}, "", false, false, false},
		{"taken back", refunds.End{Step: refunds.Withdraw, Total: 500}, "", false, false, false},
		{"left", refunds.End{Step: refunds.Done, Amount: 500, Total: 500}, "stopped", false, false, false},
	} {
		of := func(then refunds.FollowUp) refunds.Result {
			return refunds.Result{Claimed: claimed(200, func(c *refunds.Claimed) { c.FollowUp = then }), End: c.end, Left: c.left}
		}
		require.Equal(t, c.back, of("").Back(), c.name)
		require.Equal(t, c.ends, of(refunds.EndSubscription).Ends(), c.name)
		require.Equal(t, c.voided, of(refunds.GivePeriodBack).Voids(), c.name)
		require.False(t, of("").Ends() || of("").Voids() || of(refunds.EndSubscription).Voids() || of(refunds.GivePeriodBack).Ends(), c.name)
	}
	unpaid := refunds.Result{End: refunds.End{Step: refunds.Refuse}}
	require.False(t, unpaid.Back(), "a payment that is gone")
}

// A subscription that duly cannot end is named.
func TestNotEnded(t *testing.T) {
	require.Empty(t, refunds.NotEnded(42, billing.Cancelled))
	require.Contains(t, refunds.NotEnded(42, "churned"), `subscription 42 is "churned", which duly does not end`)
}

// What is refunded and recorded nowhere may be a refund of an amount that waits: this one goes to an operator, and lets another one come first. What
// is left, and what nothing unexplained can be, is sent.
func TestWhatIsUnexplained(t *testing.T) {
	for name, c := range map[string]struct {
		amount, recorded, waiting, shown int64
		want                             refunds.Step
	}{
		"nothing is refunded":   {200, 0, 100, 0, refunds.Send},
		"all is recorded":       {200, 250, 100, 250, refunds.Send},
		"less than either":      {200, 150, 100, 249, refunds.Send},
		"as much":               {200, 50, 0, 250, refunds.ToReview},
		"more":                  {200, 0, 0, 250, refunds.ToReview},
		"as much, little left":  {200, 0, 0, 450, refunds.ToReview},
		"another one":           {200, 50, 100, 150, refunds.Later},
		"the rest":              {0, 50, 100, 250, refunds.Send},
		"nothing is left of it": {200, 0, 0, 500, refunds.Refuse},
	} {
		t.Run(name, func(t *testing.T) {
			claim := claimed(c.amount)
			claim.Recorded, claim.Waiting = c.recorded, c.waiting
			end := refunds.Decide(claim, shown(c.shown), keys, noon())
			require.Equal(t, c.want, end.Step, end.Reason)
			held := c.want == refunds.ToReview
			require.Equal(t, held || c.want == refunds.Later, end.Unexplained)
			s := refunds.Result{Claimed: claim, End: end}.Settle(noon(), keys.Longest, 0)
			require.Equal(t, held, s.Unsettled)
			require.Equal(t, held, s.Shown == c.shown && s.Shown > 0)
		})
	}
}
