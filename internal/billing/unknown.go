package billing

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"duly/internal/payment"
)

// ChargeID is what an idempotency key of ours names: the nth charge of a subscription's invoice for a due date.
type ChargeID struct {
	Subscription uint64
	Due          payment.Date
	N            int // from 1
}

// ParseKey reads a key that [Key] made, behind the prefix that the gateway's keys begin with. It returns false for
// every other text.
func ParseKey(prefix, key string) (ChargeID, bool) {
	text, ours := strings.CutPrefix(key, prefix)
	text, made := strings.CutPrefix(text, "sub_")
	subscription, text, _ := strings.Cut(text, "_")
	day, number, _ := strings.Cut(text, "-")
	id, errID := strconv.ParseUint(subscription, 10, 64)
	n, errN := strconv.Atoi(number)
	due, is := compactDay(day)
	if !ours || !made || !is || errID != nil || errN != nil || !plain(subscription) || !plain(number) {
		return ChargeID{}, false
	}
	return ChargeID{id, due, n}, true
}

// plain reports whether a number is written as strconv writes it, and is not 0: without a sign and leading zeros.
func plain(number string) bool { return number != "" && number[0] >= '1' && number[0] <= '9' }

// compactDay reads a date as [payment.Date.Compact] writes it: eight digits. Every key that is charged is read, so that the cost of
// [time.Parse] would count.
func compactDay(s string) (payment.Date, bool) {
	n, err := strconv.Atoi(s)
	if err != nil || len(s) != len("20060102") || s[0] < '0' || n < 10_000 { // a sign is no digit, and there is no year 0
		return 0, false
	}
	year, month, day := n/10_000, time.Month(n/100%100), n%100
	t := time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
	return payment.DateOf(t), t.Year() == year && t.Month() == month && t.Day() == day
}

// ForeignKey reports whether a key is one that an installation with another prefix makes: it shares the account, and its
// references are the same as ours, but they are not of our subscriptions.
func ForeignKey(prefix, key string) bool {
	at := max(strings.LastIndex(key, "sub_"), 0)
	_, made := ParseKey(key[:at], key)
	return made && key[:at] != prefix
}

// recordDocument is a gateway's record of a charge as unknown_charges.record holds it. Stored documents outlive the
// program that wrote them: fields are only ever added. What the gateway says to people is left out: it may repeat the
// payment method.
type recordDocument struct {
	ID         string         `json:"id"`
	Status     payment.Status `json:"status"`
	Key        string         `json:"idempotency_key"`
	Reference  string         `json:"reference"`
	CustomerID string         `json:"customer_id"`
	// CustomerUnknown is left out where the gateway keeps customers.
	CustomerUnknown bool `json:"customer_unknown,omitempty"`
	// GatewayCustomer is left out where the gateway does not show it.
	GatewayCustomer string         `json:"gateway_customer,omitempty"`
	Money           recordMoney    `json:"money"`
	Refunded        int64          `json:"refunded"` // minor units
	Decline         *recordDecline `json:"decline,omitempty"`
	CreatedAt       *time.Time     `json:"created_at,omitempty"` // by the gateway's clock
}

type recordMoney struct {
	Amount   int64  `json:"amount"` // minor units
	Currency string `json:"currency"`
}

type recordDecline struct {
	Class       payment.Class   `json:"class,omitempty"`
	Code        string          `json:"code,omitempty"`
	NetworkCode string          `json:"network_code,omitempty"`
	AdviceCode  string          `json:"advice_code,omitempty"`
	Network     payment.Network `json:"network,omitempty"`
}

// EncodeRecord writes p, a charge that no attempt accounts for, as unknown_charges.record holds it. A status that is none
// of the payments API's is an error.
func EncodeRecord(p payment.Payment) ([]byte, error) {
	if !knownStatus(p.Status) {
		return nil, fmt.Errorf("payment %s has the unknown status %q", p.ID, cut(string(p.Status), MaxQuoted))
	}
	d := recordDocument{
		ID: p.ID, Status: p.Status, Key: p.Key, Reference: p.Reference, CustomerID: p.CustomerID,
		CustomerUnknown: p.CustomerUnknown, GatewayCustomer: p.GatewayCustomer,
		Money: recordMoney(p.Money), Refunded: p.Refunded,
	}
	if x := p.Decline; x.Class != "" || x.Code != "" || x.NetworkCode != "" || x.AdviceCode != "" {
		d.Decline = &recordDecline{x.Class, x.Code, x.NetworkCode, x.AdviceCode, x.Network}
	}
	if !p.CreatedAt.IsZero() {
		d.CreatedAt = new(p.CreatedAt.UTC())
	}
	return json.Marshal(d)
}

// DecodeRecord reads what [EncodeRecord] wrote. A document without a known status is an error: nothing is assumed of it.
func DecodeRecord(document []byte) (payment.Payment, error) {
	var d recordDocument
	if err := json.Unmarshal(document, &d); err != nil {
		return payment.Payment{}, fmt.Errorf("record of an unknown charge: %w", err)
	}
	switch {
	case !knownStatus(d.Status):
		return payment.Payment{}, fmt.Errorf("record of an unknown charge: unknown status %q", cut(string(d.Status), MaxQuoted))
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
