// Package refunds decides about refunds of invoices and of payments of orders, in whole or in part. Its rules are pure functions of the request,
// the gateway's look-up and the time.
package refunds

import (
	"strconv"
	"strings"
	"time"

	"duly/internal/orders"
	"duly/internal/payment"
)

// Status is the status of a refund's row.
type Status string

// The statuses.
const (
	Requested Status = "requested" // not claimed yet
	InFlight  Status = "in_flight" // claimed by a run
	InDoubt   Status = "in_doubt"  // it may have been executed
	Refunded  Status = "refunded"
	Refused   Status = "refused"   // it was not executed, and will not be
	Cancelled Status = "cancelled" // its requester cancelled it before it was sent
	Review    Status = "review"    // an operator must decide
)

// Origin says who requested a refund.
type Origin string

// The origins.
const (
	OfRequest  Origin = "request"    // the shop or an operator inserted it
	OfMark     Origin = "refund_due" // a payment of an order is refund_due
	OfProvider Origin = "provider"   // it was made at the provider, and an audit found it
)

// FollowUp is what else happens with the refund of an invoice.
type FollowUp string

// The follow-ups. With none the subscription goes on, and the invoice stays paid.
const (
	EndSubscription FollowUp = "end_subscription" // the subscription is cancelled
	GivePeriodBack  FollowUp = "give_period_back" // the invoice becomes void: its period counts as not paid
)

// Refund is a row of refunds.
type Refund struct {
	ID                   uint64
	InvoiceID, PaymentID uint64 // one of them is not 0
	Amount               int64  // minor units; 0: all that is left
	Currency             string // empty: the payment's
	Reason               string
	Restock              bool
	FollowUp             FollowUp
	RequestedBy          string
	Origin               Origin
	Status               Status
	Number               int    // counts the refunds of a payment that were claimed, from 1
	Key                  string // idempotency key
	Sent                 *Sent  // nil: no request was sent that may have been executed
	Unsettled            bool   // no other refund of the payment may be sent before this one is decided
	Tries                int    // this one included
	CreatedAt            time.Time
	// Quiet is, of a refund in review that may have been executed, the instant after which no request of it can take effect any more.
	Quiet time.Time
	// Shown is, of a refund in review that was not sent since somebody may have made it already, what the gateway showed as refunded; 0 for any other.
	Shown int64
}

// Sent is what was stored before the first request of a refund left.
type Sent struct {
	Before int64 // minor units that were refunded at the gateway by then
	Amount int64 // minor units that were requested
	At     time.Time
}

// Key is the idempotency key of a payment's n-th refund. The first has the key that whole refunds of orders have always had; the number of any
// other stands before the charge's key, which may end as a number does. No two refunds of different charges have one key.
func Key(charge string, paymentID uint64, n int) string {
	key := orders.RefundKey(orders.Payment{ID: paymentID, Key: charge})
	if n <= 1 {
		return key
	}
	name := charge
	if name == "" {
		name = strings.TrimPrefix(key, "rf_")
	}
	return payment.ShortKey("rf_", "rf"+strconv.Itoa(n)+"_"+name)
}

// Target is the payment that a refund is of, from the tables.
type Target struct {
	// Problem says why nothing can be refunded; Wait, why nothing can be refunded yet. Both are empty for a refundable payment.
	Problem, Wait string

	AttemptID, SubscriptionID uint64 // of an invoice
	DueDate                   payment.Date
	Order                     orders.Order // of a payment of an order
	Payment                   orders.Payment

	Gateway         string
	Account         uint32 // of an attempt: row of gateway_accounts; 0: not stored
	ChargeKey       string
	GatewayID       string // the gateway's id of the payment
	GatewayCustomer string
	Reference       string
	CustomerID      string
	ByHand          bool // an operator named the payment: it may have any key, reference and customer
	Paid            payment.Money
	Recorded        int64 // minor units that are recorded as refunded, for any row of the charge
	// SameCharge are the ids of other rows of payments with refunds of the same charge: the shop has replaced one row by another, or has the charge twice.
	SameCharge []uint64
	CreatedAt  time.Time
}

// Which names the payment at its gateway.
func (t Target) Which() payment.Ref {
	return payment.Ref{Key: t.ChargeKey, ID: t.GatewayID, GatewayCustomer: t.GatewayCustomer}
}

// Claimed is a refund that a worker owns until its lease ends.
type Claimed struct {
	Refund
	Target

	// Waiting is the smallest amount of the payment's other refunds that wait to be executed, in minor units; 0: none of them has an amount.
	Waiting int64
	// Twin names a refund of the same charge that is of another row, where that row claims the charge too, or its refund is not settled. Empty: there is none.
	Twin string

	Lease [16]byte
	At    time.Time // the business clock when it was claimed
}

// Rest reports whether the refund was for all that was left of the payment: the gateway executes it once, even if it forgot the key.
func (c Claimed) Rest() bool { return c.Sent != nil && c.Sent.Before+c.Sent.Amount == c.Paid.Amount }

// Executed reports whether c is in review although it was executed and its money is recorded: a person must look at what was to follow from it.
func (c Claimed) Executed() bool {
	return c.Refund.Status == Review && c.Sent != nil && !c.Unsettled && c.Recorded >= c.Sent.Before+c.Sent.Amount
}

// Guarantees are what a gateway declares about idempotency keys.
type Guarantees struct {
	KeyLife time.Duration // 0: it keeps none
	Longest time.Duration // how long a request can be on its way
}

// Result is the result of a claimed refund, to be settled.
type Result struct {
	Claimed Claimed
	End     End
	Left    string // why nothing was done: the run stopped, or it stopped using the gateway
	Failed  bool   // its processing failed: whether a request may have been executed is what the row says
}
