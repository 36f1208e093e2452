package query

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"duly/internal/mysql"
	"duly/internal/orders"
	"duly/internal/store"
)

const (
	selectOtherRuns = `SELECT id, host, heartbeat_at, lease_ms FROM job_runs WHERE status = 'running' AND job = ? AND id <> ? ORDER BY id`

	selectNotEnded = `SELECT id, host, heartbeat_at, lease_ms FROM job_runs WHERE id IN (?) AND status = 'running' ORDER BY id`

	selectRefundHolders = `SELECT r.id, r.host, r.heartbeat_at, r.lease_ms, COUNT(*) AS claimed FROM payments p
JOIN order_checks c FORCE INDEX (PRIMARY) ON c.order_id = p.order_id JOIN job_runs r ON r.id = c.run_id
WHERE p.status = 'refund_due'%s AND c.lease IS NOT NULL AND (c.refund_next_at IS NULL OR c.refund_next_at <= ?) AND r.status = 'running' AND r.id <> ?
GROUP BY r.id, r.host, r.heartbeat_at, r.lease_ms ORDER BY r.id`

	selectRequestedHolders = `SELECT r.id, r.host, r.heartbeat_at, r.lease_ms, COUNT(*) AS claimed FROM refunds f JOIN job_runs r ON r.id = f.run_id
WHERE f.status IN ('requested', 'in_flight', 'in_doubt') AND f.origin = 'request'%s AND f.lease IS NOT NULL AND (f.next_try_at IS NULL OR f.next_try_at <= ?)
AND r.status = 'running' AND r.id <> ? GROUP BY r.id, r.host, r.heartbeat_at, r.lease_ms ORDER BY r.id`

	selectDeliveryHolders = `SELECT r.id, r.host, r.heartbeat_at, r.lease_ms, COUNT(*) AS claimed FROM event_deliveries d FORCE INDEX (delivery_walk) JOIN job_runs r ON r.id = d.run_id
WHERE d.sink IN (?) AND d.status = 'pending'%s AND d.lease IS NOT NULL AND r.status = 'running' AND r.id <> ?
GROUP BY r.id, r.host, r.heartbeat_at, r.lease_ms ORDER BY r.id`

	selectLeftBehind = `SELECT DISTINCT r.id FROM payment_attempts a JOIN job_runs r ON r.id = a.run_id
WHERE a.status = 'in_flight'%s AND r.status = 'abandoned' AND r.recovered_by = 0 ORDER BY r.id`
)

// OtherRuns lists the other runs of a job that are not marked as ended.
func OtherRuns(ctx context.Context, db *mysql.DB, job string, except uint64) ([]Owner, error) {
	var owners []Owner
	err := db.SelectContext(ctx, &owners, selectOtherRuns, job, except)
	return owners, mysql.Classify(ctx, err)
}

// OwnersOf lists the runs among the keys of claimed that are not marked as ended, with their numbers of claims.
func OwnersOf(ctx context.Context, db *mysql.DB, claimed map[uint64]int64) ([]Owner, error) {
	if len(claimed) == 0 {
		return nil, nil
	}
	var owners []Owner
	err := mysql.SelectIn(ctx, db, &owners, selectNotEnded, slices.Sorted(maps.Keys(claimed)))
	for i, o := range owners {
		owners[i].Claimed = claimed[o.ID]
	}
	return owners, mysql.Classify(ctx, err)
}

// RefundHolders lists the other runs, not marked as ended, that have claimed selected payments which are to be refunded now, with their number.
func RefundHolders(ctx context.Context, db *mysql.DB, selection store.Selection, now time.Time, except uint64) ([]Owner, error) {
	only, args := selection.OnlyOrders("p.order_id")
	var owners []Owner
	err := db.SelectContext(ctx, &owners, fmt.Sprintf(selectRefundHolders, only), append(args, now.UTC(), except)...)
	return owners, mysql.Classify(ctx, err)
}

// RequestedHolders lists the other runs, not marked as ended, that have claimed selected rows of refunds which are to be executed now, with their
// number.
func RequestedHolders(ctx context.Context, db *mysql.DB, selection store.Selection, now time.Time, except uint64) ([]Owner, error) {
	only, args := selection.OnlyRefunds("f.")
	var owners []Owner
	err := db.SelectContext(ctx, &owners, fmt.Sprintf(selectRequestedHolders, only), append(args, now.UTC(), except)...)
	return owners, mysql.Classify(ctx, err)
}

// Holders lists other runs, not marked as ended, that have claimed something selected which is due.
type Holders func(ctx context.Context, db *mysql.DB, selection store.Selection, now time.Time, except uint64) ([]Owner, error)

// ReconcileWork is the work of a reconcile run.
type ReconcileWork struct {
	Selection store.Selection
	Policy    orders.Policy
	// Orders that were due at an instant, and refunds that are due now.
	Orders, Refunds bool
	Due, Now        time.Time
	Run             uint64 // itself
}

// ReconcileHolders lists the other runs, not marked as ended, that hold some of the work. One that holds several kinds of it stands there once for each.
func ReconcileHolders(ctx context.Context, db *mysql.DB, w ReconcileWork) ([]Owner, error) {
	var all []Owner
	if w.Orders {
		left, err := CountOrders(ctx, db, w.Selection, w.Policy, w.Due, w.Run, nil)
		if err != nil {
			return nil, err
		}
		if all, err = OwnersOf(ctx, db, left.Holders); err != nil {
			return nil, err
		}
	}
	if !w.Refunds {
		return all, nil
	}
	for _, of := range []Holders{RefundHolders, RequestedHolders} {
		owners, err := of(ctx, db, w.Selection, w.Now, w.Run)
		if err != nil {
			return nil, err
		}
		all = append(all, owners...)
	}
	return all, nil
}

// DeliveryHolders lists the other runs, not marked as ended, that have claimed selected events which sinks have not got, with their number.
func DeliveryHolders(ctx context.Context, db *mysql.DB, sinks []string, selection store.Selection, except uint64) ([]Owner, error) {
	if len(sinks) == 0 {
		return nil, nil
	}
	only, args := selection.OnlySubjects("d.subject")
	var owners []Owner
	err := mysql.SelectIn(ctx, db, &owners, fmt.Sprintf(selectDeliveryHolders, only), append(append([]any{sinks}, args...), except)...)
	return owners, mysql.Classify(ctx, err)
}

// LeftBehind lists the runs that died, that nobody has recovered, and of which selected attempts are in flight still.
func LeftBehind(ctx context.Context, db *mysql.DB, selection store.Selection) ([]uint64, error) {
	only, args := selection.Only("a.subscription_id")
	var ids []uint64
	err := db.SelectContext(ctx, &ids, fmt.Sprintf(selectLeftBehind, only), args...)
	return ids, mysql.Classify(ctx, err)
}
