package operator

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/billing"
	"duly/internal/endings"
	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/store"
)

// Action is what an operator did, kept in operator_actions in the transaction of its change.
type Action struct {
	Action  string // resolve, requeue, …
	Subject string // attempt:7, invoice:3
	Who     string
	Host    string
	Reason  string
	Detail  any // encoded as JSON; nil for none
}

const insertAction = `INSERT INTO operator_actions (action, subject, who, host, reason, detail) VALUES (?, ?, ?, ?, ?, ?)`

// Write records the action of an operator, in the transaction of its change.
func (a Action) Write(ctx context.Context, tx mysql.Execer) error {
	var detail any
	if a.Detail != nil {
		b, err := json.Marshal(a.Detail)
		if err != nil {
			return fmt.Errorf("what was done: %w", err)
		}
		detail = string(b)
	}
	_, err := tx.ExecContext(ctx, insertAction, a.Action, a.Subject, mysql.Cut(a.Who, 191), mysql.Cut(a.Host, 255),
		store.Text(mysql.Cut(a.Reason, 255)), detail)
	return err
}

// Record keeps what an operator did that changes no row of its own.
func Record(ctx context.Context, db *mysql.DB, action Action) error {
	return mysql.Tx(ctx, db, "record", func(tx *sqlx.Tx) error { return action.Write(ctx, tx) })
}

// ErrNotThere says that a row that an operator named is not there.
var ErrNotThere = errors.New("not there")

const (
	reviewedAttempt = `SELECT ` + attemptColumns + `, a.lease, a.settled_at, COALESCE(a.proof, '') AS proof FROM payment_attempts a WHERE a.id = ?`
	reviewedInvoice = `SELECT id, subscription_id, due_date, amount, currency, stage, status FROM invoices WHERE id = ?`

	updateResolvedAttempt = `UPDATE payment_attempts SET status = ?, decline_code = COALESCE(?, decline_code), gateway_payment_id = ?, message = ?, proof = ?, refunded_amount = GREATEST(refunded_amount, ?),
doubted = FALSE, lookup_only = FALSE, next_check_at = NULL, settled_at = COALESCE(settled_at, ?) WHERE id = ?`
	resolveInvoice = `UPDATE invoices SET status = ?, review_reason = NULL, next_try_at = NULL, hold_rule = NULL, paid_at = ?, refunded_amount = GREATEST(refunded_amount, ?), updated_at = ? WHERE id = ?`
)

// reviewedRow is an attempt with what an operator's decision goes by.
type reviewedRow struct {
	store.AttemptRow

	Doubted bool
	Settled sql.NullTime `db:"settled_at"`
	Proof   string
}

func (r reviewedRow) attempt() billing.Attempt {
	return billing.Attempt{
		ID: r.ID, No: r.No, Stage: r.Stage, Gateway: r.Gateway, PaymentID: r.PaymentID.String, CreatedAt: r.Created,
		Doubted: r.Doubted, Checks: r.Checks, SentBy: r.SentBy.Time, Terms: r.Terms(),
		Charge: payment.Charge{
			Key: r.Key, Reference: r.Reference, CustomerID: r.Customer, Money: payment.Money{Amount: r.Amount, Currency: r.Currency},
		},
	}
}

// Reviewed reads an attempt that an operator decides about. The error wraps ErrNotThere if there is none.
func Reviewed(ctx context.Context, db *mysql.DB, id uint64) (billing.Reviewed, error) {
	r, err := readReviewed(ctx, db, id, "")
	return r, mysql.Classify(ctx, err)
}

