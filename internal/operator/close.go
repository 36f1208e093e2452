package operator

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/billing"
	"duly/internal/billing/guard"
	"duly/internal/crash"
	"duly/internal/endings"
	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/store"
)

const (
	selectClosable = `SELECT id, subscription_id, due_date, amount, currency, stage, status, COALESCE(amount_check, '') AS amount_check FROM invoices WHERE id = ?`
	closableOwner  = `SELECT COALESCE(customer_id, '') AS customer_id, COALESCE(status, '') AS status FROM subscriptions WHERE id = ?`
	closableOther  = `SELECT gateway FROM unknown_charges WHERE adopted_at IS NULL AND reference = ? ORDER BY id LIMIT 1`

	updateClosedInvoice = `UPDATE invoices SET status = ?, review_reason = NULL, next_try_at = NULL, hold_rule = NULL, paid_at = COALESCE(?, paid_at),
amount_check = COALESCE(?, amount_check), updated_at = ?
WHERE id = ? AND status = ?`
)

// Closable reads an invoice that an operator decides about, without a lock. The error wraps ErrNotThere if there is none.
func Closable(ctx context.Context, db *mysql.DB, id uint64, today payment.Date) (billing.Closable, error) {
	c, err := closableOf(ctx, db, id, "", today)
	return c, mysql.Classify(ctx, err)
}

// closableOf reads the invoice first: a claim locks it before it makes an attempt, so that under lock none is made meanwhile.
func closableOf(ctx context.Context, q sqlx.QueryerContext, id uint64, lock string, today payment.Date) (billing.Closable, error) {
	var row struct {
		ID             uint64
		SubscriptionID uint64       `db:"subscription_id"`
		Due            payment.Date `db:"due_date"`
		Amount         int64
		Currency       string
		Stage          int
		Status         string
		AmountCheck    string `db:"amount_check"`
	}
	if err := sqlx.GetContext(ctx, q, &row, selectClosable+lock, id); err != nil {
		return billing.Closable{}, absent(err, "invoice", id)
	}
	c := billing.Closable{
		Invoice: billing.Invoice{
			ID: row.ID, SubscriptionID: row.SubscriptionID, Due: row.Due, Stage: row.Stage,
			Money: payment.Money{Amount: row.Amount, Currency: row.Currency}, AmountCheck: guard.Check(row.AmountCheck),
		},
		Status: billing.InvoiceStatus(row.Status),
	}
	var err error
	if c.Past, err = pastOf(ctx, q, id); err != nil {
		return c, err
	}
	var owner struct {
		CustomerID string `db:"customer_id"`
		Status     string
	}
	err = sqlx.GetContext(ctx, q, &owner, closableOwner, row.SubscriptionID)
	if c.Gone = errors.Is(err, sql.ErrNoRows); err != nil && !c.Gone {
		return c, err
	}
	c.CustomerID, c.Cancelled = owner.CustomerID, billing.StatusOf(owner.Status) == billing.Cancelled
	if c.Status == billing.Uncollectible && !c.Gone {
		d, err := invoiceOf(ctx, q, id, lock)
		if err != nil {
			return c, err
		}
		if !d.Closed {
			c.Invoice.FirstDeclined, c.Invoice.Dunning = d.FirstDeclined, d.Dunning
			c.Subscription, c.CancelReason, c.Since, c.Past, c.Today = d.Subscription, d.CancelReason, d.Since, d.Past, today
		}
	}
	err = sqlx.GetContext(ctx, q, &c.Unknown, closableOther, billing.Reference(row.SubscriptionID, row.Due))
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return c, err
}

// CloseInvoice closes an invoice as an operator decided, or approves its amount: invoice, subscription, event and action in one transaction. The error is a
// RefusedError where the rules forbid it, as for the second of two operators.
func CloseInvoice(ctx context.Context, db *mysql.DB, id uint64, as payment.Resolution, today payment.Date, now time.Time, action Action) (billing.Closing, error) {
	now = mysql.Stored(now)
	var closing billing.Closing
	err := mysql.Tx(ctx, db, "resolve", func(tx *sqlx.Tx) error {
		c, err := closableOf(ctx, tx, id, " FOR UPDATE", today)
		if err != nil {
			return err
		}
		if closing, err = billing.Close(c, as); err != nil {
			return store.Refuse(err)
		}
		paid := any(nil)
		if closing.Status == billing.Paid {
			paid = now
		}
		if err := changeOne(ctx, tx, crash.ResolveStatement, "invoices", updateClosedInvoice, string(closing.Status), paid, store.Text(string(closing.AmountCheck)), now, id, string(c.Status)); err != nil {
			return err
		}
		crash.At(crash.ResolveStatement)
		if err := goesOn(ctx, tx, c, closing); err != nil {
			return err
		}
		crash.At(crash.ResolveStatement)
		if err := store.WriteBillingEvents(ctx, tx, closing.Events); err != nil {
			return err
		}
		crash.At(crash.ResolveStatement)
		return action.Write(ctx, tx)
	})
	return closing, err
}

// goesOn writes what closing an invoice makes of its subscription.
func goesOn(ctx context.Context, tx *sqlx.Tx, c billing.Closable, closing billing.Closing) error {
	switch {
	case closing.SubscriptionFrom == "" && closing.SubscriptionTo == billing.Active:
		return endings.Reactivate(ctx, tx, []uint64{c.SubscriptionID})
	case closing.SubscriptionFrom == "":
		return nil
	}
	return restoration{closing.SubscriptionFrom, closing.SubscriptionTo, closing.Next, closing.Anchor}.write(ctx, tx, crash.ResolveStatement, c.Invoice)
}

// updateDismissedOrder ends the check of an order whose row is gone: nothing of it can be settled any more.
const updateDismissedOrder = `UPDATE order_checks SET reason = NULL, next_check_at = NULL, refund_next_at = NULL WHERE order_id = ? AND reason IS NOT NULL`

// DismissOrder takes an order out of review whose row is gone. The error is a RefusedError if it is not in review, and wraps
// ErrNotThere if duly knows nothing of it.
func DismissOrder(ctx context.Context, db *mysql.DB, id uint64, action Action) error {
	return mysql.Tx(ctx, db, "resolve", func(tx *sqlx.Tx) error {
		n, err := rowsOf(tx.ExecContext(ctx, updateDismissedOrder, id))
		if err != nil {
			return err
		}
		if n == 0 {
			return absent(sql.ErrNoRows, "order", id)
		}
		return action.Write(ctx, tx)
	})
}
