// Package leastsql is the baseline of the worker's own cost.
package leastsql

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/mysql"
	"duly/internal/payment"
)

// Bulk writes the rows of a billing run by the least SQL that we know of, chunk by chunk on one connection. What is
// written comes out of the tables themselves: nothing but ids goes to the client and back, and nothing is decided, read
// again, counted or checked. It has the transactions of the protocol, because a charge has to lie between the last two:
// issue with the intent to charge, and settle with the events; or, if it is split, issue, claim with the intent, and
// settle.
type Bulk struct {
	Chunk int
	Split bool
	Now   func() time.Time
	Today payment.Date
}

const (
	// Ids come from a covering index and are locked by primary key: twice as fast as locking the index too.
	bulkDue = `SELECT id FROM subscriptions WHERE status = 'active' AND next_billing_date <= ? AND id > ?
ORDER BY next_billing_date, id LIMIT ?`

	bulkLockDue = `SELECT id FROM subscriptions WHERE id IN (?) AND status = 'active' ORDER BY id FOR UPDATE SKIP LOCKED`

	bulkIssue = `INSERT INTO invoices (subscription_id, due_date, amount, currency, status, next_attempt_date, issued_date)
SELECT id, next_billing_date, amount, currency, 'open', next_billing_date, ? FROM subscriptions WHERE id IN (?) ORDER BY id`

	bulkIssueCharging = `INSERT INTO invoices (subscription_id, due_date, amount, currency, status, attempts, next_attempt_date, issued_date)
SELECT id, next_billing_date, amount, currency, 'charging', 1, next_billing_date, ? FROM subscriptions WHERE id IN (?) ORDER BY id`

	bulkMoveOn = `UPDATE subscriptions SET anchor_day = DAY(next_billing_date), next_billing_date = next_billing_date + INTERVAL 1 MONTH
WHERE id IN (?)`

	bulkOpen = `SELECT id FROM invoices WHERE status = 'open' AND stage = 0 AND next_attempt_date <= ? AND id > ?
ORDER BY next_attempt_date, id LIMIT ?`

	bulkLockOpen = `SELECT id FROM invoices WHERE id IN (?) AND status = 'open' ORDER BY id FOR UPDATE SKIP LOCKED`

	bulkAttempt = `INSERT INTO payment_attempts (invoice_id, subscription_id, attempt_no, stage, idempotency_key, reference, customer_id,
amount, currency, gateway, payment_method, method_type, description, body_version, status, run_id, lease, created_at)
SELECT i.id, s.id, 1, 0, CONCAT('sub_', s.id, '_', DATE_FORMAT(i.due_date, '%Y%m%d'), '-1'),
CONCAT('sub_', s.id, '_', DATE_FORMAT(i.due_date, '%Y%m%d')), s.customer_id, i.amount, i.currency, s.gateway, s.payment_method,
'', s.description, 1, 'in_flight', 1, ?, ? FROM invoices i JOIN subscriptions s ON s.id = i.subscription_id WHERE i.id IN (?) ORDER BY i.id`

	bulkMark = `UPDATE invoices SET status = 'charging', attempts = 1, updated_at = UTC_TIMESTAMP(6) WHERE id IN (?)`

	bulkSettle = `UPDATE payment_attempts SET status = 'succeeded', message = 'succeeded', gateway_payment_id = CONCAT('pay_', idempotency_key),
settled_at = ? WHERE id BETWEEN ? AND ?`

	bulkPay = `UPDATE invoices SET status = 'paid', paid_at = ?, updated_at = ? WHERE id IN (?)`

	bulkPayRange = `UPDATE invoices SET status = 'paid', paid_at = ?, updated_at = ? WHERE id BETWEEN ? AND ?`

	bulkTell = `INSERT INTO events (type, subject, payload, dedupe_key)
SELECT 'invoice.paid', CONCAT('subscription:', subscription_id),
CONCAT('{"schema_version":1,"subscription_id":', subscription_id, ',"customer_id":"', customer_id, '","invoice_id":', invoice_id, ',"due_date":"', ?, '","reference":"', reference,
'","amount":', amount, ',"currency":"', currency, '","gateway":"', gateway,
'","attempt_id":', id, ',"gateway_payment_id":"', gateway_payment_id, '"}'), CONCAT('invoice.paid:', reference)
FROM payment_attempts WHERE id BETWEEN ? AND ?`

	// The row that keeps a payment of the gateway from paying for two things.
	bulkBook = `INSERT INTO bookings (account_id, gateway_payment_id, kind, row_id, proof)
SELECT 1, gateway_payment_id, 'attempt', id, NULL FROM payment_attempts WHERE id BETWEEN ? AND ?`
)

// Run bills everything that is due in db and returns how long that took.
func (b Bulk) Run(ctx context.Context, db *mysql.DB) (time.Duration, error) {
	conn, err := db.Connx(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close() }() // gives the connection back
	start := b.Now()
	passes := []func(ctx context.Context, conn *sqlx.Conn, last uint64) (uint64, error){b.joint}
	if b.Split {
		passes[0] = b.issue
		passes = append(passes, b.charge)
	}
	for _, chunk := range passes {
		for last, next := uint64(0), uint64(1); next != 0; last = next {
			if next, err = chunk(ctx, conn, last); err != nil {
				return 0, fmt.Errorf("bulk SQL: %w", err)
			}
		}
	}
	return b.Now().Sub(start), nil
}

