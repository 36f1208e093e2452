package worklist

import (
	"context"
	"fmt"
	"slices"

	"duly/internal/billing"
	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/store"
)

const (
	// The ids come from the covering index: they are all that is held of an invoice before its page is read.
	invoicesInReviewIDs = `SELECT id FROM invoices WHERE status = 'review'`

	// COALESCE: see stageLock.
	invoicesInReview = `SELECT 'invoice' AS what, i.id, i.id AS invoice_id, i.subscription_id, s.id IS NULL AS gone, COALESCE(s.status = 'cancelled', FALSE) AS cancelled, COALESCE(s.gateway, '') AS gateway,
COALESCE(i.review_reason, '') AS reason, COALESCE(i.amount_check, '') AS amount_check,
i.amount, i.currency, i.updated_at AS since FROM invoices i LEFT JOIN subscriptions s ON s.id = i.subscription_id
WHERE i.id IN (?) AND COALESCE(i.status) = 'review' ORDER BY i.id`

	invoicesOpenAndDue = `SELECT 'invoice' AS what, i.id, i.id AS invoice_id, i.status, i.subscription_id, s.id IS NULL AS gone, COALESCE(s.status = 'cancelled', FALSE) AS cancelled, COALESCE(s.gateway, '') AS gateway,
i.amount, i.currency, CAST(i.next_attempt_date AS DATETIME(6)) AS since FROM invoices i LEFT JOIN subscriptions s ON s.id = i.subscription_id
WHERE i.status = 'open' AND i.next_attempt_date <= ? ORDER BY i.stage, i.next_attempt_date, i.id LIMIT ?`

	listedAttempts = `SELECT id, invoice_id, attempt_no, idempotency_key, status, gateway, run_id, COALESCE(account_id, 0) AS account_id,
COALESCE(proof, '') AS proof FROM payment_attempts WHERE invoice_id IN (?) ORDER BY invoice_id, attempt_no`

	listedAttempt = `SELECT 'attempt' AS what, a.id, a.invoice_id, a.subscription_id, a.status, a.gateway, a.run_id, a.idempotency_key, a.amount, a.currency,
COALESCE(a.message, '') AS reason, a.created_at AS since,
s.id IS NULL AS gone, a.next_check_at AS cursor_at FROM payment_attempts a LEFT JOIN subscriptions s ON s.id = a.subscription_id `

	// Beside an invoice that is not in review, such as the second charge of one that is paid.
	attemptsInReview = listedAttempt + `WHERE a.status = 'review' AND a.next_check_at IS NULL AND a.id > ?
AND NOT EXISTS (SELECT 1 FROM invoices i WHERE i.id = a.invoice_id AND i.status = 'review') ORDER BY a.id LIMIT ?`

	attemptsInFlight = listedAttempt + `WHERE a.status = 'in_flight' AND a.next_check_at IS NULL AND a.id > ? ORDER BY a.id LIMIT ?`

	attemptsInDoubt = listedAttempt + `WHERE a.status = 'in_doubt' AND (a.next_check_at > ? OR (a.next_check_at = ? AND a.id > ?))
ORDER BY a.next_check_at, a.id LIMIT ?`

	listedSubscription = `SELECT 'subscription' AS what, id, id AS subscription_id, COALESCE(status, '') AS status, COALESCE(gateway, '') AS gateway,
COALESCE(amount, 0) AS amount, COALESCE(currency, '') AS currency,
COALESCE(review_reason, '') AS reason, COALESCE(CAST(updated_at AS DATETIME(6)), ` + store.UnknownTime + `) AS since,
CAST(next_billing_date AS CHAR) AS cursor_date FROM subscriptions WHERE status <=> ? AND `

	subscriptionsByDate = `next_billing_date <= ? AND (next_billing_date > ? OR (next_billing_date = ? AND id > ?))%s ORDER BY next_billing_date, id LIMIT ?`

	subscriptionsOfStatus = listedSubscription + `(next_billing_date > ? OR (next_billing_date = ? AND id > ?)) ORDER BY next_billing_date, id LIMIT ?`

	// Of a view whose date may be empty. In a table that forbids that, IS NULL means 0000-00-00 as well, which the walk by date has met.
	subscriptionsWithoutDate = listedSubscription + `next_billing_date IS NULL AND CAST(next_billing_date AS CHAR) IS NULL AND id > ? ORDER BY id LIMIT ?`

	ordersWaiting = `SELECT 'order' AS what, c.order_id AS id, COALESCE(o.status, '') AS status, o.id IS NULL AS gone, COALESCE(o.amount, 0) AS amount,
COALESCE(o.currency, '') AS currency, c.reason AS reason, COALESCE(c.checked_at, UTC_TIMESTAMP(6)) AS since
FROM order_checks c LEFT JOIN orders o ON o.id = c.order_id WHERE c.order_id > ? AND c.reason IS NOT NULL ORDER BY c.order_id LIMIT ?`

	ordersInDoubt = `SELECT 'order' AS what, c.order_id AS id, COALESCE(o.status, '') AS status, o.id IS NULL AS gone, COALESCE(o.amount, 0) AS amount,
COALESCE(o.currency, '') AS currency, COALESCE(c.run_id, 0) AS run_id, COALESCE(c.checked_at, o.created_at, UTC_TIMESTAMP(6)) AS since,
c.next_check_at AS cursor_at FROM order_checks c LEFT JOIN orders o ON o.id = c.order_id
WHERE (c.next_check_at > ? OR (c.next_check_at = ? AND c.order_id > ?)) AND c.reason IS NULL AND (o.status IN ('pending', 'payment_in_progress')
OR EXISTS (SELECT 1 FROM payments p WHERE p.order_id = c.order_id AND p.status = 'pending')) ORDER BY c.next_check_at, c.order_id LIMIT ?`

	listedPayments = `SELECT id, order_id, COALESCE(gateway, '') AS gateway, COALESCE(status, '') AS status, COALESCE(failure_code, '') AS failure_code FROM payments WHERE order_id IN (?) ORDER BY order_id, id`

	findingsWaiting = `SELECT 'finding' AS what, id, kind, reference, gateway_payment_id AS idempotency_key, detail, COALESCE(run_id, 0) AS run_id,
first_seen_at AS since FROM audit_findings WHERE resolved_at IS NULL AND id > ? ORDER BY id LIMIT ?`

	openCharges = `SELECT gateway_payment_id, idempotency_key FROM unknown_charges WHERE adopted_at IS NULL AND gateway_payment_id IN (?)`

	listedRefund = `SELECT 'refund' AS what, r.id, r.status, COALESCE(r.gateway, '') AS gateway, COALESCE(r.run_id, 0) AS run_id, COALESCE(r.idempotency_key, '') AS idempotency_key,
COALESCE(r.invoice_id, 0) AS invoice_id, COALESCE(r.payment_id, 0) AS payment, COALESCE(r.sent_amount, r.amount, 0) AS amount,
COALESCE(r.currency, '') AS currency, COALESCE(r.detail, IF(r.status = 'requested', r.reason, '')) AS reason, r.created_at AS since, r.payment_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM payments p WHERE p.id = r.payment_id) AS gone,
IF(r.status = 'requested', COALESCE(p.id, i.id, 0), 0) AS behind, COALESCE(p.sent_at, i.sent_at, r.sent_at) IS NOT NULL AS sent,
COALESCE(p.refunded_before, i.refunded_before, r.refunded_before, 0) > 0 AS shown,
r.status = 'review' AND r.sent_at IS NOT NULL AND r.unsettled IS NULL AS executed FROM refunds r
LEFT JOIN refunds p ON r.status = 'requested' AND p.payment_id = r.payment_id AND p.unsettled = 1 AND p.status = 'review'
LEFT JOIN refunds i ON r.status = 'requested' AND i.invoice_id = r.invoice_id AND i.unsettled = 1 AND i.status = 'review' `

	refundsInReview = listedRefund + `WHERE r.status = 'review' AND r.id > ? ORDER BY r.id LIMIT ?`

	refundsOpen = listedRefund + `WHERE r.status = ? AND r.id > ? ORDER BY r.id LIMIT ?`

	eventSinks = `SELECT DISTINCT sink FROM event_deliveries ORDER BY sink`

	eventsDead = `SELECT 'event' AS what, d.event_id AS id, d.sink, COALESCE(e.type, '') AS kind, COALESCE(d.last_error, '') AS reason,
COALESCE(d.run_id, 0) AS run_id, COALESCE(e.created_at, UTC_TIMESTAMP(6)) AS since FROM event_deliveries d LEFT JOIN events e ON e.id = d.event_id
WHERE d.sink = ? AND d.status = 'dead' AND d.next_try_at IS NULL AND d.event_id > ? ORDER BY d.event_id LIMIT ?`

	chargesUnknown = `SELECT 'charge' AS what, id, gateway, idempotency_key, reference, COALESCE(run_id, 0) AS run_id, seen_at AS since,
CONCAT('payment ', gateway_payment_id, ' is unknown here') AS reason FROM unknown_charges WHERE adopted_at IS NULL AND id > ? ORDER BY id LIMIT ?`
)

