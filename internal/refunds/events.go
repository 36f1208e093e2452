package refunds

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"

	"duly/internal/billing"
	"duly/internal/orders"
	"duly/internal/payment"
)

// The types of event that the rules of refunds write, beside refund.completed and review.needed.
const (
	EventSucceeded = "refund.succeeded" // a refund was executed, of a part or of the whole
	EventRefused   = "refund.refused"   // a requested refund was not executed, and will not be
	EventRecorded  = "refund.recorded"  // somebody refunded at the provider
)

// payload is the payload of refund events. Fields that are unknown, or do not belong to this kind of payment, are left out.
type payload struct {
	Version        int           `json:"schema_version"`
	RefundID       uint64        `json:"refund_id,omitempty"`
	SubscriptionID uint64        `json:"subscription_id,omitempty"`
	InvoiceID      uint64        `json:"invoice_id,omitempty"`
	DueDate        *payment.Date `json:"due_date,omitempty"`
	OrderID        uint64        `json:"order_id,omitempty"`
	PaymentID      uint64        `json:"payment_id,omitempty"`
	CustomerID     string        `json:"customer_id,omitempty"`
	Reference      string        `json:"reference,omitempty"`
	Amount         int64         `json:"amount"` // minor units of this refund; 0: all that was left
	Refunded       int64         `json:"refunded_amount"`
	Paid           int64         `json:"paid_amount"`
	Currency       string        `json:"currency"`
	Gateway        string        `json:"gateway,omitempty"`
	GatewayPayment string        `json:"gateway_payment_id,omitempty"`
	FollowUp       FollowUp      `json:"follow_up,omitempty"`
	Restocked      bool          `json:"restocked,omitempty"`
	Reason         string        `json:"reason"`
}

func (c Claimed) subject() string {
	if c.InvoiceID != 0 {
		return "subscription:" + strconv.FormatUint(c.SubscriptionID, 10)
	}
	return "order:" + strconv.FormatUint(c.Payment.OrderID, 10)
}

// payload is what is said of c; total is what is refunded of the payment in all.
func (c Claimed) payload(kind string, amount, total int64, reason string) payload {
	p := payload{
		Version: payment.SchemaVersion(kind), RefundID: c.Refund.ID, InvoiceID: c.InvoiceID, PaymentID: c.PaymentID, SubscriptionID: c.SubscriptionID,
		OrderID: c.Payment.OrderID, CustomerID: c.CustomerID, Reference: c.Reference, Amount: amount, Refunded: total, Paid: c.Paid.Amount,
		Currency: otherwise(c.Paid.Currency, c.Refund.Currency), Gateway: c.Gateway, GatewayPayment: cut(c.GatewayID), Reason: cut(reason),
	}
	if !c.DueDate.IsZero() {
		due := c.DueDate
		p.DueDate = &due
	}
	return p
}

// Events returns the events of the result of a refund. restocked: its order's items are back in the stock.
func (r Result) Events(overdue, restocked bool) []payment.Event {
	c, end := r.Claimed, r.End
	identity := ":rf_" + strconv.FormatUint(c.Refund.ID, 10)
	switch {
	case r.Left != "":
	case end.Step == Done:
		p := c.payload(EventSucceeded, end.Amount, end.Total, c.Refund.Reason)
		p.FollowUp, p.Restocked = c.FollowUp, restocked
		events := []payment.Event{{Type: EventSucceeded, Subject: c.subject(), Dedupe: EventSucceeded + identity, Payload: p}}
		if c.PaymentID != 0 && r.Whole() {
			events = append(events, orders.RefundCompleted(c.Order, c.Payment, end.Total, c.Refund.Reason))
		}
		return events
	case end.Step == Refuse:
		p := c.payload(EventRefused, c.Refund.Amount, max(c.Recorded, end.Total), end.Reason)
		events := []payment.Event{{Type: EventRefused, Subject: c.subject(), Dedupe: EventRefused + identity, Payload: p}}
		if c.PaymentID != 0 && r.Back() && c.Recorded < c.Paid.Amount { // it is recorded by r
			events = append(events, orders.RefundCompleted(c.Order, c.Payment, end.Total, end.Reason))
		}
		return events
	case end.Step == ToReview:
		return []payment.Event{c.Review(end.Reason)}
	case end.Step == Later && overdue:
		return []payment.Event{c.Review("not done after a day, and still tried")}
	}
	return nil
}

// explained is the payload of review.needed and of subscription.cancelled about the refund of an invoice.
type explained struct {
	Version        int          `json:"schema_version"`
	SubscriptionID uint64       `json:"subscription_id"`
	CustomerID     string       `json:"customer_id,omitempty"`
	InvoiceID      uint64       `json:"invoice_id,omitempty"`
	DueDate        payment.Date `json:"due_date"`
	Reference      string       `json:"reference"`
	Amount         int64        `json:"amount"`
	Currency       string       `json:"currency"`
	Gateway        string       `json:"gateway"`
	AttemptID      uint64       `json:"attempt_id,omitempty"`
	GatewayPayment string       `json:"gateway_payment_id,omitempty"`
	Reason         string       `json:"reason"`
}

// Review is the event that a refund waits for an operator. After an operator acted on the refund it is a new event.
func (c Claimed) Review(why string) payment.Event {
	id := strconv.FormatUint(c.Refund.ID, 10)
	why = cut("refund " + id + ": " + why)
	actor := "refund:" + id
	if c.InvoiceID == 0 {
		o := c.Order
		if o.Status == "" { // its row is gone
			o.ID, o.Money = c.Payment.OrderID, c.Paid
		}
		e := orders.ReviewNeeded(o, why, c.Payment)
		e.Actors = append(e.Actors, actor)
		return e
	}
	sum := sha256.Sum256([]byte(why))
	return payment.Event{
		Type: orders.EventReviewNeeded, Subject: c.subject(), Dedupe: orders.EventReviewNeeded + ":rf_" + id + ":" + hex.EncodeToString(sum[:4]),
		Actors:  []string{actor, "invoice:" + strconv.FormatUint(c.InvoiceID, 10)},
		Payload: c.explained(orders.EventReviewNeeded, why),
	}
}

// explained is the payload of an event of a kind about the invoice that c refunds.
func (c Claimed) explained(kind, why string) explained {
	return explained{
		payment.SchemaVersion(kind), c.SubscriptionID, c.CustomerID, c.InvoiceID, c.DueDate, c.Reference, c.Paid.Amount, c.Paid.Currency,
		c.Gateway, c.AttemptID, cut(c.GatewayID), why,
	}
}

// Ended is the event that the refund of an invoice has ended its subscription.
func (c Claimed) Ended(reason string) payment.Event {
	return payment.Event{
		Type: billing.EventSubscriptionCancelled, Subject: c.subject(), Dedupe: billing.EventSubscriptionCancelled + ":" + c.Reference, Transition: true,
		Payload: c.explained(billing.EventSubscriptionCancelled, reason),
	}
}

// AtProvider returns the events of a refund that was made at the provider: its amount, and the total refunded.
func (c Claimed) AtProvider(amount, total int64) []payment.Event {
	events := []payment.Event{{
		Type: EventRecorded, Subject: c.subject(), Dedupe: EventRecorded + ":rf_" + strconv.FormatUint(c.Refund.ID, 10),
		Payload: c.payload(EventRecorded, amount, total, c.Refund.Reason),
	}}
	if c.PaymentID != 0 && total >= c.Paid.Amount {
		events = append(events, orders.RefundCompleted(c.Order, c.Payment, total, c.Refund.Reason))
	}
	return events
}
