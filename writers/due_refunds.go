package writers

import (
	"context"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/batch"
	"duly/internal/mysql"
	"duly/internal/orders"
	"duly/internal/payment"
	"duly/internal/refundrows"
	"duly/internal/runs"
	"duly/internal/store"
)

// DueRefunds writes what became of refunds: payments, events and bookkeeping, in one transaction, and only for orders
// that are still under the lease that they were claimed with. It waits for no row of the shop's: a payment that the
// shop has locked is left for later, and one that it has changed is left as it is. It implements batch.Writer.
type DueRefunds struct {
	DB *mysql.DB
	// Unkeyed is as in readers.Refund.
	Unkeyed func(gateway string) time.Duration
	Now     func() time.Time
}

const (
	lockRefunds = `SELECT id, status FROM payments WHERE id IN (?) ORDER BY id FOR UPDATE SKIP LOCKED`
	lockChecks  = `SELECT order_id, lease FROM order_checks WHERE order_id IN (?) ORDER BY order_id FOR UPDATE`

	// The rows are there and locked: this is an update of many rows, each to its own values.
	updateRefundChecks = `INSERT INTO order_checks (order_id, refund_tries, refund_next_at, refund_since, reason) VALUES `
	setRefundChecks    = ` ON DUPLICATE KEY UPDATE lease = NULL, run_id = NULL, refund_tries = VALUES(refund_tries),
refund_next_at = VALUES(refund_next_at), refund_since = VALUES(refund_since), reason = COALESCE(reason, VALUES(reason))`
)

// Write implements batch.Writer. Results that were settled before, by a commit whose answer was lost, are counted
// and left as they are, as are those whose lease is gone.
func (w *DueRefunds) Write(ctx context.Context, results []orders.RefundResult) (batch.Tally, error) {
	var tally batch.Tally
	err := mysql.Tx(ctx, w.DB, "refund", func(tx *sqlx.Tx) error {
		tally = batch.Tally{}
		stock, err := refundrows.LockStock(ctx, tx, givenBack(results))
		if err != nil {
			return err
		}
		list, err := w.sort(ctx, tx, results)
		if err != nil {
			return err
		}
		// After the waits for locks, as in Settle.
		if err := runs.Hold(ctx, tx, batch.Execution(ctx).Run); err != nil {
			return err
		}
		for _, r := range list {
			r.count(&tally)
		}
		return w.settle(ctx, tx, list, stock)
	})
	return tally, err
}

// givenBack are the payments that results refund in full. Nothing of them asks for a restock; an earlier refund of a part may have.
func givenBack(results []orders.RefundResult) (list []refundrows.Returned) {
	for _, r := range results {
		for _, end := range r.Ends {
			if end.Step == orders.RefundDone {
				list = append(list, refundrows.Returned{Payment: end.Payment.ID, Order: r.RefundClaim.Order})
			}
		}
	}
	return list
}

// refunded is a result beside what the locked rows say.
type refunded struct {
	*orders.RefundResult

	ours bool               // the lease is the one that it was claimed with
	ends []orders.RefundEnd // those that are written, or were before
	open int                // payments that are still due and were not worked on, or not now
}

// sort splits the ends of each result by what the locked rows say.
func (w *DueRefunds) sort(ctx context.Context, tx *sqlx.Tx, results []orders.RefundResult) ([]refunded, error) {
	var payments, ids []uint64
	for _, r := range results {
		ids = append(ids, r.RefundClaim.ID)
		for _, p := range r.RefundClaim.Due {
			payments = append(payments, p.ID)
		}
	}
	statuses, err := refundStatuses(ctx, tx, payments)
	if err != nil {
		return nil, err
	}
	leases, err := checkLeases(ctx, tx, ids)
	if err != nil {
		return nil, err
	}
	list := make([]refunded, len(results))
	for i := range results {
		r := refunded{RefundResult: &results[i], ours: leases[results[i].RefundClaim.ID] == results[i].RefundClaim.Lease}
		r.open = len(r.RefundClaim.Due) - len(r.Ends)
		for _, end := range r.Ends {
			status, ok := statuses[end.Payment.ID]
			switch {
			case !ok: // locked by the shop
				r.open++
			case r.ours && status == orders.PaymentRefundDue, !r.ours && status == wanted(end.Step):
				r.ends = append(r.ends, end)
			}
		}
		list[i] = r
	}
	return list, nil
}

