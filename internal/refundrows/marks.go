package refundrows

import (
	"context"
	"slices"

	"github.com/jmoiron/sqlx"

	"duly/internal/batch"
	"duly/internal/mysql"
	"duly/internal/orders"
	"duly/internal/refunds"
)

const (
	refundsOfPayments = `SELECT ` + Columns + ` FROM refunds WHERE payment_id IN (?)`

	// Another claim of the same payment, which the unique key lets alone, was faster.
	insertMarks = `INSERT IGNORE INTO refunds (payment_id, reason, requested_by, origin, status, unsettled, number, idempotency_key, gateway, tries, lease, run_id) VALUES `

	takeMarks = `UPDATE refunds SET lease = ?, run_id = ?, tries = tries + 1, status = 'in_flight' WHERE id IN (?)`

	markedPayments = `SELECT id, payment_id, COALESCE(idempotency_key, '') AS idempotency_key, COALESCE(sent_amount, 0) AS sent_amount FROM refunds WHERE payment_id IN (?) AND lease = ?`
)

// Mark ensures that each claimed payment in refund_due has its row of refunds, and no other unsettled row. It returns the claimed payments: a
// payment with another unsettled refund waits until that is settled.
func Mark(ctx context.Context, tx *sqlx.Tx, items []orders.RefundClaim, lease [16]byte) ([]orders.RefundClaim, error) {
	var ids []uint64
	for _, item := range items {
		for _, p := range item.Due {
			ids = append(ids, p.ID)
		}
	}
	var rows []Row
	if err := mysql.SelectIn(ctx, tx, &rows, refundsOfPayments, ids); err != nil {
		return nil, err
	}
	numbers, busy, taken := map[uint64]int{}, map[uint64]bool{}, []uint64{}
	for _, row := range rows {
		numbers[row.PaymentID] = max(numbers[row.PaymentID], row.Number)
		if row.Unsettled {
			busy[row.PaymentID] = true
			if refunds.Origin(row.Origin) == refunds.OfMark {
				taken = append(taken, row.ID)
			}
		}
	}
	run := batch.Execution(ctx).Run.ID
	if len(taken) > 0 {
		query, args, err := mysql.In(takeMarks, lease[:], run, taken)
		if err != nil {
			return nil, err
		}
		if _, err := tx.ExecContext(ctx, query, args...); err != nil {
			return nil, err
		}
	}
	twins, err := insertFresh(ctx, tx, items, numbers, busy, lease)
	if err != nil {
		return nil, err
	}
	return marked(ctx, tx, items, ids, lease, twins)
}

// insertFresh inserts a row for each payment that has none that is unsettled. Of those that have none since another row refunds the same charge it
// returns that row's name, by the payment.
func insertFresh(ctx context.Context, tx *sqlx.Tx, items []orders.RefundClaim, numbers map[uint64]int, busy map[uint64]bool, lease [16]byte) (map[uint64]string, error) {
	var list []*keyed
	of := map[uint64]*keyed{}
	for _, item := range items {
		for _, p := range item.Due {
			if !busy[p.ID] {
				k := &keyed{PaymentID: p.ID, Number: numbers[p.ID] + 1, Gateway: p.Gateway, charge: p.Key}
				list, of[p.ID] = append(list, k), k
			}
		}
	}
	if err := giveKeys(ctx, tx, list); err != nil {
		return nil, err
	}
	twins, run := map[uint64]string{}, batch.Execution(ctx).Run.ID
	var fresh [][]any
	for _, item := range items {
		for _, p := range item.Due {
			switch k := of[p.ID]; {
			case k == nil:
			case k.twin != "":
				twins[p.ID] = k.twin
			default:
				fresh = append(fresh, []any{
					p.ID, mysql.Cut(item.Why(), 255), askedBy(item), string(refunds.OfMark), string(refunds.InFlight), 1, k.Number, k.Key, p.Gateway, 1, lease[:], run,
				})
			}
		}
	}
	_, err := mysql.Insert(ctx, tx, insertMarks, fresh, "")
	return twins, err
}

// askedBy is the requester of the refunds of an order.
func askedBy(item orders.RefundClaim) string {
	if item.Why() == orders.AskedByTheShop {
		return "shop"
	}
	return "duly"
}

// marked keeps the payments whose row of refunds is under the lease, and those that another row's refund stands for.
func marked(ctx context.Context, tx *sqlx.Tx, items []orders.RefundClaim, ids []uint64, lease [16]byte, twins map[uint64]string) ([]orders.RefundClaim, error) {
	var marks []struct {
		ID      uint64
		Payment uint64 `db:"payment_id"`
		Key     string `db:"idempotency_key"`
		Sent    int64  `db:"sent_amount"`
	}
	if err := mysql.SelectIn(ctx, tx, &marks, markedPayments, ids, lease[:]); err != nil {
		return nil, err
	}
	of := make(map[uint64]orders.RefundMark, len(marks))
	for _, m := range marks {
		of[m.Payment] = orders.RefundMark{ID: m.ID, Key: m.Key, Sent: m.Sent}
	}
	for i := range items {
		item := &items[i]
		item.Marks = make(map[uint64]orders.RefundMark, len(item.Due))
		item.Due = slices.DeleteFunc(item.Due, func(p orders.Payment) bool {
			mark, is := of[p.ID]
			mark.Twin = twins[p.ID]
			item.Marks[p.ID] = mark
			return !is && mark.Twin == ""
		})
	}
	return slices.DeleteFunc(items, func(item orders.RefundClaim) bool { return len(item.Due) == 0 }), nil
}
