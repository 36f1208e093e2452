package writers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/mysql"
	"duly/internal/payment"
)

// Settle writes the results of charges: attempts, invoices, subscriptions and events, in one transaction, and
// only for what is still under the lease that it was claimed with. It implements batch.Writer.
type Settle struct {
	DB *mysql.DB
	// Server is the one that the run began on; zero: any.
	Server mysql.Server
	Policy billing.Policy
	// Accounts are the rows of gateway_accounts that the gateways are called at today, by name.
	Accounts map[string]uint32
	// Today is the effective date, Now the business clock.
	Today func() payment.Date
	Now   func() time.Time

	bookings *Bookings
}

const (
	lockAttempts = `SELECT id, idempotency_key, status, lease FROM payment_attempts WHERE id IN (?) ORDER BY id FOR UPDATE`
	lockStatuses = `SELECT id, status FROM subscriptions WHERE id IN (?) ORDER BY id FOR UPDATE`
)

// settled is a result and what follows from it.
type settled struct {
	*billing.Result
	billing.Settlement
}

// Write implements batch.Writer. Results that were settled before, by a commit whose answer was lost, are
// counted and left as they are; those of a lease that is gone are kept for whoever has it now.
func (w *Settle) Write(ctx context.Context, results []billing.Result) (batch.Tally, error) {
	return w.write(ctx, results, settleInvoices)
}

func (w *Settle) write(ctx context.Context, results []billing.Result, invoices invoiceWriter) (batch.Tally, error) {
	var tally batch.Tally
	var found sorted
	err := mysql.Tx(ctx, w.DB, "settle", func(tx *sqlx.Tx) error {
		tally = batch.Tally{}
		var err error
		if found, err = w.sort(ctx, tx, results, &tally); err != nil {
			return err
		}
		// After the waits for locks, so that the heartbeat, which needs the run's row too, waits for none of them.
		if err := mysql.HoldOn(ctx, tx, batch.Execution(ctx).Run, w.Server); err != nil {
			return err
		}
		if err := keep(ctx, tx, batch.Execution(ctx).Run.ID, found.lost); err != nil {
			return err
		}
		if err := w.book(ctx, tx, found.todo); err != nil {
			return err
		}
		for _, s := range found.todo {
			s.count(&tally)
		}
		return w.settle(ctx, tx, found.todo, invoices)
	})
	switch {
	case err == nil:
		found.confirmed(batch.Execution(ctx))
	case errors.Is(err, batch.ErrHistoryLost):
		batch.Execution(ctx).Halt(err)
	}
	return tally, err
}

// sorted are results by what the locked rows say.
type sorted struct {
	todo []settled
	lost []billing.Result // somebody else has them now
	gone []billing.Result // those of lost whose attempt is not there
	last *billing.Result  // one of those that are settled, now or before
}

// confirmed tells the run of a settlement that was committed. A claimed attempt is never removed: if one is gone, the
// database has lost the claim.
func (s sorted) confirmed(x *batch.StepExecution) {
	if s.last != nil {
		x.Acknowledged.Settled(batch.Mark{ID: s.last.ID, Key: s.last.Charge.Key, Lease: s.last.Lease})
	}
	if len(s.gone) > 0 {
		first := s.gone[0]
		x.Halt(fmt.Errorf("%w: attempt %d (%s), which this run claimed and sent, is gone; what the gateway answered is kept. "+
			"Find out which server is the primary and what it has lost (docs/runbook.md, \"A fail-over\"), then run again",
			batch.ErrHistoryLost, first.ID, first.Charge.Key))
	}
}

func (w *Settle) sort(ctx context.Context, tx *sqlx.Tx, results []billing.Result, tally *batch.Tally) (found sorted, err error) {
	attempts := make([]uint64, len(results))
	subscriptions := make([]uint64, len(results))
	for i, r := range results {
		attempts[i], subscriptions[i] = r.ID, r.Invoice.SubscriptionID
	}
	var rows []struct {
		ID     uint64
		Key    string `db:"idempotency_key"`
		Status string
		Lease  []byte
	}
	if err := mysql.SelectIn(ctx, tx, &rows, lockAttempts, attempts); err != nil {
		return found, err
	}
	type state struct {
		key    string
		status billing.AttemptStatus
		lease  [16]byte
	}
	states := make(map[uint64]state, len(rows))
	for _, row := range rows {
		s := state{key: row.Key, status: billing.AttemptStatus(row.Status)}
		copy(s.lease[:], row.Lease)
		states[row.ID] = s
	}
	statuses, err := w.statuses(ctx, tx, subscriptions)
	if err != nil {
		return found, err
	}
	effective, now := w.Today(), w.Now().UTC().Round(0).Truncate(time.Microsecond)
	found.todo = make([]settled, 0, len(results))
	for i := range results {
		r := &results[i]
		have, ok := states[r.ID]
		if !ok || have.lease != r.Lease {
			found.lost = append(found.lost, *r)
			if !ok || have.key != r.Charge.Key {
				found.gone = append(found.gone, *r)
			}
			continue
		}
		found.last = r
		s := settled{r, r.Settle(statuses[r.Invoice.SubscriptionID], w.Policy, effective, now)}
		if have.status == billing.AttemptInFlight {
			found.todo = append(found.todo, s)
			continue
		}
		s.Attempt = have.status
		s.count(tally)
	}
	return found, nil
}

