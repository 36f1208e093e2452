package writers

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/batch"
	"duly/internal/mysql"
	"duly/internal/orders"
	"duly/internal/payment"
	"duly/internal/refundrows"
	"duly/internal/refunds"
	"duly/internal/runs"
	"duly/internal/store"
)

// RequestedRefunds writes what became of refunds: their rows, what is refunded of invoices and payments, what follows from that, and events, in
// one transaction, and only for rows that are still under the lease that they were claimed with. It waits for products and for no other row of
// the shop's: the refund of a payment that the shop has locked is settled later. It implements batch.Writer.
type RequestedRefunds struct {
	DB *mysql.DB
	// Unkeyed is how long a gateway that keeps no keys is left alone after a request; 0 for gateways that keep keys.
	Unkeyed func(gateway string) time.Duration
	// Longest is how long a request to a gateway can be on its way.
	Longest func(gateway string) time.Duration
	Now     func() time.Time

	settled atomic.Int64
}

// Settled is how many refunds have come to an end, or let another one of their payment come first.
func (w *RequestedRefunds) Settled() int64 { return w.settled.Load() }

// settledRefund is a result that is still under its lease, and what is written of it.
type settledRefund struct {
	*refunds.Result
	refunds.Settlement

	restocked bool
	held      string // why an operator must look at what follows from it; empty: nobody must
}

// Write implements batch.Writer. Results that were settled before, by a commit whose answer was lost, are counted and left as they are, as are
// those whose lease is gone.
func (w *RequestedRefunds) Write(ctx context.Context, results []refunds.Result) (batch.Tally, error) {
	var tally batch.Tally
	err := mysql.Tx(ctx, w.DB, "refund-settle", func(tx *sqlx.Tx) error {
		tally = batch.Tally{}
		return w.settle(ctx, tx, results, &tally)
	})
	if err == nil {
		w.settled.Add(tally.Succeeded + tally.Declined)
		for _, r := range results {
			if r.Left == "" && r.End.Step == refunds.Later && r.End.Unexplained { // another one comes first
				w.settled.Add(1)
			}
		}
	}
	return tally, err
}

func (w *RequestedRefunds) settle(ctx context.Context, tx *sqlx.Tx, results []refunds.Result, tally *batch.Tally) error {
	var back []refundrows.Returned
	for _, r := range results {
		if r.Back() && r.Claimed.PaymentID != 0 {
			back = append(back, refundrows.ReturnedBy(r))
		}
	}
	stock, err := refundrows.LockStock(ctx, tx, back)
	if err != nil {
		return err
	}
	held, err := heldPayments(ctx, tx, results)
	if err != nil {
		return err
	}
	locked, err := refundrows.Lock(ctx, tx, store.SortedIDs(results, func(r refunds.Result) uint64 { return r.Claimed.Refund.ID }))
	if err != nil {
		return err
	}
	// After the waits for locks, as in Settle.
	if err := runs.Hold(ctx, tx, batch.Execution(ctx).Run); err != nil {
		return err
	}
	now := mysql.Stored(w.Now())
	var todo []settledRefund
	for i := range results {
		r := &results[i]
		row := locked[r.Claimed.Refund.ID]
		if r.Failed {
			r.End.Doubted = row.Sent
		}
		if held[r.Claimed.PaymentID] && r.Left == "" { // by the shop: what the gateway shows settles it later
			r.End = refunds.End{Step: refunds.Later, Doubted: row.Sent, Reason: "the payment's row is locked"}
		}
		s := settledRefund{Result: r, Settlement: r.Settle(now, w.Longest(r.Claimed.Gateway), w.Unkeyed(r.Claimed.Gateway))}
		if row.Lease != r.Claimed.Lease {
			if row.Status == refunds.Review && r.Ends() { // settled before
				s.Status, s.held = row.Status, "it waits for an operator"
			}
			if row.Status != s.Status || r.Left != "" {
				s.Result = &refunds.Result{Claimed: r.Claimed, Left: "another run has claimed it"}
			}
			s.count(tally)
			continue
		}
		todo = append(todo, s)
	}
	if err := w.save(ctx, tx, todo, stock, now); err != nil {
		return err
	}
	for _, s := range todo {
		s.count(tally)
	}
	return nil
}

// heldPayments are the payments, of those that would be written, whose rows the shop has locked.
func heldPayments(ctx context.Context, tx *sqlx.Tx, results []refunds.Result) (map[uint64]bool, error) {
	held := map[uint64]bool{}
	var ids []uint64
	for _, r := range results {
		if id := r.Claimed.Payment.ID; id != 0 && (r.End.Step == refunds.Done || r.End.Step == refunds.Refuse) {
			ids = append(ids, id)
			held[id] = true
		}
	}
	if len(ids) == 0 {
		return held, nil
	}
	statuses, err := refundStatuses(ctx, tx, store.SortedIDs(ids, func(id uint64) uint64 { return id }))
	for id := range statuses {
		delete(held, id)
	}
	return held, err
}

