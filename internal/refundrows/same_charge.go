package refundrows

import (
	"context"
	"slices"

	"github.com/jmoiron/sqlx"

	"duly/internal/mysql"
	"duly/internal/refunds"
	"duly/internal/store"
)

const (
	holdsCharge = `SELECT COUNT(*) FROM payments WHERE id = ? AND COALESCE(status, '') NOT IN ('failed', 'cancelled') AND COALESCE(idempotency_key, ?) = ?`

	refundedOfPayments = `SELECT payment_id AS id, COALESCE(SUM(amount), 0) AS total, COALESCE(SUM(IF(origin = 'provider', 0, amount)), 0) AS ours
FROM refunds WHERE payment_id IN (?) AND status = 'refunded' GROUP BY payment_id`
)

// countsAsOther reports whether other refunds the charge of k for another row of payments: that row still claims the charge, or has an unsettled refund.
// Otherwise the shop has replaced that row by k's, and the refunds of both count together.
func countsAsOther(ctx context.Context, tx *sqlx.Tx, other keyed, k *keyed) (bool, error) {
	switch {
	case other.PaymentID == 0 || k.PaymentID == 0:
		return true, nil
	case other.PaymentID == k.PaymentID:
		return false, nil
	}
	var claims int
	if err := tx.GetContext(ctx, &claims, holdsCharge, other.PaymentID, k.charge, k.charge); err != nil || claims > 0 {
		return claims > 0, err
	}
	var unsettled []struct{ Subject, Value uint64 }
	err := mysql.SelectIn(ctx, tx, &unsettled, unsettledOfPayments, []uint64{other.PaymentID})
	return len(unsettled) > 0, err
}

// keysAtOnce is how many key numbers of a charge one query reads. The numbers of a charge are consecutive over all of its rows.
const keysAtOnce = 4

// addSameCharge completes targets that are payments of orders: it sets SameCharge, and adds the refunds that are recorded for those rows.
func addSameCharge(ctx context.Context, q sqlx.QueryerContext, found map[uint64]refunds.Target) error {
	pending := make([]uint64, 0, len(found))
	for id, t := range found {
		if t.Payment.ID != 0 && t.ChargeKey != "" {
			pending = append(pending, id)
		}
	}
	for first := 1; len(pending) > 0; first += keysAtOnce {
		var keys []string
		for _, id := range pending {
			for n := range keysAtOnce {
				keys = append(keys, refunds.Key(found[id].ChargeKey, 0, first+n))
			}
		}
		var rows []keyed
		if err := mysql.SelectIn(ctx, q, &rows, keyHolders, keys); err != nil {
			return err
		}
		held := make(map[string]keyed, len(rows))
		for _, row := range rows {
			held[folded(row.Key)] = row
		}
		pending = slices.DeleteFunc(pending, func(id uint64) bool {
			t, any := found[id], false
			for n := first; n < first+keysAtOnce; n++ {
				row, is := held[folded(refunds.Key(t.ChargeKey, 0, n))]
				any = any || is
				if is && row.Number == n && row.PaymentID != 0 && row.PaymentID != t.Payment.ID && (row.Gateway == t.Gateway || row.Gateway == "") {
					t.SameCharge = append(t.SameCharge, row.PaymentID)
				}
			}
			found[id] = t
			return !any
		})
	}
	return addRecordedOfCharge(ctx, q, found)
}

// addRecordedOfCharge adds the recorded refunds of the other rows of a charge to Recorded. A refund that an audit found at the provider may be one that
// another row of the charge made: it counts only together with the refunds of its own row.
func addRecordedOfCharge(ctx context.Context, q sqlx.QueryerContext, found map[uint64]refunds.Target) error {
	var ids []uint64
	for _, t := range found {
		if len(t.SameCharge) > 0 {
			ids = append(append(ids, t.Payment.ID), t.SameCharge...)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	var rows []struct {
		ID          uint64
		Total, Ours int64
	}
	if err := mysql.SelectIn(ctx, q, &rows, refundedOfPayments, store.SortedIDs(ids, func(id uint64) uint64 { return id })); err != nil {
		return err
	}
	for id, t := range found {
		ours, most := int64(0), t.Recorded
		for _, row := range rows {
			if len(t.SameCharge) > 0 && (row.ID == t.Payment.ID || slices.Contains(t.SameCharge, row.ID)) {
				ours += row.Ours
				most = max(most, row.Total)
			}
		}
		t.Recorded = max(t.Recorded, min(max(most, ours), t.Paid.Amount))
		found[id] = t
	}
	return nil
}
