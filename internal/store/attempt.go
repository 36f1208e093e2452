package store

import (
	"database/sql"
	"time"

	"duly/internal/billing"
)

// AttemptRow is an attempt as it is stored.
type AttemptRow struct {
	ID           uint64
	Invoice      uint64 `db:"invoice_id"`
	Subscription uint64 `db:"subscription_id"`
	No           int    `db:"attempt_no"`
	Stage        int
	Key          string `db:"idempotency_key"`
	Reference    string
	Customer     string `db:"customer_id"`
	Amount       int64
	Currency     string
	Gateway      string
	Method       string `db:"payment_method"`
	MethodType   string `db:"method_type"`
	Description  string
	// GatewayCustomer is read as "" where it is NULL.
	GatewayCustomer string `db:"gateway_customer"`
	BodyVersion     int    `db:"body_version"`
	Status          string
	LookUp          bool           `db:"lookup_only"`
	AllAnswered     bool           `db:"all_answered"`
	PaymentID       sql.NullString `db:"gateway_payment_id"`
	Run             uint64         `db:"run_id"`
	Lease           []byte
	Checks          int
	Created         time.Time    `db:"created_at"`
	SentBy          sql.NullTime `db:"sent_by"`
	Account         uint32       `db:"account_id"`
	KeyLifeMS       int64        `db:"key_life_ms"`
	LongestMS       int64        `db:"longest_request_ms"`
	Patience        string
}

// Terms are what the attempt was made under.
func (r AttemptRow) Terms() billing.Terms {
	return billing.Terms{
		Account: r.Account, KeyLife: time.Duration(r.KeyLifeMS) * time.Millisecond, Longest: time.Duration(r.LongestMS) * time.Millisecond,
	}
}
