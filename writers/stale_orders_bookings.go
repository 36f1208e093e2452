package writers

import (
	"context"

	"github.com/jmoiron/sqlx"

	"duly/internal/billing"
	"duly/internal/mysql"
	"duly/internal/orders"
	"duly/internal/store"
)

// reserve books the payments that the gateways took for the orders, before anything is decided: the decision reads which of them
// another row has. What the shop records as succeeded for another order counts too.
func (w *StaleOrders) reserve(ctx context.Context, tx *sqlx.Tx, ours []*orders.Result) error {
	var list []store.Booking
	var at []*orders.Checked
	var of []uint64 // the orders
	for _, r := range ours {
		checked := make(map[uint64]*orders.Checked, len(r.Checked))
		for i := range r.Checked {
			r.Checked[i].Taken = "" // the transaction may be a repeated one
			checked[r.Checked[i].ID] = &r.Checked[i]
		}
		for _, take := range orders.Takes(r.Claimed.Order, r.Checked) {
			booking := store.Booking{Gateway: take.Gateway, PaymentID: take.PaymentID, Owner: store.Owner{Kind: store.OwnerPayment, ID: take.Payment}}
			if take.Shown {
				booking.Proof = billing.ProofLookUp
			}
			list = append(list, booking)
			at, of = append(at, checked[take.Payment]), append(of, r.Claimed.ID)
		}
	}
	if len(list) == 0 {
		return nil
	}
	taken, err := recordedElsewhere(ctx, tx, list, of)
	if err != nil {
		return err
	}
	var free []store.Booking
	var index []int
	for i, booking := range list {
		if _, is := taken[i]; !is {
			free, index = append(free, booking), append(index, i)
		}
	}
	if w.bookings == nil {
		w.bookings = &store.Bookings{Today: w.Accounts}
	}
	booked, err := w.bookings.Reserve(ctx, tx, free)
	if err != nil {
		return err
	}
	for i, owner := range booked {
		taken[index[i]] = owner
	}
	for i, owner := range taken {
		if at[i].Taken, err = store.Describe(ctx, tx, owner); err != nil {
			return err
		}
	}
	return nil
}

// recordedElsewhere finds, by index, the payments of other orders that the shop records as succeeded under the payments of list.
func recordedElsewhere(ctx context.Context, tx *sqlx.Tx, list []store.Booking, of []uint64) (map[int]store.Owner, error) {
	ids := make([]string, len(list))
	for i, booking := range list {
		ids[i] = booking.PaymentID
	}
	var rows []store.RecordedPayment
	if err := mysql.SelectIn(ctx, tx, &rows, store.PaymentsThat+`status = 'succeeded'`, ids); err != nil {
		return nil, err
	}
	taken := map[int]store.Owner{}
	for i, booking := range list {
		for _, r := range rows {
			if r.OrderID != of[i] && r.Has(booking.Gateway, booking.PaymentID) {
				taken[i] = store.Owner{Kind: store.OwnerPayment, ID: r.ID}
			}
		}
	}
	return taken, nil
}
