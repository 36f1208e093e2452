package writers

import (
	"context"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/endings"
	"duly/internal/inserted"
	"duly/internal/mysql"
	"duly/internal/mysql/sqltext"
	"duly/internal/payment"
	"duly/internal/store"
)

const insertInvoices = `INSERT INTO invoices (subscription_id, due_date, amount, currency, status, attempts, next_attempt_date, issued_date, paid_at, amount_check) VALUES `

// An invoice of that due date that is there already stays as it is: I1.
const sameInvoice = ` ON DUPLICATE KEY UPDATE id = id`

// Issue writes invoices, moves dates on, and sets or clears reasons for review, in the transaction that locked
// the subscriptions. It reads no clock but now, the business clock. An invoice of that due date that is there already stays as it is.
func Issue(ctx context.Context, tx *sqlx.Tx, list []billing.Issued, effective payment.Date, now time.Time) (batch.Tally, error) {
	return writeIssued(ctx, tx, list, func(rows *sqltext.Rows) error {
		_, err := mysql.InsertRows(ctx, tx, rows, sameInvoice)
		return err
	}, effective, now)
}

// IssueCharging is [Issue] for a transaction that goes on to make attempts on those invoices that are born charging. It fails if one
// of the invoices is there already: an attempt beside it would be a second one. server is the one that answers.
func IssueCharging(ctx context.Context, tx *sqlx.Tx, server mysql.Server, list []billing.Issued, effective payment.Date, now time.Time) (in inserted.Invoices, tally batch.Tally, err error) {
	tally, err = writeIssued(ctx, tx, list, func(rows *sqltext.Rows) error {
		in, err = inserted.InsertInvoices(ctx, tx, server, rows)
		return err
	}, effective, now)
	return in, tally, err
}

func writeIssued(ctx context.Context, tx *sqlx.Tx, list []billing.Issued, insert func(rows *sqltext.Rows) error, effective payment.Date, now time.Time) (batch.Tally, error) {
	var tally batch.Tally
	invoices, issued := sqltext.NewRows(insertInvoices, len(list)), effective.String()
	var dates, anchors []*billing.Issued
	var reviewed, cleared [][]any
	var events []billing.Event
	for i := range list {
		s := &list[i]
		if !s.Due.IsZero() {
			status, attempts := billing.Open, int64(0)
			switch {
			case s.Settled:
				status = billing.Paid
			case s.Charging:
				status, attempts = billing.Charging, 1
			}
			due := s.Due.String()
			invoices.Row().Uint(s.ID).Text(due).Int(s.Money.Amount).Text(s.Money.Currency).Text(string(status)).Int(attempts).Text(due).Text(issued)
			if s.Settled {
				invoices.Time(now)
			} else {
				invoices.Null()
			}
			invoices.Optional(string(s.Issue.AmountCheck))
		}
		switch {
		case s.Issue.Next.IsZero():
		case s.Anchor != 0:
			anchors = append(anchors, s)
		default:
			dates = append(dates, s)
		}
		switch {
		case s.ClearReview:
			cleared = append(cleared, []any{s.ID})
		case s.Review != "" && s.Review != s.ReviewReason:
			reviewed = append(reviewed, []any{s.ID, s.Review})
		}
		events = append(events, s.Issue.Events...)
		tally.Add(issueTally(s))
	}
	if err := insert(invoices); err != nil {
		return tally, err
	}
	if err := moveDates(ctx, tx, dates); err != nil {
		return tally, err
	}
	if err := moveDates(ctx, tx, anchors, sqltext.Column{Name: "anchor_day", Of: func(i int) any { return anchors[i].Anchor }}); err != nil {
		return tally, err
	}
	if _, err := mysql.Update(ctx, tx, "subscriptions", []string{"review_reason"}, reviewed, ""); err != nil {
		return tally, err
	}
	if _, err := mysql.Update(ctx, tx, "subscriptions", nil, cleared, "", "review_reason = NULL"); err != nil {
		return tally, err
	}
	return tally, store.WriteBillingEvents(ctx, tx, events)
}

// moveDates moves the billing dates of subscriptions on.
func moveDates(ctx context.Context, tx *sqlx.Tx, list []*billing.Issued, more ...sqltext.Column) error {
	ids := make([]uint64, len(list))
	for i, s := range list {
		ids[i] = s.ID
	}
	_, err := mysql.Change(ctx, tx, "subscriptions", ids, append([]sqltext.Column{
		{Name: "next_billing_date", Of: func(i int) any { return list[i].Issue.Next }},
	}, more...), "")
	return err
}

func issueTally(s *billing.Issued) batch.Tally {
	var t batch.Tally
	switch {
	case !s.Due.IsZero():
		t.Read, t.Succeeded = 1, 1
	case s.Review != "" && s.Review != s.ReviewReason:
		t.Read, t.Review = 1, 1
	case s.Changed:
		t.Changed = 1
	}
	return t
}

