package store

import (
	"context"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/billing/dunning"
	"duly/internal/mysql"
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
	rows := make([][]any, len(todo))
	for i, s := range todo {
		done := any(now)
		if s.Attempt == billing.AttemptInDoubt {
			done = nil
		}
		rows[i] = []any{
			s.Claimed.ID, string(s.Attempt), s.Settlement.Doubted, s.Settlement.LookUp, Text(string(s.Decline.Class)),
			Text(s.Decline.Code), Text(s.Decline.NetworkCode), Text(s.Decline.AdviceCode), Text(s.Message),
			Text(s.Settlement.PaymentID), s.Settlement.Checks, Instant(s.NextCheckAt), done, Instant(s.Settlement.SentBy),
			Text(string(s.Settlement.Proof)),
		}
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
	n, err := mysql.Update(ctx, tx, "payment_attempts", []string{
		"status", "doubted", "lookup_only", "decline_class", "decline_code", "network_code", "advice_code", "message",
		"gateway_payment_id", "checks", "next_check_at", "settled_at", "sent_by", "proof",
	}, rows, "status = 'in_flight'")
	return AllOf(n, len(rows), "attempts", err)
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
	var same, moved [][]any              // by whether the date of the stage changes
	var first, held, kept, ahead [][]any // declined first; put off by a card network; kept of the policy changes; no more charged ahead of a stage
	for _, s := range todo {
		if s.Settlement.Invoice == billing.Charging {
			continue
		}
		paid := any(nil)
		if s.Settlement.Invoice == billing.Paid {
			paid = now
		}
		row := []any{
			s.Result.Claimed.Invoice.ID, string(s.Settlement.Invoice), s.Settlement.Stage, Instant(s.NextTryAt), s.Settlement.FirstDeclined,
			Instant(s.Settlement.TryLaterSince), Text(s.ReviewReason), paid, now,
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
			same = append(same, row)
		} else {
			moved = append(moved, append(row, s.Next))
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
	columns := []string{
		"status", "stage", "next_try_at", "first_declined_date", "try_later_since", "review_reason", "paid_at", "updated_at",
	}
	n, err := mysql.Update(ctx, tx, "invoices", columns, same, "status = 'charging'")
	if err := AllOf(n, len(same), "invoices", err); err != nil {
		return err
	}
	n, err = mysql.Update(ctx, tx, "invoices", append(columns, "next_attempt_date"), moved, "status = 'charging'")
	return AllOf(n, len(moved), "invoices", err)
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
