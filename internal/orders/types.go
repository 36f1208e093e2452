package orders

import (
	"time"

	"duly/internal/payment"
)

// OrderStatus is the status of an order. Any other than these is the shop's own.
type OrderStatus string

// The statuses that duly knows.
const (
	OrderPending    OrderStatus = "pending"
	OrderInProgress OrderStatus = "payment_in_progress"
	OrderCompleted  OrderStatus = "completed"
	OrderFailed     OrderStatus = "failed"
	OrderCancelled  OrderStatus = "cancelled"
)

// Open reports whether the order still waits for its payment.
func (s OrderStatus) Open() bool { return s == OrderPending || s == OrderInProgress }

// PaymentStatus is the status of an order's payment.
type PaymentStatus string

// The statuses of a payment.
const (
	PaymentPending   PaymentStatus = "pending"
	PaymentSucceeded PaymentStatus = "succeeded"
	PaymentFailed    PaymentStatus = "failed"
	PaymentCancelled PaymentStatus = "cancelled"
	PaymentRefundDue PaymentStatus = "refund_due"
	PaymentRefunded  PaymentStatus = "refunded"
	PaymentReview    PaymentStatus = "review"
)

// orderStatuses are those that duly knows.
func orderStatuses() []OrderStatus {
	return []OrderStatus{OrderPending, OrderInProgress, OrderCompleted, OrderFailed, OrderCancelled}
}

// PaymentStatuses lists every status of a payment.
func PaymentStatuses() []PaymentStatus {
	return []PaymentStatus{
		PaymentPending, PaymentSucceeded, PaymentFailed, PaymentCancelled, PaymentRefundDue, PaymentRefunded, PaymentReview,
	}
}

// StatusOf reads the status of an order's row. A database finds `PENDING` as pending, so that the rules must as well: an order that
// only one of them sees would be forgotten. A word that is none of ours stays as the shop wrote it.
func StatusOf(word string) OrderStatus { return payment.WordOf(word, orderStatuses()) }

// PaymentStatusOf reads the status of a payment's row, as [StatusOf] does an order's.
func PaymentStatusOf(word string) PaymentStatus { return payment.WordOf(word, PaymentStatuses()) }

// FailureRequest is the failure code of a payment whose charge never arrived at the gateway.
const FailureRequest = "request_failed"

// Order is an order as it was claimed.
type Order struct {
	ID         uint64
	CustomerID string
	Status     OrderStatus
	Money      payment.Money
	Items      []Item // by product id
	CreatedAt  time.Time
	UpdatedAt  time.Time
}

// Reference is what the order's charges are made under.
func (o Order) Reference() string { return Reference(o.ID) }

// Item is a position of an order.
type Item struct {
	ProductID uint64
	Quantity  int64
}

// Payment is one of an order's payments as it was claimed.
type Payment struct {
	ID             uint64
	OrderID        uint64
	Gateway        string
	Key            string // idempotency key; empty if the shop wrote none
	TransactionKey string // the gateway's id; empty until it gave one
	Status         PaymentStatus
	Money          payment.Money
	FailureCode    string
	Refunded       int64 // minor units
	CreatedAt      time.Time
	UpdatedAt      time.Time
}

// Which names the payment at its gateway.
func (p Payment) Which() payment.Ref {
	return payment.Ref{Key: p.Key, ID: p.TransactionKey}
}

// Guarantees is what a gateway declares about keys and look-ups.
type Guarantees struct {
	Known             bool          // the gateway is configured
	KeyLife           time.Duration // how long a key is kept; 0: not at all
	Longest           time.Duration // how long after it was sent a request can take effect
	FindByKey         bool          // it can be asked by key
	LookupOutlivesKey bool          // look-ups answer for as long as the payment exists
}

// Policy is what the operator set about stale orders.
type Policy struct {
	OlderThan   time.Duration // an order left alone for less is left alone
	GiveUpAfter time.Duration // a payment pending for longer is cancelled at the gateway
}

// Checked is a payment with what its gateway said of it at this check.
type Checked struct {
	Payment

	Guarantees Guarantees
	// Asked: the gateway was asked, or could not be (Sight.Unaskable). Not asked are payments that no answer
	// could change: refund_due, refunded, review, and those that the gateway has given its word on.
	Asked bool
	Sight payment.LookupResult
	// Cancelled: the gateway confirmed our cancellation at this check.
	Cancelled bool
	// Taken says which other row has the gateway's payment: "attempt 7 of invoice 3"; empty: none.
	Taken string
	// Patience counts what look-ups of it have brought that decides nothing, this check included.
	Patience payment.Patience
	// Vetting is what the gateway said of payments that it took, after it said that it does not know this one.
	Vetting payment.Vetting
	// Mark is the row of refunds for a payment in refund_due.
	Mark RefundMark
}

