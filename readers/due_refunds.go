package readers

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/batch"
	"duly/internal/claims"
	"duly/internal/mysql"
	"duly/internal/orders"
	"duly/internal/refundrows"
	"duly/internal/store"
)

// DueRefunds claims orders with payments that are to be refunded, ours and those that the shop marked. It locks rows
// of order_checks alone, so that the shop never waits for it, and takes no order that a living run works on.
//
// It promises: every order of the selection with a payment in refund_due whose next try is reached is returned once
// in a walk, unless another run claims it or its gateways are skipped.
type DueRefunds struct {
	DB        *mysql.DB
	Selection store.Selection
	// Unkeyed is how long a request to a gateway that keeps no keys can be on its way, from the claim on; 0 for
	// gateways that keep keys. So long nothing is tried again, even if the claimant dies.
	Unkeyed func(gateway string) time.Duration
	Now     func() time.Time

	failures claims.Failures

	id     uint64 // the last payment of the walk
	single claims.Single
	mine   claims.Leases
}

const (
	refundCandidates = `SELECT id, order_id FROM payments WHERE status = 'refund_due' AND id > ?%s ORDER BY id LIMIT ?`

	refundChecks = `SELECT order_id, COALESCE(refund_next_at > ?, FALSE) AS waiting FROM order_checks WHERE order_id IN (?)`

	refundLock = `SELECT order_id, lease, run_id, refund_tries, refund_since FROM order_checks
WHERE order_id IN (?) AND (refund_next_at IS NULL OR refund_next_at <= ?) ORDER BY order_id FOR UPDATE SKIP LOCKED`

	failureReasons = `SELECT id, failure_reason FROM orders WHERE id IN (?) AND failure_reason IS NOT NULL`

	takeRefunds = `UPDATE order_checks SET lease = ?, run_id = ?, refund_tries = refund_tries + 1,
refund_since = COALESCE(refund_since, ?), refund_next_at = ? WHERE order_id IN (?)`

	refundClaims = `SELECT COUNT(*) FROM order_checks WHERE order_id IN (?) AND lease = ?`
)

// Read implements batch.Reader.
func (r *DueRefunds) Read(ctx context.Context, want batch.ClaimRequest) (batch.Claim[orders.RefundClaim], error) {
	for {
		limit := r.single.Limit(want.Limit)
		claim, err := r.claim(ctx, limit, want.Skip)
		if err != nil {
			if err := r.fail(ctx, claim, err, limit); err != nil {
				return batch.Claim[orders.RefundClaim]{}, err
			}
			continue
		}
		r.failures.Succeeded()
		done := r.took(claim, limit)
		if len(claim.items) > 0 || done {
			return batch.Claim[orders.RefundClaim]{Items: claim.items, Done: done}, nil
		}
	}
}

// took moves the walk behind what was claimed. It reports whether the walk is done.
func (r *DueRefunds) took(c *refundClaim, limit int) bool {
	r.single.Took()
	if c.seen < limit {
		r.id, r.single = 0, 0
		return true
	}
	r.id = c.id
	return false
}

// fail answers a claim that failed: the same rows are claimed one by one, and one that fails by itself is
// passed over.
func (r *DueRefunds) fail(ctx context.Context, c *refundClaim, err error, limit int) error {
	kind, err := r.failures.KindOf(ctx, r.DB, err)
	switch {
	case r.single.Split(kind, limit):
		return nil
	case claims.Retried(kind), c.seen == 0:
		return err
	}
	r.took(c, limit)
	return r.failures.Pass(ctx, kind, nil, c.id, fmt.Sprintf("payment %d cannot be claimed for its refund", c.id), err)
}

// refundClaim is what one claim transaction read and made.
type refundClaim struct {
	seen  int    // candidates, whatever became of them
	id    uint64 // the last candidate
	items []orders.RefundClaim
}

func (r *DueRefunds) claim(ctx context.Context, limit int, skip func(string) bool) (*refundClaim, error) {
	c := &refundClaim{}
	lease, err := r.mine.New()
	if err != nil {
		return c, err
	}
	return c, claims.Make(ctx, r.DB, "refund-claim", func(tx *sqlx.Tx) error {
		*c = refundClaim{}
		return r.transact(ctx, tx, c, lease, limit, skip)
	}, func() (bool, error) {
		return claims.TookEffect(ctx, r.DB, refundClaims, lease, c.items, func(item orders.RefundClaim) uint64 { return item.ID })
	})
}

func (r *DueRefunds) transact(ctx context.Context, tx *sqlx.Tx, c *refundClaim, lease [16]byte, limit int, skip func(string) bool) error {
	now := r.Now().UTC()
	ids, err := r.candidates(ctx, tx, c, now, limit)
	if err != nil || len(ids) == 0 {
		return err
	}
	if rows, err := r.free(ctx, tx, ids, now); err != nil || len(rows) == 0 {
		return err
	} else if err := r.items(ctx, tx, c, rows, skip); err != nil || len(c.items) == 0 {
		return err
	}
	for i := range c.items {
		c.items[i].Lease, c.items[i].At = lease, now
		if c.items[i].Since.IsZero() {
			c.items[i].Since = now
		}
	}
	if c.items, err = refundrows.Mark(ctx, tx, c.items, lease); err != nil || len(c.items) == 0 {
		return err
	}
	return r.take(ctx, tx, c.items, lease, now)
}