func (w *Settle) statuses(ctx context.Context, tx *sqlx.Tx, ids []uint64) (map[uint64]billing.SubscriptionStatus, error) {
	var rows []struct {
		ID     uint64
		Status string
	}
	if err := mysql.SelectIn(ctx, tx, &rows, lockStatuses, ids); err != nil {
		return nil, err
	}
	out := make(map[uint64]billing.SubscriptionStatus, len(rows))
	for _, r := range rows {
		out[r.ID] = billing.StatusOf(r.Status)
	}
	return out, nil
}

// book reserves the payments of successes. An attempt whose payment another row has differs: its money was taken for
// something else, and an operator decides.
func (w *Settle) book(ctx context.Context, tx *sqlx.Tx, todo []settled) error {
	var list []Booking
	var at []int
	for i, s := range todo {
		if s.Attempt == billing.AttemptSucceeded && s.Settlement.PaymentID != "" {
			list, at = append(list, Booking{
				Gateway: s.Gateway, Account: s.Terms.Account, PaymentID: s.Settlement.PaymentID, Owner: Owner{OwnerAttempt, s.ID},
			}), append(at, i)
		}
	}
	if w.bookings == nil {
		w.bookings = &Bookings{Today: w.Accounts}
	}
	taken, err := w.bookings.Reserve(ctx, tx, list)
	if err != nil {
		return err
	}
	for i, owner := range taken {
		other, err := describe(ctx, tx, owner)
		if err != nil {
			return err
		}
		s := &todo[at[i]]
		s.Settlement = billing.BookedElsewhere(s.Result.Attempt, list[i].PaymentID, other)
	}
	return nil
}

// count adds s to t.
func (s settled) count(t *batch.Tally) {
	switch s.Attempt {
	case billing.AttemptSucceeded:
		t.Succeeded++
		if s.Answer.Found {
			t.Found++
		}
		t.Pay(s.Result.Invoice.Money.Currency, s.Result.Invoice.Money.Amount)
	case billing.AttemptDeclined:
		t.Declined++
	case billing.AttemptReleased:
		t.Released++
	case billing.AttemptInDoubt, billing.AttemptInFlight:
		t.InDoubt++
	case billing.AttemptRejected:
		t.Rejected++
	case billing.AttemptReview:
		t.Review++
	}
}

// invoiceWriter changes the invoices of settled attempts. more: subscriptions and events follow.
type invoiceWriter func(ctx context.Context, tx *sqlx.Tx, todo []settled, now time.Time) (more bool, err error)

func (w *Settle) settle(ctx context.Context, tx *sqlx.Tx, todo []settled, invoices invoiceWriter) error {
	if len(todo) == 0 {
		return nil
	}
	now := w.Now().UTC().Round(0).Truncate(time.Microsecond)
	if err := settleAttempts(ctx, tx, todo, now); err != nil {
		return err
	}
	return w.follow(ctx, tx, todo, invoices, now)
}

// follow writes what follows from settled attempts.
func (w *Settle) follow(ctx context.Context, tx *sqlx.Tx, todo []settled, invoices invoiceWriter, now time.Time) error {
	if more, err := invoices(ctx, tx, todo, now); err != nil || !more {
		return err
	}
	if err := settleSubscriptions(ctx, tx, todo, now); err != nil {
		return err
	}
	told := make([]billing.Event, 0, len(todo))
	for _, s := range todo {
		told = append(told, s.Events...)
	}
	return events(ctx, tx, told)
}

