package readers

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"duly/internal/audit"
	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/mysql"
	"duly/internal/orders"
	"duly/internal/payment"
)

// Audit walks the payments of ours that were created in a window and returns those that their gateway must be
// asked about: it lists none, or did not list them. On its way it finds what our tables alone tell. It claims
// nothing and changes nothing.
//
// It promises: every payment of ours that was created in the window, and was there when the walk began, is
// counted once and returned at most once, and it is passed over only if Ask or a lane says so.
type Audit struct {
	DB     *mysql.DB
	Window payment.Window
	// Met holds the payments that need no look-up: met in a list, or returned before.
	Met *audit.Met
	// Ask says whether a payment that was not met is to be looked up.
	Ask func(o audit.Ours) bool
	// Counts counts payments by their standing as the walk meets them.
	Counts map[audit.Standing]int64
	// Found takes what our own tables tell. It may be given the same finding again.
	Found func(ctx context.Context, found []audit.Finding) error

	table audit.Table
	at    time.Time
	id    uint64
	again bool // the payments were all walked and counted before
	ended bool
}

// The columns of a payment of ours, as ours reads them.
const (
	auditAttempts = `SELECT id, idempotency_key, reference, gateway, gateway_payment_id, status, amount, currency, created_at, invoice_id
FROM payment_attempts`

	// A shop's view may have NULL in any column: what is missing agrees with no gateway, and is found.
	auditPayments = `SELECT p.id, p.idempotency_key, COALESCE(p.gateway, '') AS gateway, p.transaction_key AS gateway_payment_id,
COALESCE(p.status, '') AS status, COALESCE(p.amount, 0) AS amount, COALESCE(p.currency, '') AS currency, p.failure_code,
COALESCE(p.refunded_amount, 0) AS refunded_amount, COALESCE(p.created_at, ` + unknownTime + `) AS created_at, COALESCE(p.order_id, 0) AS order_id, o.status AS order_status, o.amount AS order_amount,
c.checked_at IS NOT NULL AS checked, c.next_check_at IS NOT NULL OR c.lease IS NOT NULL AS scheduled, c.reason IS NOT NULL AS frozen
FROM payments p LEFT JOIN orders o ON o.id = p.order_id LEFT JOIN order_checks c ON c.order_id = p.order_id`

	walkAttempts = auditAttempts + ` WHERE created_at >= ? AND created_at < ? AND (created_at > ? OR (created_at = ? AND id > ?))
ORDER BY created_at, id LIMIT ?`
	walkPayments = auditPayments + ` WHERE p.created_at >= ? AND p.created_at < ? AND (p.created_at > ? OR (p.created_at = ? AND p.id > ?))
ORDER BY p.created_at, p.id LIMIT ?`

	attemptsByKey    = auditAttempts + ` WHERE idempotency_key IN (?)`
	attemptsByID     = auditAttempts + ` WHERE id IN (?)`
	attemptsPaid     = auditAttempts + ` WHERE invoice_id IN (?) AND status = 'succeeded' ORDER BY id`
	paymentsByKey    = auditPayments + ` WHERE p.idempotency_key IN (?)`
	paymentsByTheirs = auditPayments + ` WHERE p.transaction_key IN (?)`
	paymentsByID     = auditPayments + ` WHERE p.id IN (?)`
	paymentsPaid     = auditPayments + ` WHERE p.order_id IN (?) AND p.status = 'succeeded' ORDER BY p.id`
	invoiceOf        = `SELECT id FROM invoices WHERE subscription_id = ? AND due_date = ?`
)

// Read implements batch.Reader.
func (a *Audit) Read(ctx context.Context, want batch.Want) (batch.Page[audit.Ours], error) {
	if a.ended { // lanes that were held are open again
		a.ended, a.again = false, true
		a.begin(audit.Attempts)
	}
	for {
		rows, err := a.next(ctx, want.Limit)
		if err != nil {
			return batch.Page[audit.Ours]{}, mysql.Classify(ctx, err)
		}
		if len(rows) == 0 {
			if a.table == audit.Attempts {
				a.begin(audit.Payments)
				continue
			}
			a.ended = true
			return batch.Page[audit.Ours]{Done: true}, nil
		}
		if err := a.tell(ctx, rows); err != nil {
			return batch.Page[audit.Ours]{}, err
		}
		last := rows[len(rows)-1]
		a.at, a.id = last.CreatedAt, last.Row.ID
		if items := a.pick(rows, want); len(items) > 0 {
			return batch.Page[audit.Ours]{Items: items}, nil
		}
		if ctx.Err() != nil {
			return batch.Page[audit.Ours]{}, ctx.Err()
		}
	}
}

// Ended reports whether the walk has come to its end.
func (a *Audit) Ended() bool { return a.ended }