// walkInvoicesInReview reads invoices in review with the attempt that each waits for.
func walkInvoicesInReview(ctx context.Context, db *mysql.DB, each func(Row) error) error {
	var ids []uint64
	if err := db.SelectContext(ctx, &ids, invoicesInReviewIDs); err != nil {
		return fmt.Errorf("list what waits: %w", mysql.Classify(ctx, err))
	}
	slices.Sort(ids)
	for part := range slices.Chunk(ids, pageSize) {
		page, err := Invoices(ctx, db, part)
		if err != nil {
			return err
		}
		for _, l := range page {
			if err := each(l); err != nil {
				return err
			}
		}
	}
	return nil
}

// Invoices reads those of the invoices that are in review, by id.
func Invoices(ctx context.Context, db *mysql.DB, ids []uint64) ([]Row, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	var rows []scanned
	if err := mysql.SelectIn(ctx, db, &rows, invoicesInReview, ids); err != nil {
		return nil, fmt.Errorf("list what waits: %w", mysql.Classify(ctx, err))
	}
	page := make([]Row, len(rows))
	for i, r := range rows {
		page[i] = r.listed()
	}
	return page, addAttempts(ctx, db, page)
}

// Orders reads those of the orders that are in review, by id.
func Orders(ctx context.Context, db *mysql.DB, ids []uint64) ([]Row, error) {
	var page []Row
	for _, id := range ids {
		var rows []scanned
		if err := db.SelectContext(ctx, &rows, ordersWaiting, id-1, 1); err != nil {
			return nil, fmt.Errorf("list what waits: %w", mysql.Classify(ctx, err))
		}
		for _, r := range rows {
			if r.ID == id {
				page = append(page, r.listed())
			}
		}
	}
	if len(page) == 0 {
		return nil, nil
	}
	return page, addPayments(ctx, db, page)
}

