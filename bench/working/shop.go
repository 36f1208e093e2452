// Package working is a shop at work: what its statements take while something else goes on.
package working

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"duly/internal/batch"
	"duly/internal/mysql"
	"duly/internal/payment"
)

// A statement each: the rows are made in the server, from its own tables of numbers.
const (
	insertSubscriptions = `INSERT INTO subscriptions (id, customer_id, gateway, payment_method, amount, currency, interval_unit, next_billing_date)
SELECT seq, CONCAT('customer-', seq), 'pay', CONCAT('pm_ok:', seq), 9900, 'KRW', 'month', CURRENT_DATE + INTERVAL 7 DAY FROM seq_%d_to_%d`
	insertInvoices = `INSERT INTO invoices (id, subscription_id, due_date, amount, currency, status, issued_date, attempts, paid_at)
SELECT seq, seq, '2026-01-01', 9900, 'KRW', 'paid', '2026-01-01', 1, UTC_TIMESTAMP(6) FROM seq_%d_to_%d`
	insertAttempts = `INSERT INTO payment_attempts (id, invoice_id, subscription_id, attempt_no, stage, idempotency_key, reference, customer_id, amount, currency, gateway, payment_method, body_version, status, run_id, settled_at)
SELECT seq, seq, seq, 1, 0, LPAD(seq, 64, '0'), seq, CONCAT('customer-', seq), 9900, 'KRW', 'pay', CONCAT('pm_ok:', LPAD(seq, 9, '0')), 1, 'succeeded', 1, UTC_TIMESTAMP(6) FROM seq_%d_to_%d`
)

// Fill makes n subscriptions, each with a paid invoice.
func Fill(ctx context.Context, db *mysql.DB, n int) error {
	const chunk = 500_000
	for first := 1; first <= n; first += chunk {
		for _, insert := range []string{insertSubscriptions, insertInvoices, insertAttempts} {
			if _, err := db.ExecContext(ctx, fmt.Sprintf(insert, first, min(n, first+chunk-1))); err != nil {
				return fmt.Errorf("fill the tables: %w", err)
			}
		}
	}
	return nil
}

// Times are the statements of a shop: how many, and the longest of each sort.
type Times struct {
	mu      sync.Mutex
	Longest time.Duration // of all but reports
	sorts   map[string]*sortTimes
}

type sortTimes struct {
	n       int
	longest time.Duration
}

// String is a sentence, the sorts in the order of their names.
func (t *Times) String() string {
	var parts []string
	for name, of := range t.sorts {
		parts = append(parts, fmt.Sprintf("%d × %s, %.2f s at most", of.n, name, of.longest.Seconds()))
	}
	slices.Sort(parts)
	return strings.Join(parts, "; ") + "."
}

func (t *Times) add(sort string, took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.sorts[sort] == nil {
		t.sorts[sort] = &sortTimes{}
	}
	t.sorts[sort].n++
	t.sorts[sort].longest = max(t.sorts[sort].longest, took)
	if sort != sortReport {
		t.Longest = max(t.Longest, took)
	}
}

const sortReport = "report"

// Shop is a shop at work on the tables of subscriptions, invoices and attempts.
type Shop struct {
	DB            *mysql.DB
	Subscriptions int // by the ids from 1 on
	Now           func() time.Time
	Today         payment.Date
}

// Beside runs the shop for as long as do takes.
func (s Shop) Beside(ctx context.Context, do func(context.Context) error) (*Times, error) {
	times := &Times{sorts: map[string]*sortTimes{}}
	working, closed := context.WithCancel(ctx)
	defer closed()
	var all errgroup.Group
	for sort, visit := range map[string]func(ctx context.Context, visitor int32, k int) error{"change": s.change, "purchase": s.purchase, "look": s.look, sortReport: s.report} {
		visitors := int32(2)
		if sort == sortReport {
			visitors = 1
		}
		for visitor := range visitors {
			all.Go(func() error {
				for k := 1; batch.Wait(working, 2*time.Millisecond) == nil; k++ {
					begun := s.Now()
					err := visit(working, visitor, k*7919%s.Subscriptions+1) // another subscription each time
					if err != nil && working.Err() == nil {                  // unless it was closed meanwhile
						return fmt.Errorf("the shop's %s: %w", sort, err)
					}
					times.add(sort, s.Now().Sub(begun))
				}
				return nil
			})
		}
	}
	err := do(ctx)
	closed()
	return times, errors.Join(err, all.Wait())
}

func (s Shop) change(ctx context.Context, visitor int32, k int) error {
	_, err := s.DB.ExecContext(ctx, "UPDATE subscriptions SET amount = amount + 100 WHERE id = ?", k-k%2+int(visitor))
	return err
}

func (s Shop) look(ctx context.Context, _ int32, k int) error {
	var n int
	return s.DB.GetContext(ctx, &n, "SELECT COUNT(*) FROM invoices i JOIN payment_attempts p ON p.invoice_id = i.id WHERE i.id = ?", k)
}

func (s Shop) report(ctx context.Context, _ int32, _ int) error {
	var n int
	return s.DB.GetContext(ctx, &n, "SELECT COUNT(*) FROM payment_attempts p JOIN invoices i ON i.id = p.invoice_id WHERE p.id < 3000000 AND p.message IS NULL AND i.retry_days IS NULL")
}

// purchase inserts an invoice with its attempt in one transaction.
func (s Shop) purchase(ctx context.Context, visitor int32, k int) (err error) {
	tx, err := s.DB.BeginTxx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after the commit there is nothing to roll back
	day := s.Today + payment.Date(1+visitor)
	r, err := tx.ExecContext(ctx, `INSERT IGNORE INTO invoices (subscription_id, due_date, amount, currency, status, issued_date) VALUES (?, ?, 9900, 'KRW', 'open', ?)`, k, day, day)
	if err != nil {
		return err
	}
	id, err := r.LastInsertId()
	if err != nil || id == 0 { // the same again
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO payment_attempts (invoice_id, subscription_id, attempt_no, stage, idempotency_key, reference, customer_id, amount, currency, gateway, payment_method, body_version, status, run_id)
VALUES (?, ?, 1, 0, ?, ?, ?, 9900, 'KRW', 'pay', ?, 1, 'succeeded', 1)`, id, k, fmt.Sprint("shop-", id), fmt.Sprint(id), fmt.Sprint("customer-", k), fmt.Sprint("pm_ok:", k))
	if err != nil {
		return err
	}
	return tx.Commit()
}
