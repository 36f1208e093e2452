package writers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/batch"
	"duly/internal/mysql"
	"duly/internal/orders"
	"duly/internal/payment"
	"duly/internal/runs"
	"duly/internal/store"
)

// StaleOrders writes what became of checked orders: stock, orders, payments, events and bookkeeping, in one transaction,
// and only for orders that are still under the lease that they were claimed with and are as they were claimed.
//
// It cannot make the shop wait in a circle: it waits for products alone, in id order and holding nothing else of the
// shop's, and passes over orders and payments that the shop holds. Those are released, to be checked again.
//
// It implements batch.Writer, and is not safe for concurrent use.
type StaleOrders struct {
	DB     *mysql.DB
	Policy orders.Policy
	// Lock locks claimed orders and their payments without waiting and reads them as they are now; it leaves out
	// those of which a row is held by somebody else.
	Lock func(ctx context.Context, tx *sqlx.Tx, claimed []orders.Claimed) (map[uint64]*orders.Claimed, error)
	Now  func() time.Time // the business clock
	// Accounts are the rows of gateway_accounts that the gateways are called at today, by name.
	Accounts map[string]uint32

	bookings *store.Bookings
	// unsure is what a transaction was to count of which nobody knows whether it was committed.
	unsure map[claimName]batch.Tally
}

// claimName names the claim of one order.
type claimName struct {
	order uint64
	lease [16]byte
}

const (
	// The rows are there and locked: this is an update of many rows, each to its own values.
	settleChecks    = `INSERT INTO order_checks (order_id, checks, next_check_at, reason, patience) VALUES `
	setSettleChecks = ` ON DUPLICATE KEY UPDATE lease = NULL, run_id = NULL, checks = VALUES(checks),
next_check_at = VALUES(next_check_at), reason = VALUES(reason), patience = VALUES(patience), checked_at = UTC_TIMESTAMP(6)`

	releaseChecks = `UPDATE order_checks SET lease = NULL, run_id = NULL, checks = checks - 1 WHERE order_id IN (?)`
)

// decided is a result that is still as it was claimed, and what follows from it.
type decided struct {
	*orders.Result
	orders.Decision
}

// Write implements batch.Writer. Results that were settled before, by a commit whose answer was lost, are counted and
// left as they are: their lease is gone.
func (w *StaleOrders) Write(ctx context.Context, results []orders.Result) (batch.Tally, error) {
	var counts map[claimName]batch.Tally
	err := mysql.Tx(ctx, w.DB, "reconcile", func(tx *sqlx.Tx) (err error) {
		counts, err = w.settle(ctx, tx, results)
		return err
	})
	if errors.Is(err, mysql.ErrCommitUnknown) {
		w.unsure = counts
	} else if err == nil {
		w.unsure = nil
	}
	var tally batch.Tally
	for _, t := range counts {
		tally.Add(t)
	}
	return tally, err
}

// settle settles what may be settled, and says what each of the results counts as.
func (w *StaleOrders) settle(ctx context.Context, tx *sqlx.Tx, results []orders.Result) (map[claimName]batch.Tally, error) {
	counts := make(map[claimName]batch.Tally, len(results))
	ours, released, stock, now, err := w.sort(ctx, tx, results)
	if err != nil {
		return nil, err
	}
	for _, r := range results {
		count, known := w.unsure[claimName{r.Claimed.ID, r.Claimed.Lease}]
		if !known { // or it was taken over by somebody else
			count = batch.Tally{Released: 1}
		}
		counts[claimName{r.Claimed.ID, r.Claimed.Lease}] = count
	}
	for _, id := range released {
		counts[id] = batch.Tally{Released: 1}
	}
	if err := w.reserve(ctx, tx, ours); err != nil {
		return nil, err
	}
	todo := w.decide(ours, stock, now)
	for _, d := range todo {
		counts[claimName{d.Claimed.ID, d.Claimed.Lease}] = d.count()
	}
	return counts, w.save(ctx, tx, todo, released, stock, now)
}

// sort locks what is to be settled, and splits the results that are under their lease into those that are as they
// were claimed and those that are to be released.
func (w *StaleOrders) sort(ctx context.Context, tx *sqlx.Tx, results []orders.Result) (ours []*orders.Result, released []claimName, stock *shelf, now time.Time, err error) {
	var products, ids []uint64
	var claimed []orders.Claimed
	for _, r := range results {
		ids = append(ids, r.Claimed.ID)
		if r.Left != "" {
			continue
		}
		claimed = append(claimed, r.Claimed)
		if orders.NeedsStock(r.Claimed.Order, r.Checked) {
			for _, item := range r.Claimed.Items {
				products = append(products, item.ProductID)
			}
		}
	}
	if stock, err = stockOf(ctx, tx, products); err != nil {
		return nil, nil, nil, now, err
	}
	current, err := w.Lock(ctx, tx, claimed)
	if err != nil {
		return nil, nil, nil, now, err
	}
	slices.Sort(ids)
	leases, err := checkLeases(ctx, tx, ids)
	if err != nil {
		return nil, nil, nil, now, err
	}
	// After the waits for locks, as in Settle.
	if err := runs.Hold(ctx, tx, batch.Execution(ctx).Run); err != nil {
		return nil, nil, nil, now, err
	}
	for i := range results {
		r := &results[i]
		if leases[r.Claimed.ID] != r.Claimed.Lease {
			continue
		}
		if c, ok := current[r.Claimed.ID]; r.Left != "" || !ok || !orders.Same(r.Claimed, c.Order, c.Payments) {
			released = append(released, claimName{r.Claimed.ID, r.Claimed.Lease})
			continue
		}
		ours = append(ours, r)
	}
	return ours, released, stock, mysql.Stored(w.Now()), nil
}

