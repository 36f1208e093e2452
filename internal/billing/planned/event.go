package planned

import (
	"strconv"

	"duly/internal/billing"
	"duly/internal/payment"
)

// EventChanged is the type of the event of an applied change.
const EventChanged = "subscription.changed"

// payload is the payload of subscription.changed. It never holds a payment method.
type payload struct {
	Version        int          `json:"schema_version"`
	SubscriptionID uint64       `json:"subscription_id"`
	CustomerID     string       `json:"customer_id,omitempty"`
	ChangeID       uint64       `json:"change_id"`
	Change         Kind         `json:"change"`
	Effective      payment.Date `json:"effective_date"`
	// Due is the period that a one-off amount is used for; null: it is another change.
	Due *payment.Date `json:"due_date"`
	// The subscription after the change. The amount is that of one period, in minor units.
	Status        billing.SubscriptionStatus `json:"subscription_status"`
	Amount        int64                      `json:"amount"`
	Currency      string                     `json:"currency"`
	IntervalUnit  string                     `json:"interval_unit"`
	IntervalCount int                        `json:"interval_count"`
	Next          payment.Date               `json:"next_billing_date"`
}

// Events returns the events of the changes that p applies, in order. A change that made no difference has none.
func (p *Plan) Events() []payment.Event {
	var list []payment.Event
	for _, d := range p.Done {
		if d.Same {
			continue
		}
		body := payload{
			Version: payment.SchemaVersion(EventChanged), SubscriptionID: p.After.ID, CustomerID: p.After.CustomerID,
			ChangeID: d.ID, Change: d.Kind, Effective: d.Effective, Status: p.After.Status, Amount: p.price, Currency: p.After.Money.Currency,
			IntervalUnit: p.After.Interval.Unit, IntervalCount: p.After.Interval.Count, Next: p.After.Next,
		}
		if !d.Due.IsZero() {
			due := d.Due
			body.Due = &due
			body.Amount = p.After.Money.Amount
		}
		list = append(list, payment.Event{
			Type: EventChanged, Subject: "subscription:" + strconv.FormatUint(p.After.ID, 10),
			Dedupe:     EventChanged + ":" + strconv.FormatUint(p.After.ID, 10) + ":" + strconv.FormatUint(d.ID, 10),
			Transition: true, Payload: body,
		})
	}
	return list
}
