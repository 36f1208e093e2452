package readers

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/batch"
	"duly/internal/mysql"
	"duly/internal/orders"
)

// Orders claims orders whose payments are to be asked about: those that wait for their payment and were left alone
// for long enough, and those of which a payment is not decided, whatever the order's own status. It locks rows of
// order_checks alone, so that the shop never waits for it, and takes no order that a living run works on.
//
// It promises: every order of the selection that is due, in no lane that is skipped and not claimed by another run is
// returned once in a walk; in the same run again only if it is due again.
type Orders struct {
	DB        *mysql.DB
	Selection Selection
	Policy    orders.Policy
	Now       func() time.Time // the business clock
	// Left is told of orders that are left for a later run.
	Left LeftFunc

	failures failures

	walk   orderWalk
	queue  []uint64 // candidates that are yet to be claimed
	begun  bool
	single int // claims of one order that are left, because a chunk failed
	mine   map[[16]byte]bool
}

const (
	presentChecks = `SELECT order_id FROM order_checks WHERE order_id IN (?)`

	checkLock = `SELECT order_id, checks, lease, run_id, next_check_at, checked_at, reason, patience FROM order_checks
WHERE order_id IN (?) ORDER BY order_id FOR UPDATE SKIP LOCKED`

	checkRows = `SELECT order_id, checks, lease, run_id, next_check_at, checked_at, reason, patience FROM order_checks WHERE order_id IN (?)`

	takeChecks = `UPDATE order_checks SET lease = ?, run_id = ?, checks = checks + 1 WHERE order_id IN (?)`

	claimedChecks = `SELECT COUNT(*) FROM order_checks WHERE order_id IN (?) AND lease = ?`
)

// Read implements batch.Reader.
func (s *Orders) Read(ctx context.Context, want batch.Want) (batch.Page[orders.Claimed], error) {
	for {
		if done, err := s.fill(ctx); err != nil || done {
			return batch.Page[orders.Claimed]{Done: done}, mysql.Classify(ctx, err)
		}
		limit := want.Limit
		if s.single > 0 {
			limit = 1
		}
		ids := s.queue[:min(limit, len(s.queue))]
		items, err := s.claim(ctx, ids, want.Skip)
		if err != nil {
			if err := s.fail(ctx, ids, err); err != nil {
				return batch.Page[orders.Claimed]{}, err
			}
			continue
		}
		s.failures.Succeeded()
		s.took(len(ids))
		if len(items) > 0 {
			return batch.Page[orders.Claimed]{Items: items}, nil
		}
	}
}

// fill reads candidates until there are some; done: the walk is over.
func (s *Orders) fill(ctx context.Context) (done bool, err error) {
	if !s.begun {
		s.begun, s.walk = true, orderWalk{}
		s.queue = slices.Clone(s.Selection.Orders) // they need no search
		slices.Sort(s.queue)
		if s.queue = slices.Compact(s.queue); len(s.queue) > 0 {
			s.walk.source = walkEnd
		}
	}
	for len(s.queue) == 0 {
		if s.walk.source == walkEnd {
			s.begun = false
			return true, nil
		}
		if s.queue, err = s.walk.next(ctx, s.DB, s.Policy, s.Now().UTC()); err != nil {
			return false, err
		}
	}
	return false, nil
}

func (s *Orders) took(n int) {
	s.queue = s.queue[n:]
	s.single = max(s.single-1, 0)
}

// fail answers a claim that failed: the same orders are claimed one by one, and one that fails by itself is passed
// over.
func (s *Orders) fail(ctx context.Context, ids []uint64, err error) error {
	kind, err := s.failures.classify(ctx, s.DB, err)
	switch {
	case retried(kind):
		return err
	case len(ids) > 1:
		s.single = len(ids)
		return nil
	}
	id := ids[0]
	s.took(1)
	return s.failures.pass(ctx, kind, s.Left, id, fmt.Sprintf("order %d cannot be claimed", id), err)
}

func (s *Orders) claim(ctx context.Context, ids []uint64, skip func(string) bool) ([]orders.Claimed, error) {
	lease, err := leaseName()
	if err != nil {
		return nil, err
	}
	if s.mine == nil {
		s.mine = map[[16]byte]bool{}
	}
	s.mine[lease] = true
	for try := 1; ; try++ {
		var items []orders.Claimed
		err := mysql.Tx(ctx, s.DB, "check", func(tx *sqlx.Tx) (err error) {
			items, err = s.transact(ctx, tx, ids, lease, skip)
			return err
		})
		if !errors.Is(err, mysql.ErrCommitUnknown) {
			return items, err
		}
		// Without items nothing was written under the lease: the claim is simply made again.
		var n []int
		readErr := mysql.SelectIn(ctx, s.DB, &n, claimedChecks, ids, lease[:])
		switch {
		case readErr != nil:
			return nil, fmt.Errorf("read a claim back: %w: %w", batch.ErrUnavailable, readErr)
		case n[0] > 0:
			return items, nil
		case try == commitTries:
			return nil, err
		}
	}
}

