package refunds

import (
	"fmt"

	"duly/internal/payment"
)

// Pending are the unsettled refunds of one payment, requested or sent.
type Pending []Refund

// Left returns how much of left, in minor units, remains once all of them are executed.
func (p Pending) Left(left int64) int64 {
	for _, r := range p {
		if amount := r.asks(); amount == 0 {
			return 0
		} else if left -= amount; left <= 0 {
			return 0
		}
	}
	return left
}

// asks is how much a refund asks for; 0: all that is left.
func (r Refund) asks() int64 {
	if r.Sent != nil {
		return r.Sent.Amount
	}
	return r.Amount
}

// Named is a pending refund, for people.
func (r Refund) Named(t Target) string {
	amount := "all that is left"
	if n := r.asks(); n > 0 {
		amount = t.money(n).String()
	}
	return fmt.Sprintf("refund %d (%s, %s)", r.ID, amount, r.Status)
}

// RefusesBeside returns why a refund cannot be requested beside the pending refunds of its payment; empty: it can. They may leave too little, or one of them
// may be the same request, which again permits as long as enough is left.
func RefusesBeside(r Refund, t Target, pending Pending, again bool) string {
	if len(pending) == 0 {
		return ""
	}
	last := pending[len(pending)-1]
	left := pending.Left(t.Paid.Amount - t.Recorded)
	switch {
	case left <= 0:
		return fmt.Sprintf("nothing is left beside %s; %s", last.Named(t), last.wayOut())
	case r.Amount > left:
		return fmt.Sprintf("%s are left of %s beside %s; %s", t.money(left), t.Paid, last.Named(t), last.wayOut())
	}
	for _, other := range pending {
		if other.asks() == r.Amount && !again {
			return fmt.Sprintf("%s asks for the same amount, and is not settled; --again requests it once more", other.Named(t))
		}
	}
	return ""
}

// wayOut returns what to type about an unsettled refund.
func (r Refund) wayOut() string {
	switch r.Status {
	case Requested:
		return fmt.Sprintf("duly resolve refund %d --as cancelled --reason … cancels it", r.ID)
	case Review:
		return "it waits for an operator: " + r.Held().Either()
	case InFlight, InDoubt, Refunded, Refused, Cancelled:
	}
	return "duly run reconcile --step refund settles it"
}

// NotCancelled returns why a refund cannot be cancelled; nil if it can, since no run has begun it.
func (r Refund) NotCancelled() error {
	if r.Status == Requested {
		return nil
	}
	switch r.Status {
	case InFlight:
		return fmt.Errorf("refund %d is being executed by a run: try again once that has ended", r.ID)
	case InDoubt:
		return fmt.Errorf("refund %d may have been executed: the next run asks the gateway: duly run reconcile --step refund", r.ID)
	case Review:
		return fmt.Errorf("refund %d is in review: --as %s, %s or %s", r.ID, payment.AsRefunded, payment.AsNotExecuted, payment.AsIgnored)
	case Requested, Refunded, Refused, Cancelled:
	}
	return fmt.Errorf("refund %d is already %s: duly list refunds", r.ID, r.Status)
}
