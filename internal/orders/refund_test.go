package orders_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/orders"
	"duly/internal/payment"
)

func TestDecideRefund(t *testing.T) {
	due := row(1, "refund_due")
	booked := due
	booked.TransactionKey = "pay_1"
	keyless := booked
	keyless.Key = ""
	refunded := func(n int64) func(*payment.Payment) { return func(p *payment.Payment) { p.Refunded = n } }
	absent := payment.LookupResult{Absent: true}
	aged := func(p orders.Payment, s payment.LookupResult, age time.Duration, change ...func(*orders.Guarantees)) orders.Checked {
		c := checked(p, s)
		c.CreatedAt = noon().Add(-age)
		c.UpdatedAt = c.CreatedAt
		for _, f := range change {
			f(&c.Guarantees)
		}
		return c
	}
	fading := func(k *orders.Guarantees) { k.LookupOutlivesKey = false }
	notByKey := func(k *orders.Guarantees) { k.FindByKey = false }
	unknown := func(k *orders.Guarantees) { *k = orders.Guarantees{} }
	const lr, day = 24*time.Hour + 2*time.Minute, 24 * time.Hour
	for _, c := range []struct {
		name    string
		checked orders.Checked
		want    orders.RefundStep
		given   int64
		reason  string
	}{
		{"taken", found(due, payment.Succeeded), orders.RefundSend, 0, ""},
		{"taken, without a key", found(keyless, payment.Succeeded, func(p *payment.Payment) { p.Key = "x" }), orders.RefundSend, 0, ""},
		{"refunded", found(due, payment.Succeeded, refunded(12900)), orders.RefundDone, 12900, ""},
		{"refunded, and called cancelled", found(due, payment.Canceled, refunded(12900)), orders.RefundDone, 12900, ""},
		{"refunded in part", found(due, payment.Succeeded, refunded(1)), orders.RefundReview, 0, "1 KRW of 12,900 KRW were refunded by someone"},
		{"refunded more than was taken", found(due, payment.Succeeded, refunded(12901)), orders.RefundReview, 0, "the gateway shows payment pay_1 with 12,901 KRW of 12,900 KRW refunded, which cannot be: more than was paid"},
		{"refunded less than nothing", found(due, payment.Succeeded, refunded(-1)), orders.RefundReview, 0, "the gateway shows payment pay_1 with -1 KRW of 12,900 KRW refunded, which cannot be"},
		{"of nothing", found(due, payment.Succeeded, func(p *payment.Payment) { p.Money.Amount = 0 }), orders.RefundReview, 0, "the gateway shows payment pay_1 with an amount of 0 KRW, which cannot be"},
		{"refunded, and more than is recorded", found(due, payment.Succeeded, func(p *payment.Payment) { p.Money.Amount, p.Refunded = 50000, 50000 }), orders.RefundDone, 12900, ""},
		{"another amount", found(due, payment.Succeeded, func(p *payment.Payment) { p.Money.Amount = 1 }), orders.RefundReview, 0, "1 KRW were taken, 12,900 KRW are recorded"},
		{"another currency", found(due, payment.Succeeded, func(p *payment.Payment) { p.Money.Currency = "JPY" }), orders.RefundReview, 0, "12,900 JPY were taken, 12,900 KRW are recorded"},
		{"another's key", found(due, payment.Succeeded, func(p *payment.Payment) { p.Key = "x" }), orders.RefundReview, 0, "it is another charge at the gateway: idempotency_key is not ours"},
		{"another test channel's", found(due, payment.Succeeded, func(p *payment.Payment) { p.Reference, p.ForeignChannel = "", "channel-key-2" }), orders.RefundReview, 0, "it is another charge at the gateway: test channel channel-key-2 is not ours"},
		{"another's reference", found(due, payment.Succeeded, func(p *payment.Payment) { p.Reference, p.Refunded = "ord_8", 12900 }), orders.RefundReview, 0, "it is another charge at the gateway: reference is not ours"},
		{"declined", found(due, payment.Declined, func(p *payment.Payment) { p.Decline.Code = "stolen_card" }), orders.RefundNone, 0, "nothing was taken: declined, stolen_card"},
		{"cancelled", found(due, payment.Canceled), orders.RefundNone, 0, "nothing was taken: cancelled at the gateway"},
		{"pending", found(due, payment.Pending), orders.RefundLater, 0, "the gateway has not decided it"},
		{"a status of its own", found(due, "disputed"), orders.RefundLater, 0, `its status "disputed" at the gateway is none of the contract's`},
		{"unanswered", checked(due, payment.LookupResult{Reason: "timeout"}), orders.RefundLater, 0, "timeout"},
		{"no word at all", checked(due, payment.LookupResult{}), orders.RefundLater, 0, "the gateway did not answer"},
		{"absent at first", aged(booked, absent, 2*time.Minute), orders.RefundLater, 0, "the gateway does not know it yet"},
		{"absent, and it may still arrive", aged(due, absent, lr), orders.RefundLater, 0, "the gateway does not know it, and its charge may still arrive"},
		{"absent", aged(due, absent, lr+1), orders.RefundNone, 0, "nothing was taken: the charge never arrived at the gateway"},
		{"absent, where it may be forgotten", aged(due, absent, lr+1, fading), orders.RefundReview, 0, "the gateway may have forgotten it"},
		{"absent by its id", aged(booked, absent, time.Hour), orders.RefundReview, 0, "it has an id that its gateway does not know"},
		{"absent, not by key", aged(due, absent, day+1, notByKey), orders.RefundReview, 0, "the gateway cannot be asked about it"},
		{"unaskable for a day", aged(due, payment.LookupResult{Unaskable: true}, day), orders.RefundLater, 0, "the gateway cannot be asked about it"},
		{"unaskable for longer", aged(due, payment.LookupResult{Unaskable: true}, day+1), orders.RefundReview, 0, "the gateway cannot be asked about it"},
		{"unknown gateway", aged(due, payment.LookupResult{}, day+1, unknown), orders.RefundReview, 0, "the gateway cannot be asked about it"},
	} {
		end := orders.DecideRefund(order("failed"), c.checked, noon())
		require.Equal(t, c.want, end.Step, c.name)
		require.Equal(t, c.given, end.Given, c.name)
		require.Equal(t, c.reason, end.Reason, c.name)
		require.Equal(t, uint64(1), end.Payment.ID, c.name)
		if c.want == orders.RefundSend {
			require.Equal(t, "pay_1", end.Payment.TransactionKey, c.name)
		}
	}
	// What was asked for lately is not given up for being old.
	late := aged(due, payment.LookupResult{Unaskable: true}, 100*day)
	late.UpdatedAt = noon().Add(-time.Hour)
	require.Equal(t, orders.RefundLater, orders.DecideRefund(order("failed"), late, noon()).Step)

	long := orders.DecideRefund(order("failed"), checked(due, payment.LookupResult{Reason: strings.Repeat("가", 300)}), noon())
	require.Equal(t, strings.Repeat("가", 255), long.Reason)
}

