package stripe

import (
	"fmt"
	"maps"

	"duly/internal/gateway/simulator/core"
	"duly/internal/gateway/simulator/plan"
	"duly/internal/payment"
)

// extra is what the books remember for this dialect.
type extra struct {
	description string
	metadata    map[string]string
	asked       int64 // amount
	automatic   bool
	expand      bool
	// canceledFor is why it was cancelled here; empty: it was not, or for no reason.
	canceledFor string
	canceledAt  int64 // seconds since 1970
}

// wireError is an error of the API, and last_payment_error.
type wireError struct {
	Type               string      `json:"type"`
	Code               string      `json:"code,omitempty"`
	DeclineCode        string      `json:"decline_code,omitempty"`
	AdviceCode         string      `json:"advice_code,omitempty"`
	NetworkDeclineCode string      `json:"network_decline_code,omitempty"`
	NetworkAdviceCode  string      `json:"network_advice_code,omitempty"`
	Message            string      `json:"message,omitempty"`
	Param              string      `json:"param,omitempty"`
	Charge             string      `json:"charge,omitempty"`
	PaymentMethod      *wireMethod `json:"payment_method,omitempty"`
	PaymentIntent      *wireIntent `json:"payment_intent,omitempty"`
}

type wireMethod struct {
	ID     string `json:"id"`
	Object string `json:"object"`
	Type   string `json:"type"`
}

type wireNext struct {
	Type string `json:"type"`
}

type wireAutomatic struct {
	AllowRedirects string `json:"allow_redirects"`
	Enabled        bool   `json:"enabled"`
}

// wireIntent is the PaymentIntent of the API. LatestCharge is an id or a wireCharge.
type wireIntent struct {
	ID                 string            `json:"id"`
	Object             string            `json:"object"`
	Amount             int64             `json:"amount"`
	AmountCapturable   int64             `json:"amount_capturable"`
	AmountReceived     int64             `json:"amount_received"`
	Automatic          *wireAutomatic    `json:"automatic_payment_methods"`
	CanceledAt         *int64            `json:"canceled_at"`
	CancellationReason *string           `json:"cancellation_reason"`
	CaptureMethod      string            `json:"capture_method"`
	ConfirmationMethod string            `json:"confirmation_method"`
	Created            int64             `json:"created"`
	Currency           string            `json:"currency"`
	Customer           *string           `json:"customer"`
	Description        *string           `json:"description"`
	LastPaymentError   *wireError        `json:"last_payment_error"`
	LatestCharge       any               `json:"latest_charge"`
	Livemode           bool              `json:"livemode"`
	Metadata           map[string]string `json:"metadata"`
	NextAction         *wireNext         `json:"next_action"`
	PaymentMethod      *string           `json:"payment_method"`
	PaymentMethodTypes []string          `json:"payment_method_types"`
	Status             string            `json:"status"`
}

type wireOutcome struct {
	AdviceCode         *string `json:"advice_code"`
	NetworkAdviceCode  *string `json:"network_advice_code"`
	NetworkDeclineCode *string `json:"network_decline_code"`
	NetworkStatus      string  `json:"network_status"`
	Reason             *string `json:"reason"`
	SellerMessage      string  `json:"seller_message"`
	Type               string  `json:"type"`
}

// wireCharge is the Charge of the API.
type wireCharge struct {
	ID             string       `json:"id"`
	Object         string       `json:"object"`
	Amount         int64        `json:"amount"`
	AmountCaptured int64        `json:"amount_captured"`
	AmountRefunded int64        `json:"amount_refunded"`
	Captured       bool         `json:"captured"`
	Created        int64        `json:"created"`
	Currency       string       `json:"currency"`
	Customer       *string      `json:"customer"`
	Disputed       bool         `json:"disputed"`
	FailureCode    *string      `json:"failure_code"`
	FailureMessage *string      `json:"failure_message"`
	Outcome        *wireOutcome `json:"outcome"`
	Paid           bool         `json:"paid"`
	PaymentIntent  string       `json:"payment_intent"`
	PaymentMethod  *string      `json:"payment_method"`
	Refunded       bool         `json:"refunded"`
	Status         string       `json:"status"`
}

