package refundrows

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/batch"
	"duly/internal/claims"
	"duly/internal/mysql"
	"duly/internal/refunds"
	"duly/internal/store"
)

// Reader claims the requested rows of refunds. A payment has one unsettled refund at most, by the unique keys of
// the table. It locks only rows of refunds.
//
// It promises: every refund of the selection that is not settled and whose next try is reached is returned once in a walk, unless another run
// has it, its gateway is skipped or another refund of its payment comes first; of those it says that there are more.
type Reader struct {
	DB        *mysql.DB
	Selection store.Selection
	Now       func() time.Time

	failures claims.Failures

	walk   int    // which of the walks
	id     uint64 // the last refund of the walk
	single claims.Single
	mine   claims.Leases
	// behind: a refund waits for another one of its payment that this run has claimed.
	behind bool
}

const (
	requestedCandidates = `SELECT id FROM refunds WHERE status = ? AND origin = 'request' AND id > ?%s ORDER BY id LIMIT ?`

	// What was asked for by refund_due, and is not any more.
	unmarkedCandidates = `SELECT r.id FROM refunds r LEFT JOIN payments p ON p.id = r.payment_id
WHERE r.status = ? AND r.origin = 'refund_due' AND r.id > ? AND (p.id IS NULL OR p.status <> 'refund_due')%s ORDER BY r.id LIMIT ?`

	requestedLock = `SELECT ` + Columns + ` FROM refunds
WHERE id IN (?) AND status IN ('requested', 'in_flight', 'in_doubt') AND (next_try_at IS NULL OR next_try_at <= ?) ORDER BY id FOR UPDATE SKIP LOCKED`

	requestedClaims = `SELECT COUNT(*) FROM refunds WHERE id IN (?) AND lease = ?`
)

// requestedWalks are the walks, in their order: what may have been sent comes first.
func requestedWalks() []struct{ query, status string } {
	return []struct{ query, status string }{
		{requestedCandidates, "in_doubt"},
		{requestedCandidates, "in_flight"},
		{unmarkedCandidates, "in_doubt"},
		{unmarkedCandidates, "in_flight"},
		{requestedCandidates, "requested"},
		{unmarkedCandidates, "requested"}, // a run was stopped before it took the request back
	}
}

// More reports whether a refund was skipped because another refund of its payment comes first: it can be claimed once that is settled.
func (r *Reader) More() bool { return r.behind }

// Read implements batch.Reader.
func (r *Reader) Read(ctx context.Context, want batch.ClaimRequest) (batch.Claim[refunds.Claimed], error) {
	for {
		limit := r.single.Limit(want.Limit)
		claim, err := r.claim(ctx, limit, want.Skip)
		if err != nil {
			if err := r.fail(ctx, claim, err, limit); err != nil {
				return batch.Claim[refunds.Claimed]{}, err
			}
			continue
		}
		r.failures.Succeeded()
		r.behind = r.behind || claim.behind
		done := r.took(claim, limit)
		if len(claim.items) > 0 || done {
			return batch.Claim[refunds.Claimed]{Items: claim.items, Done: done}, nil
		}
	}
}

// took moves the walk behind what was claimed. It reports whether the last walk is done.
func (r *Reader) took(c *requestedClaim, limit int) bool {
	r.single.Took()
	if c.seen == limit {
		r.id = c.id
		return false
	}
	r.id, r.single = 0, 0
	if r.walk++; r.walk < len(requestedWalks()) {
		return false
	}
	r.walk = 0
	return true
}

// fail answers a claim that failed: the same rows are claimed one by one, and one that fails by itself is passed over. A duplicate is another
// run's claim of the same payment.
func (r *Reader) fail(ctx context.Context, c *requestedClaim, err error, limit int) error {
	if mysql.IsDuplicate(err) && limit == 1 {
		r.took(c, limit)
		r.behind = true
		return nil
	}
	kind, err := r.failures.KindOf(ctx, r.DB, err)
	switch {
	case r.single.Split(kind, limit):
		return nil
	case claims.Retried(kind), c.seen == 0:
		return err
	}
	r.took(c, limit)
	return r.failures.Pass(ctx, kind, nil, c.id, fmt.Sprintf("refund %d cannot be claimed", c.id), err)
}

// requestedClaim is what one claim transaction read and made.
type requestedClaim struct {
	seen   int    // candidates, whatever became of them
	id     uint64 // the last candidate
	items  []refunds.Claimed
	behind bool
}

func (r *Reader) claim(ctx context.Context, limit int, skip func(string) bool) (*requestedClaim, error) {
	c := &requestedClaim{}
	lease, err := r.mine.New()
	if err != nil {
		return c, err
	}
	return c, claims.Make(ctx, r.DB, "refund-request", func(tx *sqlx.Tx) error {
		*c = requestedClaim{}
		return r.transact(ctx, tx, c, lease, limit, skip)
	}, func() (bool, error) {
		return claims.TookEffect(ctx, r.DB, requestedClaims, lease, c.items, func(item refunds.Claimed) uint64 { return item.Refund.ID })
	})
}