// decide decides each order, the oldest first: they get of the stock first.
func (w *StaleOrders) decide(ours []*orders.Result, stock *shelf, now time.Time) []decided {
	slices.SortFunc(ours, func(a, b *orders.Result) int { return orders.Older(a.Claimed.Order, b.Claimed.Order) })
	todo := make([]decided, len(ours))
	for i, r := range ours {
		enough := orders.NeedsStock(r.Claimed.Order, r.Checked) && stock.allot(r.Claimed.Order)
		todo[i] = decided{r, orders.Decide(r.Claimed.Order, r.Checked, enough, w.Policy, r.Claimed.Checks, now)}
	}
	return todo
}

// count is what the order counts as. The money is that of payments that were found to have succeeded and are kept.
func (d decided) count() batch.Tally {
	var t batch.Tally
	for _, c := range d.Decision.Payments {
		if p := d.payment(c.ID); c.To == orders.PaymentSucceeded && p.Status != c.To {
			t.Pay(p.Money.Currency, p.Money.Amount)
		}
	}
	switch {
	case d.Review != "":
		t.Review = 1
	case d.Line == orders.LineLater:
		t.InDoubt = 1
	case d.Line == orders.LineOutOfStock, d.Line == orders.LineLate, d.Line == orders.LineNotPaid && len(d.Decision.Payments) > 0, d.Decision.Order != "" && !d.TakeStock:
		t.Declined = 1
	default:
		t.Succeeded = 1
	}
	return t
}

// payment is one of the order's payments as it was claimed.
func (d decided) payment(id uint64) orders.Payment {
	for _, p := range d.Claimed.Payments {
		if p.ID == id {
			return p
		}
	}
	return orders.Payment{}
}

func (w *StaleOrders) save(ctx context.Context, tx *sqlx.Tx, todo []decided, released []claimName, stock *shelf, now time.Time) error {
	events, err := stock.write(ctx, tx)
	if err != nil {
		return err
	}
	if err := settleOrders(ctx, tx, todo, now); err != nil {
		return err
	}
	if err := settlePayments(ctx, tx, todo, now); err != nil {
		return err
	}
	checks := make([][]any, len(todo))
	for i, d := range todo {
		checks[i] = d.check(now)
		events = append(events, d.Events...)
	}
	if _, err := mysql.Insert(ctx, tx, settleChecks, checks, setSettleChecks); err != nil {
		return err
	}
	if err := release(ctx, tx, released); err != nil {
		return err
	}
	return store.WriteBillingEvents(ctx, tx, events)
}

// check is the order's row of bookkeeping. The count of checks, which the waits between them go by, begins anew
// once there is nothing left to find out.
func (d decided) check(now time.Time) []any {
	if d.Next == 0 {
		return []any{d.Claimed.ID, 0, nil, store.Text(mysql.Cut(d.Review, 255)), nil}
	}
	return []any{d.Claimed.ID, d.Claimed.Checks, now.Add(d.Next), store.Text(mysql.Cut(d.Review, 255)), store.Text(orders.PatienceText(d.Checked))}
}

// release gives orders back as if they had not been claimed.
func release(ctx context.Context, tx *sqlx.Tx, released []claimName) error {
	if len(released) == 0 {
		return nil
	}
	ids := make([]uint64, len(released))
	for i, r := range released {
		ids[i] = r.order
	}
	query, args, err := mysql.In(releaseChecks, ids)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, query, args...)
	return err
}

// settleOrders completes and fails orders, each with its old status in the WHERE.
func settleOrders(ctx context.Context, tx *sqlx.Tx, todo []decided, now time.Time) error {
	for _, from := range []orders.OrderStatus{orders.OrderPending, orders.OrderInProgress} {
		var completed, failed [][]any
		for _, d := range todo {
			switch {
			case d.Claimed.Status != from:
			case d.Decision.Order == orders.OrderCompleted:
				completed = append(completed, []any{d.Claimed.ID, now})
			case d.Decision.Order == orders.OrderFailed:
				failed = append(failed, []any{d.Claimed.ID, store.Text(mysql.Cut(d.FailureReason, 255)), now})
			}
		}
		where := was(string(from))
		n, err := mysql.Update(ctx, tx, "orders", []string{"completed_at"}, completed, where, "status = 'completed'")
		if err := store.AllOf(n, len(completed), "orders", err); err != nil {
			return err
		}
		n, err = mysql.Update(ctx, tx, "orders", []string{"failure_reason", "failed_at"}, failed, where, "status = 'failed'")
		if err := store.AllOf(n, len(failed), "orders", err); err != nil {
			return err
		}
	}
	return nil
}

