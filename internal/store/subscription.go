package store

import (
	"database/sql"

	"duly/internal/billing"
	"duly/internal/payment"
)

// SubscriptionColumns are the columns of a [SubscriptionRow]. The date is read as it is stored: a driver makes another day of one that is none.
const SubscriptionColumns = `id, customer_id, status, gateway, payment_method, method_type, description, amount, currency,
interval_unit, interval_count, anchor_day, CAST(next_billing_date AS CHAR) AS next_billing_date, review_reason`

// SubscriptionRow is a subscription as it is claimed.
type SubscriptionRow struct {
	ID            uint64
	CustomerID    string `db:"customer_id"`
	Status        string
	Gateway       string
	Method        string         `db:"payment_method"`
	MethodType    sql.NullString `db:"method_type"`
	Description   sql.NullString
	Amount        int64
	Currency      string
	IntervalUnit  string         `db:"interval_unit"`
	IntervalCount int            `db:"interval_count"`
	AnchorDay     sql.NullInt64  `db:"anchor_day"`
	Next          payment.Date   `db:"next_billing_date"`
	ReviewReason  sql.NullString `db:"review_reason"`
}

// Subscription is what the rules read of r.
func (r SubscriptionRow) Subscription() billing.Subscription {
	return billing.Subscription{
		ID: r.ID, CustomerID: r.CustomerID, Status: billing.StatusOf(r.Status), Gateway: r.Gateway,
		Method: r.Method, MethodType: r.MethodType.String, Description: r.Description.String,
		Money:     payment.Money{Amount: r.Amount, Currency: r.Currency},
		Interval:  billing.Interval{Unit: r.IntervalUnit, Count: r.IntervalCount},
		AnchorDay: int(r.AnchorDay.Int64), Next: r.Next, ReviewReason: r.ReviewReason.String,
	}
}
