package store

import (
	"database/sql"
	"slices"
	"strings"

	"duly/internal/billing"
	"duly/internal/mysql"
	"duly/internal/payment"
)

// SubscriptionColumns are the columns of a [SubscriptionRow]. The date is read as it is stored: a driver makes another day of one that is none.
// A statement with them is read by [ReadSubscriptions].
const SubscriptionColumns = `id, customer_id, status, gateway, payment_method, method_type, description, amount, currency,
interval_unit, interval_count, anchor_day, CAST(next_billing_date AS CHAR) AS next_billing_date, review_reason, gateway_customer, dunning_policy`

// SubscriptionRow is a subscription as it is claimed.
type SubscriptionRow struct {
	ID              uint64
	CustomerID      string `db:"customer_id"`
	Status          string
	Gateway         string
	Method          string         `db:"payment_method"`
	MethodType      sql.NullString `db:"method_type"`
	Description     sql.NullString
	Amount          int64
	Currency        string
	IntervalUnit    string         `db:"interval_unit"`
	IntervalCount   int            `db:"interval_count"`
	AnchorDay       sql.NullInt64  `db:"anchor_day"`
	Next            payment.Date   `db:"next_billing_date"`
	ReviewReason    sql.NullString `db:"review_reason"`
	GatewayCustomer sql.NullString `db:"gateway_customer"`
	DunningPolicy   sql.NullString `db:"dunning_policy"`
}

// optionalColumns are the columns of subscriptions that a view of the shop may lack.
func optionalColumns() []string {
	return []string{"gateway_customer", "dunning_policy", "method_expires_on"}
}

// ReadSubscriptions calls read with a statement that names optional columns of subscriptions, each at most once, unqualified and under no other
// name; and with NULL in the place of those that are not there: a shop's view that was made before a column lacks it. Which of them it lacks is
// found out by each statement, so that a view may change at any time.
func ReadSubscriptions(query string, read func(query string) error) error {
	err := read(query)
	for range optionalColumns() {
		at := slices.IndexFunc(optionalColumns(), func(column string) bool { return mysql.IsUnknown(err, column) })
		if at < 0 {
			break
		}
		column := optionalColumns()[at]
		query = strings.Replace(query, column, "NULL AS "+column, 1)
		err = read(query)
	}
	return err
}

// Subscription is what the rules read of r.
func (r SubscriptionRow) Subscription() billing.Subscription {
	return billing.Subscription{
		ID: r.ID, CustomerID: r.CustomerID, Status: billing.StatusOf(r.Status), Gateway: r.Gateway,
		Method: r.Method, GatewayCustomer: r.GatewayCustomer.String, MethodType: r.MethodType.String, Description: r.Description.String,
		Money:     payment.Money{Amount: r.Amount, Currency: r.Currency},
		Interval:  billing.Interval{Unit: r.IntervalUnit, Count: r.IntervalCount},
		AnchorDay: int(r.AnchorDay.Int64), Next: r.Next, ReviewReason: r.ReviewReason.String,
		DunningPolicy: r.DunningPolicy.String,
	}
}

// Become updates r to a subscription after planned changes.
func (r *SubscriptionRow) Become(s billing.Subscription) {
	r.Status, r.Method, r.Amount, r.Next = string(s.Status), s.Method, s.Money.Amount, s.Next
	r.IntervalUnit, r.IntervalCount = s.Interval.Unit, s.Interval.Count
	r.AnchorDay = sql.NullInt64{Int64: int64(s.AnchorDay), Valid: s.AnchorDay != 0}
}