// refundWalk is the walk over what is to be refunded, narrowed down by a condition.
func refundWalk(only string) string { return fmt.Sprintf(refundCandidates, only) }

// candidates reads the orders of the next payments of the walk that are due, without a lock, and makes sure that each
// of them has its row of bookkeeping.
func (r *DueRefunds) candidates(ctx context.Context, tx *sqlx.Tx, c *refundClaim, now time.Time, limit int) ([]uint64, error) {
	var found []struct {
		ID      uint64
		OrderID uint64 `db:"order_id"`
	}
	only, args := r.Selection.OnlyOrders("order_id")
	args = append([]any{r.id}, args...)
	if err := tx.SelectContext(ctx, &found, refundWalk(only), append(args, limit)...); err != nil {
		return nil, err
	}
	if c.seen = len(found); c.seen == 0 {
		return nil, nil
	}
	c.id = found[c.seen-1].ID
	ids := make([]uint64, 0, len(found))
	for _, f := range found {
		ids = append(ids, f.OrderID)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	var checks []struct {
		OrderID uint64 `db:"order_id"`
		Waiting bool
	}
	if err := mysql.SelectIn(ctx, tx, &checks, refundChecks, now, ids); err != nil {
		return nil, err
	}
	waiting := make(map[uint64]bool, len(checks))
	for _, check := range checks {
		waiting[check.OrderID] = check.Waiting
	}
	var unchecked [][]any
	due := ids[:0]
	for _, id := range ids {
		waits, there := waiting[id]
		if !there {
			unchecked = append(unchecked, []any{id})
		}
		if !waits {
			due = append(due, id)
		}
	}
	_, err := mysql.Insert(ctx, tx, store.InsertChecks, unchecked, "")
	return due, err
}

type refundRow struct {
	OrderID uint64 `db:"order_id"`
	Lease   []byte
	RunID   sql.Null[uint64] `db:"run_id"`
	Tries   int              `db:"refund_tries"`
	Since   sql.NullTime     `db:"refund_since"`
}

// free locks the orders that may be taken: those without a lease, or with the lease of a run that has ended or is
// this one, which has nothing under way but what this step took.
func (r *DueRefunds) free(ctx context.Context, tx *sqlx.Tx, ids []uint64, now time.Time) ([]refundRow, error) {
	var rows []refundRow
	if err := mysql.SelectIn(ctx, tx, &rows, refundLock, ids, now); err != nil || len(rows) == 0 {
		return nil, err
	}
	return claims.Free(ctx, tx, r.mine, rows, func(row refundRow) ([]byte, uint64) { return row.Lease, row.RunID.V })
}

// items reads what is due of the locked orders. Payments of gateways that are skipped stay as they are, and an order
// is taken for the others. A payment whose order is gone is refunded too.
func (r *DueRefunds) items(ctx context.Context, tx *sqlx.Tx, c *refundClaim, rows []refundRow, skip func(string) bool) error {
	ids := store.SortedIDs(rows, func(row refundRow) uint64 { return row.OrderID })
	found, err := store.OrdersOf(ctx, tx, ids)
	if err != nil {
		return err
	}
	var reasons []struct {
		ID     uint64
		Reason string `db:"failure_reason"`
	}
	if err := mysql.SelectIn(ctx, tx, &reasons, failureReasons, ids); err != nil {
		return err
	}
	why := make(map[uint64]string, len(reasons))
	for _, reason := range reasons {
		why[reason.ID] = reason.Reason
	}
	for _, row := range rows {
		o := found[row.OrderID]
		item := orders.RefundClaim{Order: o.Order, FailureReason: why[o.ID], Tries: row.Tries + 1, Since: row.Since.Time}
		for _, p := range o.Payments {
			item.Kept = item.Kept || p.Status == orders.PaymentSucceeded
			if p.Status == orders.PaymentRefundDue && !skip(p.Gateway) {
				item.Due = append(item.Due, p)
			}
		}
		if len(item.Due) > 0 {
			c.items = append(c.items, item)
		}
	}
	return nil
}

// take writes the lease. Orders of gateways that keep no keys are not due again before what is sent now can have
// no effect any more, whatever becomes of this run.
func (r *DueRefunds) take(ctx context.Context, tx *sqlx.Tx, items []orders.RefundClaim, lease [16]byte, now time.Time) error {
	run := batch.Execution(ctx).Run
	until := make(map[time.Duration][]uint64)
	for _, item := range items {
		var wait time.Duration
		for _, p := range item.Due {
			wait = max(wait, r.Unkeyed(p.Gateway))
		}
		until[wait] = append(until[wait], item.ID)
	}
	for wait, ids := range until {
		var next any
		if wait > 0 {
			next = now.Add(wait)
		}
		query, args, err := mysql.In(takeRefunds, lease[:], run.ID, now, next, ids)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, query, args...); err != nil {
			return err
		}
	}
	return nil
}
