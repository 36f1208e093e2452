package refunds

import (
	"fmt"

	"duly/internal/payment"
)

// Pending are the refunds of one payment that are requested, or sent, and not settled.
type Pending []Refund

// Left is how much of left, in minor units, is left once they are all executed.
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

// RefusesBeside says why a refund is not requested beside others of its payment that are not settled: they take what it asks for, or one of them
// may be the same wish. again: it is requested all the same, where money is left for it. Empty: it is requested.
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

// wayOut says what ends a refund that is not settled.
func (r Refund) wayOut() string {
	switch r.Status {
	case Requested:
		return fmt.Sprintf("duly resolve refund %d --as cancelled --reason … takes it back", r.ID)
	case Review:
		return "it waits for a person: " + r.Held().Either()
	case InFlight, InDoubt, Refunded, Refused, Cancelled:
	}
	return "duly run reconcile --step refund settles it"
}

// NotCancelled says why a refund cannot be taken back; nil if it can: nothing was done about it.
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
	return fmt.Errorf("refund %d is %s, and waits for nobody: duly list refunds", r.ID, r.Status)
}
