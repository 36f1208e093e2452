package orders

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"

	"duly/internal/payment"
)

// The types of event that the rules of orders write.
const (
	EventOrderCompleted  = "order.completed"
	EventOrderFailed     = "order.failed"
	EventRefundCompleted = "refund.completed"
	EventStockLow        = "stock.low"
	EventReviewNeeded    = "review.needed"
)

// about is what every payload on an order says. What is not known is left out.
type about struct {
	Version    int    `json:"schema_version"`
	OrderID    uint64 `json:"order_id"`
	CustomerID string `json:"customer_id,omitempty"`
	Reference  string `json:"reference"`
	Amount     int64  `json:"amount"` // minor units
	Currency   string `json:"currency"`
}

// named names a payment of an order, and at its gateway: that id is left out until the gateway gave one.
type named struct {
	PaymentID      uint64 `json:"payment_id"`
	Gateway        string `json:"gateway"`
	GatewayPayment string `json:"gateway_payment_id,omitempty"`
}

func nameOf(p Payment) named { return named{p.ID, p.Gateway, cut(p.TransactionKey)} }

// completed is the payload of order.completed.
type completed struct {
	about
	named
}

// failed is the payload of order.failed.
type failed struct {
	about
	*named // the newest payment; nil, and left out, where there is none

	Reason string `json:"reason"`
}

// explained is the payload of review.needed.
type explained struct {
	about

	Reason string `json:"reason"`
	// Payments are those of the order that it is about; left out where there is none.
	Payments []named `json:"payments,omitempty"`
}

// refunded is the payload of refund.completed; its amount is what was refunded.
type refunded struct {
	about
	named

	Reason string `json:"reason"`
}

// low is the payload of stock.low.
type low struct {
	Version   int    `json:"schema_version"`
	ProductID uint64 `json:"product_id"`
	Name      string `json:"name"`
	Stock     int64  `json:"stock"`
	Threshold int64  `json:"low_stock_threshold"`
}

func aboutOrder(o Order) about {
	return about{OrderID: o.ID, CustomerID: o.CustomerID, Reference: o.Reference(), Amount: o.Money.Amount, Currency: o.Money.Currency}
}

// event is an event about a; payload makes its payload of a.
func (a about) event(kind, identity string, payload func(about) any) payment.Event {
	a.Version = payment.SchemaVersion(kind)
	return payment.Event{
		Type:    kind,
		Subject: "order:" + strconv.FormatUint(a.OrderID, 10),
		Dedupe:  kind + ":" + identity,
		Payload: payload(a),
	}
}

func completedEvent(o Order, kept Payment) payment.Event {
	a := aboutOrder(o)
	return anew(a.event(EventOrderCompleted, a.Reference+":"+paymentName(kept.ID), func(a about) any {
		return completed{a, nameOf(kept)}
	}))
}

// anew makes e an event of a transition: it occurs again once the shop has opened the order again.
func anew(e payment.Event) payment.Event {
	e.Transition = true
	return e
}

// failedEvent tells that an order failed with its newest payment, nil for none: a shop may open an order again for
// another, or for the same one.
func failedEvent(o Order, newest *Payment, reason string) payment.Event {
	a, id, payload := aboutOrder(o), uint64(0), failed{Reason: reason}
	if newest != nil {
		name := nameOf(*newest)
		id, payload.named = newest.ID, &name
	}
	return anew(a.event(EventOrderFailed, a.Reference+":"+paymentName(id), func(a about) any {
		payload.about = a
		return payload
	}))
}

func paymentName(id uint64) string { return "pay_" + strconv.FormatUint(id, 10) }

// reviewEvent tells an operator why the order, with these payments, waits for him. Another reason is another event, and so is
// the same one once an operator has resolved a payment or made the order due again.
func reviewEvent(o Order, reason string, payments []Payment) payment.Event {
	a := aboutOrder(o)
	sum := sha256.Sum256([]byte(reason))
	var names []named
	for _, p := range payments {
		names = append(names, nameOf(p))
	}
	e := a.event(EventReviewNeeded, a.Reference+":"+hex.EncodeToString(sum[:4]), func(a about) any { return explained{a, reason, names} })
	e.Actors = append(e.Actors, "order:"+strconv.FormatUint(o.ID, 10))
	for _, p := range payments {
		e.Actors = append(e.Actors, "payment:"+strconv.FormatUint(p.ID, 10))
	}
	return e
}

func isReview(e payment.Event) bool { return e.Type == EventReviewNeeded }

// ReviewNeeded is the event that an order, or one of these payments of it, waits for an operator, for the writers whose
// reason no rule knows.
func ReviewNeeded(o Order, reason string, payments ...Payment) payment.Event {
	return reviewEvent(o, cut(reason), payments)
}

// RefundCompleted is the event that a payment of an order was refunded, the amount in minor units. A payment is given
// back once. The order may be gone, and its customer unknown then.
func RefundCompleted(o Order, p Payment, given int64, reason string) payment.Event {
	a := about{OrderID: p.OrderID, CustomerID: o.CustomerID, Reference: Reference(p.OrderID), Amount: given, Currency: p.Money.Currency}
	return a.event(EventRefundCompleted, paymentName(p.ID), func(a about) any {
		return refunded{a, nameOf(p), cut(reason)}
	})
}

// Product is a product as it was locked.
type Product struct {
	ID        uint64
	Name      string
	Stock     int64
	Threshold *int64 // nil: nobody wants to know
}

// StockLow is the event that left, what is left of p, has fallen to p's threshold or below it; ok is false if
// it has not, or if it was there before. by is an order that took some of it: an order takes its stock once for
// each completion, so that each fall is told of once, and again after every restock.
func StockLow(p Product, left int64, by uint64) (e payment.Event, ok bool) {
	if p.Threshold == nil || left > *p.Threshold || p.Stock <= *p.Threshold {
		return payment.Event{}, false
	}
	id := strconv.FormatUint(p.ID, 10)
	return anew(payment.Event{
		Type:    EventStockLow,
		Subject: "product:" + id,
		Dedupe:  EventStockLow + ":" + id + ":" + Reference(by),
		Payload: low{payment.SchemaVersion(EventStockLow), p.ID, p.Name, left, *p.Threshold},
	}), true
}
