package audit

import (
	"time"

	"duly/internal/payment"
)

// Kind is what a finding is about.
type Kind string

// The kinds of finding.
const (
	// UnknownHere: the gateway took money, or may yet, and no row of ours knows of it.
	UnknownHere Kind = "unknown_here"
	// UnknownThere: paid by our tables, and the gateway knows no such payment.
	UnknownThere Kind = "unknown_there"
	// AmountDiffers: amount, currency or what was refunded of it.
	AmountDiffers Kind = "amount_differs"
	// StatusDiffers: paid on one side alone, or refunded on one side alone; or the payment's key, reference or customer is not ours.
	StatusDiffers Kind = "status_differs"
	// ChargedTwice: two payments of one reference took money and keep it.
	ChargedTwice Kind = "charged_twice"
	// OrderUnsettled: money is kept for an order that is neither completed nor about to be.
	OrderUnsettled Kind = "order_unsettled"
	// BookedTwice: a payment that another row of ours has too.
	BookedTwice Kind = "booked_twice"
	// NotListed: a look-up finds a payment, and the gateway's list of that time does not contain it.
	NotListed Kind = "not_listed"
)

// Kinds lists every kind, for tables and tests.
func Kinds() []Kind {
	return []Kind{UnknownHere, UnknownThere, AmountDiffers, StatusDiffers, ChargedTwice, OrderUnsettled, BookedTwice, NotListed}
}

// Finding is a difference. Two of one kind, reference and gateway's id are the same finding.
type Finding struct {
	Kind             Kind
	Reference        string // what was paid for
	GatewayPaymentID string // empty: none is known
	Detail           Detail
}

// Detail says what was seen, without anything that changes from one audit to the next. Amounts are minor units.
type Detail struct {
	Text          string `json:"text"` // for people
	Gateway       string `json:"gateway,omitempty"`
	Row           string `json:"row,omitempty"` // attempt:7 or payment:7
	Key           string `json:"idempotency_key,omitempty"`
	Here          string `json:"here,omitempty"` // our status
	AmountHere    int64  `json:"amount_here,omitempty"`
	CurrencyHere  string `json:"currency_here,omitempty"`
	RefundedHere  int64  `json:"refunded_here,omitempty"`
	There         string `json:"there,omitempty"` // the gateway's status
	AmountThere   int64  `json:"amount_there,omitempty"`
	CurrencyThere string `json:"currency_there,omitempty"`
	RefundedThere int64  `json:"refunded_there,omitempty"`
	// Kept says of a second payment whether the gateway has the one that a row keeps: missing, unchecked; empty: it has.
	Kept string `json:"kept,omitempty"`
	// ListedOnly: the gateway lists the payment and does not know it when it is asked for it.
	ListedOnly bool   `json:"listed_only,omitempty"`
	CreatedAt  string `json:"created_at,omitempty"` // by the gateway where it has a record, else by ours
}

// here is a finding about a row of ours.
func here(kind Kind, o Ours, text string) Finding {
	f := Finding{Kind: kind, Reference: o.Reference, GatewayPaymentID: o.GatewayID}
	f.Detail = Detail{
		Text: text, Gateway: o.Gateway, Row: o.Row.String(), Key: o.Key, Here: o.Status,
		AmountHere: o.Money.Amount, CurrencyHere: o.Money.Currency, RefundedHere: o.Refunded, CreatedAt: Instant(o.CreatedAt),
	}
	return f
}

// both is a finding about a row of ours and the gateway's record of it.
func both(kind Kind, o Ours, p payment.Payment, text string) Finding {
	f := here(kind, o, text)
	f.add(p)
	return f
}

// there is a finding about a gateway's record that we have no row for.
func there(kind Kind, gateway string, p payment.Payment, text string) Finding {
	f := Finding{Kind: kind, Reference: p.Reference}
	f.Detail = Detail{Text: text, Gateway: gateway, Key: p.Key}
	f.add(p)
	return f
}

func (f *Finding) add(p payment.Payment) {
	f.GatewayPaymentID = p.ID
	f.Detail.There, f.Detail.AmountThere, f.Detail.CurrencyThere = string(p.Status), p.Money.Amount, p.Money.Currency
	f.Detail.RefundedThere, f.Detail.CreatedAt = p.Refunded, Instant(p.CreatedAt)
}

// InstantLayout is the form that Instant writes.
const InstantLayout = "2006-01-02T15:04:05.000000Z"

// Instant writes t as findings and runs keep it, so that text compares as time does; nothing for none.
func Instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(InstantLayout)
}
