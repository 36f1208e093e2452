package refunds

import (
	"fmt"
	"time"

	"duly/internal/billing"
	"duly/internal/orders"
)

// Settlement is the update of a refund's row at its settlement.
type Settlement struct {
	Status Status
	// Unsettled: no other refund of the payment may be sent before this one is decided.
	Unsettled bool
	Tries     int
	// NextAt is when it is tried again, zero: at once, or never; in review: when its last request can take effect no more, zero: none can.
	NextAt time.Time
	// Unsent: no request was executed, so that what was stored before it says nothing any more.
	Unsent bool
	// Shown is what the gateway showed as refunded, of a refund that may be a part of that; 0 for any other.
	Shown int64
	// Refunded is what is refunded of the payment in all, at least; 0: not known.
	Refunded int64
}

// Settle returns the update of r's row. longest is how long a request to the gateway can be on its way; unkeyed is the pause after a request to a
// gateway that keeps no keys, 0 for any other.
func (r Result) Settle(now time.Time, longest, unkeyed time.Duration) Settlement {
	c, end := r.Claimed, r.End
	s := Settlement{Status: Requested, Tries: c.Tries}
	if r.Left != "" {
		if s.Tries--; c.Sent != nil {
			s.Status, s.Unsettled = InDoubt, true
		}
		s.Unsent = c.Sent == nil
		return s
	}
	s.Unsent = !end.Doubted && end.Step != Done
	switch end.Step {
	case Done:
		s.Status, s.Refunded = Refunded, end.Total
	case Refuse:
		s.Status, s.Refunded = Refused, end.Total
	case ToReview:
		if end.Unexplained { // others of the payment wait: what is unexplained belongs to one
			s.Status, s.Unsettled, s.Shown = Review, true, end.Total
			return s
		}
		if s.Status, s.Unsettled = Review, end.Doubted; end.Doubted {
			s.NextAt = now.Add(longest) // every request of it has left by now
		}
	case Withdraw:
		s.Status = Cancelled
	case Later, Send:
		s.NextAt = now.Add(max(orders.RefundSchedule(c.Tries), unkeyed))
		if end.Doubted {
			s.Status, s.Unsettled = InDoubt, true
		}
	}
	return s
}

// Whole reports whether the payment is refunded in full by r.
func (r Result) Whole() bool {
	return r.End.Step == Done && r.End.Total >= r.Claimed.Paid.Amount
}

// Back reports whether nothing of the payment is left once r has ended: r refunded the rest, or all of it was refunded another way before.
func (r Result) Back() bool {
	ended := r.End.Step == Done || r.End.Step == Refuse
	return r.Left == "" && ended && r.End.Total > 0 && r.End.Total >= r.Claimed.Paid.Amount
}

// Ends reports whether r ends the subscription: that was asked for, and r refunded, or all of the payment was refunded another way.
func (r Result) Ends() bool {
	return r.Claimed.FollowUp == EndSubscription && r.Left == "" && (r.End.Step == Done || r.Back())
}

// Voids reports whether r gives the period of its invoice back: that was asked for, and nothing of the payment is left.
func (r Result) Voids() bool { return r.Claimed.FollowUp == GivePeriodBack && r.Back() }

// TookItems reports whether an order took its items out of the stock. One that is not completed, or failed, took none.
func TookItems(o orders.Order) bool {
	switch o.Status {
	case "", orders.OrderPending, orders.OrderInProgress, orders.OrderFailed:
		return false
	case orders.OrderCompleted, orders.OrderCancelled:
	default: // the shop's own: it was completed and went on
	}
	return true
}

// NotEnded says why a subscription that was to end with its refund did not, by its status; empty: it has ended before.
func NotEnded(id uint64, status billing.SubscriptionStatus) string {
	if status == billing.Cancelled {
		return ""
	}
	return fmt.Sprintf("refunded, but subscription %d is %q, which duly does not end: fix its status, then --as refunded", id, status)
}
