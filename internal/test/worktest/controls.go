package worktest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/gateway/simulator"
	"duly/internal/mysql"
	"duly/internal/orders"
	"duly/internal/payment"
	"duly/internal/test/testdb"
)

const (
	insertTaken     = `INSERT INTO orders (id, customer_id, status, amount, currency, created_at, updated_at) VALUES `
	insertTakenPaid = `INSERT INTO payments (order_id, gateway, status, idempotency_key, transaction_key, amount, currency, created_at, updated_at) VALUES `
)

// Taken adds completed orders whose payments gateway name took at those instants: by them it is known that it shows what
// it took. The money was refunded by hand, so that no count of money changes. Their ids begin at 9,000,001.
func Taken(t testing.TB, db *testdb.DB, sim *simulator.Simulator, name string, at ...time.Time) {
	t.Helper()
	next := Get[uint64](t, db, `SELECT GREATEST(COALESCE(MAX(id), 0), 9000000) + 1 FROM orders`)
	for i, instant := range at {
		id := next + uint64(i)
		entry := simulator.Entry{
			Key: fmt.Sprintf("ord_%d-1", id), Reference: orders.Reference(id), CustomerID: "c", Method: "pm_ok",
			Amount: 1000, Currency: "KRW", Status: payment.Succeeded, Refunded: 1000, CreatedAt: instant,
		}
		paid, err := sim.Inject(entry)
		require.NoError(t, err)
		utc := instant.UTC()
		_, err = mysql.Insert(t.Context(), db, insertTaken, [][]any{{id, "c", "completed", 1000, "KRW", utc, utc}}, "")
		require.NoError(t, err)
		_, err = mysql.Insert(t.Context(), db, insertTakenPaid, [][]any{{id, name, "succeeded", entry.Key, paid, 1000, "KRW", utc, utc}}, "")
		require.NoError(t, err)
	}
}

const insertCharged = `INSERT INTO payment_attempts (invoice_id, subscription_id, attempt_no, stage, idempotency_key, reference, customer_id, amount, currency,
gateway, payment_method, body_version, status, run_id, gateway_payment_id, proof, created_at, settled_at) VALUES `

// Charged adds attempts of duly's own that gateway name answered with a success at those instants: if it does not show
// one of them, it is called at the wrong address. They belong to no invoice, and the money was refunded by hand.
func Charged(t testing.TB, db *testdb.DB, sim *simulator.Simulator, name string, at ...time.Time) {
	t.Helper()
	next := Get[uint64](t, db, `SELECT GREATEST(COALESCE(MAX(invoice_id), 0), 9000000) + 1 FROM payment_attempts`)
	for i, instant := range at {
		id := next + uint64(i)
		reference := fmt.Sprintf("sub_%d_20200101", id)
		paid, err := sim.Inject(simulator.Entry{
			Key: reference + "-1", Reference: reference, CustomerID: "c", Method: "pm_ok",
			Amount: 1000, Currency: "KRW", Status: payment.Succeeded, Refunded: 1000, CreatedAt: instant,
		})
		require.NoError(t, err)
		utc := instant.UTC()
		_, err = mysql.Insert(t.Context(), db, insertCharged, [][]any{{
			id, id, 1, 0, reference + "-1", reference, "c", 1000, "KRW", name, "pm_ok", 1, "succeeded", 0, paid, "answer", utc, utc,
		}}, "")
		require.NoError(t, err)
	}
}
