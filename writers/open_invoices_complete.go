package writers

import (
	"context"

	"github.com/jmoiron/sqlx"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/runs"
	"duly/internal/store"
)

const paidAttempt = `SELECT a.id, a.attempt_no, a.stage, a.idempotency_key, a.gateway, COALESCE(a.gateway_payment_id, '') AS payment,
i.id AS invoice, i.subscription_id, i.due_date, i.amount, i.currency, i.stage AS invoice_stage, i.first_declined_date, i.status AS invoice_status
FROM payment_attempts a JOIN invoices i ON i.id = a.invoice_id WHERE a.id = ? AND a.status = 'succeeded' FOR UPDATE`

// Complete writes what follows from a success that was recorded on its attempt alone: the invoice, the subscription and the
// event. It does nothing if that was written meanwhile.
func (w *OpenInvoices) Complete(ctx context.Context, attempt uint64) error {
	return mysql.Repeat(ctx, w.DB, "complete", func(tx *sqlx.Tx) error {
		var rows []struct {
			ID            uint64
			No            int `db:"attempt_no"`
			Stage         int
			Key           string `db:"idempotency_key"`
			Gateway       string
			Payment       string
			Invoice       uint64
			Subscription  uint64       `db:"subscription_id"`
			Due           payment.Date `db:"due_date"`
			Amount        int64
			Currency      string
			InvoiceStage  int          `db:"invoice_stage"`
			FirstDeclined payment.Date `db:"first_declined_date"`
			InvoiceStatus string       `db:"invoice_status"`
		}
		if err := tx.SelectContext(ctx, &rows, paidAttempt, attempt); err != nil {
			return err
		}
		if len(rows) == 0 || rows[0].InvoiceStatus != string(billing.Charging) {
			return nil
		}
		r := rows[0]
		subs, err := w.standings(ctx, tx, []uint64{r.Subscription})
		if err != nil {
			return err
		}
		if err := runs.HoldOn(ctx, tx, batch.Execution(ctx).Run, w.Server); err != nil {
			return err
		}
		result := billing.Result{
			Claimed: billing.Claimed{Attempt: billing.Attempt{
				ID: r.ID, No: r.No, Stage: r.Stage, Gateway: r.Gateway, PaymentID: r.Payment, Charge: payment.Charge{Key: r.Key},
				Invoice: billing.Invoice{
					ID: r.Invoice, SubscriptionID: r.Subscription, Due: r.Due, Money: payment.Money{Amount: r.Amount, Currency: r.Currency},
					Stage: r.InvoiceStage, FirstDeclined: r.FirstDeclined,
				},
			}},
			Answer: billing.Answer{Outcome: payment.Outcome{Kind: payment.Paid, PaymentID: r.Payment}},
		}
		now := mysql.Stored(w.Now())
		status, _ := subs.of(r.Subscription)
		todo := []store.Settled{{Result: &result, Settlement: result.Settle(status, w.Policy, w.Today(), now)}}
		return w.follow(ctx, tx, todo, moveInvoices, now)
	})
}
