package orders

import (
	"slices"
	"time"

	"duly/internal/payment"
)

// shops reports whether the status is none that duly knows.
func (s OrderStatus) foreign() bool { return !slices.Contains(orderStatuses(), s) }

// keepsRecorded reports whether a payment that is recorded as succeeded stands as recorded beside an order of
// that status: the shop has gone on with it.
func (s OrderStatus) keepsRecorded() bool { return s == OrderCompleted || s.foreign() }

// wordless reports whether the payment was given up without the gateway's word.
func (p Payment) unconfirmed() bool {
	return (p.Status == PaymentFailed || p.Status == PaymentCancelled) && (p.FailureCode == "" || p.FailureCode == FailureRequest)
}

// MustAsk reports whether the payment's gateway is to be asked about it at a check of its order: it is
// pending; it was given up without the gateway's word; or it is recorded as succeeded, and the order has not
// been completed for it.
func MustAsk(o Order, p Payment) bool {
	switch p.Status {
	case PaymentPending:
		return true
	case PaymentSucceeded:
		return !o.Status.keepsRecorded()
	case PaymentFailed, PaymentCancelled:
		return p.unconfirmed()
	case PaymentRefundDue, PaymentRefunded, PaymentReview:
	}
	return false
}

// MustCancel reports whether a payment that was found pending is to be cancelled at the gateway, by the id in
// its Sight: it has been pending for too long, it is ours, and the shop does not take it for paid.
func MustCancel(o Order, c Checked, p Policy, now time.Time) bool {
	seen := c.Sight.Payment
	return c.Asked && seen != nil && seen.Status == payment.Pending && seen.ID != "" && c.foreignTo(o, seen) == "" &&
		c.Status != PaymentSucceeded && now.Sub(c.CreatedAt) > p.GiveUpAfter
}

// Counted is what has been counted of look-ups of c after this check; before is what had been before it. A check that could not ask
// counts for nothing.
func (c Checked) Counted(before payment.Patience, now time.Time) payment.Patience {
	switch seen := c.Sight.Payment; {
	case !c.Asked || c.Sight.Unaskable || c.Sight.Unasked || c.Sight.Misconfigured:
		return before
	case c.Cancelled:
		return before.Answered(false, now)
	case seen != nil:
		return before.Answered(undecidedThere(seen.Status), now)
	case c.Sight.Absent:
		return before.Answered(false, now)
	}
	return before.Unanswered(now)
}

// TookMoney reports whether the gateway was found to have taken money for c.
func (c Checked) TookMoney() bool {
	return c.Sight.Payment != nil && !c.Sight.Payment.TookNone() && !undecidedThere(c.Sight.Payment.Status)
}

// undecidedThere reports whether a status at the gateway decides nothing.
func undecidedThere(s payment.Status) bool {
	switch s {
	case payment.Succeeded, payment.Declined, payment.Canceled:
		return false
	case payment.Pending:
	}
	return true
}

// foreign names the field that shows that the gateway's record is not that of c's charge, or is "". Ids come
// back after a restore, so an id or a key alone proves nothing.
func (c Checked) foreign(seen *payment.Payment) string {
	switch {
	case seen.ForeignChannel != "":
		return seen.ChannelField()
	case c.Key != "" && seen.Key != c.Key:
		return "idempotency_key"
	case seen.Reference != Reference(c.OrderID):
		return "reference"
	}
	return ""
}

// foreignTo is foreign, and holds the record's customer against that of c's order as well.
func (c Checked) foreignTo(o Order, seen *payment.Payment) string {
	if field := c.foreign(seen); field != "" || seen.IsOf(o.CustomerID) {
		return field
	}
	return "customer_id"
}

// NeedsControl reports whether the answer about c is one that ends it without money. It is believed only if its gateway
// shows what it took: another address, or a copy of the account, would say the same of a payment that was made.
func NeedsControl(c Checked, now time.Time) bool {
	switch seen := c.Sight.Payment; {
	case !c.Asked:
		return false
	case c.Cancelled:
		return true
	case seen != nil:
		return seen.Status != payment.Succeeded && seen.Status != payment.Pending || seen.Refunded > 0
	}
	return c.Sight.Absent && now.Sub(c.CreatedAt) > c.Guarantees.Longest
}

// ControlSpan is when c was first sent: a shop charges what it has just written down.
func ControlSpan(c Checked) payment.Window {
	return payment.Window{From: c.CreatedAt, To: c.CreatedAt}
}

// NeverArrived reports whether the answer about c is "never arrived"; ok is false for a payment that nothing definite is
// known of, and for one that was given up as never arrived before, of which a repeated no is expected and says nothing
// about the gateway.
func NeverArrived(c Checked, now time.Time) (never, ok bool) {
	switch {
	case !c.Asked:
		return false, false
	case c.Sight.Payment != nil || c.Cancelled:
		return false, true
	case c.Sight.Absent && !c.unconfirmed() && now.Sub(c.CreatedAt) > c.Guarantees.Longest:
		return true, true
	}
	return false, false
}