func (s *Orders) transact(ctx context.Context, tx *sqlx.Tx, ids []uint64, lease [16]byte, skip func(string) bool) ([]orders.Claimed, error) {
	sorted := slices.Sorted(slices.Values(ids))
	if err := addChecks(ctx, tx, sorted); err != nil {
		return nil, err
	}
	var rows []checkRow
	if err := mysql.SelectIn(ctx, tx, &rows, checkLock, sorted); err != nil || len(rows) == 0 {
		return nil, err
	}
	held, err := heldChecks(ctx, tx, rows, s.mine)
	if err != nil {
		return nil, err
	}
	now := s.Now()
	due, err := dueOrders(ctx, tx, rows, s.Policy, now)
	if err != nil {
		return nil, err
	}
	items := make([]orders.Claimed, 0, len(due))
	var taken []uint64
	for _, id := range ids { // as they were found: oldest first
		c, ok := due[id]
		if !ok || held[id] || skip(OrderLane(*c)) {
			continue
		}
		c.Lease, c.At = lease, now
		c.Checks++
		items = append(items, *c)
		taken = append(taken, id)
	}
	if len(taken) == 0 {
		return nil, nil
	}
	query, args, err := mysql.In(takeChecks, lease[:], batch.Execution(ctx).Run.ID, slices.Sorted(slices.Values(taken)))
	if err != nil {
		return nil, err
	}
	_, err = tx.ExecContext(ctx, query, args...)
	return items, err
}

// OrderLane is the lane of a claimed order: the gateway of the first payment that is asked about; empty for none.
func OrderLane(c orders.Claimed) string {
	for _, p := range c.Payments {
		if orders.MustAsk(c.Order, p) {
			return p.Gateway
		}
	}
	return ""
}

// addChecks makes sure that each order has its row of bookkeeping.
func addChecks(ctx context.Context, tx *sqlx.Tx, ids []uint64) error {
	var there []uint64
	if err := mysql.SelectIn(ctx, tx, &there, presentChecks, ids); err != nil {
		return err
	}
	slices.Sort(there)
	var rows [][]any
	for _, id := range ids {
		if _, is := slices.BinarySearch(there, id); !is {
			rows = append(rows, []any{id})
		}
	}
	_, err := mysql.Insert(ctx, tx, insertChecks, rows, "")
	return err
}

// checkRow is the bookkeeping about an order.
type checkRow struct {
	OrderID   uint64 `db:"order_id"`
	Checks    int
	Lease     []byte
	RunID     sql.Null[uint64] `db:"run_id"`
	NextAt    sql.NullTime     `db:"next_check_at"`
	CheckedAt sql.NullTime     `db:"checked_at"`
	Reason    sql.NullString
	Patience  sql.NullString
}

// heldChecks are the orders that are being worked on: by another run that has not ended, or under a lease of mine. Other
// leases of this run's are left over from before: nothing else of it is under way.
func heldChecks(ctx context.Context, q sqlx.QueryerContext, rows []checkRow, mine map[[16]byte]bool) (map[uint64]bool, error) {
	var leased []checkRow
	for _, r := range rows {
		if len(r.Lease) == 16 {
			leased = append(leased, r)
		}
	}
	if len(leased) == 0 {
		return nil, nil //nolint:nilnil // none
	}
	var running []uint64
	if err := mysql.SelectIn(ctx, q, &running, runningRuns, sortedIDs(leased, func(r checkRow) uint64 { return r.RunID.V })); err != nil {
		return nil, err
	}
	held := make(map[uint64]bool, len(leased))
	for _, r := range leased {
		other := r.RunID.V != batch.Execution(ctx).Run.ID && slices.Contains(running, r.RunID.V)
		held[r.OrderID] = other || mine[[16]byte(r.Lease)]
	}
	return held, nil
}

// dueOrders reads the orders of rows that are to be checked now, whoever works on them.
func dueOrders(ctx context.Context, q sqlx.QueryerContext, rows []checkRow, p orders.Policy, now time.Time) (map[uint64]*orders.Claimed, error) {
	all, err := ordersOf(ctx, q, sortedIDs(rows, func(r checkRow) uint64 { return r.OrderID }))
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		c := all[r.OrderID]
		c.Checks, c.Patience = r.Checks, orders.ParsePatience(r.Patience.String)
		if !due(*c, r, p, now) {
			delete(all, r.OrderID)
		}
	}
	return all, nil
}

// due reports whether an order is to be checked now.
func due(c orders.Claimed, r checkRow, p orders.Policy, now time.Time) bool {
	switch {
	case r.Reason.Valid: // an operator has it
		return false
	case !orders.Stale(c.Order, c.Payments, p, now):
		return false
	case r.NextAt.Valid:
		return !r.NextAt.Time.After(now)
	case c.Status.Open():
		return true
	}
	for _, pay := range c.Payments {
		switch {
		case pay.Status == orders.PaymentPending:
			return true
		case pay.Status != orders.PaymentFailed || !orders.MustAsk(c.Order, pay): // the gateway has given its word
		case !r.CheckedAt.Valid || pay.CreatedAt.After(r.CheckedAt.Time) || pay.UpdatedAt.After(r.CheckedAt.Time):
			return true // it failed after the check that said the last word
		}
	}
	return false
}
