package writers

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/endings"
	"duly/internal/mysql"
	"duly/internal/mysql/sqltext"
	"duly/internal/payment"
	"duly/internal/runs"
	"duly/internal/store"
)

// OpenInvoices writes the results of charges: attempts, invoices, subscriptions and events, in one transaction, and
// only for what is still under the lease that it was claimed with. It implements batch.Writer.
type OpenInvoices struct {
	DB *mysql.DB
	// Server is the one that the run began on; zero: any.
	Server mysql.Server
	Policy billing.Policy
	// Accounts are the rows of gateway_accounts that the gateways are called at today, by name.
	Accounts map[string]uint32
	// Today is the effective date, Now the business clock.
	Today func() payment.Date
	Now   func() time.Time

	bookings *store.Bookings
	todo     []store.Settled // room for those of the next settlement
	kept     bool            // it was said that payment methods cannot be replaced
}

const (
	lockAttempts = `SELECT id, idempotency_key, status, lease FROM payment_attempts WHERE %s ORDER BY id FOR UPDATE`
	lockStatuses = `SELECT id, status, dunning_policy FROM subscriptions WHERE %s ORDER BY id FOR UPDATE`
)

// Write implements batch.Writer. Results that were settled before, by a commit whose answer was lost, are
// counted and left as they are; those of a lease that is gone are kept for the worker that has it now.
func (w *OpenInvoices) Write(ctx context.Context, results []billing.Result) (batch.Tally, error) {
	return w.transact(ctx, results, moveInvoices)
}

func (w *OpenInvoices) transact(ctx context.Context, results []billing.Result, invoices invoiceWriter) (batch.Tally, error) {
	var tally batch.Tally
	var found sorted
	err := mysql.Tx(ctx, w.DB, "settle", func(tx *sqlx.Tx) error {
		tally = batch.Tally{}
		var err error
		if found, err = w.sort(ctx, tx, results, &tally); err != nil {
			return err
		}
		// After the waits for locks, so that the heartbeat, which needs the run's row too, waits for none of them.
		if err := runs.HoldOn(ctx, tx, batch.Execution(ctx).Run, w.Server); err != nil {
			return err
		}
		if err := keep(ctx, tx, batch.Execution(ctx).Run.ID, found.lost); err != nil {
			return err
		}
		if err := w.book(ctx, tx, found.todo); err != nil {
			return err
		}
		for _, s := range found.todo {
			s.Count(&tally)
		}
		return w.settle(ctx, tx, found.todo, invoices)
	})
	switch {
	case err == nil:
		found.confirmed(batch.Execution(ctx))
	case errors.Is(err, batch.ErrHistoryLost):
		batch.Execution(ctx).Halt(err)
	}
	clear(found.todo)
	w.todo = found.todo[:0]
	return tally, err
}

// sorted are results by what the locked rows say.
type sorted struct {
	todo []store.Settled
	lost []billing.Result // somebody else has them now
	gone []billing.Result // those of lost whose attempt is not there
	last *billing.Result  // one of those that are settled, now or before
}

// confirmed tells the run of a settlement that was committed. A claimed attempt is never removed: if one is gone, the
// database has lost the claim.
func (s sorted) confirmed(x *batch.StepExecution) {
	if s.last != nil {
		x.Acknowledged.Settled(batch.Mark{ID: s.last.Claimed.ID, Key: s.last.Claimed.Charge.Key, Lease: s.last.Claimed.Lease})
	}
	if len(s.gone) > 0 {
		first := s.gone[0]
		x.Halt(fmt.Errorf("%w: attempt %d (%s), which this run claimed and sent, is gone; what the gateway answered is kept. "+
			"Find out which server is the primary and what it has lost (docs/runbook.md, \"A fail-over\"), then run again",
			batch.ErrHistoryLost, first.Claimed.ID, first.Claimed.Charge.Key))
	}
}

func (w *OpenInvoices) sort(ctx context.Context, tx *sqlx.Tx, results []billing.Result, tally *batch.Tally) (found sorted, err error) {
	attempts := make([]uint64, len(results))
	subscriptions := make([]uint64, len(results))
	for i, r := range results {
		attempts[i], subscriptions[i] = r.Claimed.ID, r.Claimed.Invoice.SubscriptionID
	}
	type row struct {
		ID     uint64
		Key    string `db:"idempotency_key"`
		Status string
		Lease  []byte
	}
	rows := make([]row, 0, len(results))
	if err := mysql.Select(ctx, tx, &rows, fmt.Sprintf(lockAttempts, sqltext.Among("id", attempts))); err != nil {
		return found, err
	}
	states := make(map[uint64]*row, len(rows))
	for i := range rows {
		states[rows[i].ID] = &rows[i]
	}
	subs, err := w.standings(ctx, tx, subscriptions)
	if err != nil {
		return found, err
	}
	effective, now := w.Today(), mysql.Stored(w.Now())
	found.todo = slices.Grow(w.todo, len(results))
	for i := range results {
		r := &results[i]
		have, ok := states[r.Claimed.ID]
		if !ok || !bytes.Equal(have.Lease, r.Claimed.Lease[:]) {
			found.lost = append(found.lost, *r)
			if !ok || have.Key != r.Claimed.Charge.Key {
				found.gone = append(found.gone, *r)
			}
			continue
		}
		found.last = r
		status, policy := subs.of(r.Claimed.Invoice.SubscriptionID)
		s := store.Settled{Result: r, Settlement: r.Settle(status, w.Policy.Of(policy), effective, now)}
		if was := billing.AttemptStatus(have.Status); was != billing.AttemptInFlight {
			s.Attempt = was
			s.Count(tally)
		} else {
			found.todo = append(found.todo, s)
		}
	}
	return found, nil
}

