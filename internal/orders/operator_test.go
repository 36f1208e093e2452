package orders_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/orders"
	"duly/internal/payment"
)

// reviewed is a payment in review, older than any request to its gateway can last.
func reviewed(o orders.OrderStatus, change ...func(*orders.Reviewed)) orders.Reviewed {
	p := row(1, "review")
	p.CreatedAt = noon().Add(-30 * time.Hour)
	r := orders.Reviewed{Payment: p, Order: order(o), Payments: []orders.Payment{p}, Reason: "payment 1 differs", Guarantees: lasting()}
	for _, c := range change {
		c(&r)
	}
	return r
}

func sight(status payment.Status, change ...func(*payment.Payment)) payment.LookupResult {
	r := record(row(1, ""), status)
	for _, c := range change {
		c(r)
	}
	return payment.LookupResult{Payment: r}
}

// vetted is an absence that controls bear out.
func vetted() payment.Vetting {
	return payment.Vetting{Earlier: payment.ControlPassed, Later: payment.ControlPassed}
}

// evidence is what a gateway that says this of a charge proves, by key and by id, borne out by controls.
func evidence(s payment.LookupResult) payment.Evidence {
	return payment.Evidence{ByKey: s, ByID: s, Named: s, Begun: noon(), Lasting: true, Gateway: "main", Vetting: vetted()}
}

