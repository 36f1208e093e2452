// Package record stores what gateways show of charges that nothing here accounts for.
package record

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"duly/internal/billing"
	"duly/internal/payment"
)

// document is a gateway's record of a charge as unknown_charges.record holds it. Stored documents outlive the
// program that wrote them: fields are only ever added. What the gateway says to people is left out: it may repeat the
// payment method.
type document struct {
	ID         string         `json:"id"`
	Status     payment.Status `json:"status"`
	Key        string         `json:"idempotency_key"`
	Reference  string         `json:"reference"`
	CustomerID string         `json:"customer_id"`
	// CustomerUnknown is left out where the gateway keeps customers.
	CustomerUnknown bool `json:"customer_unknown,omitempty"`
	// GatewayCustomer is left out where the gateway does not show it.
	GatewayCustomer string     `json:"gateway_customer,omitempty"`
	Money           money      `json:"money"`
	Refunded        int64      `json:"refunded"` // minor units
	Decline         *decline   `json:"decline,omitempty"`
	CreatedAt       *time.Time `json:"created_at,omitempty"` // by the gateway's clock
}

type money struct {
	Amount   int64  `json:"amount"` // minor units
	Currency string `json:"currency"`
}

type decline struct {
	Class       payment.Class   `json:"class,omitempty"`
	Code        string          `json:"code,omitempty"`
	NetworkCode string          `json:"network_code,omitempty"`
	AdviceCode  string          `json:"advice_code,omitempty"`
	Network     payment.Network `json:"network,omitempty"`
}

// Encode writes p, a charge that no attempt accounts for, as unknown_charges.record holds it. A status that is none
// of the payments API's is an error.
func Encode(p payment.Payment) ([]byte, error) {
	if !knownStatus(p.Status) {
		return nil, fmt.Errorf("payment %s has the unknown status %q", p.ID, payment.Cut(string(p.Status), billing.MaxQuoted))
	}
	d := document{
		ID: p.ID, Status: p.Status, Key: p.Key, Reference: p.Reference, CustomerID: p.CustomerID,
		CustomerUnknown: p.CustomerUnknown, GatewayCustomer: p.GatewayCustomer,
		Money: money(p.Money), Refunded: p.Refunded,
	}
	if x := p.Decline; x.Class != "" || x.Code != "" || x.NetworkCode != "" || x.AdviceCode != "" {
		d.Decline = &decline{x.Class, x.Code, x.NetworkCode, x.AdviceCode, x.Network}
	}
	if !p.CreatedAt.IsZero() {
		d.CreatedAt = new(p.CreatedAt.UTC())
	}
	return json.Marshal(d)
}

// Decode reads what [Encode] wrote. A document without a known status is an error: nothing is assumed of it.
func Decode(text []byte) (payment.Payment, error) {
	var d document
	if err := json.Unmarshal(text, &d); err != nil {
		return payment.Payment{}, fmt.Errorf("record of an unknown charge: %w", err)
	}
	switch {
	case !knownStatus(d.Status):
		return payment.Payment{}, fmt.Errorf("record of an unknown charge: unknown status %q", payment.Cut(string(d.Status), billing.MaxQuoted))
	case d.ID == "" && d.Key == "":
		return payment.Payment{}, errors.New("record of an unknown charge: it names no payment")
	}
	p := payment.Payment{
		ID: d.ID, Status: d.Status, Key: d.Key, Reference: d.Reference, CustomerID: d.CustomerID,
		CustomerUnknown: d.CustomerUnknown, GatewayCustomer: d.GatewayCustomer,
		Money: payment.Money(d.Money), Refunded: d.Refunded,
	}
	if x := d.Decline; x != nil {
		p.Decline = payment.Decline{Class: x.Class, Code: x.Code, NetworkCode: x.NetworkCode, AdviceCode: x.AdviceCode, Network: x.Network}
	}
	if d.CreatedAt != nil {
		p.CreatedAt = d.CreatedAt.UTC()
	}
	return p, nil
}

func knownStatus(s payment.Status) bool {
	switch s {
	case payment.Pending, payment.Succeeded, payment.Declined, payment.Canceled:
		return true
	}
	return false
}
