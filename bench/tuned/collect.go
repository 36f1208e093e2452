package tuned

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/jmoiron/sqlx"
	"golang.org/x/sync/errgroup"

	"duly/internal/mysql"
	"duly/internal/payment"
)

const (
	readOpen = `SELECT i.id, i.subscription_id, i.due_date, i.next_attempt_date, i.amount, i.currency, s.customer_id, s.gateway,
s.payment_method, s.description
FROM invoices i JOIN subscriptions s ON s.id = i.subscription_id
WHERE i.status = 'open' AND i.stage = 0 AND i.next_attempt_date <= ? AND (i.next_attempt_date > ? OR i.next_attempt_date = ? AND i.id > ?)
ORDER BY i.next_attempt_date, i.id LIMIT ?`

	insertAttempts = `INSERT INTO payment_attempts (invoice_id, subscription_id, attempt_no, stage, idempotency_key, reference, customer_id,
amount, currency, gateway, payment_method, description, body_version, status, run_id, created_at) VALUES `

	mark = `UPDATE invoices SET status = 'charging', attempts = 1, updated_at = UTC_TIMESTAMP(6) WHERE id = ?`

	settle = `UPDATE payment_attempts SET status = ?, message = ?, gateway_payment_id = ?, settled_at = ? WHERE id = ?`

	pay = `UPDATE invoices SET status = 'paid', paid_at = UTC_TIMESTAMP(6), updated_at = UTC_TIMESTAMP(6) WHERE id = ?`

	insertEvents = `INSERT INTO events (type, subject, payload, dedupe_key) VALUES `
)

// invoice is an open one with what its charge needs.
type invoice struct {
	ID           uint64
	Subscription uint64       `db:"subscription_id"`
	Due          payment.Date `db:"due_date"`
	Next         payment.Date `db:"next_attempt_date"`
	Amount       int64
	Currency     string
	Customer     string `db:"customer_id"`
	Gateway      string
	Method       string `db:"payment_method"`
	Description  string
}

func (i invoice) key() key { return key{i.Next, i.ID} }

func (i invoice) charge() payment.Charge {
	reference := fmt.Sprintf("sub_%d_%s", i.Subscription, strings.ReplaceAll(i.Due.String(), "-", ""))
	return payment.Charge{
		Key: reference + "-1", Reference: reference, CustomerID: i.Customer, Method: i.Method, Description: i.Description,
		Money: payment.Money{Amount: i.Amount, Currency: i.Currency}, BodyVersion: payment.BodyVersion(""),
	}
}

func (j Job) readOpen(ctx context.Context, after key) ([]invoice, error) {
	var page []invoice
	err := j.DB.SelectContext(ctx, &page, readOpen, j.Today, after.day(), after.day(), after.id, Chunk)
	return page, err
}

// collect charges a chunk: the intent is committed, the workers send, and when all have answered the results are
// committed.
func (j Job) collect(ctx context.Context, page []invoice, slots chan struct{}) error {
	charges := make([]payment.Charge, len(page))
	for i := range page {
		charges[i] = page[i].charge()
	}
	first, err := j.begin(ctx, page, charges)
	if err != nil {
		return err
	}
	payments := make([]string, len(page))
	var group errgroup.Group
	for i := range page {
		slots <- struct{}{}
		group.Go(func() (err error) {
			defer func() { <-slots }()
			payments[i], err = j.Charge(ctx, charges[i])
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return j.settle(ctx, page, charges, first, payments)
}

// begin writes the attempts and returns the id of the first; a multi-row INSERT numbers its rows one after the other.
func (j Job) begin(ctx context.Context, page []invoice, charges []payment.Charge) (first int64, err error) {
	now := j.Now().UTC()
	rows, ids := make([][]any, len(page)), make([][]any, len(page))
	for i, p := range page {
		c := charges[i]
		ids[i] = []any{p.ID}
		rows[i] = []any{
			p.ID, p.Subscription, 1, 0, c.Key, c.Reference, c.CustomerID, p.Amount, p.Currency, p.Gateway, c.Method, c.Description,
			c.BodyVersion, "in_flight", 1, now,
		}
	}
	err = j.transact(ctx, func(tx *sqlx.Tx) error {
		var err error
		if first, err = mysql.Insert(ctx, tx, insertAttempts, rows, ""); err != nil {
			return err
		}
		return each(ctx, tx, mark, ids)
	})
	return first, err
}

// paid is the payload of the event invoice.paid.
type paid struct {
	Version      int    `json:"schema_version"`
	Subscription uint64 `json:"subscription_id"`
	Customer     string `json:"customer_id"`
	Invoice      uint64 `json:"invoice_id"`
	Due          string `json:"due_date"`
	Reference    string `json:"reference"`
	Amount       int64  `json:"amount"`
	Currency     string `json:"currency"`
	Gateway      string `json:"gateway"`
	Attempt      int64  `json:"attempt_id"`
	Payment      string `json:"gateway_payment_id"`
}

func (j Job) settle(ctx context.Context, page []invoice, charges []payment.Charge, first int64, payments []string) error {
	now := j.Now().UTC()
	attempts, events, ids := make([][]any, len(page)), make([][]any, len(page)), make([][]any, len(page))
	for i, p := range page {
		attempts[i], ids[i] = []any{"succeeded", "succeeded", payments[i], now, first + int64(i)}, []any{p.ID}
		payload, err := json.Marshal(paid{
			1, p.Subscription, p.Customer, p.ID, p.Due.String(), charges[i].Reference, p.Amount, p.Currency, p.Gateway, first + int64(i), payments[i],
		})
		if err != nil {
			return err
		}
		events[i] = []any{"invoice.paid", fmt.Sprintf("subscription:%d", p.Subscription), payload, "invoice.paid:" + charges[i].Reference}
	}
	return j.transact(ctx, func(tx *sqlx.Tx) error {
		if err := each(ctx, tx, settle, attempts); err != nil {
			return err
		}
		if err := each(ctx, tx, pay, ids); err != nil {
			return err
		}
		_, err := mysql.Insert(ctx, tx, insertEvents, events, "")
		return err
	})
}