// count adds the refund to t.
func (s settledRefund) count(t *batch.Tally) {
	switch {
	case s.Left != "":
		t.Released++
	case s.End.Step == refunds.Done:
		if t.Pay(s.Claimed.Paid.Currency, s.End.Amount); s.held != "" {
			t.Review++
			return
		}
		t.Succeeded++
	case s.held != "":
		t.Review++
	case s.End.Step == refunds.Refuse:
		t.Declined++
	case s.End.Step == refunds.ToReview:
		t.Review++
	case s.End.Step == refunds.Withdraw:
		t.Released++
	default:
		t.InDoubt++
	}
}

func (w *RequestedRefunds) save(ctx context.Context, tx *sqlx.Tx, todo []settledRefund, stock *refundrows.Stock, now time.Time) error {
	var events []payment.Event
	for i := range todo {
		s := &todo[i]
		then, err := refundrows.Conclude(ctx, tx, *s.Result, s.Settlement.Refunded, stock, now)
		if err != nil {
			return err
		}
		s.follow(then)
		events = append(events, s.Result.Events(orders.RefundOverdue(s.Claimed.Refund.CreatedAt, now), s.restocked)...)
		events = append(events, then.Events...)
	}
	if err := saveRefunds(ctx, tx, todo, now); err != nil {
		return err
	}
	return store.WriteBillingEvents(ctx, tx, events)
}

// follow completes what is written of the refund by what followed from it.
func (s *settledRefund) follow(then refundrows.Conclusion) {
	s.restocked = then.Restocked
	if s.End.Step == refunds.Refuse && len(then.Followed) > 0 {
		changed := *s.Result
		changed.End.Reason = mysql.Cut(then.Why(changed.End.Reason), 255)
		s.Result = &changed
	}
	if then.Held != "" {
		s.Status, s.held = refunds.Review, then.Held
	}
}

// saveRefunds writes the rows of refunds.
func saveRefunds(ctx context.Context, tx *sqlx.Tx, todo []settledRefund, now time.Time) error {
	var rows, unsent, shown, done, restocked [][]any
	for _, s := range todo {
		var unsettled, settled any
		if s.Settlement.Unsettled {
			unsettled = 1
		}
		switch s.Status {
		case refunds.Refunded, refunds.Refused, refunds.Cancelled:
			settled = now
		case refunds.Requested, refunds.InFlight, refunds.InDoubt, refunds.Review:
		}
		detail := s.End.Reason
		switch {
		case s.Left != "":
			detail = s.Left
		case s.held != "":
			detail = s.held
		}
		id := s.Claimed.Refund.ID
		rows = append(rows, []any{id, string(s.Status), unsettled, s.Settlement.Tries, store.Instant(s.NextAt), store.Text(mysql.Cut(detail, 255)), settled})
		if s.Unsent {
			unsent = append(unsent, []any{id})
		}
		if s.Shown > 0 {
			shown = append(shown, []any{id, s.Shown})
		}
		if s.Left == "" && s.End.Step == refunds.Done {
			done = append(done, []any{id, s.End.Amount, s.Claimed.Paid.Currency, store.Text(s.Claimed.GatewayID)})
		}
		if s.restocked {
			restocked = append(restocked, []any{id})
		}
	}
	n, err := mysql.Update(ctx, tx, "refunds", []string{"status", "unsettled", "tries", "next_try_at", "detail", "settled_at"}, rows, "", "lease = NULL", "run_id = NULL")
	if err := store.AllOf(n, len(rows), "refunds", err); err != nil {
		return err
	}
	if _, err := mysql.Update(ctx, tx, "refunds", nil, unsent, "", "refunded_before = NULL", "sent_amount = NULL", "sent_at = NULL"); err != nil {
		return err
	}
	if _, err := mysql.Update(ctx, tx, "refunds", []string{"refunded_before"}, shown, ""); err != nil {
		return err
	}
	if _, err := mysql.Update(ctx, tx, "refunds", []string{"amount", "currency", "gateway_payment_id"}, done, ""); err != nil {
		return err
	}
	_, err = mysql.Update(ctx, tx, "refunds", nil, restocked, "", "restocked = 1")
	return err
}

// Reject implements batch.Writer: what has ended goes to review with the cause.
func (w *RequestedRefunds) Reject(ctx context.Context, r refunds.Result, cause error) (batch.Tally, error) {
	if r.Left == "" && r.End.Step != refunds.Later {
		why := "the end of the refund could not be written: "
		if r.End.Step == refunds.Done {
			why = "refunded, but that could not be written: "
			r.End.Doubted = true
		}
		r.End = refunds.End{Step: refunds.ToReview, Doubted: r.End.Doubted, Reason: why + mysql.Reason(cause)}
	}
	return w.Write(ctx, []refunds.Result{r})
}

// Keep implements batch.Writer. Nothing need be kept: the next try begins with a look at the payment.
func (w *RequestedRefunds) Keep(context.Context, []refunds.Result) error { return nil }
