package refunds

import (
	"fmt"
	"time"

	"duly/internal/payment"
)

// Refuses says why a refund can never be executed, by the tables alone; empty if it may be.
func Refuses(r Refund, t Target) string {
	left := t.Paid.Amount - t.Recorded
	switch {
	case t.Problem != "":
		return t.Problem
	case r.Amount < 0:
		return "the amount is below 0"
	case left <= 0:
		return "nothing is left: it was refunded in full before"
	case r.Amount > left:
		return fmt.Sprintf("%s are left of %s", t.money(left), t.Paid)
	case r.FollowUp == GivePeriodBack && r.Amount != 0 && r.Amount != left:
		return "give_period_back needs a refund of the full amount"
	}
	return ""
}

// Word is what an operator says of a refund in review, and what the gateway shows of its payment.
type Word struct {
	As     payment.Resolution
	Reason string
	Sight  payment.LookupResult
	Begun  time.Time // when the gateway was asked
}

// Takes says why the word is not taken; nil if it is. That it was refunded is the gateway's to say. That it was not is taken unless the gateway
// shows exactly what was asked for, and once no request of it can take effect any more.
func (w Word) Takes(c Claimed) error {
	seen := w.Sight.Payment
	known := seen != nil && seen.Impossible() == "" && c.foreign(*seen) == ""
	switch w.As {
	case payment.AsIgnored:
		return nil
	case payment.AsRefunded:
		switch {
		case !known:
			return fmt.Errorf("the gateway does not show the payment (%s): --as refunded needs its record", otherwise(w.Sight.Reason, "it is another one"))
		case w.given(c) == 0:
			return fmt.Errorf("the gateway shows %s of %s refunded, which does not include this refund", c.money(seen.Refunded), seen.Money)
		}
		return nil
	case payment.AsNotExecuted:
		if known && c.Sent != nil && seen.Refunded == c.Sent.Before+c.Sent.Amount {
			return fmt.Errorf("the gateway shows %s of %s refunded, which is what was asked for: --as refunded", c.money(seen.Refunded), seen.Money)
		}
		if left := c.Quiet.Sub(w.Begun); c.Sent != nil && left >= 0 {
			return fmt.Errorf("a request for refund %[1]d may still arrive: try again in %[2]s: duly resolve refund %[1]d --as not_executed --reason …", c.Refund.ID, payment.Wait(left))
		}
		return nil
	case payment.AsPaid, payment.AsPaidOutside, payment.AsVoid, payment.AsUncollectible, payment.AsApproved:
	}
	return fmt.Errorf("--as %s does not resolve a refund: give refunded, not_executed or ignored", w.As)
}

// given is how much the gateway shows to have been refunded since the refund was sent, or since it was last recorded; 0: less than was asked for.
func (w Word) given(c Claimed) int64 {
	before, asked := c.Recorded, c.Refund.Amount
	if c.Sent != nil {
		before, asked = c.Sent.Before, c.Sent.Amount
	}
	given := w.Sight.Payment.Refunded - before
	if given <= 0 || given < asked {
		return 0
	}
	if asked > 0 { // what is more was refunded by somebody else
		return asked
	}
	return given
}

// End is how the refund stands by an operator's word, which was taken.
func (w Word) End(c Claimed) End {
	end := End{}
	if p := w.Sight.Payment; p != nil && p.Impossible() == "" && c.foreign(*p) == "" {
		end.Total = p.Refunded
	}
	if w.As == payment.AsRefunded {
		end.Amount = w.given(c)
		return end.to(Done, "")
	}
	return end.to(Refuse, fmt.Sprintf("%s: %s", w.As, w.Reason))
}