// issue invoices the next chunk; it returns the last subscription, 0 at the end.
func (b Bulk) issue(ctx context.Context, conn *sqlx.Conn, last uint64) (uint64, error) {
	var ids []uint64
	err := within(ctx, conn, func(tx *sqlx.Tx) error {
		var err error
		if ids, err = b.claim(ctx, tx, bulkDue, bulkLockDue, last); err != nil || len(ids) == 0 {
			return err
		}
		if _, err := execIn(ctx, tx, bulkIssue, b.Today, ids); err != nil {
			return err
		}
		_, err = execIn(ctx, tx, bulkMoveOn, ids)
		return err
	})
	return lastOf(ids), err
}

// joint issues the next chunk with its attempts, and settles it; it returns the last subscription, 0 at the end.
func (b Bulk) joint(ctx context.Context, conn *sqlx.Conn, last uint64) (uint64, error) {
	var ids []uint64
	var invoice, attempt int64 // the first of each
	lease := make([]byte, 16)
	_, _ = rand.Read(lease) // never fails
	err := within(ctx, conn, func(tx *sqlx.Tx) error {
		var err error
		if ids, err = b.claim(ctx, tx, bulkDue, bulkLockDue, last); err != nil || len(ids) == 0 {
			return err
		}
		if invoice, err = execIn(ctx, tx, bulkIssueCharging, b.Today, ids); err != nil {
			return err
		}
		if _, err = execIn(ctx, tx, bulkMoveOn, ids); err != nil {
			return err
		}
		attempt, err = execIn(ctx, tx, bulkAttempt, lease, b.Now().UTC(), consecutive(invoice, len(ids)))
		return err
	})
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	now, more := b.Now().UTC(), int64(len(ids))-1
	err = within(ctx, conn, func(tx *sqlx.Tx) error {
		if _, err := execIn(ctx, tx, bulkSettle, now, attempt, attempt+more); err != nil {
			return err
		}
		if _, err := execIn(ctx, tx, bulkPayRange, now, now, invoice, invoice+more); err != nil {
			return err
		}
		if _, err := execIn(ctx, tx, bulkBook, attempt, attempt+more); err != nil {
			return err
		}
		_, err := execIn(ctx, tx, bulkTell, b.Today, attempt, attempt+more)
		return err
	})
	return lastOf(ids), err
}

func consecutive(first int64, n int) []int64 {
	ids := make([]int64, n)
	for i := range ids {
		ids[i] = first + int64(i)
	}
	return ids
}

// charge claims and settles the next chunk; it returns the last invoice, 0 at the end.
func (b Bulk) charge(ctx context.Context, conn *sqlx.Conn, last uint64) (uint64, error) {
	var ids []uint64
	var first int64
	lease := make([]byte, 16)
	_, _ = rand.Read(lease) // never fails
	err := within(ctx, conn, func(tx *sqlx.Tx) error {
		var err error
		if ids, err = b.claim(ctx, tx, bulkOpen, bulkLockOpen, last); err != nil || len(ids) == 0 {
			return err
		}
		if first, err = execIn(ctx, tx, bulkAttempt, lease, b.Now().UTC(), ids); err != nil {
			return err
		}
		_, err = execIn(ctx, tx, bulkMark, ids)
		return err
	})
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	now, end := b.Now().UTC(), first+int64(len(ids))-1
	err = within(ctx, conn, func(tx *sqlx.Tx) error {
		if _, err := execIn(ctx, tx, bulkSettle, now, first, end); err != nil {
			return err
		}
		if _, err := execIn(ctx, tx, bulkPay, now, now, ids); err != nil {
			return err
		}
		if _, err := execIn(ctx, tx, bulkBook, first, end); err != nil {
			return err
		}
		_, err := execIn(ctx, tx, bulkTell, b.Today, first, end)
		return err
	})
	return lastOf(ids), err
}

// claim locks the next chunk after the row last.
func (b Bulk) claim(ctx context.Context, tx *sqlx.Tx, find, lock string, last uint64) ([]uint64, error) {
	var found, locked []uint64
	if err := tx.SelectContext(ctx, &found, find, b.Today, last, b.Chunk); err != nil || len(found) == 0 {
		return nil, err
	}
	err := mysql.SelectIn(ctx, tx, &locked, lock, found)
	return locked, err
}

func lastOf(ids []uint64) uint64 {
	if len(ids) == 0 {
		return 0
	}
	return ids[len(ids)-1]
}

// within runs fn in a transaction.
func within(ctx context.Context, conn *sqlx.Conn, fn func(*sqlx.Tx) error) error {
	tx, err := conn.BeginTxx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	if err := fn(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// execIn runs a statement, with slices among its arguments, and returns the first generated id.
func execIn(ctx context.Context, tx *sqlx.Tx, query string, args ...any) (int64, error) {
	query, args, err := mysql.In(query, args...)
	if err != nil {
		return 0, err
	}
	result, err := tx.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return result.LastInsertId()
}