func TestResolve(t *testing.T) {
	absent, unaskable := payment.LookupResult{Absent: true}, payment.LookupResult{Unaskable: true}
	back := func(n int64) func(*payment.Payment) { return func(p *payment.Payment) { p.Refunded = n } }
	paid := orders.Change{ID: 1, To: "succeeded", TransactionKey: "pay_1"}
	due := orders.Change{ID: 1, To: "refund_due", TransactionKey: "pay_1"}
	with := func(status orders.PaymentStatus) func(*orders.Reviewed) {
		return func(r *orders.Reviewed) { r.Payments = append(r.Payments, row(2, status)) }
	}
	foreign := func(p *payment.Payment) { p.Reference = "ord_8" }
	closed := func(to orders.PaymentStatus, code, as string) orders.Change {
		return orders.Change{ID: 1, To: to, FailureCode: code, FailureReason: as + ": asked the bank"}
	}
	given := closed("refunded", "", "refunded")
	given.Refunded, given.TransactionKey = 12900, "pay_1"
	unseen := given
	unseen.TransactionKey = ""
	recorded := func(r *orders.Reviewed) { r.Status = "succeeded" }

	for _, c := range []struct {
		name     string
		reviewed orders.Reviewed
		as       payment.Resolution
		seen     payment.LookupResult
		want     orders.Change
		refused  string
	}{
		{"paid, open", reviewed("pending"), payment.AsPaid, sight("succeeded"), paid, ""},
		{"paid, open, found by hand", reviewed("pending", func(r *orders.Reviewed) { r.Key = "" }), payment.AsPaid, sight("succeeded", func(p *payment.Payment) { p.Key = "x" }), paid, ""},
		{"paid, id known", reviewed("pending", func(r *orders.Reviewed) { r.TransactionKey = "pay_1" }), payment.AsPaid, sight("succeeded"), orders.Change{ID: 1, To: "succeeded"}, ""},
		{"paid, completed", reviewed("completed"), payment.AsPaid, sight("succeeded", func(p *payment.Payment) { p.Reference = "by hand" }), paid, ""},
		{"paid, completed by another", reviewed("completed", with("succeeded")), payment.AsPaid, sight("succeeded"), due, ""},
		{"paid, completed beside a failed one", reviewed("completed", with("failed")), payment.AsPaid, sight("succeeded"), paid, ""},
		{"paid, failed", reviewed("failed"), payment.AsPaid, sight("succeeded"), due, ""},
		{"paid, cancelled", reviewed("cancelled"), payment.AsPaid, sight("succeeded"), due, ""},
		{"paid, the shop's own", reviewed("shipped"), payment.AsPaid, sight("succeeded"), paid, ""},
		{"paid, open, another order's", reviewed("pending"), payment.AsPaid, sight("succeeded", foreign), orders.Change{}, "payment pay_1 was made for order 8, not for order 7"},
		{"paid, open, another customer's", reviewed("pending"), payment.AsPaid, sight("succeeded", func(p *payment.Payment) { p.CustomerID = "x" }), orders.Change{}, "customer_id is not ours"},
		{"paid, open, split tender", reviewed("pending", func(r *orders.Reviewed) { r.Order.Money = won(20000) }), payment.AsPaid, sight("succeeded"), orders.Change{}, "the order is 20,000 KRW"},
		{"paid, another amount", reviewed("completed"), payment.AsPaid, sight("succeeded", func(p *payment.Payment) { p.Money.Amount = 1 }), orders.Change{}, "is of 1 KRW, and 12,900 KRW are recorded"},
		{"paid, another currency", reviewed("completed"), payment.AsPaid, sight("succeeded", func(p *payment.Payment) { p.Money.Currency = "JPY" }), orders.Change{}, "is of 12,900 JPY"},
		{"paid, refunded in part", reviewed("completed"), payment.AsPaid, sight("succeeded", back(1)), orders.Change{ID: 1, To: "succeeded", TransactionKey: "pay_1", Refunded: 1}, ""},
		{"paid, refunded in part, failed", reviewed("failed"), payment.AsPaid, sight("succeeded", back(1)), orders.Change{ID: 1, To: "refund_due", TransactionKey: "pay_1", Refunded: 1}, ""},
		{"paid, refunded in part, open", reviewed("pending"), payment.AsPaid, sight("succeeded", back(1)), orders.Change{}, "a part of it was refunded"},
		{"paid, refunded in full", reviewed("completed"), payment.AsPaid, sight("succeeded", back(12900)), orders.Change{}, "12,900 KRW of payment pay_1 was refunded"},
		{"paid, declined", reviewed("completed"), payment.AsPaid, sight("declined"), orders.Change{}, "is declined, not succeeded"},
		{"paid, absent", reviewed("completed"), payment.AsPaid, absent, orders.Change{}, "knows no such payment"},
		{"paid, unaskable", reviewed("completed"), payment.AsPaid, unaskable, orders.Change{}, "cannot be asked"},
		{"paid, unanswered", reviewed("completed"), payment.AsPaid, payment.LookupResult{Reason: "timeout"}, orders.Change{}, "could not be asked (timeout)"},
		{"paid, made for another", reviewed("completed"), payment.AsPaid, sight("succeeded", func(p *payment.Payment) { p.Reference = "sub_9_20260131" }), orders.Change{}, "made for subscription 9, due 2026-01-31"},

		{"not executed, absent", reviewed("pending"), payment.AsNotExecuted, absent, closed("failed", "not_executed", "not_executed"), ""},
		{"not executed, unaskable", reviewed("pending"), payment.AsNotExecuted, unaskable, closed("failed", "not_executed", "not_executed"), ""},
		{"not executed, declined", reviewed("pending"), payment.AsNotExecuted, sight("declined", func(p *payment.Payment) { p.Decline.Code = "stolen_card" }), closed("failed", "stolen_card", "not_executed"), ""},
		{"not executed, cancelled", reviewed("pending"), payment.AsNotExecuted, sight("canceled"), closed("failed", "canceled", "not_executed"), ""},
		{"not executed, succeeded", reviewed("pending"), payment.AsNotExecuted, sight("succeeded"), orders.Change{}, "payment pay_1 is succeeded: duly resolve payment 1 --as paid pay_1 --reason"},
		{"not executed, refunded", reviewed("pending"), payment.AsNotExecuted, sight("succeeded", back(12900)), orders.Change{}, "--as refunded"},
		{"not executed, pending", reviewed("pending"), payment.AsNotExecuted, sight("pending"), orders.Change{}, "is pending"},
		{"not executed, an id that the gateway does not know now", reviewed("pending", func(r *orders.Reviewed) { r.TransactionKey = "pay_1" }), payment.AsNotExecuted, absent, orders.Change{}, "proves nothing"},
		{"not executed, may still arrive", reviewed("pending", func(r *orders.Reviewed) { r.CreatedAt = noon().Add(-24*time.Hour - 2*time.Minute) }), payment.AsNotExecuted, absent, orders.Change{}, "may still arrive: try again in 1m: duly resolve payment 1 --as not_executed --reason …"},
		{"not executed, unanswered", reviewed("pending"), payment.AsNotExecuted, payment.LookupResult{}, orders.Change{}, "could not be asked"},

		{"refunded, whole", reviewed("completed"), payment.AsRefunded, sight("succeeded", back(12900)), given, ""},
		{"refunded, unaskable", reviewed("completed"), payment.AsRefunded, unaskable, unseen, ""},
		{"refunded, in part", reviewed("completed"), payment.AsRefunded, sight("succeeded", back(12899)), orders.Change{}, "12,899 KRW of 12,900 KRW refunded"},
		{"refunded, not at all", reviewed("completed"), payment.AsRefunded, sight("succeeded"), orders.Change{}, "0 KRW of 12,900 KRW refunded"},
		{"refunded, absent", reviewed("completed"), payment.AsRefunded, absent, orders.Change{}, "--as not_executed"},

		{"ignored", reviewed("pending"), payment.AsIgnored, payment.LookupResult{}, closed("failed", "ignored", "ignored"), ""},
		{"ignored, recorded as succeeded", reviewed("shipped", recorded), payment.AsIgnored, payment.LookupResult{}, orders.Change{}, ""},
		{"something else", reviewed("pending"), "lost", absent, orders.Change{}, "no way to resolve"},
		{"declined, and frozen", reviewed("pending", func(r *orders.Reviewed) { r.Status, r.FailureCode = "failed", "stolen_card" }), payment.AsIgnored, absent, orders.Change{}, "payment 1 is failed: only one in review can be resolved"},
		{"pending, and not frozen", reviewed("pending", func(r *orders.Reviewed) { r.Status, r.Reason = "pending", "" }), payment.AsNotExecuted, absent, orders.Change{}, "payment 1 is pending: only one in review can be resolved, or one without the gateway's word whose order is: duly show order 7"},
		{"given up, and not frozen", reviewed("failed", func(r *orders.Reviewed) { r.Status, r.Reason = "failed", "" }), payment.AsNotExecuted, absent, orders.Change{}, "only one in review"},
		{"succeeded, and not frozen", reviewed("shipped", recorded, func(r *orders.Reviewed) { r.Reason = "" }), payment.AsIgnored, absent, orders.Change{}, "payment 1 is succeeded"},
		{"being refunded", reviewed("failed", func(r *orders.Reviewed) { r.Status = "refund_due" }), payment.AsRefunded, absent, orders.Change{}, "payment 1 is refund_due"},
	} {
		got, err := orders.Resolve(c.reviewed, c.as, "asked the bank", evidence(c.seen))
		if c.refused != "" {
			require.ErrorContains(t, err, c.refused, c.name)
			require.NotContains(t, err.Error(), "\n", c.name)
			require.Zero(t, got, c.name)
			continue
		}
		require.NoError(t, err, c.name)
		require.Equal(t, c.want, got.Change, c.name)
		require.Empty(t, got.Reason, c.name)
		if c.want.To == "refunded" {
			require.Equal(t, []string{"refund.completed"}, eventTypes(got.Events), c.name)
		} else {
			require.Empty(t, got.Events, c.name)
		}
		if c.want.To == "failed" {
			closed := row(1, c.want.To)
			closed.FailureCode = c.want.FailureCode
			require.False(t, orders.MustAsk(c.reviewed.Order, closed), "%s: an operator's word is final", c.name)
		}
	}

	// What nothing controls is settled as one in review is, in a frozen order alone.
	for _, status := range []orders.PaymentStatus{"pending", "failed", "cancelled"} {
		r := reviewed("pending", func(r *orders.Reviewed) { r.Status = status })
		want := closed("failed", "not_executed", "not_executed")
		if status == "cancelled" {
			want.To = status
		}
		got, err := orders.Resolve(r, payment.AsNotExecuted, "asked the bank", evidence(absent))
		require.NoError(t, err, status)
		require.Equal(t, want, got.Change, status)
		require.Empty(t, got.Reason, status)
		ended := r.Payment
		ended.Status, ended.FailureCode = got.Change.To, got.Change.FailureCode
		require.False(t, orders.MustAsk(r.Order, ended), status)
		got, err = orders.Resolve(r, payment.AsPaid, "asked the bank", evidence(sight("succeeded")))
		require.NoError(t, err, status)
		require.Equal(t, paid, got.Change, status)
		_, err = orders.Resolve(r, payment.AsNotExecuted, "asked the bank", evidence(sight("pending")))
		require.ErrorContains(t, err, "is pending", status)
		r.CreatedAt = noon().Add(-24 * time.Hour)
		_, err = orders.Resolve(r, payment.AsNotExecuted, "asked the bank", evidence(absent))
		require.ErrorContains(t, err, "may still arrive", status)
	}

	// The order stays frozen while another payment of it is in review.
	got, err := orders.Resolve(reviewed("pending", with("review")), payment.AsIgnored, "x", evidence(absent))
	require.NoError(t, err)
	require.Equal(t, "payment 1 differs", got.Reason)
	got, err = orders.Resolve(reviewed("pending", with("review"), func(r *orders.Reviewed) { r.Reason = "" }), payment.AsIgnored, strings.Repeat("가", 300), evidence(absent))
	require.NoError(t, err)
	require.Equal(t, "payment 2 is in review", got.Reason)
	require.Equal(t, "ignored: "+strings.Repeat("가", 246), got.Change.FailureReason)
}