func (a *Audit) begin(table audit.Table) { a.table, a.at, a.id = table, a.Window.From, 0 }

// next reads the next payments of the walk.
func (a *Audit) next(ctx context.Context, limit int) ([]audit.Ours, error) {
	if a.at.IsZero() {
		a.begin(audit.Attempts)
	}
	query := walkAttempts
	if a.table == audit.Payments {
		query = walkPayments
	}
	var rows []auditRow
	if err := a.DB.SelectContext(ctx, &rows, query, a.Window.From.UTC(), a.Window.To.UTC(), a.at.UTC(), a.at.UTC(), a.id, limit); err != nil {
		return nil, err
	}
	return oursOf(a.table, rows), nil
}

// tell counts payments, and finds what is wrong with them whatever their gateways say.
func (a *Audit) tell(ctx context.Context, rows []audit.Ours) error {
	if a.again {
		return nil
	}
	found, err := a.doubled(ctx, rows)
	if err != nil {
		return mysql.Classify(ctx, err)
	}
	booked, err := a.bookedTwice(ctx, rows)
	if err != nil {
		return mysql.Classify(ctx, err)
	}
	found = append(found, booked...)
	for _, o := range rows {
		if f, ok := audit.Unsettle(o); ok {
			found = append(found, f)
		}
	}
	if len(found) > 0 {
		if err := a.Found(ctx, found); err != nil {
			return err
		}
	}
	for _, o := range rows { // last, since a page that could not be told of is read again
		a.Counts[o.Standing]++
	}
	return nil
}

// doubled finds references of these payments that took money more than once.
func (a *Audit) doubled(ctx context.Context, rows []audit.Ours) ([]audit.Finding, error) {
	var groups []uint64
	for _, o := range rows {
		if o.Standing == audit.Paid {
			groups = append(groups, o.Group)
		}
	}
	if len(groups) == 0 {
		return nil, nil
	}
	query := attemptsPaid
	if a.table == audit.Payments {
		query = paymentsPaid
	}
	var paid []auditRow
	if err := mysql.SelectIn(ctx, a.DB, &paid, query, sortedIDs(groups, func(id uint64) uint64 { return id })); err != nil {
		return nil, err
	}
	byGroup := map[uint64][]audit.Ours{}
	for _, o := range oursOf(a.table, paid) {
		byGroup[o.Group] = append(byGroup[o.Group], o)
	}
	var found []audit.Finding
	for _, all := range byGroup {
		if f, ok := audit.Doubled(all); ok {
			found = append(found, f)
		}
	}
	return found, nil
}

// pick chooses the payments to look up.
func (a *Audit) pick(rows []audit.Ours, want batch.Want) []audit.Ours {
	var items []audit.Ours
	for _, o := range rows {
		if a.Met.Has(o.Row) || !a.Ask(o) || want.Skip(o.Gateway) {
			continue
		}
		a.Met.Add(o.Row)
		items = append(items, o)
	}
	return items
}

type auditRow struct {
	ID          uint64
	Key         sql.NullString `db:"idempotency_key"`
	Reference   string
	Gateway     string
	GatewayID   sql.NullString `db:"gateway_payment_id"`
	Status      string
	Amount      int64
	Currency    string
	FailureCode sql.NullString `db:"failure_code"`
	Refunded    int64          `db:"refunded_amount"`
	Created     time.Time      `db:"created_at"`
	Invoice     uint64         `db:"invoice_id"`
	OrderID     uint64         `db:"order_id"`
	OrderStatus sql.NullString `db:"order_status"`
	OrderAmount sql.NullInt64  `db:"order_amount"`
	Checked     sql.NullBool
	Scheduled   sql.NullBool
	Frozen      sql.NullBool
}

func oursOf(table audit.Table, rows []auditRow) []audit.Ours {
	list := make([]audit.Ours, len(rows))
	for i, r := range rows {
		o := audit.Ours{
			Row: audit.Row{Table: table, ID: r.ID}, Group: r.Invoice, Gateway: r.Gateway, Key: r.Key.String, GatewayID: r.GatewayID.String,
			Reference: r.Reference, Status: r.Status, Money: payment.Money{Amount: r.Amount, Currency: r.Currency},
			Refunded: r.Refunded, CreatedAt: r.Created,
		}
		if table == audit.Attempts {
			o.Standing = audit.OfAttempt(billing.AttemptStatus(r.Status))
		} else {
			o.Group, o.Reference = r.OrderID, orders.Reference(r.OrderID)
			o.Order = audit.Order{
				Status: orders.StatusOf(r.OrderStatus.String), Amount: r.OrderAmount.Int64,
				Checked: r.Checked.Bool, Scheduled: r.Scheduled.Bool, Frozen: r.Frozen.Bool,
			}
			o.Standing = audit.OfPayment(orders.PaymentStatusOf(r.Status), r.FailureCode.String, o.Order)
		}
		list[i] = o
	}
	return list
}