// wanted is the status of a payment whose refund has ended so.
func wanted(step orders.RefundStep) orders.PaymentStatus {
	switch step {
	case orders.RefundDone:
		return orders.PaymentRefunded
	case orders.RefundNone:
		return orders.PaymentFailed
	case orders.RefundReview:
		return orders.PaymentReview
	case orders.RefundLater, orders.RefundSend:
	}
	return orders.PaymentRefundDue
}

func refundStatuses(ctx context.Context, tx *sqlx.Tx, ids []uint64) (map[uint64]orders.PaymentStatus, error) {
	var rows []struct {
		ID     uint64
		Status string
	}
	if err := mysql.SelectIn(ctx, tx, &rows, lockRefunds, ids); err != nil {
		return nil, err
	}
	out := make(map[uint64]orders.PaymentStatus, len(rows))
	for _, row := range rows {
		out[row.ID] = orders.PaymentStatusOf(row.Status)
	}
	return out, nil
}

func checkLeases(ctx context.Context, tx *sqlx.Tx, ids []uint64) (map[uint64][16]byte, error) {
	var rows []struct {
		ID    uint64 `db:"order_id"`
		Lease []byte
	}
	if err := mysql.SelectIn(ctx, tx, &rows, lockChecks, ids); err != nil {
		return nil, err
	}
	out := make(map[uint64][16]byte, len(rows))
	for _, row := range rows {
		var lease [16]byte
		copy(lease[:], row.Lease)
		out[row.ID] = lease
	}
	return out, nil
}

// sent is how much of a payment duly refunded: neither what somebody else had refunded before, nor what an earlier refund of a part did.
func (r refunded) sent(end orders.RefundEnd) int64 {
	mark, is := r.RefundClaim.Marks[end.Payment.ID]
	switch {
	case end.Amount > 0:
		return end.Amount
	case is:
		return mark.Sent // by an earlier request; 0: by somebody else
	}
	return end.Given
}

// count adds the order to t, by what an operator must know first.
func (r refunded) count(t *batch.Tally) {
	steps := make(map[orders.RefundStep]int)
	for _, end := range r.ends {
		if steps[end.Step]++; end.Step == orders.RefundDone {
			t.Pay(end.Payment.Money.Currency, r.sent(end))
		}
	}
	switch {
	case steps[orders.RefundReview] > 0:
		t.Review++
	case steps[orders.RefundLater] > 0:
		t.InDoubt++
	case steps[orders.RefundDone] > 0 && r.open == 0:
		t.Succeeded++
	case steps[orders.RefundNone] > 0 && r.open == 0:
		t.Declined++
	default: // left, or the shop's by now
		t.Released++
	}
}

func (w *DueRefunds) settle(ctx context.Context, tx *sqlx.Tx, list []refunded, stock *refundrows.Stock) error {
	now := mysql.Stored(w.Now())
	var given, ended, checks [][]any
	var events []payment.Event
	for _, r := range list {
		if !r.ours {
			continue
		}
		for _, end := range r.ends {
			p := end.Payment
			switch end.Step {
			case orders.RefundDone:
				given = append(given, []any{p.ID, store.Text(p.TransactionKey), end.Given, now})
				if _, err := stock.PutBack(ctx, tx, refundrows.Returned{Payment: p.ID, Order: r.RefundClaim.Order}); err != nil {
					return err
				}
			case orders.RefundNone, orders.RefundReview:
				ended = append(ended, []any{p.ID, store.Text(end.Code), mysql.Cut(end.Reason, 255), string(wanted(end.Step))})
			case orders.RefundLater, orders.RefundSend:
			}
		}
		checks = append(checks, w.check(r, now))
		events = append(events, r.events(now)...)
	}
	n, err := mysql.Update(ctx, tx, "payments", []string{"transaction_key", "refunded_amount", "refunded_at"}, given,
		"status = 'refund_due'", "status = 'refunded'")
	if err := store.AllOf(n, len(given), "refunded payments", err); err != nil {
		return err
	}
	n, err = mysql.Update(ctx, tx, "payments", []string{"failure_code", "failure_reason", "status"}, ended, "status = 'refund_due'")
	if err := store.AllOf(n, len(ended), "payments", err); err != nil {
		return err
	}
	if _, err := mysql.Insert(ctx, tx, updateRefundChecks, checks, setRefundChecks); err != nil {
		return err
	}
	if err := settleMarks(ctx, tx, list, now); err != nil {
		return err
	}
	return store.WriteBillingEvents(ctx, tx, events)
}