// was is the condition that a row has its old status. COALESCE keeps the optimiser from finding the rows by an index
// on the status: every row that it would look at there is locked, also those of the shop. The status is compared as it was read, see
// [orders.StatusOf], whatever the column's collation.
func was(status string) string {
	return "LOWER(TRIM(TRAILING ' ' FROM COALESCE(status))) = '" + status + "'"
}

// move is a change of a payment's status.
type move struct{ from, to orders.PaymentStatus }

// settlePayments changes payments, each with its old status in the WHERE.
func settlePayments(ctx context.Context, tx *sqlx.Tx, todo []decided, now time.Time) error {
	moves := map[move][][]any{}
	for _, d := range todo {
		for _, c := range d.Decision.Payments {
			p := d.payment(c.ID)
			m := move{p.Status, c.To}
			moves[m] = append(moves[m], paymentRow(p, c, now))
		}
	}
	for _, from := range orders.PaymentStatuses() {
		for _, to := range orders.PaymentStatuses() {
			m := move{from, to}
			rows := moves[m]
			columns, constant := paymentColumns(to)
			n, err := mysql.Update(ctx, tx, "payments", columns, rows, was(string(from)),
				append(constant, "status = '"+string(to)+"'")...)
			if err := store.AllOf(n, len(rows), "payments", err); err != nil {
				return err
			}
			delete(moves, m)
		}
	}
	for m := range moves {
		return fmt.Errorf("a payment cannot go from %q to %q", m.from, m.to)
	}
	return nil
}

// paymentColumns are the columns that paymentRow has values for, and those that are the same for all rows.
func paymentColumns(to orders.PaymentStatus) (columns, constant []string) {
	switch to {
	case orders.PaymentFailed, orders.PaymentCancelled:
		return []string{"transaction_key", "failure_code", "failure_reason"}, nil
	case orders.PaymentRefunded:
		return []string{"transaction_key", "refunded_amount", "refunded_at"}, nil
	case orders.PaymentSucceeded: // it may have been given up before
		return []string{"transaction_key"}, []string{"failure_code = NULL", "failure_reason = NULL"}
	case orders.PaymentPending, orders.PaymentRefundDue, orders.PaymentReview:
	}
	return []string{"transaction_key"}, nil
}

func paymentRow(p orders.Payment, c orders.Change, now time.Time) []any {
	key := p.TransactionKey
	if c.TransactionKey != "" {
		key = c.TransactionKey
	}
	row := []any{p.ID, store.Text(mysql.Cut(key, 255))}
	switch c.To {
	case orders.PaymentFailed, orders.PaymentCancelled:
		return append(row, store.Text(mysql.Cut(c.FailureCode, 64)), store.Text(mysql.Cut(c.FailureReason, 255)))
	case orders.PaymentRefunded:
		given := p.Refunded
		if c.Refunded != 0 {
			given = c.Refunded
		}
		return append(row, given, now)
	case orders.PaymentPending, orders.PaymentSucceeded, orders.PaymentRefundDue, orders.PaymentReview:
	}
	return row
}

// Reject implements batch.Writer: the order is frozen with the cause for an operator, and stays as it is otherwise.
func (w *StaleOrders) Reject(ctx context.Context, r orders.Result, cause error) (batch.Tally, error) {
	reason := mysql.Cut("what became of it could not be written: "+mysql.Reason(cause), 255)
	tally := batch.Tally{Review: 1}
	err := mysql.Tx(ctx, w.DB, "reconcile", func(tx *sqlx.Tx) error {
		leases, err := checkLeases(ctx, tx, []uint64{r.Claimed.ID})
		if err != nil {
			return err
		}
		if err := runs.Hold(ctx, tx, batch.Execution(ctx).Run); err != nil || leases[r.Claimed.ID] != r.Claimed.Lease {
			return err
		}
		row := []any{r.Claimed.ID, 0, nil, reason, nil}
		if _, err := mysql.Insert(ctx, tx, settleChecks, [][]any{row}, setSettleChecks); err != nil {
			return err
		}
		return store.WriteBillingEvents(ctx, tx, []payment.Event{orders.ReviewNeeded(r.Claimed.Order, reason, r.Claimed.Payments...)})
	})
	return tally, err
}

// Keep implements batch.Writer. Nothing need be kept: no money was moved, and the next run asks again.
func (w *StaleOrders) Keep(context.Context, []orders.Result) error { return nil }
