package billing

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"

	"duly/internal/payment"
)

// The types of event that the rules of subscriptions write.
const (
	EventInvoicePaid           = "invoice.paid"
	EventPaymentFailed         = "payment.failed"
	EventActionRequired        = "payment.action_required"
	EventSubscriptionCancelled = "subscription.cancelled"
	EventSubscriptionPaused    = "subscription.paused"
	EventReviewNeeded          = "review.needed"
	EventInvoiceReopened       = "invoice.reopened"
	EventMethodUpdated         = "payment_method.updated"
)

// about is what every payload says: whose invoice it is, and how much. What is not known is left out. It never holds a payment method or a
// gateway's second identifier of one.
type about struct {
	Version        int          `json:"schema_version"`
	SubscriptionID uint64       `json:"subscription_id"`
	CustomerID     string       `json:"customer_id,omitempty"`
	InvoiceID      uint64       `json:"invoice_id,omitempty"` // left out where the invoice has no row yet
	DueDate        payment.Date `json:"due_date"`
	Reference      string       `json:"reference"`
	Amount         int64        `json:"amount"` // minor units
	Currency       string       `json:"currency"`
	Gateway        string       `json:"gateway"`
	AttemptID      uint64       `json:"attempt_id,omitempty"`
	GatewayPayment string       `json:"gateway_payment_id,omitempty"`
}

// failure is the payload of payment.failed and payment.action_required.
type failure struct {
	about

	Class    payment.Class `json:"class"`
	Code     string        `json:"code"`
	Message  string        `json:"message"`
	Attempt  int           `json:"attempt"`
	Stage    int           `json:"stage"`
	NextDate *payment.Date `json:"next_date"` // null: no further charge
	// Rule is the card network's that moved the next date; Warning says why the card will not last. Left out where there is none.
	Rule    string `json:"network_rule,omitempty"`
	Warning string `json:"warning,omitempty"`
}

// explained is the payload of subscription.cancelled, subscription.paused and review.needed.
type explained struct {
	about

	Reason string `json:"reason"`
}

// reopened is the payload of invoice.reopened.
type reopened struct {
	about

	// Status is what the subscription is again; null: it is unchanged.
	Status *SubscriptionStatus `json:"subscription_status"`
}

// updated is the payload of payment_method.updated.
type updated struct {
	about

	Attempt int `json:"attempt"`
}

// aboutInvoice is about an invoice of a customer, who may be unknown.
func aboutInvoice(inv Invoice, customer, gateway string) about {
	return about{
		SubscriptionID: inv.SubscriptionID, CustomerID: customer, InvoiceID: inv.ID, DueDate: inv.Due,
		Reference: Reference(inv.SubscriptionID, inv.Due),
		Amount:    inv.Money.Amount, Currency: inv.Money.Currency, Gateway: gateway,
	}
}

// aboutAttempt is about an attempt at an invoice. paymentID is the gateway's id of its payment; empty: none is known.
func aboutAttempt(a Attempt, paymentID string) about {
	body := aboutInvoice(a.Invoice, a.Charge.CustomerID, a.Gateway)
	body.AttemptID, body.GatewayPayment = a.ID, paymentID
	return body
}

func aboutDue(s Subscription, due payment.Date) about {
	return aboutInvoice(Invoice{SubscriptionID: s.ID, Due: due, Money: s.Money}, s.CustomerID, s.Gateway)
}

// event is an event about a; payload makes its payload of a.
func (a about) event(kind, identity string, payload func(about) any) Event {
	a.Version = payment.SchemaVersion(kind)
	return Event{
		Type:    kind,
		Subject: "subscription:" + strconv.FormatUint(a.SubscriptionID, 10),
		Dedupe:  kind + ":" + identity,
		Payload: payload(a),
	}
}

func invoicePaid(a about) Event {
	return a.event(EventInvoicePaid, a.Reference, func(a about) any { return a })
}

// paymentFailed tells of a decline; identity is the key that was declined, or what stands in for it.
func paymentFailed(f failure, identity string) Event { return f.as(EventPaymentFailed, identity) }

func actionRequired(f failure, identity string) Event { return f.as(EventActionRequired, identity) }

func (f failure) as(kind, identity string) Event {
	return f.event(kind, identity, func(a about) any {
		f.about = a
		return f
	})
}

// anew makes e an event of a transition: it occurs again once the transition was taken back, as `duly reopen` does.
func anew(e Event) Event {
	e.Transition = true
	return e
}

// invoiceReopened tells that a decline was taken back: the invoice is charged again, and the subscription is what it was.
func invoiceReopened(a about, key string, status SubscriptionStatus) Event {
	return a.event(EventInvoiceReopened, key, func(a about) any {
		payload := reopened{about: a}
		if status != "" {
			payload.Status = &status
		}
		return payload
	})
}

// OpenAgain is the event that a closed invoice is charged again; status is the new status of its subscription, empty: unchanged. It may occur more than once.
func OpenAgain(inv Invoice, customer string, a PastAttempt, status SubscriptionStatus) Event {
	body := aboutInvoice(inv, customer, a.Gateway)
	body.AttemptID = a.ID
	return anew(invoiceReopened(body, body.Reference, status))
}

// MethodUpdated tells that the answer to an attempt replaced the subscription's payment method. It names neither of the two.
func MethodUpdated(a Attempt) Event {
	return aboutAttempt(a, a.PaymentID).event(EventMethodUpdated, a.Charge.Key, func(body about) any { return updated{body, a.No} })
}

// stageIdentity identifies a stage that passed without an attempt.
func stageIdentity(reference string, stage int) string {
	return reference + ":stage-" + strconv.Itoa(stage)
}

// stageDeclined tells of a stage that passed without an attempt.
func stageDeclined(f failure) Event {
	return anew(paymentFailed(f, stageIdentity(f.Reference, f.Stage)))
}

// reviewNeeded tells an operator why identity waits for him. Another reason is another event, and so is the same one once an
// operator has made the invoice due again.
func reviewNeeded(a about, identity, reason string) Event {
	sum := sha256.Sum256([]byte(reason))
	e := a.event(EventReviewNeeded, identity+":"+hex.EncodeToString(sum[:4]), func(a about) any { return explained{a, reason} })
	if a.InvoiceID != 0 {
		e.Actors = []string{"invoice:" + strconv.FormatUint(a.InvoiceID, 10)}
	}
	return e
}