func TestRequeue(t *testing.T) {
	list := func(status ...orders.PaymentStatus) []orders.Payment {
		var out []orders.Payment
		for i, s := range status {
			out = append(out, row(uint64(i+1), s))
		}
		return out
	}
	declined := row(1, "failed")
	declined.FailureCode = "stolen_card"
	for _, c := range []struct {
		name     string
		order    orders.OrderStatus
		payments []orders.Payment
		check    orders.Check
		refused  string
	}{
		{"open", "pending", nil, orders.Check{}, ""},
		{"open, its run ended", "pending", nil, orders.Check{Run: 4}, ""},
		{"a payment pending", "completed", list("pending"), orders.Check{}, ""},
		{"a payment given up", "failed", list("failed"), orders.Check{}, ""},
		{"a refund due", "failed", list("refund_due"), orders.Check{}, ""},
		{"frozen for a reason of its own", "shipped", list("succeeded"), orders.Check{Reason: "x"}, ""},
		{"in the hands of a run", "pending", nil, orders.Check{Run: 4, RunLives: true}, "order 7 is in the hands of run 4"},
		{"a payment in review", "pending", list("failed", "review"), orders.Check{Reason: "x"}, "duly resolve payment 2 --as … first"},
		{"settled", "completed", append([]orders.Payment{declined}, row(2, "succeeded"), row(3, "refunded")), orders.Check{}, "order 7 is completed, and nothing of it is open"},
	} {
		err := orders.Requeue(order(c.order), c.payments, c.check)
		if c.refused == "" {
			require.NoError(t, err, c.name)
			continue
		}
		require.ErrorContains(t, err, c.refused, c.name)
	}
}