// OpenAndDue lists the first invoices that are open and due by that day.
func OpenAndDue(ctx context.Context, db *mysql.DB, business payment.Date, limit int) ([]Row, error) {
	var rows []scanned
	if err := db.SelectContext(ctx, &rows, invoicesOpenAndDue, business, limit); err != nil {
		return nil, fmt.Errorf("list what is due: %w", mysql.Classify(ctx, err))
	}
	page := make([]Row, len(rows))
	for i, r := range rows {
		page[i] = r.listed()
	}
	return page, nil
}

// addAttempts adds to invoices the attempt that an operator decides about: one in review, or one that ended without a proof.
func addAttempts(ctx context.Context, db *mysql.DB, page []Row) error {
	if len(page) == 0 {
		return nil
	}
	var rows []struct {
		ID      uint64
		Invoice uint64 `db:"invoice_id"`
		No      int    `db:"attempt_no"`
		Key     string `db:"idempotency_key"`
		Status  string
		Gateway string
		Run     uint64 `db:"run_id"`
		Account uint32 `db:"account_id"`
		Proof   string
	}
	if err := mysql.SelectIn(ctx, db, &rows, listedAttempts, store.SortedIDs(page, func(l Row) uint64 { return l.ID })); err != nil {
		return fmt.Errorf("list what waits: %w", mysql.Classify(ctx, err))
	}
	past := map[uint64][]billing.PastAttempt{}
	for _, r := range rows {
		past[r.Invoice] = append(past[r.Invoice], billing.PastAttempt{
			ID: r.ID, No: r.No, Key: r.Key, Status: billing.AttemptStatus(r.Status), Account: r.Account, Proof: billing.Proof(r.Proof),
		})
	}
	for i := range page {
		l := &page[i]
		l.Attempt = billing.Waits(past[l.ID])
		for _, r := range rows {
			if r.Invoice == l.ID {
				l.Gateway = r.Gateway
			}
			if r.ID == l.Attempt {
				l.Run, l.Status, l.Gateway, l.Key = r.Run, r.Status, r.Gateway, r.Key
				break
			}
		}
	}
	return nil
}