func (r *Reader) transact(ctx context.Context, tx *sqlx.Tx, c *requestedClaim, lease [16]byte, limit int, skip func(string) bool) error {
	now := r.Now().UTC()
	walk, prefix := requestedWalks()[r.walk], ""
	if walk.query == unmarkedCandidates {
		prefix = "r."
	}
	only, args := r.Selection.OnlyRefunds(prefix)
	var ids []uint64
	if err := tx.SelectContext(ctx, &ids, fmt.Sprintf(walk.query, only), append(append([]any{walk.status, r.id}, args...), limit)...); err != nil {
		return err
	}
	if c.seen = len(ids); c.seen == 0 {
		return nil
	}
	c.id = ids[c.seen-1]
	var rows []Row
	if err := mysql.SelectIn(ctx, tx, &rows, requestedLock, ids, now); err != nil || len(rows) == 0 {
		return err
	}
	rows, err := claims.Free(ctx, tx, r.mine, rows, func(row Row) ([]byte, uint64) { return row.Lease, row.RunID.V })
	if err != nil {
		return err
	}
	if rows, err = r.first(ctx, tx, c, rows); err != nil || len(rows) == 0 {
		return err
	}
	list := make([]refunds.Refund, len(rows))
	for i, row := range rows {
		list[i] = row.Refund()
	}
	targets, err := Targets(ctx, tx, list)
	if err != nil {
		return err
	}
	for _, refund := range list {
		target := targets[refund.ID]
		if target.Gateway != "" && skip(target.Gateway) {
			continue
		}
		refund.Tries++
		c.items = append(c.items, refunds.Claimed{Refund: refund, Target: target, Lease: lease, At: now})
	}
	if len(c.items) == 0 {
		return nil
	}
	if err := r.take(ctx, tx, c.items); err != nil {
		return err
	}
	return SetWaiting(ctx, tx, c.items)
}

// SetWaiting sets Waiting of each item: the smallest amount that a requested refund of the same payment has.
func SetWaiting(ctx context.Context, tx *sqlx.Tx, items []refunds.Claimed) error {
	rows := make([]Row, len(items))
	for i, item := range items {
		rows[i] = Row{InvoiceID: item.InvoiceID, PaymentID: item.PaymentID}
	}
	amounts, err := bySubject(ctx, tx, rows, waitingOfInvoices, waitingOfPayments)
	for i := range items {
		items[i].Waiting = int64(amounts[subjectOf(rows[i])]) //nolint:gosec // G115: an amount
	}
	return err
}

// first leaves out what another unsettled refund of the same payment comes before, among rows and in the table.
func (r *Reader) first(ctx context.Context, tx *sqlx.Tx, c *requestedClaim, rows []Row) ([]Row, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	unsettled, err := bySubject(ctx, tx, rows, unsettledOfInvoices, unsettledOfPayments)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(rows, func(row Row) bool {
		of := subjectOf(row)
		other, is := unsettled[of]
		if is && other != row.ID {
			c.behind = true
			return true
		}
		unsettled[of] = row.ID
		return false
	}), nil
}

// take writes the lease, and gives each refund that has none its number and its key, once its gateway is known.
func (r *Reader) take(ctx context.Context, tx *sqlx.Tx, items []refunds.Claimed) error {
	var unnumbered []Row
	for _, item := range items {
		if item.Key == "" && item.Gateway != "" {
			unnumbered = append(unnumbered, Row{ID: item.Refund.ID, InvoiceID: item.InvoiceID, PaymentID: item.PaymentID})
		}
	}
	numbers, err := bySubject(ctx, tx, unnumbered, numbersOfInvoices, numbersOfPayments)
	if err != nil {
		return err
	}
	var fresh []*keyed
	of := map[uint64]*keyed{}
	for _, item := range items {
		if item.Key == "" && item.Gateway != "" {
			k := &keyed{ID: item.Refund.ID, InvoiceID: item.InvoiceID, PaymentID: item.PaymentID, Gateway: item.Gateway, charge: item.ChargeKey}
			k.Number = int(numbers[refundSubject{item.InvoiceID, item.PaymentID}]) + 1 //nolint:gosec // G115: counts refunds
			fresh, of[k.ID] = append(fresh, k), k
		}
	}
	if err := giveKeys(ctx, tx, fresh); err != nil {
		return err
	}
	rows := make([][]any, len(items))
	for i := range items {
		item := &items[i]
		if k := of[item.Refund.ID]; k != nil {
			item.Number, item.Key, item.Twin = k.Number, k.Key, k.twin
		}
		var number any
		if item.Key != "" {
			number = item.Number
		}
		rows[i] = []any{item.Refund.ID, number, store.Text(item.Key), store.Text(item.Gateway), item.Lease[:], batch.Execution(ctx).Run.ID, item.Tries}
	}
	n, err := mysql.Update(ctx, tx, "refunds", []string{"number", "idempotency_key", "gateway", "lease", "run_id", "tries"}, rows, "", "status = 'in_flight'", "unsettled = 1")
	return store.AllOf(n, len(rows), "refunds", err)
}
