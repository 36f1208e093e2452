package readers

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/batch"
	"duly/internal/claims"
	"duly/internal/mysql"
	"duly/internal/orders"
	"duly/internal/store"
)

// StaleOrders claims orders whose payments are to be asked about: those that wait for their payment and were left alone
// for long enough, and those of which a payment is not decided, whatever the order's own status. It locks rows of
// order_checks alone, so that the shop never waits for it, and takes no order that a living run works on.
//
// It promises: every order of the selection that is due, in no lane that is skipped and not claimed by another run is
// returned once in a walk; in the same run again only if it is due again.
type StaleOrders struct {
	DB        *mysql.DB
	Selection store.Selection
	Policy    orders.Policy
	Now       func() time.Time // the business clock
	// Left is called with orders that are left for a later run.
	Left claims.LeftFunc

	failures claims.Failures

	walk   orderWalk
	queue  []uint64 // candidates that are yet to be claimed
	begun  bool
	single claims.Single
	mine   claims.Leases
}

const (
	checkLock = `SELECT order_id, checks, lease, run_id, next_check_at, checked_at, reason, patience FROM order_checks
WHERE order_id IN (?) ORDER BY order_id FOR UPDATE SKIP LOCKED`

	takeChecks = `UPDATE order_checks SET lease = ?, run_id = ?, checks = checks + 1 WHERE order_id IN (?)`

	claimedChecks = `SELECT COUNT(*) FROM order_checks WHERE order_id IN (?) AND lease = ?`
)

// Read implements batch.Reader.
func (s *StaleOrders) Read(ctx context.Context, want batch.ClaimRequest) (batch.Claim[orders.Claimed], error) {
	for {
		if done, err := s.fill(ctx); err != nil || done {
			return batch.Claim[orders.Claimed]{Done: done}, mysql.Classify(ctx, err)
		}
		ids := s.queue[:min(s.single.Limit(want.Limit), len(s.queue))]
		items, err := s.claim(ctx, ids, want.Skip)
		if err != nil {
			if err := s.fail(ctx, ids, err); err != nil {
				return batch.Claim[orders.Claimed]{}, err
			}
			continue
		}
		s.failures.Succeeded()
		s.took(len(ids))
		if len(items) > 0 {
			return batch.Claim[orders.Claimed]{Items: items}, nil
		}
	}
}

// fill reads candidates until there are some; done: the walk is over.
func (s *StaleOrders) fill(ctx context.Context) (done bool, err error) {
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

func (s *StaleOrders) took(n int) {
	s.queue = s.queue[n:]
	s.single.Took()
}

// fail answers a claim that failed: the same orders are claimed one by one, and one that fails by itself is passed
// over.
func (s *StaleOrders) fail(ctx context.Context, ids []uint64, err error) error {
	kind, err := s.failures.KindOf(ctx, s.DB, err)
	switch {
	case s.single.Split(kind, len(ids)):
		return nil
	case claims.Retried(kind):
		return err
	}
	id := ids[0]
	s.took(1)
	return s.failures.Pass(ctx, kind, s.Left, id, fmt.Sprintf("order %d cannot be claimed", id), err)
}

func (s *StaleOrders) claim(ctx context.Context, ids []uint64, skip func(string) bool) ([]orders.Claimed, error) {
	lease, err := s.mine.New()
	if err != nil {
		return nil, err
	}
	var items []orders.Claimed
	err = claims.Make(ctx, s.DB, "check", func(tx *sqlx.Tx) (err error) {
		items, err = s.transact(ctx, tx, ids, lease, skip)
		return err
	}, func() (bool, error) {
		return claims.TookEffect(ctx, s.DB, claimedChecks, lease, items, func(c orders.Claimed) uint64 { return c.ID })
	})
	if err != nil {
		return nil, err
	}
	return items, nil
}

func (s *StaleOrders) transact(ctx context.Context, tx *sqlx.Tx, ids []uint64, lease [16]byte, skip func(string) bool) ([]orders.Claimed, error) {
	sorted := slices.Sorted(slices.Values(ids))
	if err := store.AddChecks(ctx, tx, sorted); err != nil {
		return nil, err
	}
	var rows []store.CheckRow
	if err := mysql.SelectIn(ctx, tx, &rows, checkLock, sorted); err != nil || len(rows) == 0 {
		return nil, err
	}
	rows, err := claims.Free(ctx, tx, s.mine, rows, func(r store.CheckRow) ([]byte, uint64) { return r.Lease, r.RunID.V })
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	now := s.Now()
	due, err := store.DueOrders(ctx, tx, rows, s.Policy, now)
	if err != nil {
		return nil, err
	}
	items := make([]orders.Claimed, 0, len(due))
	var taken []uint64
	for _, id := range ids { // as they were found: oldest first
		c, ok := due[id]
		if !ok || skip(OrderLane(*c)) {
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
