package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/require"

	"duly/internal/payment"
)

// Subscription is what a shop enrols; a zero field stands for an ordinary value.
type Subscription struct {
	Customer string
	Gateway  string
	Method   string
	Amount   int64 // minor units of KRW
	Due      payment.Date
	Status   string
	// Second is the second identifier of the method; a method of a shop's every other subscription has one anyway.
	Second string
}

// enrolAtOnce is how many subscriptions one INSERT brings.
const enrolAtOnce = 1000

// Enrol adds monthly subscriptions that are next due on the given dates. On an empty table their ids count from 1.
func Enrol(t testing.TB, db sqlx.ExtContext, list []Subscription) {
	t.Helper()
	for len(list) > 0 {
		page := list[:min(len(list), enrolAtOnce)]
		list = list[len(page):]
		marks := strings.TrimSuffix(strings.Repeat("(?,?,?,?,NULLIF(?,''),'card','membership',?,'KRW','month',?),", len(page)), ",")
		var args []any
		for i, s := range page {
			if second := i%2 == 1; second && s.Second == "" {
				s.Second = "cus_" + s.Customer
			}
			args = append(args, orElse(s.Customer, "customer"), orElse(s.Status, "active"), orElse(s.Gateway, "main"),
				orElse(s.Method, "pm_ok"), s.Second, orElse(s.Amount, 9900), s.Due)
		}
		_, err := db.ExecContext(t.Context(), `INSERT INTO subscriptions (customer_id, status, gateway, payment_method, gateway_customer, method_type,
description, amount, currency, interval_unit, next_billing_date) VALUES `+marks, args...)
		require.NoError(t, err)
	}
}

func orElse[T comparable](v, ordinary T) T {
	var zero T
	if v == zero {
		return ordinary
	}
	return v
}

// Methods makes one subscription for each payment method of the simulator, told apart by customer, method and
// amount.
func Methods(due payment.Date, names ...string) []Subscription {
	list := make([]Subscription, len(names))
	for i, name := range names {
		list[i] = Subscription{
			Customer: fmt.Sprintf("customer-%d", i+1),
			Method:   fmt.Sprintf("%s:%d", name, i+1),
			Amount:   int64(10_000 + i),
			Due:      due,
		}
	}
	return list
}
