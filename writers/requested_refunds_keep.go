package writers

import (
	"context"

	"github.com/jmoiron/sqlx"

	"duly/internal/mysql"
	"duly/internal/refundrows"
	"duly/internal/refunds"
	"duly/internal/store"
)

// ReserveTarget books the payment of a refund for its row, and says which other row keeps that payment; empty for none.
func ReserveTarget(ctx context.Context, db *mysql.DB, bookings *store.Bookings, c refunds.Claimed) (other string, err error) {
	if c.AttemptID == 0 {
		return ReserveRefund(ctx, db, bookings, c.Payment)
	}
	booking := store.Booking{Gateway: c.Gateway, Account: c.Account, PaymentID: c.GatewayID, Owner: store.Owner{Kind: store.OwnerAttempt, ID: c.AttemptID}}
	err = mysql.Tx(ctx, db, "refund-book", func(tx *sqlx.Tx) error {
		other = ""
		taken, err := bookings.Reserve(ctx, tx, []store.Booking{booking})
		if owner, is := taken[0]; err == nil && is {
			other, err = store.Describe(ctx, tx, owner)
		}
		return err
	})
	return other, err
}

// FreezeRefund stores what a refund is about to ask for, before it is sent; false: its row is somebody else's by now.
func FreezeRefund(ctx context.Context, db *mysql.DB, c refunds.Claimed, sent refunds.Sent, gatewayID string) (frozen bool, err error) {
	err = mysql.Tx(ctx, db, "refund-freeze", func(tx *sqlx.Tx) (err error) {
		frozen, err = refundrows.Freeze(ctx, tx, c.Refund.ID, c.Lease, sent, gatewayID)
		return err
	})
	return frozen, err
}