// standing is what a settlement reads of a subscription.
type standing struct {
	ID     uint64
	Status string
	Policy sql.NullString `db:"dunning_policy"` // the name of its dunning policy; NULL: the default
}

// standings are in the order of ids.
type standings []standing

// of is the status of a subscription and the name of its dunning policy; both empty: its row is gone.
func (s standings) of(id uint64) (status billing.SubscriptionStatus, policy string) {
	at, ok := slices.BinarySearchFunc(s, id, func(r standing, id uint64) int { return cmp.Compare(r.ID, id) })
	if !ok {
		return "", ""
	}
	return billing.StatusOf(s[at].Status), s[at].Policy.String
}

func (w *OpenInvoices) standings(ctx context.Context, tx *sqlx.Tx, ids []uint64) (standings, error) {
	rows := make(standings, 0, len(ids))
	lock := fmt.Sprintf(lockStatuses, sqltext.Among("id", ids))
	err := store.ReadSubscriptions(lock, func(query string) error { return mysql.Select(ctx, tx, &rows, query) })
	slices.SortFunc(rows, func(a, b standing) int { return cmp.Compare(a.ID, b.ID) }) // as they are, but for a shop's view with ids of another type
	return rows, err
}

// book reserves the payments of successes. An attempt whose payment another row has differs: its money was taken for
// something else, and an operator decides.
func (w *OpenInvoices) book(ctx context.Context, tx *sqlx.Tx, todo []store.Settled) error {
	list, at := make([]store.Booking, 0, len(todo)), make([]int, 0, len(todo))
	for i := range todo {
		s := &todo[i]
		if s.Attempt == billing.AttemptSucceeded && s.Settlement.PaymentID != "" {
			list, at = append(list, store.Booking{
				Gateway: s.Claimed.Gateway, Account: s.Claimed.Terms.Account, PaymentID: s.Settlement.PaymentID, Owner: store.Owner{Kind: store.OwnerAttempt, ID: s.Claimed.ID},
			}), append(at, i)
		}
	}
	if w.bookings == nil {
		w.bookings = &store.Bookings{Today: w.Accounts}
	}
	taken, err := w.bookings.Reserve(ctx, tx, list)
	if err != nil {
		return err
	}
	for i, owner := range taken {
		other, err := store.Describe(ctx, tx, owner)
		if err != nil {
			return err
		}
		s := &todo[at[i]]
		s.Settlement = billing.BookedElsewhere(s.Result.Claimed.Attempt, list[i].PaymentID, other)
	}
	return nil
}

// invoiceWriter changes the invoices of settled attempts. more: subscriptions and events follow.
type invoiceWriter func(ctx context.Context, tx *sqlx.Tx, todo []store.Settled, now time.Time) (more bool, err error)

// moveInvoices lets the invoices follow, as subscriptions and events do.
func moveInvoices(ctx context.Context, tx *sqlx.Tx, todo []store.Settled, now time.Time) (more bool, err error) {
	return true, store.SettleInvoices(ctx, tx, todo, now)
}

func (w *OpenInvoices) settle(ctx context.Context, tx *sqlx.Tx, todo []store.Settled, invoices invoiceWriter) error {
	if len(todo) == 0 {
		return nil
	}
	now := mysql.Stored(w.Now())
	if err := store.SettleAttempts(ctx, tx, todo, now); err != nil {
		return err
	}
	return w.follow(ctx, tx, todo, invoices, now)
}

// follow writes what follows from settled attempts.
func (w *OpenInvoices) follow(ctx context.Context, tx *sqlx.Tx, todo []store.Settled, invoices invoiceWriter, now time.Time) error {
	if more, err := invoices(ctx, tx, todo, now); err != nil || !more {
		return err
	}
	var events []billing.Event
	var refused error
	if err := endings.Mark(ctx, tx, endings.Of(todo), func() (err error) {
		if err = endings.Settle(ctx, tx, todo, now); err == nil {
			events, refused, err = store.SettleMethods(ctx, tx, todo)
		}
		return err
	}); err != nil {
		return err
	}
	w.methodsKept(ctx, refused)
	n := len(events)
	for i := range todo {
		n += len(todo[i].Events)
	}
	events = slices.Grow(events, n-len(events))
	for i := range todo {
		events = append(events, todo[i].Events...)
	}
	return store.WriteBillingEvents(ctx, tx, events)
}