const updateReviewReason = `UPDATE subscriptions SET review_reason = ? WHERE id = ? AND NOT (review_reason <=> ?)`

// ReviewSubscription sets a subscription aside that no invoice could be written for. It reports whether that is
// news: the reason was another one before.
func ReviewSubscription(ctx context.Context, db *mysql.DB, id uint64, effective payment.Date, cause error) (news bool, err error) {
	reason := mysql.Cut("the invoice could not be written: "+mysql.Reason(cause), 255)
	err = mysql.Tx(ctx, db, "issue", func(tx *sqlx.Tx) error {
		result, err := tx.ExecContext(ctx, updateReviewReason, reason, id, reason)
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		if news = n > 0; err != nil || !news {
			return err
		}
		return store.WriteBillingEvents(ctx, tx, []billing.Event{billing.SubscriptionReview(id, effective, reason)})
	})
	return news, err
}

// Decide writes what was decided about open invoices without a charge, in the transaction that locked them.
func Decide(ctx context.Context, tx *sqlx.Tx, now time.Time, list []billing.Decided) (batch.Tally, error) {
	tally := batch.Tally{}
	var void, moved, held, ended, review, beyond, cancelled, paused, pastDue, dunning [][]any
	var ends []endings.Row
	var events []billing.Event
	for _, d := range list {
		events = append(events, d.Claim.Events...)
		switch d.Action {
		case billing.VoidInvoice:
			void = append(void, []any{d.Invoice.ID})
			tally.Ended++
		case billing.UseStage:
			moved = append(moved, []any{d.Invoice.ID, d.Claim.Stage, d.Claim.Next})
			tally.Moved++
		case billing.HoldInvoice:
			held = append(held, []any{d.Invoice.ID, d.Claim.Next, store.Instant(d.HoldUntil), d.HoldRule})
			tally.Moved++
		case billing.EndInvoice:
			ended = append(ended, []any{d.Invoice.ID})
			tally.Read++
			tally.Declined++
			switch d.SubscriptionTo { //nolint:exhaustive // the end of an invoice makes nothing else of it
			case billing.Cancelled:
				cancelled = append(cancelled, []any{d.Invoice.SubscriptionID, d.Reason})
			case billing.Paused:
				paused = append(paused, []any{d.Invoice.SubscriptionID})
			case billing.PastDue:
				pastDue = append(pastDue, []any{d.Invoice.SubscriptionID})
			}
			if d.SubscriptionTo == billing.Cancelled || d.SubscriptionTo == billing.Paused {
				ends = append(ends, endings.Row{Invoice: d.Invoice.ID, Subscription: d.Invoice.SubscriptionID, Dunning: d.Claim.Dunning})
			}
			if d.Claim.Dunning != d.Invoice.Dunning {
				dunning = append(dunning, []any{d.Invoice.ID, store.Text(d.Claim.Dunning.Text())})
			}
		case billing.ReviewInvoice:
			if d.Claim.AmountCheck != "" {
				beyond = append(beyond, []any{d.Invoice.ID, d.Reason, string(d.Claim.AmountCheck)})
			} else {
				review = append(review, []any{d.Invoice.ID, d.Reason})
			}
			tally.Read++
			tally.Review++
		case billing.Charge, billing.LeaveInvoice:
			return tally, fmt.Errorf("invoice %d is to be charged, not decided", d.Invoice.ID)
		}
	}
	const touched = "updated_at = UTC_TIMESTAMP(6)"
	for _, change := range []struct {
		columns  []string
		rows     [][]any
		constant []string
	}{
		{nil, void, []string{"status = 'void'", touched}},
		{[]string{"stage", "next_attempt_date"}, moved, []string{"hold_rule = NULL", "stage_date = NULL", touched}},
		{[]string{"next_attempt_date", "next_try_at", "hold_rule"}, held, []string{"stage_date = IF(stage_date > next_attempt_date, stage_date, NULL)", touched}},
		{nil, ended, []string{"status = 'uncollectible'", touched}},
		{[]string{"review_reason"}, review, []string{"status = 'review'", touched}},
		{[]string{"review_reason", "amount_check"}, beyond, []string{"status = 'review'", touched}},
	} {
		n, err := mysql.Update(ctx, tx, "invoices", change.columns, change.rows, "status = 'open'", change.constant...)
		if err != nil {
			return tally, err
		}
		if n != int64(len(change.rows)) {
			return tally, fmt.Errorf("%d of %d invoices were open", n, len(change.rows))
		}
	}
	if err := store.SaveDunning(ctx, tx, dunning); err != nil {
		return tally, err
	}
	if err := endings.Mark(ctx, tx, ends, func() error {
		if err := endings.Cancel(ctx, tx, cancelled, now); err != nil {
			return err
		}
		return endings.Pause(ctx, tx, paused)
	}); err != nil {
		return tally, err
	}
	if err := endings.PastDue(ctx, tx, pastDue); err != nil {
		return tally, err
	}
	return tally, store.WriteBillingEvents(ctx, tx, events)
}
