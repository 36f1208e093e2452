package httpapi

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"duly/internal/gateway/exchange"
	"duly/internal/payment"
)

// paymentBody is a Payment of the contract. Pointers tell what is missing from what is empty.
type paymentBody struct {
	ID              string       `json:"id"`
	Status          string       `json:"status"`
	IdempotencyKey  *string      `json:"idempotency_key"`
	Reference       *string      `json:"reference"`
	CustomerID      *string      `json:"customer_id"`
	GatewayCustomer string       `json:"gateway_customer"`
	Amount          *int64       `json:"amount"`
	Currency        *string      `json:"currency"`
	RefundedAmount  int64        `json:"refunded_amount"`
	CreatedAt       *time.Time   `json:"created_at"`
	Decline         *declineBody `json:"decline"`
	NewMethod       addedText    `json:"new_payment_method"`
}

type declineBody struct {
	Class       string    `json:"class"`
	Code        string    `json:"code"`
	NetworkCode string    `json:"network_code"`
	AdviceCode  string    `json:"advice_code"`
	Network     addedText `json:"network"`
	Message     string    `json:"message"`
}

// addedText is a field that came with a later version of the contract. A service may have had a field of that name before, of its own: what is no text
// counts as absent, and spoils no answer.
type addedText string

// UnmarshalJSON implements [json.Unmarshaler].
func (t *addedText) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) == nil {
		*t = addedText(s)
	}
	return nil
}

// errorBody is an Error of the contract.
type errorBody struct {
	Code    string  `json:"code"`
	Message *string `json:"message"`
}

// readPayment reads a Payment that has everything needed to know what became of the money; why, if it is not empty, says that the body
// is none.
func readPayment(body []byte, clean exchange.Cleaner) (p payment.Payment, why string) {
	var b paymentBody
	if err := json.Unmarshal(body, &b); err != nil {
		return payment.Payment{}, exchange.Malformed(body, err)
	}
	return b.payment(clean)
}

// payment is what b stands for; why, if it is not empty, names the field that keeps it from being a payment.
func (b paymentBody) payment(clean exchange.Cleaner) (p payment.Payment, why string) {
	if why := b.incomplete(clean); why != "" {
		return payment.Payment{}, why
	}
	p = payment.Payment{
		ID:              b.ID,
		Status:          payment.Status(b.Status),
		Key:             *b.IdempotencyKey,
		Reference:       *b.Reference,
		CustomerID:      *b.CustomerID,
		GatewayCustomer: b.GatewayCustomer,
		Money:           payment.Money{Amount: *b.Amount, Currency: *b.Currency},
		Refunded:        b.RefundedAmount,
		NewMethod:       string(b.NewMethod),
	}
	if b.CreatedAt != nil {
		p.CreatedAt = b.CreatedAt.UTC()
	}
	switch p.Status {
	case payment.Pending, payment.Succeeded, payment.Canceled:
		return p, ""
	case payment.Declined:
	default:
		return payment.Payment{}, exchange.UnknownStatus(b.Status, clean)
	}
	switch {
	case b.Decline == nil:
		return payment.Payment{}, exchange.Missing("decline")
	case b.Decline.Code == "":
		return payment.Payment{}, exchange.Missing("decline.code")
	}
	text := func(s string) string { return clean.Text(s, *b.CustomerID, b.GatewayCustomer, string(b.NewMethod)) }
	p.Decline = payment.Decline{
		Class:       classOf(b.Decline.Code, b.Decline.Class),
		Code:        codeOf(b.Decline.Code, text),
		NetworkCode: text(b.Decline.NetworkCode),
		AdviceCode:  text(b.Decline.AdviceCode),
		Message:     text(b.Decline.Message),
		Network:     networkOf(string(b.Decline.Network)),
	}
	return p, ""
}

// networkOf reads the name of a card network; one that is not known is none.
func networkOf(name string) payment.Network {
	switch n := payment.Network(strings.ToLower(strings.TrimSpace(name))); n {
	case payment.Visa, payment.Mastercard:
		return n
	}
	return ""
}

// incomplete names the first field that every payment needs and that b lacks; empty: none.
func (b paymentBody) incomplete(clean exchange.Cleaner) string {
	switch {
	case b.ID == "":
		return exchange.Missing("id")
	case !clean.Storable(b.ID):
		return fmt.Sprintf(`field "id" holds our token, or is not UTF-8 of at most %d characters`, exchange.LongestText)
	case b.IdempotencyKey == nil:
		return exchange.Missing("idempotency_key")
	case b.Reference == nil:
		return exchange.Missing("reference")
	case b.CustomerID == nil:
		return exchange.Missing("customer_id")
	case b.Amount == nil:
		return exchange.Missing("amount")
	case b.Currency == nil:
		return exchange.Missing("currency")
	}
	return ""
}

// readError reads an Error, or reports that the body is none.
func readError(body []byte) (errorBody, bool) {
	var b errorBody
	if json.Unmarshal(body, &b) != nil || b.Code == "" || b.Message == nil {
		return errorBody{}, false
	}
	return b, true
}