func chargeID(p core.Payment) string { return fmt.Sprintf("ch_%010d", p.Serial) }

// filled is nil for the empty text.
func filled(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// wire is p as the API shows it.
func wire(p core.Payment, expand bool) wireIntent {
	x, _ := p.Extra.(extra)
	w := wireIntent{
		ID: p.ID, Object: "payment_intent", Amount: shownAmount(p, x), CaptureMethod: "automatic", ConfirmationMethod: "automatic",
		Created: p.CreatedAt.Unix(), Currency: lower(p.Currency), Customer: filled(p.GatewayCustomer), Description: filled(x.description),
		Metadata: metadata(p, x), PaymentMethod: filled(p.Method), PaymentMethodTypes: []string{card},
	}
	if x.automatic {
		w.Automatic = &wireAutomatic{AllowRedirects: "never", Enabled: true}
	}
	charge, tried := chargeOf(p)
	if d, declined := declineOf(p); declined && tried {
		w.LastPaymentError = d.wireError(p)
	}
	if tried && expand {
		w.LatestCharge = charge
	} else if tried {
		w.LatestCharge = charge.ID
	}
	switch p.Status {
	case payment.Succeeded:
		w.Status, w.AmountReceived = "succeeded", p.Amount
	case payment.Declined:
		w.Status, w.PaymentMethod = "requires_payment_method", nil
	case payment.Canceled:
		w.Status, w.CanceledAt, w.CancellationReason = "canceled", &x.canceledAt, filled(x.canceledFor)
		if x.canceledAt == 0 { // by somebody at the dashboard
			w.CanceledAt, w.CancellationReason = &w.Created, filled("requested_by_customer")
		}
	case payment.Pending:
		w.Status = "processing"
		if p.Outcome == plan.OutcomeRequiresAction {
			w.Status, w.NextAction = "requires_action", &wireNext{"use_stripe_sdk"}
		}
	}
	return w
}

// shownAmount is p's amount, but for half of the payments of a wrong amount: those show what was asked for, beside another amount_received.
func shownAmount(p core.Payment, x extra) int64 {
	if p.Outcome == plan.OutcomeWrongAmount && x.asked > 0 && plan.Hash('a', p.Key)%2 == 0 {
		return x.asked
	}
	return p.Amount
}

// metadata is what the request had, with duly's own fields as those of the payment.
func metadata(p core.Payment, x extra) map[string]string {
	m := maps.Clone(x.metadata)
	if m == nil {
		return map[string]string{metaKey: p.Key, metaReference: p.Reference, metaCustomer: p.CustomerID}
	}
	for name, value := range map[string]string{metaReference: p.Reference, metaCustomer: p.CustomerID} {
		if m[name] != "" {
			m[name] = value
		}
	}
	return m
}

// chargeOf is the try of p that reached the bank; ok is false if there was none.
func chargeOf(p core.Payment) (c wireCharge, ok bool) {
	c = wireCharge{
		ID: chargeID(p), Object: "charge", Amount: p.Amount, AmountRefunded: p.Refunded, Created: p.CreatedAt.Unix(), Currency: lower(p.Currency),
		Customer: filled(p.GatewayCustomer), PaymentIntent: p.ID, PaymentMethod: filled(p.Method), Status: "pending",
	}
	d, declined := declineOf(p)
	switch {
	case p.Status == payment.Succeeded:
		c.AmountCaptured, c.Captured, c.Paid, c.Refunded, c.Status = p.Amount, true, true, p.Refunded >= p.Amount, "succeeded"
		c.Outcome = &wireOutcome{NetworkStatus: "approved_by_network", SellerMessage: "Payment complete.", Type: "authorized"}
	case declined:
		c.Status, c.FailureCode, c.FailureMessage = "failed", filled(d.code), filled(d.message)
		c.Outcome = &wireOutcome{
			AdviceCode: filled(d.advice), NetworkAdviceCode: filled(d.networkAdvice), NetworkDeclineCode: filled(d.network), NetworkStatus: "declined_by_network",
			Reason: filled(d.declineCode), SellerMessage: "The bank declined the payment.", Type: "issuer_declined",
		}
	case p.Status == payment.Canceled || p.Outcome == plan.OutcomeRequiresAction:
		return c, false
	}
	return c, true
}