func readReviewed(ctx context.Context, q sqlx.QueryerContext, id uint64, lock string) (billing.Reviewed, error) {
	var row reviewedRow
	if err := sqlx.GetContext(ctx, q, &row, reviewedAttempt+lock, id); err != nil {
		return billing.Reviewed{}, absent(err, "attempt", id)
	}
	var inv struct {
		ID             uint64
		SubscriptionID uint64       `db:"subscription_id"`
		Due            payment.Date `db:"due_date"`
		Amount         int64
		Currency       string
		Stage          int
		Status         string
	}
	if err := sqlx.GetContext(ctx, q, &inv, reviewedInvoice+lock, row.Invoice); err != nil {
		return billing.Reviewed{}, absent(err, "invoice", row.Invoice)
	}
	attempt := row.attempt()
	attempt.Invoice = billing.Invoice{
		ID: inv.ID, SubscriptionID: inv.SubscriptionID, Due: inv.Due, Stage: inv.Stage,
		Money: payment.Money{Amount: inv.Amount, Currency: inv.Currency},
	}
	r := billing.Reviewed{
		Attempt: attempt, Status: billing.AttemptStatus(row.Status), Proof: billing.Proof(row.Proof),
		InvoiceStatus: billing.InvoiceStatus(inv.Status), SettledAt: row.Settled.Time,
	}
	copy(r.Lease[:], row.Lease)
	return r, nil
}

// hidden keeps an error that programs look for out of the text.
type hidden struct{ error }

// Error implements error.
func (hidden) Error() string { return "" }

// Unwrap gives the error itself.
func (h hidden) Unwrap() error { return h.error }

// ResolveAttempt settles an attempt as decide says, which is given the locked rows: attempt, invoice, subscription, event,
// booking and action in one transaction. seen is the attempt as it was when the gateway was asked about it: one that a run
// or another operator has changed since is refused. So is a payment that another row has.
func ResolveAttempt(ctx context.Context, db *mysql.DB, seen billing.Reviewed, now time.Time, bookings *store.Bookings, action Action,
	decide func(billing.Reviewed) (billing.Resolution, error),
) error {
	id := seen.ID
	now = mysql.Stored(now)
	return mysql.Tx(ctx, db, "resolve", func(tx *sqlx.Tx) error {
		a, err := readReviewed(ctx, tx, id, " FOR UPDATE")
		if err != nil {
			return err
		}
		if !a.Same(seen) {
			return store.Refuse(fmt.Errorf("attempt %d is %s, it changed while the gateway was asked about it: duly show invoice %d, then try again", id, a.Status, a.Invoice.ID))
		}
		r, err := decide(a)
		if err != nil {
			return store.Refuse(err)
		}
		if r.Attempt == billing.AttemptSucceeded {
			booking := store.Booking{Gateway: a.Gateway, Account: a.Terms.Account, PaymentID: r.PaymentID, Owner: store.Owner{Kind: store.OwnerAttempt, ID: id}}
			if err := bookings.ReserveNamed(ctx, tx, booking, now); err != nil {
				return err
			}
		}
		if _, err := tx.ExecContext(ctx, updateResolvedAttempt, string(r.Attempt), store.Text(r.DeclineCode), store.Text(r.PaymentID), r.Message, store.Text(string(r.Proof)), r.RefundedAmount, now, id); err != nil {
			return err
		}
		if r.Invoice != "" {
			paid := any(nil)
			if r.Invoice == billing.Paid {
				paid = now
			}
			if _, err := tx.ExecContext(ctx, resolveInvoice, string(r.Invoice), paid, r.RefundedAmount, now, a.Invoice.ID); err != nil {
				return err
			}
		}
		if r.SubscriptionTo == billing.Active {
			if err := endings.Reactivate(ctx, tx, []uint64{a.Invoice.SubscriptionID}); err != nil {
				return err
			}
		}
		if err := store.WriteBillingEvents(ctx, tx, r.Events); err != nil {
			return err
		}
		if err := resolveTold(ctx, tx, a, r, now); err != nil {
			return err
		}
		if r.Invoice == billing.Paid || r.Invoice == billing.Void { // the attempt speaks of the charge from now on
			if _, err := tx.ExecContext(ctx, knowCharge, now, a.Charge.Key, a.Gateway); err != nil {
				return err
			}
		}
		return action.Write(ctx, tx)
	})
}

