package store

import (
	"context"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/billing/dunning"
	"duly/internal/mysql"
	"duly/internal/mysql/sqltext"
	"duly/internal/payment"
)

// Settled is a result and what follows from it.
type Settled struct {
	*billing.Result
	billing.Settlement
}

// Count adds s to t.
func (s Settled) Count(t *batch.Tally) {
	switch s.Attempt {
	case billing.AttemptSucceeded:
		t.Succeeded++
		if s.Answer.Found {
			t.Found++
		}
		t.Pay(s.Result.Claimed.Invoice.Money.Currency, s.Result.Claimed.Invoice.Money.Amount)
	case billing.AttemptDeclined:
		if s.Settlement.Invoice == billing.Review { // a row counts once, as what somebody has to do about it
			t.Review++
			return
		}
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

// SettleAttempts writes the outcomes of attempts.
func SettleAttempts(ctx context.Context, tx *sqlx.Tx, todo []Settled, now time.Time) error {
	ids := make([]uint64, len(todo))
	for i := range todo {
		ids[i] = todo[i].Claimed.ID
	}
	if err := patience(ctx, tx, todo); err != nil {
		return err
	}
	if err := allAnswered(ctx, tx, todo); err != nil {
		return err
	}
	if err := networks(ctx, tx, todo); err != nil {
		return err
	}
	at := any(now)
	n, err := mysql.Change(ctx, tx, "payment_attempts", ids, []sqltext.Column{
		{Name: "status", Of: func(i int) any { return string(todo[i].Attempt) }},
		{Name: "doubted", Of: func(i int) any { return todo[i].Settlement.Doubted }},
		{Name: "lookup_only", Of: func(i int) any { return todo[i].Settlement.LookUp }},
		{Name: "decline_class", Of: func(i int) any { return Text(string(todo[i].Decline.Class)) }},
		{Name: "decline_code", Of: func(i int) any { return Text(todo[i].Decline.Code) }},
		{Name: "network_code", Of: func(i int) any { return Text(todo[i].Decline.NetworkCode) }},
		{Name: "advice_code", Of: func(i int) any { return Text(todo[i].Decline.AdviceCode) }},
		{Name: "message", Of: func(i int) any { return Text(todo[i].Message) }},
		{Name: "gateway_payment_id", Of: func(i int) any { return Text(todo[i].Settlement.PaymentID) }},
		{Name: "checks", Of: func(i int) any { return todo[i].Settlement.Checks }},
		{Name: "next_check_at", Of: func(i int) any { return Instant(todo[i].NextCheckAt) }},
		{Name: "settled_at", Of: func(i int) any {
			if todo[i].Attempt == billing.AttemptInDoubt {
				return nil
			}
			return at
		}},
		{Name: "sent_by", Of: func(i int) any { return Instant(todo[i].Settlement.SentBy) }},
		{Name: "proof", Of: func(i int) any { return Text(string(todo[i].Settlement.Proof)) }},
	}, "status = 'in_flight'")
	return AllOf(n, len(todo), "attempts", err)
}

// patience writes what was counted of look-ups that decided nothing. Most attempts are never looked up: no column of theirs is written for it.
func patience(ctx context.Context, tx *sqlx.Tx, todo []Settled) error {
	var rows [][]any
	for _, s := range todo {
		if counted := s.Settlement.Patience.Text(); counted != "" {
			rows = append(rows, []any{s.Claimed.ID, counted})
		}
	}
	_, err := mysql.Update(ctx, tx, "payment_attempts", []string{"patience"}, rows, "status = 'in_flight'")
	return err
}

// allAnswered writes whether the gateway itself answered every request of an attempt, where that changes: at most attempts nothing is in doubt.
func allAnswered(ctx context.Context, tx *sqlx.Tx, todo []Settled) error {
	var rows [][]any
	for _, s := range todo {
		if s.Settlement.AllAnswered != s.Claimed.AllAnswered {
			rows = append(rows, []any{s.Claimed.ID, s.Settlement.AllAnswered})
		}
	}
	_, err := mysql.Update(ctx, tx, "payment_attempts", []string{"all_answered"}, rows, "status = 'in_flight'")
	return err
}

// networks writes the card networks that declines came through. Most gateways name none: no column of theirs is written for it.
func networks(ctx context.Context, tx *sqlx.Tx, todo []Settled) error {
	var rows [][]any
	for _, s := range todo {
		if n := s.Decline.Network; n != "" {
			rows = append(rows, []any{s.Claimed.ID, string(n)})
		}
	}
	_, err := mysql.Update(ctx, tx, "payment_attempts", []string{"network"}, rows, "status = 'in_flight'")
	return err
}

// SettleInvoices writes what follows for invoices from the outcomes of their attempts.
func SettleInvoices(ctx context.Context, tx *sqlx.Tx, todo []Settled, now time.Time) error {
	same, moved := make([]*Settled, 0, len(todo)), []*Settled(nil) // by whether the date of the stage changes
	var first, held, kept, ahead [][]any                           // declined first; put off by a card network; kept of the policy changes; no more charged ahead of a stage
	for i := range todo {
		s := &todo[i]
		if s.Settlement.Invoice == billing.Charging {
			continue
		}
		if len(s.Settlement.RetryDays) > 0 {
			first = append(first, []any{s.Result.Claimed.Invoice.ID, dunning.DaysText(s.Settlement.RetryDays)})
		}
		if s.Settlement.Dunning != s.Result.Claimed.Invoice.Dunning {
			kept = append(kept, []any{s.Result.Claimed.Invoice.ID, Text(s.Settlement.Dunning.Text())})
		}
		if s.HoldRule != "" {
			held = append(held, []any{s.Result.Claimed.Invoice.ID, s.HoldRule})
		}
		if d := s.Result.Claimed.Invoice.AheadOf; !d.IsZero() && (s.Settlement.Invoice == billing.Paid || s.Next >= d) {
			ahead = append(ahead, []any{s.Result.Claimed.Invoice.ID})
		}
		if s.Next.IsZero() {
			same = append(same, s)
		} else {
			moved = append(moved, s)
		}
	}
	if _, err := mysql.Update(ctx, tx, "invoices", []string{"retry_days"}, first, "status = 'charging'"); err != nil {
		return err
	}
	if err := SaveDunning(ctx, tx, kept); err != nil {
		return err
	}
	if _, err := mysql.Update(ctx, tx, "invoices", []string{"hold_rule"}, held, "status = 'charging'"); err != nil {
		return err
	}
	if _, err := mysql.Update(ctx, tx, "invoices", nil, ahead, "status = 'charging'", "stage_date = NULL"); err != nil {
		return err
	}
	if err := writeInvoices(ctx, tx, same, now); err != nil {
		return err
	}
	return writeInvoices(ctx, tx, moved, now, sqltext.Column{Name: "next_attempt_date", Of: func(i int) any { return moved[i].Next }})
}

func writeInvoices(ctx context.Context, tx *sqlx.Tx, todo []*Settled, now time.Time, more ...sqltext.Column) error {
	ids := make([]uint64, len(todo))
	for i, s := range todo {
		ids[i] = s.Result.Claimed.Invoice.ID
	}
	at := any(now)
	n, err := mysql.Change(ctx, tx, "invoices", ids, append([]sqltext.Column{
		{Name: "status", Of: func(i int) any { return string(todo[i].Settlement.Invoice) }},
		{Name: "stage", Of: func(i int) any { return todo[i].Settlement.Stage }},
		{Name: "next_try_at", Of: func(i int) any { return Instant(todo[i].NextTryAt) }},
		{Name: "first_declined_date", Of: func(i int) any { return todo[i].Settlement.FirstDeclined }},
		{Name: "try_later_since", Of: func(i int) any { return Instant(todo[i].Settlement.TryLaterSince) }},
		{Name: "review_reason", Of: func(i int) any { return Text(todo[i].ReviewReason) }},
		{Name: "paid_at", Of: func(i int) any {
			if todo[i].Settlement.Invoice != billing.Paid {
				return nil
			}
			return at
		}},
		{Name: "updated_at", Of: func(int) any { return at }},
	}, more...), "status = 'charging'")
	return AllOf(n, len(todo), "invoices", err)
}

const replaceMethod = `UPDATE subscriptions SET payment_method = ? WHERE id = ? AND gateway = ? AND `

// SettleMethods replaces the payment methods of subscriptions that still have that of the attempt, as the gateway's answer asks, and returns the events of
// those that were. refused is why nothing could be replaced, if the login may not, or a view does not take it: whatever else is settled stands.
func SettleMethods(ctx context.Context, tx *sqlx.Tx, todo []Settled) (events []billing.Event, refused, err error) {
	for _, s := range todo {
		if s.NewMethod == "" {
			continue
		}
		a := s.Result.Claimed.Attempt
		result, err := tx.ExecContext(ctx, replaceMethod+Exactly("payment_method")+" = ?", s.NewMethod, a.Invoice.SubscriptionID, a.Gateway, a.Charge.Method)
		if mysql.IsRefusedWrite(err) {
			return events, err, nil
		}
		if err != nil {
			return events, nil, err
		}
		n, err := result.RowsAffected()
		if err != nil {
			return events, nil, err
		}
		if n > 0 {
			events = append(events, billing.MethodUpdated(a))
			by := payment.Fingerprint(s.NewMethod)
			if _, err := tx.ExecContext(ctx, "UPDATE payment_attempts SET replaced_by = ? WHERE id = ?", by[:], a.ID); err != nil {
				return events, nil, err
			}
		}
	}
	return events, nil, nil
}
