package audit

import (
	"strconv"
	"time"

	"duly/internal/billing"
	"duly/internal/orders"
	"duly/internal/payment"
)

// Table is where a payment of ours is kept.
type Table uint8

// The tables.
const (
	Attempts Table = iota // of invoices
	Payments              // of orders
)

// Row names a payment of ours.
type Row struct {
	Table Table
	ID    uint64
}

// String is what operators call the row.
func (r Row) String() string {
	if r.Table == Attempts {
		return "attempt:" + strconv.FormatUint(r.ID, 10)
	}
	return "payment:" + strconv.FormatUint(r.ID, 10)
}

// Standing is what our tables say became of a payment.
type Standing uint8

// The standings. The zero value is Unsettled, of which nothing can be found.
const (
	Unsettled Standing = iota // recovery, reconcile or the refunds have yet to settle it
	InReview                  // an operator has it
	Paid
	NotPaid
	Refunded
)

// Ours is a payment as our tables have it.
type Ours struct {
	Row       Row
	Group     uint64 // the invoice or the order that it pays
	Gateway   string
	Key       string // idempotency key; empty if there is none
	GatewayID string // the gateway's id; empty until it gave one
	Reference string
	// CustomerID is who paid; empty: the row does not say.
	CustomerID string
	Status     string
	Standing   Standing
	Money      payment.Money
	Refunded   int64 // minor units
	CreatedAt  time.Time
	Order      Order // of Payments
	// ByHand: an operator said that the payment pays for it. It may have been made as something else.
	ByHand bool
}

// Which names the payment at its gateway.
func (o Ours) Which() payment.Ref { return payment.Ref{Key: o.Key, ID: o.GatewayID} }

// Kept reports whether we say that the money was taken and not all refunded.
func (o Ours) Kept() bool { return o.Standing == Paid && o.Refunded < o.Money.Amount }

// same reports whether o says of the payment what it said before.
func (o Ours) same(before Ours) bool {
	return o.Status == before.Status && o.Standing == before.Standing && o.Money == before.Money &&
		o.Refunded == before.Refunded && o.GatewayID == before.GatewayID
}

// Order is what the audit reads of the order that was paid for.
type Order struct {
	Status orders.OrderStatus // empty: its row is gone
	Amount int64              // minor units
	// Checked: reconcile has checked it; Scheduled: it will again, or is about to; Frozen: it waits for an operator.
	Checked, Scheduled, Frozen bool
}

// OfAttempt is the standing of an attempt.
func OfAttempt(status billing.AttemptStatus) Standing {
	switch status {
	case billing.AttemptSucceeded:
		return Paid
	case billing.AttemptDeclined, billing.AttemptReleased, billing.AttemptRejected:
		return NotPaid
	case billing.AttemptReview:
		return InReview
	case billing.AttemptInFlight, billing.AttemptInDoubt:
	}
	return Unsettled
}

// OfPayment is the standing of an order's payment. One that failed without the gateway's word is not settled
// until reconcile has made its last check: until then its money can arrive, and reconcile finds and returns it.
func OfPayment(status orders.PaymentStatus, failureCode string, o Order) Standing {
	switch status {
	case orders.PaymentSucceeded:
		return Paid
	case orders.PaymentRefunded:
		return Refunded
	case orders.PaymentFailed:
		if (failureCode == "" || failureCode == orders.FailureRequest) && (!o.Checked || o.Scheduled) {
			return Unsettled
		}
		return NotPaid
	case orders.PaymentCancelled:
		return NotPaid
	case orders.PaymentReview:
		return InReview
	case orders.PaymentPending, orders.PaymentRefundDue:
	}
	return Unsettled
}
