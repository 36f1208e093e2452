package writers

import (
	"context"

	"github.com/jmoiron/sqlx"

	"duly/internal/mysql"
	"duly/internal/orders"
	"duly/internal/store"
)

const (
	keptPayments = `SELECT id, order_id, gateway, COALESCE(transaction_key, '') AS transaction_key, COALESCE(idempotency_key, '') AS idempotency_key
FROM payments WHERE status = 'succeeded' AND id <> ? AND `
	keptByTheirs = keptPayments + `transaction_key = ?`
	keptByKey    = keptPayments + `idempotency_key = ?`

	attemptByKey = `SELECT id, gateway FROM payment_attempts WHERE idempotency_key = ? AND status IN ('in_flight', 'in_doubt', 'review', 'succeeded')`
)

// ReserveRefund books a payment that is to be refunded for its row, if its id is known, and says which other row keeps that
// payment: "attempt 7 of invoice 3"; empty for none. What a row keeps is never refunded for another.
func ReserveRefund(ctx context.Context, db *mysql.DB, bookings *store.Bookings, p orders.Payment) (other string, err error) {
	err = mysql.Tx(ctx, db, "refund-book", func(tx *sqlx.Tx) error {
		owner, is, err := keeperOf(ctx, tx, p)
		if err != nil {
			return err
		}
		if !is && p.TransactionKey != "" {
			booking := store.Booking{Gateway: p.Gateway, PaymentID: p.TransactionKey, Owner: store.Owner{Kind: store.OwnerPayment, ID: p.ID}}
			taken, err := bookings.Reserve(ctx, tx, []store.Booking{booking})
			if err != nil {
				return err
			}
			owner, is = taken[0]
		}
		if other = ""; is {
			other, err = store.Describe(ctx, tx, owner)
		}
		return err
	})
	return other, err
}

// keeperOf finds a row that keeps a payment of the same gateway under the same key or id.
func keeperOf(ctx context.Context, tx *sqlx.Tx, p orders.Payment) (store.Owner, bool, error) {
	for _, by := range []struct{ query, value string }{{keptByTheirs, p.TransactionKey}, {keptByKey, p.Key}} {
		if by.value == "" {
			continue
		}
		var rows []struct {
			store.RecordedPayment

			Key string `db:"idempotency_key"`
		}
		if err := tx.SelectContext(ctx, &rows, by.query, p.ID, by.value); err != nil {
			return store.Owner{}, false, err
		}
		for _, r := range rows {
			if p.TransactionKey != "" && r.Has(p.Gateway, p.TransactionKey) || r.Gateway == p.Gateway && r.Key != "" && r.Key == p.Key {
				return store.Owner{Kind: store.OwnerPayment, ID: r.ID}, true, nil
			}
		}
	}
	if p.Key == "" || !isASCII(p.Key) {
		return store.Owner{}, false, nil
	}
	var attempts []struct {
		ID      uint64
		Gateway string
	}
	if err := tx.SelectContext(ctx, &attempts, attemptByKey, p.Key); err != nil {
		return store.Owner{}, false, err
	}
	for _, a := range attempts {
		if a.Gateway == p.Gateway {
			return store.Owner{Kind: store.OwnerAttempt, ID: a.ID}, true, nil
		}
	}
	return store.Owner{}, false, nil
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
