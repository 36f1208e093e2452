package refunds

import (
	"fmt"
	"time"

	"duly/internal/payment"
)

// Refuses returns why a refund can never be executed, by the tables alone; empty if it can.
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

// Word is an operator's decision about a refund in review, with the gateway's look-up of its payment.
type Word struct {
	As     payment.Resolution
	Reason string
	Sight  payment.LookupResult
	Begun  time.Time // when the gateway was asked
	// Longest is how long a request to the gateway can be on its way. 0: the gateway is not configured here, and was not asked.
	Longest time.Duration
	// Elsewhere is why the gateway's record does not count: another account than today's took the payment. Empty: it counts.
	Elsewhere string
	// Doubtful is why a record without the refund does not count: the gateway does not show the newest payments that it took. Empty: it counts.
	Doubtful string
}

// Takes returns why the decision is not accepted; nil if it is. Refunded needs the gateway's record. Not executed needs a gateway that shows the
// payment without the requested amount as refunded, or that has no look-up, and is accepted once no request of the refund can take effect any more.
//
// Of what was executed nothing is asked: refunded completes what was to follow, ignored leaves that to the shop.
func (w Word) Takes(c Claimed) error {
	switch executed := c.Executed(); {
	case executed && (w.As == payment.AsRefunded || w.As == payment.AsIgnored):
		return nil
	case executed && w.As == payment.AsNotExecuted:
		return fmt.Errorf("%s of refund %d are refunded and recorded: --as refunded once what it waits for is right, or --as ignored, which leaves what was to follow to you", c.money(c.Sent.Amount), c.Refund.ID)
	}
	switch w.As {
	case payment.AsIgnored:
		return nil
	case payment.AsRefunded:
		switch unseen := w.unseen(c); {
		case unseen != "":
			return fmt.Errorf("%s; --as refunded needs its record; %s", unseen, w.last(c))
		case w.given(c) == 0:
			return fmt.Errorf("the gateway shows %s of %s refunded, which does not include this refund", c.money(w.Sight.Payment.Refunded), w.Sight.Payment.Money)
		}
		return nil
	case payment.AsNotExecuted:
		return w.notExecuted(c)
	case payment.AsPaid, payment.AsPaidOutside, payment.AsVoid, payment.AsUncollectible, payment.AsApproved, payment.AsCancelled:
	}
	return fmt.Errorf("--as %s does not resolve a refund: give refunded, not_executed or ignored", w.As)
}

// notExecuted returns why the decision that the refund was not executed is not accepted.
func (w Word) notExecuted(c Claimed) error {
	mute := c.Gateway != "" && w.Longest > 0 && w.Elsewhere == "" && w.Sight.Payment == nil && w.Sight.Unaskable
	if unseen := w.unseen(c); unseen != "" && !mute {
		return fmt.Errorf("%s; %s", unseen, w.last(c))
	}
	if !mute && c.Shown == 0 && w.given(c) > 0 {
		return fmt.Errorf("the gateway shows %s of %s refunded, which may include this refund: --as refunded; %s", c.money(w.Sight.Payment.Refunded), w.Sight.Payment.Money, w.last(c))
	}
	if left := c.quiet(w.Longest).Sub(w.Begun); c.Sent != nil && left >= 0 {
		return fmt.Errorf("a request for refund %[1]d may still arrive: try again in %[2]s: duly resolve refund %[1]d --as not_executed --reason …", c.Refund.ID, payment.Wait(left))
	}
	if !mute && w.Doubtful != "" {
		return fmt.Errorf("%s; %s", w.Doubtful, w.last(c))
	}
	return nil
}

// quiet is the instant after which no request of a refund in review can take effect any more.
func (c Claimed) quiet(longest time.Duration) time.Time {
	if c.Sent == nil {
		return time.Time{}
	}
	if first := c.Sent.At.Add(longest); first.After(c.Quiet) {
		return first
	}
	return c.Quiet
}

// last names the decision that needs no gateway.
func (w Word) last(c Claimed) string {
	return fmt.Sprintf("duly resolve refund %d --as ignored --reason … sends no request of it any more", c.Refund.ID)
}

// unseen returns why there is no record of the refund's payment; empty: the gateway shows the payment.
func (w Word) unseen(c Claimed) string {
	p := w.Sight.Payment
	switch {
	case c.Gateway == "" && c.Problem != "":
		return c.Problem + ", so that no gateway can be asked"
	case c.Gateway == "":
		return otherwise(c.Wait, "the payment names no gateway") + ", so that no gateway can be asked"
	case w.Longest == 0:
		return fmt.Sprintf("gateway %[1]s is not configured here: type it where gateways.%[1]s is", c.Gateway)
	case w.Elsewhere != "":
		return w.Elsewhere
	case p == nil && w.Sight.Absent:
		return "the gateway does not know the payment now, which proves nothing: ask the provider"
	case p == nil && w.Sight.Unaskable:
		return "the gateway cannot be asked about the payment"
	case p == nil:
		return fmt.Sprintf("the gateway could not be asked (%s): try again", otherwise(w.Sight.Reason, "no answer"))
	case p.Impossible() != "":
		return fmt.Sprintf("the gateway shows payment %s with %s: ask the provider", p.ID, p.Impossible())
	case c.foreign(*p) != "":
		return fmt.Sprintf("the gateway shows another charge, whose %s is not ours: ask the provider", c.foreign(*p))
	}
	return ""
}

// given is the amount that the gateway shows as refunded since the refund was sent, or since the last record; 0: less than was requested.
func (w Word) given(c Claimed) int64 {
	before, asked := c.Recorded, c.Refund.Amount
	if c.Sent != nil {
		before, asked = c.Sent.Before, c.Sent.Amount
	}
	given := w.Sight.Payment.Refunded - before
	if given <= 0 || given < asked {
		return 0
	}
	if asked > 0 { // the rest was refunded otherwise
		return asked
	}
	return given
}

// End is the result of an accepted decision.
func (w Word) End(c Claimed) End {
	end := End{}
	if c.Executed() {
		end.Amount, end.Total = c.Sent.Amount, c.Recorded
		if w.As == payment.AsIgnored {
			return end.to(Done, fmt.Sprintf("%s: %s", w.As, w.Reason))
		}
		return end.to(Done, "")
	}
	if w.As != payment.AsIgnored && w.unseen(c) == "" {
		end.Total = w.Sight.Payment.Refunded
	}
	if c.Shown > 0 { // what else is unexplained may be another refund that waits
		end.Total = w.explained(c, end.Total)
	}
	if w.As == payment.AsRefunded {
		end.Amount = w.given(c)
		return end.to(Done, "")
	}
	return end.to(Refuse, fmt.Sprintf("%s: %s", w.As, w.Reason))
}

// explained is the total that is recorded by a word about a refund that may have been made before: with refunded that refund alone, with
// not_executed what no other refund that waits may be.
func (w Word) explained(c Claimed, total int64) int64 {
	switch {
	case w.As == payment.AsRefunded:
		return min(c.Recorded+w.given(c), total)
	case c.Waiting > 0 && total-c.Recorded >= c.Waiting:
		return c.Recorded
	}
	return total
}
