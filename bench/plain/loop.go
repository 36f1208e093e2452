package plain

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
	"golang.org/x/sync/errgroup"

	"duly/internal/mysql"
	"duly/internal/payment"
)

// Job bills what is due on a date as shops begin to: it charges, and writes what came of it. What was charged and not
// written when it dies is charged again.
type Job struct {
	DB    *mysql.DB
	Today payment.Date
	// Charge sends one charge and returns the gateway's id of the payment. Any error ends the job.
	Charge func(ctx context.Context, c payment.Charge) (string, error)
	Now    func() time.Time
}

// subscription is one that is due, and what became of its charge.
type subscription struct {
	ID          uint64
	Customer    string `db:"customer_id"`
	Gateway     string
	Method      string `db:"payment_method"`
	Description string
	Amount      int64
	Currency    string
	Due         payment.Date `db:"next_billing_date"`
	paid        string
}

// OneByOne charges one after the other, each with a transaction of its own.
func (j Job) OneByOne(ctx context.Context) error { return j.Chunks(ctx, 1) }

// Chunks sends so many charges at once, waits for all of them, and writes them in one transaction.
func (j Job) Chunks(ctx context.Context, size int) error {
	due, err := j.due(ctx)
	if err != nil {
		return err
	}
	for len(due) > 0 {
		chunk := due[:min(size, len(due))]
		var group errgroup.Group
		for i := range chunk {
			group.Go(func() error { return j.send(ctx, &chunk[i]) })
		}
		if err := group.Wait(); err != nil {
			return err
		}
		if err := j.write(ctx, chunk); err != nil {
			return err
		}
		due = due[len(chunk):]
	}
	return nil
}

// RowByRow has so many charges under way at once, each with a transaction of its own.
func (j Job) RowByRow(ctx context.Context, workers int) error {
	due, err := j.due(ctx)
	if err != nil {
		return err
	}
	var group errgroup.Group
	group.SetLimit(workers)
	for i := range due {
		group.Go(func() error {
			if err := j.send(ctx, &due[i]); err != nil {
				return err
			}
			return j.write(ctx, due[i:i+1])
		})
	}
	return group.Wait()
}

func (j Job) due(ctx context.Context) ([]subscription, error) {
	var due []subscription
	err := j.DB.SelectContext(ctx, &due, `SELECT id, customer_id, gateway, payment_method, description, amount, currency, next_billing_date
FROM subscriptions WHERE status = 'active' AND next_billing_date <= ? ORDER BY id`, j.Today)
	return due, err
}

func (s *subscription) charge() payment.Charge {
	reference := fmt.Sprintf("sub_%d_%s", s.ID, strings.ReplaceAll(s.Due.String(), "-", ""))
	return payment.Charge{
		Key: reference + "-1", Reference: reference, CustomerID: s.Customer, Method: s.Method, Description: s.Description,
		Money: payment.Money{Amount: s.Amount, Currency: s.Currency}, BodyVersion: payment.BodyVersion(""),
	}
}

func (j Job) send(ctx context.Context, s *subscription) (err error) {
	s.paid, err = j.Charge(ctx, s.charge())
	return err
}

// write writes paid subscriptions in one transaction, row by row.
func (j Job) write(ctx context.Context, list []subscription) error {
	return mysql.Tx(ctx, j.DB, "plain", func(tx *sqlx.Tx) error {
		for i := range list {
			if err := j.writeOne(ctx, tx, &list[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

func (j Job) writeOne(ctx context.Context, tx *sqlx.Tx, s *subscription) error {
	c, now := s.charge(), j.Now().UTC()
	result, err := tx.ExecContext(ctx, `INSERT INTO invoices (subscription_id, due_date, amount, currency, status, attempts, next_attempt_date, issued_date, paid_at)
VALUES (?, ?, ?, ?, 'paid', 1, ?, ?, ?)`, s.ID, s.Due, s.Amount, s.Currency, s.Due, j.Today, now)
	if err != nil {
		return err
	}
	invoice, err := result.LastInsertId()
	if err != nil {
		return err
	}
	payload := fmt.Sprintf(`{"subscription_id":%d,"invoice_id":%d,"due_date":"%s","reference":"%s","amount":%d,"currency":"%s","gateway":"%s"}`,
		s.ID, invoice, s.Due, c.Reference, s.Amount, s.Currency, s.Gateway)
	for _, do := range []struct {
		query string
		args  []any
	}{
		{`UPDATE subscriptions SET anchor_day = DAY(next_billing_date), next_billing_date = next_billing_date + INTERVAL 1 MONTH WHERE id = ?`, []any{s.ID}},
		{`INSERT INTO payment_attempts (invoice_id, subscription_id, attempt_no, stage, idempotency_key, reference, customer_id, amount, currency, gateway,
payment_method, description, body_version, status, message, gateway_payment_id, run_id, created_at, settled_at)
VALUES (?, ?, 1, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'succeeded', 'succeeded', ?, 1, ?, ?)`, []any{
			invoice, s.ID, c.Key, c.Reference, c.CustomerID, s.Amount, s.Currency, s.Gateway, c.Method, c.Description, c.BodyVersion, s.paid, now, now,
		}},
		{`INSERT INTO events (type, subject, payload, dedupe_key) VALUES ('invoice.paid', ?, ?, ?)`, []any{
			fmt.Sprintf("subscription:%d", s.ID), payload, "invoice.paid:" + c.Reference,
		}},
	} {
		if _, err := tx.ExecContext(ctx, do.query, do.args...); err != nil {
			return err
		}
	}
	return nil
}
