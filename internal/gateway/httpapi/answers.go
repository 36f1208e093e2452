package httpapi

import (
	"encoding/json"
	"time"

	"duly/internal/payment"
)

// paymentBody is a Payment of the contract. Pointers tell what is missing from what is empty.
type paymentBody struct {
	ID             string       `json:"id"`
	Status         string       `json:"status"`
	IdempotencyKey *string      `json:"idempotency_key"`
	Reference      *string      `json:"reference"`
	CustomerID     *string      `json:"customer_id"`
	Amount         *int64       `json:"amount"`
	Currency       *string      `json:"currency"`
	RefundedAmount int64        `json:"refunded_amount"`
	CreatedAt      *time.Time   `json:"created_at"`
	Decline        *declineBody `json:"decline"`
}

type declineBody struct {
	Class       string `json:"class"`
	Code        string `json:"code"`
	NetworkCode string `json:"network_code"`
	AdviceCode  string `json:"advice_code"`
	Message     string `json:"message"`
}

// errorBody is an Error of the contract.
type errorBody struct {
	Code    string  `json:"code"`
	Message *string `json:"message"`
}

// readPayment reads a Payment that has everything needed to know what became of the money, or reports that
// the body is none.
func readPayment(body []byte, clean cleaner) (payment.Payment, bool) {
	var b paymentBody
	if json.Unmarshal(body, &b) != nil {
		return payment.Payment{}, false
	}
	return b.payment(clean)
}

// payment is what b stands for, or false if something needed is missing.
func (b paymentBody) payment(clean cleaner) (payment.Payment, bool) {
	if !clean.storable(b.ID) || b.IdempotencyKey == nil || b.Reference == nil || b.CustomerID == nil || b.Amount == nil || b.Currency == nil {
		return payment.Payment{}, false
	}
	p := payment.Payment{
		ID:         b.ID,
		Status:     payment.Status(b.Status),
		Key:        *b.IdempotencyKey,
		Reference:  *b.Reference,
		CustomerID: *b.CustomerID,
		Money:      payment.Money{Amount: *b.Amount, Currency: *b.Currency},
		Refunded:   b.RefundedAmount,
	}
	if b.CreatedAt != nil {
		p.CreatedAt = b.CreatedAt.UTC()
	}
	switch p.Status {
	case payment.Pending, payment.Succeeded, payment.Canceled:
		return p, true
	case payment.Declined:
	default:
		return payment.Payment{}, false
	}
	if b.Decline == nil || b.Decline.Code == "" {
		return payment.Payment{}, false
	}
	text := func(s string) string { return clean.text(s, *b.CustomerID) }
	p.Decline = payment.Decline{
		Class:       classOf(b.Decline.Code, b.Decline.Class),
		Code:        codeOf(b.Decline.Code, text),
		NetworkCode: text(b.Decline.NetworkCode),
		AdviceCode:  text(b.Decline.AdviceCode),
		Message:     text(b.Decline.Message),
	}
	return p, true
}

// readError reads an Error, or reports that the body is none.
func readError(body []byte) (errorBody, bool) {
	var b errorBody
	if json.Unmarshal(body, &b) != nil || b.Code == "" || b.Message == nil {
		return errorBody{}, false
	}
	return b, true
}
