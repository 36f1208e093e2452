package notice

import (
	"strconv"

	"duly/internal/billing"
	"duly/internal/billing/planned"
	"duly/internal/payment"
)

// The types of events of notices.
const (
	EventUpcoming = "invoice.upcoming"
	EventExpiring = "payment_method.expiring"
)

// about is the common part of the payloads: customer, amount and date of the charge. It never holds a payment method.
type about struct {
	Version        int          `json:"schema_version"`
	SubscriptionID uint64       `json:"subscription_id"`
	CustomerID     string       `json:"customer_id"`
	DueDate        payment.Date `json:"due_date"`
	Reference      string       `json:"reference"`
	Amount         int64        `json:"amount"` // minor units
	Currency       string       `json:"currency"`
	Gateway        string       `json:"gateway"`
	// Charge is the first day of the charge.
	Charge payment.Date `json:"charge_date"`
}

// upcomingPayload is the payload of invoice.upcoming.
type upcomingPayload struct {
	about

	// Planned are the shop's planned changes that the notice takes into account.
	Planned []change `json:"planned"`
}

// change is a planned change. Its value, which may be a payment method, is left out.
type change struct {
	ID        uint64       `json:"change_id"`
	Kind      planned.Kind `json:"change"`
	Effective payment.Date `json:"effective_date"`
}

// expiringPayload is the payload of payment_method.expiring.
type expiringPayload struct {
	about

	// On is the last day of the payment method, from the shop's table.
	On payment.Date `json:"expires_on"`
}

func aboutCharge(kind string, s billing.Subscription, due, charge payment.Date) about {
	return about{
		Version: payment.SchemaVersion(kind), SubscriptionID: s.ID, CustomerID: s.CustomerID, DueDate: due, Reference: billing.Reference(s.ID, due),
		Amount: s.Money.Amount, Currency: s.Money.Currency, Gateway: s.Gateway, Charge: charge,
	}
}

func event(kind string, s billing.Subscription, key string, payload any) payment.Event {
	return payment.Event{Type: kind, Subject: "subscription:" + strconv.FormatUint(s.ID, 10), Dedupe: key, Payload: payload}
}

// upcomingNotice is the notice of a charge.
func upcomingNotice(s billing.Subscription, due, charge payment.Date, no int, done []planned.Done) Notice {
	body := upcomingPayload{about: aboutCharge(EventUpcoming, s, due, charge), Planned: []change{}}
	for _, d := range done {
		body.Planned = append(body.Planned, change{d.ID, d.Kind, d.Effective})
	}
	return Notice{
		Subscription: s.ID, Kind: Upcoming, For: due, No: no, Money: s.Money,
		Event: event(EventUpcoming, s, identity(EventUpcoming, s.ID, due, no), body),
	}
}

// expiryNotice is the notice of a method that expires before a charge.
func expiryNotice(s billing.Subscription, due, charge, on payment.Date) Notice {
	return Notice{
		Subscription: s.ID, Kind: Expiring, For: on, No: 1, Money: s.Money,
		Event: event(EventExpiring, s, identity(EventExpiring, s.ID, on, 1), expiringPayload{aboutCharge(EventExpiring, s, due, charge), on}),
	}
}
