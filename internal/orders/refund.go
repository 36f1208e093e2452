package orders

import (
	"fmt"
	"time"

	"duly/internal/payment"
)

// DecideRefund says what to do about a payment of o in refund_due from what the gateway says of it. The payment of
// RefundSend carries the gateway's id.
func DecideRefund(o Order, c Checked, now time.Time) RefundEnd {
	end := RefundEnd{Payment: c.Payment}
	if c.Taken != "" { // whatever the gateway says: it is not this row's money
		return end.to(RefundReview, fmt.Sprintf("nothing is refunded: %s keeps this payment", c.Taken))
	}
	switch seen := c.Sight.Payment; {
	case seen != nil:
		return end.seen(o, c, seen)
	case c.Sight.Absent:
		return end.absent(c.Guarantees, c.Vetting, now)
	case c.Sight.Unaskable || !c.Guarantees.Known && c.Asked:
		return end.patiently("the gateway cannot be asked about it", now)
	}
	end.Reason = cut(otherwise(c.Sight.Reason, "the gateway did not answer"))
	return end
}

// seen decides by the gateway's record.
func (e RefundEnd) seen(o Order, c Checked, seen *payment.Payment) RefundEnd {
	foreign := c.foreign(seen)
	if e.Payment.TransactionKey == "" { // the id is learnt now: it must be proven ours
		foreign = c.foreignTo(o, seen)
	}
	if foreign != "" {
		return e.to(RefundReview, "it is another charge at the gateway: "+foreign+" is not ours")
	}
	if e.Payment.TransactionKey == "" {
		e.Payment.TransactionKey = payment.Cut(seen.ID, maxText)
	}
	switch seen.Status {
	case payment.Pending:
		return e.to(RefundLater, "the gateway has not decided it")
	case payment.Declined:
		return e.to(RefundNone, "nothing was taken: declined, "+otherwise(seen.Decline.Code, "no reason given"))
	case payment.Succeeded, payment.Canceled:
	default:
		return e.to(RefundLater, fmt.Sprintf("its status %q at the gateway is none of the contract's", seen.Status))
	}
	back := payment.Money{Amount: seen.Refunded, Currency: seen.Money.Currency}
	switch {
	case seen.Impossible() != "":
		return e.to(RefundReview, fmt.Sprintf("the gateway shows payment %s with %s", seen.ID, seen.Impossible()))
	case seen.RefundedInFull():
		e.Given = seen.RefundOf(e.Payment.Money.Amount)
		return e.to(RefundDone, "")
	case seen.Refunded != 0 && !e.recorded(c, seen):
		return e.to(RefundReview, fmt.Sprintf("%s of %s were refunded by someone", back, seen.Money))
	case seen.Status == payment.Canceled:
		return e.to(RefundNone, "nothing was taken: cancelled at the gateway")
	case seen.Money != e.Payment.Money:
		return e.to(RefundReview, fmt.Sprintf("%s were taken, %s are recorded", seen.Money, e.Payment.Money))
	}
	e.Before, e.Amount = seen.Refunded, seen.Money.Amount-seen.Refunded
	return e.to(RefundSend, "")
}

// recorded reports whether the row accounts for what the gateway shows as refunded in part, so that the rest can follow. A rest that may have
// been asked for before, and was another one, is asked for by nobody again.
func (e RefundEnd) recorded(c Checked, seen *payment.Payment) bool {
	rest := seen.Money.Amount - seen.Refunded
	return seen.Money == e.Payment.Money && seen.Refunded == e.Payment.Refunded && (c.Mark.Sent == 0 || c.Mark.Sent == rest)
}

// absent decides by the gateway's word that it knows no such payment.
func (e RefundEnd) absent(k Guarantees, v payment.Vetting, now time.Time) RefundEnd {
	p := e.Payment
	switch age := now.Sub(p.CreatedAt); {
	case age <= k.Longest:
		return e.to(RefundLater, "the gateway does not know it yet")
	case p.TransactionKey != "":
		return e.to(RefundReview, "it has an id that its gateway does not know")
	case !k.Known || !k.FindByKey || p.Key == "":
		return e.patiently("the gateway cannot be asked about it", now)
	case age <= k.KeyLife+k.Longest:
		return e.to(RefundLater, "the gateway does not know it, and its charge may still arrive")
	case !k.LookupOutlivesKey:
		return e.to(RefundReview, "the gateway may have forgotten it")
	case !v.Proves() && v.Missing() != "" && !v.Unknown():
		return e.patiently(v.Reason(p.Gateway), now)
	case !v.Proves():
		return e.to(RefundLater, v.Reason(p.Gateway))
	}
	return e.to(RefundNone, "nothing was taken: the charge never arrived at the gateway")
}

// patiently waits for a day from when the refund was asked for, and then for an operator.
func (e RefundEnd) patiently(why string, now time.Time) RefundEnd {
	if RefundOverdue(laterOf(e.Payment.CreatedAt, e.Payment.UpdatedAt), now) {
		return e.to(RefundReview, why)
	}
	return e.to(RefundLater, why)
}

func (e RefundEnd) to(step RefundStep, why string) RefundEnd {
	e.Step, e.Reason = step, cut(why)
	return e
}

// AfterRefund says how the refund of p's whole amount stands after this reply. Only a reply that shows the
// whole amount refunded ends it; what else became of it is found out by the next look at the payment.
func AfterRefund(p Payment, r payment.Reply) RefundEnd {
	end := RefundEnd{Payment: p}
	switch r.Effect {
	case payment.EffectDone:
		if seen := r.Payment; seen != nil && seen.RefundedInFull() {
			end.Given = seen.RefundOf(p.Money.Amount)
			return end.to(RefundDone, "")
		}
		return end.to(RefundLater, "refunded, and the gateway does not show it")
	case payment.EffectRejected:
		return end.to(RefundReview, "the gateway refuses the refund: "+otherwise(r.Reason, r.Effect.String()))
	case payment.EffectRefused, payment.EffectNone, payment.EffectMisconfigured:
		end.Unsent = true
	case payment.EffectUnknown:
	}
	return end.to(RefundLater, otherwise(r.Reason, r.Effect.String()))
}

// cut fits a text into its column.
func cut(s string) string { return payment.Cut(s, maxText) }

func otherwise(s, instead string) string {
	if s == "" {
		return instead
	}
	return s
}