func TestAfterRefund(t *testing.T) {
	p := row(1, "refund_due")
	given := func(n int64) *payment.Payment {
		r := record(p, payment.Succeeded)
		r.Refunded = n
		return r
	}
	for _, c := range []struct {
		name  string
		reply payment.Reply
		want  orders.RefundStep
		given int64
	}{
		{"done", payment.Reply{Effect: payment.EffectDone, Payment: given(12900)}, orders.RefundDone, 12900},
		{"done in part", payment.Reply{Effect: payment.EffectDone, Payment: given(12899)}, orders.RefundLater, 0},
		{"done, by more than was taken", payment.Reply{Effect: payment.EffectDone, Payment: given(12901)}, orders.RefundLater, 0},
		{"done, not shown", payment.Reply{Effect: payment.EffectDone}, orders.RefundLater, 0},
		{"refused", payment.Reply{Effect: payment.EffectRefused}, orders.RefundLater, 0},
		{"rejected", payment.Reply{Effect: payment.EffectRejected, Reason: "too old"}, orders.RefundReview, 0},
		{"unknown", payment.Reply{}, orders.RefundLater, 0},
		{"not done", payment.Reply{Effect: payment.EffectNone}, orders.RefundLater, 0},
		{"misconfigured", payment.Reply{Effect: payment.EffectMisconfigured}, orders.RefundLater, 0},
	} {
		end := orders.AfterRefund(p, c.reply)
		require.Equal(t, c.want, end.Step, c.name)
		require.Equal(t, c.given, end.Given, c.name)
		require.Equal(t, p, end.Payment, c.name)
		require.Equal(t, c.want == orders.RefundDone, end.Reason == "", c.name)
	}
	require.Equal(t, "the gateway refuses the refund: too old", orders.AfterRefund(p, payment.Reply{Effect: payment.EffectRejected, Reason: "too old"}).Reason)
	for _, e := range payment.Effects() {
		require.NotEqual(t, orders.RefundSend, orders.AfterRefund(p, payment.Reply{Effect: e, Payment: given(12900)}).Step)
	}
}