// subscriptionsInReview walks subscriptions that are due by that day and cannot be invoiced, and those that a planned change holds up.
func subscriptionsInReview(business payment.Date) walkFunc {
	query := listedSubscription + fmt.Sprintf(subscriptionsByDate, " AND review_reason IS NOT NULL")
	return func(ctx context.Context, db *mysql.DB, each func(Row) error) error {
		for _, status := range []billing.SubscriptionStatus{billing.Active, billing.PastDue} {
			if err := paged(query, byDate, string(status), business)(ctx, db, each); err != nil {
				return err
			}
		}
		return walkHeldUp(ctx, db, business, each)
	}
}

// subscriptionsUnknown walks subscriptions whose status says nothing to duly, and trials without an end that is yet to come.
func subscriptionsUnknown(business payment.Date) walkFunc {
	return func(ctx context.Context, db *mysql.DB, each func(Row) error) error {
		var statuses []statusThere
		if err := db.SelectContext(ctx, &statuses, fmt.Sprintf(statusesThere, "")); err != nil {
			return fmt.Errorf("list what waits: %w", mysql.Classify(ctx, err))
		}
		for _, there := range statuses {
			status := there.Status
			walk, why := paged(subscriptionsOfStatus, byDate, status), fmt.Sprintf("duly does not know the status %q", payment.Cut(status.String, 40))
			switch {
			case there.Trialing:
				walk = paged(listedSubscription+fmt.Sprintf(subscriptionsByDate, ""), byDate, status, business-1) // a trial that ends today may be ended by the shop today
				why = "it is trialing, and no next_billing_date that is yet to come says when it begins"
			case there.Met:
				continue
			}
			explained := func(l Row) error {
				l.Reason = why
				return each(l)
			}
			for _, w := range []walkFunc{paged(subscriptionsWithoutDate, byID, status), walk} {
				if err := w(ctx, db, explained); err != nil {
					return err
				}
			}
		}
		return nil
	}
}

// asFindings adds to findings of charges that wait to be adopted their key.
func asFindings(walk walkFunc) walkFunc {
	return buffered(walk, func(ctx context.Context, db *mysql.DB, page []Row) error {
		var payments []string
		for _, l := range page {
			if l.Found.PaymentID != "" {
				payments = append(payments, l.Found.PaymentID)
			}
		}
		if len(payments) == 0 {
			return nil
		}
		var rows []struct {
			Payment string `db:"gateway_payment_id"`
			Key     string `db:"idempotency_key"`
		}
		if err := mysql.SelectIn(ctx, db, &rows, openCharges, payments); err != nil {
			return err
		}
		keys := make(map[string]string, len(rows))
		for _, r := range rows {
			keys[r.Payment] = r.Key
		}
		for i := range page {
			page[i].Key = keys[page[i].Found.PaymentID]
		}
		return nil
	})
}

// walkDeadEvents walks the deliveries that were given up of each receiver.
func walkDeadEvents(ctx context.Context, db *mysql.DB, each func(Row) error) error {
	var sinks []string
	if err := db.SelectContext(ctx, &sinks, eventSinks); err != nil {
		return fmt.Errorf("list what waits: %w", mysql.Classify(ctx, err))
	}
	for _, sink := range sinks {
		if err := paged(eventsDead, byID, sink)(ctx, db, each); err != nil {
			return err
		}
	}
	return nil
}