// events returns the events of the refunds, and once one for each that is not done after a day.
func (r refunded) events(now time.Time) []payment.Event {
	var events []payment.Event
	for _, end := range r.ends {
		p, order := end.Payment, r.RefundClaim.Order
		if order.Status == "" { // its row is gone
			order.Money = p.Money
		}
		switch end.Step {
		case orders.RefundDone:
			events = append(events, orders.RefundCompleted(order, p, end.Given, r.RefundClaim.Why()))
		case orders.RefundReview:
			events = append(events, orders.ReviewNeeded(order, fmt.Sprintf("refund of payment %d: %s", p.ID, end.Reason), p))
		case orders.RefundLater:
			if orders.RefundOverdue(r.RefundClaim.Since, now) {
				events = append(events, orders.ReviewNeeded(order, fmt.Sprintf("refund of payment %d: not done after a day, and still tried", p.ID), p))
			}
		case orders.RefundNone, orders.RefundSend:
		}
	}
	return events
}

// check is the order's row of bookkeeping: the lease ends, and what is still due is tried again.
func (w *DueRefunds) check(r refunded, now time.Time) []any {
	tries, since, next, reason := 0, any(nil), any(nil), any(nil)
	for _, end := range r.ends {
		switch end.Step {
		case orders.RefundLater:
			wait := max(orders.RefundSchedule(r.RefundClaim.Tries), w.Unkeyed(end.Payment.Gateway))
			tries, since, next = r.RefundClaim.Tries, r.RefundClaim.Since.UTC().Round(0), later(next, now.Add(wait))
		case orders.RefundReview:
			if reason == nil {
				reason = mysql.Cut(end.Reason, 255)
			}
		case orders.RefundDone, orders.RefundNone, orders.RefundSend:
		}
	}
	if r.open > 0 {
		since = r.RefundClaim.Since.UTC().Round(0)
		if tries == 0 {
			tries = r.RefundClaim.Tries - 1 // it was not tried
		}
	}
	return []any{r.RefundClaim.ID, tries, next, since, reason}
}

// later is the later of two instants; nil is none.
func later(a any, b time.Time) any {
	if t, ok := a.(time.Time); ok && t.After(b) {
		return t
	}
	return b
}

// Reject implements batch.Writer: the payments whose refund has ended go to review with the cause.
func (w *DueRefunds) Reject(ctx context.Context, r orders.RefundResult, cause error) (batch.Tally, error) {
	ends := make([]orders.RefundEnd, len(r.Ends))
	for i, end := range r.Ends {
		why := "the end of its refund could not be written: "
		switch end.Step {
		case orders.RefundDone:
			why = "refunded, but that could not be written: "
		case orders.RefundLater:
			ends[i] = end
			continue
		case orders.RefundNone, orders.RefundReview, orders.RefundSend:
		}
		ends[i] = orders.RefundEnd{Payment: end.Payment, Step: orders.RefundReview, Reason: why + mysql.Reason(cause)}
	}
	r.Ends = ends
	return w.Write(ctx, []orders.RefundResult{r})
}

// Keep implements batch.Writer. Nothing need be kept: the next try begins with a look at the payment.
func (w *DueRefunds) Keep(context.Context, []orders.RefundResult) error { return nil }
