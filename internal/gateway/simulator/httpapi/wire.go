package httpapi

import (
	"time"

	"duly/internal/gateway/simulator/core"
	"duly/internal/gateway/simulator/plan"
	"duly/internal/payment"
)

const declined = payment.Declined

// wirePayment is the Payment of the API.
type wirePayment struct {
	ID              string         `json:"id"`
	Status          payment.Status `json:"status"`
	IdempotencyKey  string         `json:"idempotency_key"`
	Reference       string         `json:"reference"`
	CustomerID      string         `json:"customer_id"`
	Amount          int64          `json:"amount"`
	Currency        string         `json:"currency"`
	RefundedAmount  int64          `json:"refunded_amount"`
	CreatedAt       time.Time      `json:"created_at"`
	Decline         *wireDecline   `json:"decline,omitempty"`
	GatewayCustomer string         `json:"gateway_customer,omitempty"`
	NewMethod       string         `json:"new_payment_method,omitempty"`
}

type wireDecline struct {
	Class       payment.Class `json:"class,omitempty"`
	Code        string        `json:"code"`
	NetworkCode string        `json:"network_code,omitempty"`
	AdviceCode  string        `json:"advice_code,omitempty"`
	Message     string        `json:"message,omitempty"`

	Network payment.Network `json:"network,omitempty"`
}

// wireError is the Error of the API.
type wireError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// wire is p as the API shows it.
func wire(p core.Payment) wirePayment {
	w := wirePayment{
		ID: p.ID, Status: p.Status, IdempotencyKey: p.Key, Reference: p.Reference, CustomerID: p.CustomerID,
		Amount: p.Amount, Currency: p.Currency, RefundedAmount: p.Refunded, CreatedAt: p.CreatedAt,
		GatewayCustomer: p.GatewayCustomer,
	}
	if d := p.Decline; p.DeclineCode != "" {
		w.Decline = &wireDecline{Class: d.Class, Code: d.Code, NetworkCode: d.NetworkCode, AdviceCode: d.AdviceCode, Message: d.Message, Network: d.Network}
	}
	if p.Outcome == plan.OutcomeRenewed {
		w.NewMethod = plan.RenewedMethod
	}
	return w
}