func settleAttempts(ctx context.Context, tx *sqlx.Tx, todo []settled, now time.Time) error {
	rows := make([][]any, len(todo))
	for i, s := range todo {
		done := any(now)
		if s.Attempt == billing.AttemptInDoubt {
			done = nil
		}
		rows[i] = []any{
			s.ID, string(s.Attempt), s.Settlement.Doubted, s.Settlement.LookUp, text(string(s.Decline.Class)),
			text(s.Decline.Code), text(s.Decline.NetworkCode), text(s.Decline.AdviceCode), text(s.Message),
			text(s.Settlement.PaymentID), s.Settlement.Checks, instant(s.NextCheckAt), done, instant(s.Settlement.SentBy),
			text(string(s.Settlement.Proof)),
		}
	}
	if err := patience(ctx, tx, todo); err != nil {
		return err
	}
	n, err := mysql.Update(ctx, tx, "payment_attempts", []string{
		"status", "doubted", "lookup_only", "decline_class", "decline_code", "network_code", "advice_code", "message",
		"gateway_payment_id", "checks", "next_check_at", "settled_at", "sent_by", "proof",
	}, rows, "status = 'in_flight'")
	return all(n, len(rows), "attempts", err)
}

// patience writes what was counted of look-ups that decided nothing. Most attempts are never looked up: no column of theirs
// is written for it.
func patience(ctx context.Context, tx *sqlx.Tx, todo []settled) error {
	var rows [][]any
	for _, s := range todo {
		if counted := s.Settlement.Patience.Text(); counted != "" {
			rows = append(rows, []any{s.ID, counted})
		}
	}
	_, err := mysql.Update(ctx, tx, "payment_attempts", []string{"patience"}, rows, "status = 'in_flight'")
	return err
}

func settleInvoices(ctx context.Context, tx *sqlx.Tx, todo []settled, now time.Time) (more bool, err error) {
	var same, moved [][]any // by whether the date of the stage changes
	var first [][]any       // declined for the first time
	for _, s := range todo {
		if s.Settlement.Invoice == billing.Charging {
			continue
		}
		paid := any(nil)
		if s.Settlement.Invoice == billing.Paid {
			paid = now
		}
		row := []any{
			s.Result.Invoice.ID, string(s.Settlement.Invoice), s.Settlement.Stage, instant(s.NextTryAt), s.Settlement.FirstDeclined,
			instant(s.Settlement.TryLaterSince), text(s.ReviewReason), paid, now,
		}
		if len(s.Settlement.RetryDays) > 0 {
			first = append(first, []any{s.Result.Invoice.ID, billing.DaysText(s.Settlement.RetryDays)})
		}
		if s.Next.IsZero() {
			same = append(same, row)
		} else {
			moved = append(moved, append(row, s.Next))
		}
	}
	if _, err := mysql.Update(ctx, tx, "invoices", []string{"retry_days"}, first, "status = 'charging'"); err != nil {
		return false, err
	}
	columns := []string{
		"status", "stage", "next_try_at", "first_declined_date", "try_later_since", "review_reason", "paid_at", "updated_at",
	}
	n, err := mysql.Update(ctx, tx, "invoices", columns, same, "status = 'charging'")
	if err := all(n, len(same), "invoices", err); err != nil {
		return false, err
	}
	n, err = mysql.Update(ctx, tx, "invoices", append(columns, "next_attempt_date"), moved, "status = 'charging'")
	return true, all(n, len(moved), "invoices", err)
}

// settleSubscriptions changes the statuses that follow, each with the old one in its WHERE: what the customer
// ended is never brought back.
func settleSubscriptions(ctx context.Context, tx *sqlx.Tx, todo []settled, now time.Time) error {
	var active, pastDue, cancelled [][]any
	for _, s := range todo {
		id := s.Result.Invoice.SubscriptionID
		switch s.SubscriptionTo {
		case billing.Active:
			active = append(active, []any{id})
		case billing.PastDue:
			pastDue = append(pastDue, []any{id})
		case billing.Cancelled:
			cancelled = append(cancelled, []any{id, s.CancelReason})
		case billing.Paused, billing.Trialing:
			return fmt.Errorf("attempt %d would pause its subscription", s.ID)
		}
	}
	if _, err := mysql.Update(ctx, tx, "subscriptions", nil, active, "status = 'past_due'", "status = 'active'"); err != nil {
		return err
	}
	if _, err := mysql.Update(ctx, tx, "subscriptions", nil, pastDue, "status = 'active'", "status = 'past_due'"); err != nil {
		return err
	}
	return cancel(ctx, tx, cancelled, now)
}

// all turns a number of changed rows that is not the expected one into an error: the transaction is rolled back. Somebody has
// changed a row, which is the row's own fault.
func all(n int64, want int, what string, err error) error {
	if err == nil && n != int64(want) {
		err = fmt.Errorf("%w: %d of %d %s were as they were claimed", batch.ErrData, n, want, what)
	}
	return err
}

// text is NULL for the empty string.
func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// instant is NULL for the zero time.
func instant(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Round(0)
}