// AuditMatches reads the payments of ours that a page of a gateway's can belong to: by key, those of orders by
// the gateway's id where no row has the key, and what is booked for a row though it was made under another key, as by hand.
func AuditMatches(ctx context.Context, db *mysql.DB, page []payment.Payment) ([]audit.Ours, error) {
	keys, plain := make([]string, 0, len(page)), make([]string, 0, len(page))
	for _, p := range page {
		if p.Key == "" {
			continue
		}
		keys = append(keys, p.Key)
		if isASCII(p.Key) { // any other key would take the index of the ASCII column away from all of them
			plain = append(plain, p.Key)
		}
	}
	rows, err := auditSelect(ctx, db, audit.Attempts, attemptsByKey, plain)
	if err != nil {
		return nil, err
	}
	byKey, err := auditSelect(ctx, db, audit.Payments, paymentsByKey, keys)
	if err != nil {
		return nil, err
	}
	rows = append(rows, byKey...)
	known := make(map[string]bool, len(rows))
	for _, o := range rows {
		known[o.Key] = true
	}
	var ids []string
	for _, p := range page {
		if p.ID != "" && !known[p.Key] {
			ids = append(ids, p.ID)
		}
	}
	byID, err := auditSelect(ctx, db, audit.Payments, paymentsByTheirs, ids)
	if err != nil {
		return nil, err
	}
	rows = append(rows, byID...)
	booked, err := bookedMatches(ctx, db, page, rows)
	return append(rows, booked...), err
}

// bookedMatches reads the rows, beside those that were found, that a page's payments are booked for.
func bookedMatches(ctx context.Context, db *mysql.DB, page []payment.Payment, rows []audit.Ours) ([]audit.Ours, error) {
	named, nameless := make(map[string]bool, len(rows)), map[string]bool{}
	for _, o := range rows {
		if named[o.GatewayID] = true; o.GatewayID == "" {
			nameless[o.Key] = true
		}
	}
	var ids []string
	for _, p := range page {
		if p.ID != "" && !named[p.ID] && !nameless[p.Key] {
			ids = append(ids, p.ID)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	holders, err := (&Audit{DB: db}).booked(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("read what a gateway lists: %w", mysql.Classify(ctx, err))
	}
	var booked []audit.Ours
	for _, h := range holders {
		if o, there, err := AuditRow(ctx, db, h.Row); err != nil {
			return nil, err
		} else if there && o.Gateway == h.Gateway {
			booked = append(booked, o)
		}
	}
	return booked, nil
}

// AuditRow reads a payment of ours again; false: its row is gone.
func AuditRow(ctx context.Context, db *mysql.DB, row audit.Row) (audit.Ours, bool, error) {
	query := attemptsByID
	if row.Table == audit.Payments {
		query = paymentsByID
	}
	rows, err := auditSelect(ctx, db, row.Table, query, []uint64{row.ID})
	if err != nil || len(rows) == 0 {
		return audit.Ours{}, false, err
	}
	return rows[0], true, nil
}

// AuditPaid reads the payments of ours that took and kept money under a reference, oldest first.
func AuditPaid(ctx context.Context, db *mysql.DB, reference string) ([]audit.Ours, error) {
	subject, ok := audit.SubjectOf(reference)
	if !ok {
		return nil, nil
	}
	group, table, query := subject.Order, audit.Payments, paymentsPaid
	if group == 0 {
		table, query = audit.Attempts, attemptsPaid
		err := db.GetContext(ctx, &group, invoiceOf, subject.Subscription, subject.Due)
		if errors.Is(err, sql.ErrNoRows) {
			return nil, nil
		} else if err != nil {
			return nil, fmt.Errorf("look for an invoice: %w", mysql.Classify(ctx, err))
		}
	}
	rows, err := auditSelect(ctx, db, table, query, []uint64{group})
	return slices.DeleteFunc(rows, func(o audit.Ours) bool { return !o.Kept() }), err
}

// auditSelect reads the rows that a query finds for values, none for none.
func auditSelect[T any](ctx context.Context, db *mysql.DB, table audit.Table, query string, values []T) ([]audit.Ours, error) {
	if len(values) == 0 {
		return nil, nil
	}
	var rows []auditRow
	if err := mysql.SelectIn(ctx, db, &rows, query, values); err != nil {
		return nil, fmt.Errorf("read what a gateway lists: %w", mysql.Classify(ctx, err))
	}
	return oursOf(table, rows), nil
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
