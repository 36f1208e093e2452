package stripe

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"duly/internal/gateway/exchange"
	"duly/internal/payment"
)

// intent is a PaymentIntent, as far as it is read. Pointers tell what is missing from what is empty.
type intent struct {
	Object             string            `json:"object"`
	ID                 string            `json:"id"`
	Status             string            `json:"status"`
	Amount             *int64            `json:"amount"`
	AmountReceived     int64             `json:"amount_received"`
	Currency           *string           `json:"currency"`
	Customer           reference         `json:"customer"`
	PaymentMethod      reference         `json:"payment_method"`
	Metadata           map[string]string `json:"metadata"`
	Created            *int64            `json:"created"`
	LatestCharge       *latestCharge     `json:"latest_charge"`
	LastPaymentError   *failure          `json:"last_payment_error"`
	CancellationReason string            `json:"cancellation_reason"`
}

// The statuses of an intent.
const (
	succeeded         = "succeeded"
	processing        = "processing"
	requiresMethod    = "requires_payment_method"
	requiresConfirm   = "requires_confirmation"
	requiresAction    = "requires_action"
	requiresCapture   = "requires_capture"
	canceled          = "canceled"
	abandoned         = "abandoned" // the reason that [Client.Cancel] gives for an intent that its customer could still finish
	authenticationDue = "authentication_required"
)

// reference is the id of another object, which may stand there whole.
type reference string

func (r *reference) UnmarshalJSON(text []byte) error {
	var whole struct {
		ID string `json:"id"`
	}
	if len(text) > 0 && text[0] == '{' {
		err := json.Unmarshal(text, &whole)
		*r = reference(whole.ID)
		return err
	}
	return json.Unmarshal(text, (*string)(r))
}

// latestCharge is the newest charge of an intent, or its id alone.
type latestCharge struct {
	expanded bool

	AmountRefunded *int64 `json:"amount_refunded"`
	Outcome        struct {
		Reason string `json:"reason"`
	} `json:"outcome"`
}

func (c *latestCharge) UnmarshalJSON(text []byte) error {
	if len(text) == 0 || text[0] != '{' {
		var id string
		return json.Unmarshal(text, &id)
	}
	type plain latestCharge
	err := json.Unmarshal(text, (*plain)(c))
	c.expanded = true
	return err
}

// readIntent reads an intent. why, if it is not empty, says that the body is none.
func readIntent(body []byte) (b intent, why string) {
	if err := json.Unmarshal(body, &b); err != nil {
		return intent{}, exchange.Malformed(body, err)
	}
	return b, ""
}

// payment is what b stands for; why, if it is not empty, says what keeps it from being a payment. refunds: what of it was refunded must be
// in it, as where its charge was asked for.
func (b intent) payment(clean exchange.Cleaner, refunds bool) (p payment.Payment, why string) {
	if why := b.incomplete(clean); why != "" {
		return payment.Payment{}, why
	}
	p = payment.Payment{
		ID:              b.ID,
		Key:             b.Metadata[metaKey],
		Reference:       b.Metadata[metaReference],
		CustomerID:      b.Metadata[metaCustomer],
		GatewayCustomer: string(b.Customer),
		Money:           payment.Money{Amount: *b.Amount, Currency: strings.ToUpper(*b.Currency)},
		CreatedAt:       time.Unix(*b.Created, 0).UTC(),
	}
	switch b.Status {
	case succeeded:
		p.Status, p.Money.Amount = payment.Succeeded, b.AmountReceived
		if b.LatestCharge != nil && b.LatestCharge.AmountRefunded != nil {
			p.Refunded = *b.LatestCharge.AmountRefunded
		} else if refunds {
			return payment.Payment{}, exchange.Missing("latest_charge.amount_refunded")
		}
	case canceled:
		p.Status = payment.Canceled
		if b.CancellationReason == abandoned {
			p.Status, p.Decline = payment.Declined, unfinished(b.Status)
		}
	case requiresMethod:
		p.Status = payment.Pending
		if b.LastPaymentError != nil {
			p.Status, p.Decline = b.LastPaymentError.declined(b.LatestCharge, b.text(clean))
		}
	case processing, requiresConfirm, requiresAction, requiresCapture:
		p.Status = payment.Pending
	default:
		return payment.Payment{}, exchange.UnknownStatus(b.Status, clean)
	}
	return p, ""
}

// incomplete names the first field that every payment needs and that b lacks; empty: none.
func (b intent) incomplete(clean exchange.Cleaner) string {
	switch {
	case b.Object != "payment_intent":
		return `it is no payment_intent`
	case b.ID == "":
		return exchange.Missing("id")
	case !clean.Storable(b.ID):
		return fmt.Sprintf(`field "id" holds our token, or is not UTF-8 of at most %d characters`, exchange.LongestText)
	case b.Amount == nil:
		return exchange.Missing("amount")
	case b.Currency == nil:
		return exchange.Missing("currency")
	case b.Created == nil:
		return exchange.Missing("created")
	}
	return ""
}

// text cleans what Stripe wrote about b for people.
func (b intent) text(clean exchange.Cleaner) func(string) string {
	return func(s string) string {
		return cleaned(clean, s, string(b.Customer), string(b.PaymentMethod), b.Metadata[metaCustomer])
	}
}

// unfinished is the decline of an intent in a status in which nobody declined it: the customer has to authenticate, or it was never tried
// to the end.
func unfinished(status string) payment.Decline {
	switch status {
	case requiresAction, canceled:
		return payment.Decline{Class: payment.Action, Code: authenticationDue, Message: "the card's bank asks the customer to authenticate"}
	}
	return payment.Decline{Code: status, Message: "the payment was made and not confirmed"}
}

// judge says what b, a record that was answered or found for c, means.
func (b intent) judge(c payment.Charge, clean exchange.Cleaner, refunds bool) (o payment.Outcome, why string) {
	p, why := b.payment(clean, refunds)
	if why != "" {
		return payment.Outcome{}, why
	}
	o = payment.Judge(c, p)
	if p.Status != payment.Pending || o.Kind != payment.InDoubt {
		return o, ""
	}
	switch {
	case b.Status == requiresAction, b.Status == requiresConfirm, b.Status == requiresMethod && b.LastPaymentError == nil:
		o.Unfinished, o.Decline, o.Reason = true, unfinished(b.Status), b.Status
	case b.Status == requiresCapture:
		o.Kind, o.LookUpOnly, o.Reason = payment.Differs, false, "authorised and not captured, which duly never asks for"
	}
	return o, ""
}