// Claimed is an order that a worker owns until its lease ends, with its payments by id.
type Claimed struct {
	Order

	Payments []Payment
	Lease    [16]byte
	Checks   int // this one included
	// Patience counts, by payment, what look-ups before this check have brought that decides nothing.
	Patience map[uint64]payment.Patience
	// At is the business clock when it was claimed.
	At time.Time
}

// Result is a claimed order with what was found out about it, to be settled.
type Result struct {
	Claimed Claimed

	Checked []Checked
	// Left is why nothing was found out: the run stopped, the gateway is left alone. The order is released then,
	// as if it had not been claimed.
	Left string
}

// Line is the line of the table that holds for an order; the first that holds counts.
type Line uint8

// The lines, in the table's order.
const (
	LineDiffers    Line = iota + 1 // a success that is not what the order asks for
	LineCompleted                  // a success, order completed
	LineComplete                   // a success, order open, stock suffices
	LineOutOfStock                 // a success, order open, stock does not suffice or a product is gone
	LineLate                       // a success, order failed or cancelled
	LineShops                      // a success, order in a status that is the shop's own
	LineLater                      // some payment is not decided
	LineNotPaid                    // all definitely not paid, or none at all
)

// Decision is what becomes of a checked order.
type Decision struct {
	Line Line
	// Order is the order's new status; empty: left as it is.
	Order         OrderStatus
	FailureReason string // with OrderFailed
	TakeStock     bool   // the order's items leave the stock
	// Payments are those that change.
	Payments []Change
	// Review freezes the order for an operator: why.
	Review string
	// Next is when the order is to be checked again, counted from now; 0: not again.
	Next   time.Duration
	Events []payment.Event
}

// Change is what becomes of a payment. Empty fields are left as they are, but for the failure, which is
// written as it stands for PaymentFailed and PaymentCancelled.
type Change struct {
	ID             uint64
	To             PaymentStatus
	TransactionKey string
	FailureCode    string
	FailureReason  string
	Refunded       int64 // minor units refunded in all, with PaymentRefunded; 0: left as it is
}

// RefundClaim is an order whose refunds a worker owns until its lease ends.
type RefundClaim struct {
	Order

	// FailureReason is the order's own; Kept: another payment of it succeeded and is kept.
	FailureReason string
	Kept          bool

	Due   []Payment             // in status refund_due, by id
	Marks map[uint64]RefundMark // their rows of refunds, by payment
	Lease [16]byte
	Tries int       // this one included
	Since time.Time // when the first of them was first seen due
	At    time.Time // the business clock when it was claimed
}

// RefundMark is the row of refunds for a payment in refund_due.
type RefundMark struct {
	ID   uint64 // 0: there is none
	Key  string // idempotency key
	Sent int64  // minor units of an earlier request, which may have been executed; 0: there was none
	Twin string // names the refund of the same charge by another row; empty: there is none
}

// RefundResult is what became of the refunds of an order, to be settled.
type RefundResult struct {
	RefundClaim RefundClaim

	Ends []RefundEnd // of those that were worked on
	Left string      // why nothing was done, as in Result
}

// RefundStep is what is to be done about a payment in refund_due after it was looked at.
type RefundStep uint8

// The steps; the zero value tries again later.
const (
	RefundLater  RefundStep = iota
	RefundSend              // send the refund of all that is left
	RefundDone              // refunded in full
	RefundNone              // there is nothing to refund: the money was never taken
	RefundReview            // an operator must look
)

// RefundEnd is how one refund stands.
type RefundEnd struct {
	Payment Payment
	Step    RefundStep // RefundSend from DecideRefund alone
	Amount  int64      // minor units of this refund, for RefundSend and RefundDone after it
	Before  int64      // minor units refunded before it, for RefundSend
	Unsent  bool       // no request of it was executed, for RefundLater
	Given   int64      // minor units refunded in all, for RefundDone
	Code    string     // failure code, for RefundNone
	Reason  string     // for RefundLater, RefundNone and RefundReview
}
