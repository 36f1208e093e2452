package worktest

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/mysql"
	"duly/internal/test/testdb"
)

// Subscription is a row of the shop's.
type Subscription struct {
	Customer, Status, Gateway, Method, Currency, Unit, Next string
	Amount                                                  int64
	Count                                                   int
}

// atOnce is how many rows one INSERT brings.
const atOnce = 2000

// Enrol adds n monthly subscriptions of 9,900 won, due on a date, numbered from 1 on in an empty table. change,
// if it is not nil, makes the i-th another one.
func Enrol(t testing.TB, db *testdb.DB, n int, next string, change func(i int, s *Subscription)) {
	t.Helper()
	var rows [][]any
	flush := func() {
		_, err := mysql.Insert(t.Context(), db, `INSERT INTO subscriptions (customer_id, status, gateway, payment_method, amount,
currency, interval_unit, interval_count, next_billing_date) VALUES `, rows, "")
		require.NoError(t, err)
		rows = rows[:0]
	}
	for i := 1; i <= n; i++ {
		s := Subscription{
			Customer: fmt.Sprintf("customer-%d", i), Status: "active", Gateway: "main", Method: fmt.Sprintf("pm_ok:%d", i),
			Currency: "KRW", Unit: "month", Next: next, Amount: 9900, Count: 1,
		}
		if change != nil {
			change(i, &s)
		}
		rows = append(rows, []any{s.Customer, s.Status, s.Gateway, s.Method, s.Amount, s.Currency, s.Unit, s.Count, s.Next})
		if len(rows) == atOnce {
			flush()
		}
	}
	flush()
}

// Invoice opens an invoice of stage 0 for every subscription that has none, due on its next billing date, and
// moves that on by a month.
func Invoice(t testing.TB, db *testdb.DB) {
	t.Helper()
	Exec(t, db, `INSERT INTO invoices (subscription_id, due_date, amount, currency, status, next_attempt_date, issued_date)
SELECT s.id, s.next_billing_date, s.amount, s.currency, 'open', s.next_billing_date, s.next_billing_date FROM subscriptions s
WHERE NOT EXISTS (SELECT 1 FROM invoices i WHERE i.subscription_id = s.id)`)
	Exec(t, db, `UPDATE subscriptions SET next_billing_date = next_billing_date + INTERVAL 1 MONTH`)
}

// Shop is a database with n subscriptions, see [Enrol], each with an open invoice of stage 0 that is due on the date.
func Shop(t testing.TB, n int, due string, change func(i int, s *Subscription)) *testdb.DB {
	t.Helper()
	db := testdb.New(t)
	Enrol(t, db, n, due, change)
	Invoice(t, db)
	return db
}