const (
	requeuedInvoice = `SELECT status FROM invoices WHERE id = ?`
	requeuedPast    = `SELECT id, attempt_no, idempotency_key, status, COALESCE(account_id, 0) AS account_id, COALESCE(proof, '') AS proof
FROM payment_attempts WHERE invoice_id = ? ORDER BY attempt_no`
	requeuedOwner         = `SELECT COUNT(*) FROM subscriptions WHERE id = (SELECT subscription_id FROM invoices WHERE id = ?)`
	updateRequeuedInvoice = `UPDATE invoices SET status = 'open', review_reason = NULL, next_try_at = NULL, hold_rule = NULL,
amount_check = NULLIF(NULLIF(amount_check, 'max_amount'), 'max_factor'), updated_at = ? WHERE id = ? AND status = 'review'`
)

// Requeued reads an invoice that is to be made due again, with the attempts that were made on it. The error wraps
// ErrNotThere if there is none.
func Requeued(ctx context.Context, db *mysql.DB, id uint64) (billing.InvoiceStatus, []billing.PastAttempt, error) {
	status, past, err := readRequeued(ctx, db, id, "")
	return status, past, mysql.Classify(ctx, err)
}

func readRequeued(ctx context.Context, q sqlx.QueryerContext, id uint64, lock string) (billing.InvoiceStatus, []billing.PastAttempt, error) {
	var status string
	if err := sqlx.GetContext(ctx, q, &status, requeuedInvoice+lock, id); err != nil {
		return "", nil, absent(err, "invoice", id)
	}
	past, err := pastOf(ctx, q, id)
	if err != nil || billing.InvoiceStatus(status) != billing.Review {
		return billing.InvoiceStatus(status), past, err
	}
	var owners int
	if err := sqlx.GetContext(ctx, q, &owners, requeuedOwner, id); err != nil {
		return "", nil, err
	}
	if last := billing.Waits(past); owners == 0 && last == 0 {
		return "", nil, store.Refuse(fmt.Errorf("the subscription's row of invoice %d is gone, so that nobody can be charged: %s", id, billing.CloseCommand(id)))
	}
	return billing.InvoiceStatus(status), past, nil
}

// pastOf reads the attempts that were made on an invoice.
func pastOf(ctx context.Context, q sqlx.QueryerContext, invoice uint64) ([]billing.PastAttempt, error) {
	var rows []struct {
		ID      uint64
		No      int    `db:"attempt_no"`
		Key     string `db:"idempotency_key"`
		Status  string
		Account uint32 `db:"account_id"`
		Proof   string
	}
	if err := sqlx.SelectContext(ctx, q, &rows, requeuedPast, invoice); err != nil {
		return nil, err
	}
	past := make([]billing.PastAttempt, len(rows))
	for i, r := range rows {
		past[i] = billing.PastAttempt{ID: r.ID, No: r.No, Key: r.Key, Status: billing.AttemptStatus(r.Status), Account: r.Account, Proof: billing.Proof(r.Proof)}
	}
	return past, nil
}

// RequeueInvoice makes an invoice in review due again. The error is a RefusedError where the rules forbid it.
func RequeueInvoice(ctx context.Context, db *mysql.DB, id uint64, now time.Time, action Action) error {
	return mysql.Tx(ctx, db, "requeue", func(tx *sqlx.Tx) error {
		status, past, err := readRequeued(ctx, tx, id, " FOR UPDATE")
		if err != nil {
			return err
		}
		if err := billing.Requeue(id, status, past); err != nil {
			return store.Refuse(err)
		}
		n, err := rowsOf(tx.ExecContext(ctx, updateRequeuedInvoice, mysql.Stored(now), id))
		if err := store.AllOf(n, 1, "invoices", err); err != nil {
			return err
		}
		return action.Write(ctx, tx)
	})
}
