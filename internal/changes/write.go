package changes

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/billing"
	"duly/internal/crash"
	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/store"
)

// Write writes the changed subscriptions, the applied changes and their events, in the transaction that has locked the subscriptions. The invoices
// of the same plans are written after it.
func (p Plans) Write(ctx context.Context, tx *sqlx.Tx, s *Source, now time.Time) error {
	if len(p) == 0 {
		return nil
	}
	now = now.UTC()
	var w writes
	for _, id := range slices.Sorted(maps.Keys(p)) {
		w.add(id, p, s, now)
	}
	for _, u := range []struct {
		table   string
		columns []string
		rows    [][]any
	}{
		{"subscriptions", []string{"status"}, w.status},
		{"subscriptions", []string{"cancelled_at", "cancel_reason", "status"}, w.cancelled},
		{"subscriptions", []string{"amount"}, w.amount},
		{"subscriptions", []string{"interval_unit", "interval_count"}, w.interval},
		{"subscriptions", []string{"payment_method"}, w.method},
		{"subscriptions", []string{"next_billing_date"}, w.next},
		{"subscriptions", []string{"anchor_day"}, w.anchor},
		{"subscription_changes", []string{"outcome"}, w.stuck},
	} {
		if _, err := mysql.Update(ctx, tx, u.table, u.columns, u.rows, ""); err != nil {
			return err
		}
	}
	n, err := mysql.Update(ctx, tx, "subscription_changes", []string{"applied_at", "outcome"}, w.done, "applied_at IS NULL")
	if err := store.AllOf(n, len(w.done), "planned changes", err); err != nil {
		return err
	}
	if err := store.WriteEvents(ctx, tx, w.events); err != nil {
		return err
	}
	crash.At(crash.ChangesWritten)
	return nil
}

// writes are the rows of the statements that write plans.
type writes struct {
	status, cancelled, amount, interval, method, next, anchor [][]any
	stuck, done                                               [][]any
	events                                                    []payment.Event
}

func (w *writes) add(id uint64, plans Plans, s *Source, now time.Time) {
	p := plans[id]
	was, is := p.Before, p.After
	if is.Status == billing.Cancelled && was.Status != is.Status {
		w.cancelled = append(w.cancelled, []any{id, now, mysql.Cut(p.CancelReason, billing.MaxText), string(is.Status)})
	} else if was.Status != is.Status {
		w.status = append(w.status, []any{id, string(is.Status)})
	}
	if p.Price() != was.Money.Amount {
		w.amount = append(w.amount, []any{id, p.Price()})
	}
	if is.Interval != was.Interval {
		w.interval = append(w.interval, []any{id, is.Interval.Unit, is.Interval.Count})
	}
	if is.Method != was.Method {
		w.method = append(w.method, []any{id, is.Method})
	}
	if is.Next != was.Next {
		w.next = append(w.next, []any{id, is.Next})
	}
	if is.AnchorDay != was.AnchorDay {
		w.anchor = append(w.anchor, []any{id, is.AnchorDay})
	}
	if p.ProblemChanged() && s.readOnly == nil {
		w.stuck = append(w.stuck, []any{p.Stuck.ID, p.StoredProblem()})
	}
	for _, d := range p.Done {
		w.done = append(w.done, []any{d.ID, now, d.Outcome})
	}
	w.events = append(w.events, p.Events()...)
}
