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

// countsAsOther reports whether the charge of k is refunded for another row: other's payment claims it still, or has a refund that is not settled.
// Else the shop has replaced that row by k's, and the refunds of both count together.
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

// keysAtOnce are the numbers that are looked for at once. Those of a charge follow each other, whichever of its rows they are of.
const keysAtOnce = 4

// kin completes payments of orders by the other rows of their charges: which these are, and what is recorded as refunded for them.
func kin(ctx context.Context, q sqlx.QueryerContext, found map[uint64]refunds.Target) error {
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
					t.Kin = append(t.Kin, row.PaymentID)
				}
			}
			found[id] = t
			return !any
		})
	}
	return recordedOfKin(ctx, q, found)
}

// recordedOfKin counts what is recorded as refunded for the other rows of a charge. What was found at the provider may be what another row refunded:
// it counts with the refunds of its own row alone.
func recordedOfKin(ctx context.Context, q sqlx.QueryerContext, found map[uint64]refunds.Target) error {
	var ids []uint64
	for _, t := range found {
		if len(t.Kin) > 0 {
			ids = append(append(ids, t.Payment.ID), t.Kin...)
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
			if len(t.Kin) > 0 && (row.ID == t.Payment.ID || slices.Contains(t.Kin, row.ID)) {
				ours += row.Ours
				most = max(most, row.Total)
			}
		}
		t.Recorded = max(t.Recorded, min(max(most, ours), t.Paid.Amount))
		found[id] = t
	}
	return nil
}
