package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"duly/internal/audit"
	"duly/internal/billing"
	"duly/internal/mysql"
	"duly/internal/orders"
	"duly/internal/payment"
)

// AuditRow is a payment of ours, of an attempt or of an order, as an audit reads it.
type AuditRow struct {
	ID          uint64
	Key         sql.NullString `db:"idempotency_key"`
	Reference   string
	Customer    sql.NullString `db:"customer_id"`
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

// OursOf turns rows of a table into payments of ours.
func OursOf(table audit.Table, rows []AuditRow) []audit.Ours {
	list := make([]audit.Ours, len(rows))
	for i, r := range rows {
		o := audit.Ours{
			Row: audit.Row{Table: table, ID: r.ID}, Group: r.Invoice, Gateway: r.Gateway, Key: r.Key.String, GatewayID: r.GatewayID.String,
			Reference: r.Reference, CustomerID: r.Customer.String, Status: r.Status, Money: payment.Money{Amount: r.Amount, Currency: r.Currency},
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

// auditSelect reads the rows that a query finds for values, none for none.
func auditSelect[T any](ctx context.Context, db *mysql.DB, table audit.Table, query string, values []T) ([]audit.Ours, error) {
	if len(values) == 0 {
		return nil, nil
	}
	var rows []AuditRow
	if err := mysql.SelectIn(ctx, db, &rows, query, values); err != nil {
		return nil, fmt.Errorf("read what a gateway lists: %w", mysql.Classify(ctx, err))
	}
	return OursOf(table, rows), nil
}

// AuditAttempts reads attempts as [AuditRow].
const AuditAttempts = `SELECT id, idempotency_key, reference, customer_id, gateway, gateway_payment_id, status, amount, currency, refunded_amount, created_at, invoice_id
FROM payment_attempts`

// AuditPayments reads payments of orders as [AuditRow]. A shop's view may have NULL in any column: what is missing agrees with no gateway, and is found.
const AuditPayments = `SELECT p.id, p.idempotency_key, COALESCE(p.gateway, '') AS gateway, p.transaction_key AS gateway_payment_id,
COALESCE(p.status, '') AS status, COALESCE(p.amount, 0) AS amount, COALESCE(p.currency, '') AS currency, p.failure_code,
COALESCE(p.refunded_amount, 0) AS refunded_amount, COALESCE(p.created_at, ` + UnknownTime + `) AS created_at, COALESCE(p.order_id, 0) AS order_id, o.customer_id, o.status AS order_status, o.amount AS order_amount,
c.checked_at IS NOT NULL AS checked, c.next_check_at IS NOT NULL OR c.lease IS NOT NULL AS scheduled, c.reason IS NOT NULL AS frozen
FROM payments p LEFT JOIN orders o ON o.id = p.order_id LEFT JOIN order_checks c ON c.order_id = p.order_id`

const attemptsByKey = AuditAttempts + ` WHERE idempotency_key IN (?)`

const attemptsByID = AuditAttempts + ` WHERE id IN (?)`

// AttemptsPaid reads the attempts that took money for invoices.
const AttemptsPaid = AuditAttempts + ` WHERE invoice_id IN (?) AND status = 'succeeded' ORDER BY id`

const paymentsByKey = AuditPayments + ` WHERE p.idempotency_key IN (?)`

const paymentsByTheirs = AuditPayments + ` WHERE p.transaction_key IN (?)`

const paymentsByID = AuditPayments + ` WHERE p.id IN (?)`

// PaymentsPaid reads the payments that took money for orders.
const PaymentsPaid = AuditPayments + ` WHERE p.order_id IN (?) AND p.status = 'succeeded' ORDER BY p.id`

const invoiceOf = `SELECT id FROM invoices WHERE subscription_id = ? AND due_date = ?`

const auditAccounts = `SELECT id, gateway FROM gateway_accounts`

const auditBooked = `SELECT account_id, gateway_payment_id, kind, row_id FROM bookings WHERE account_id IN (?) AND gateway_payment_id IN (?)`

// A row that ended without the money, or is gone, has nothing.
const paymentsHolding = `SELECT id FROM payments WHERE id IN (?) AND status NOT IN ('failed', 'cancelled')`

const attemptsHolding = `SELECT id FROM payment_attempts WHERE id IN (?) AND status = 'succeeded'`

// BookedRows are the rows that payments are booked for, under any account of their gateways.
func BookedRows(ctx context.Context, db *mysql.DB, ids []string) ([]audit.Holder, error) {
	var accounts []struct {
		ID      uint32
		Gateway string
	}
	if err := db.SelectContext(ctx, &accounts, auditAccounts); err != nil || len(accounts) == 0 {
		return nil, err
	}
	gateways := make(map[uint32]string, len(accounts))
	numbers := make([]uint32, len(accounts))
	for i, account := range accounts {
		gateways[account.ID], numbers[i] = account.Gateway, account.ID
	}
	var rows []struct {
		Account uint32 `db:"account_id"`
		Payment string `db:"gateway_payment_id"`
		Kind    string
		Row     uint64 `db:"row_id"`
	}
	if err := mysql.SelectIn(ctx, db, &rows, auditBooked, numbers, ids); err != nil {
		return nil, err
	}
	byTable := make(map[audit.Table][]uint64, 2)
	holders := make([]audit.Holder, 0, len(rows))
	for _, r := range rows {
		row := audit.Row{Table: audit.Attempts, ID: r.Row}
		if r.Kind == "payment" {
			row.Table = audit.Payments
		}
		byTable[row.Table] = append(byTable[row.Table], r.Row)
		holders = append(holders, audit.Holder{Row: row, Gateway: gateways[r.Account], ID: r.Payment})
	}
	holding := map[audit.Row]bool{}
	for table, query := range map[audit.Table]string{audit.Attempts: attemptsHolding, audit.Payments: paymentsHolding} {
		var found []uint64
		if len(byTable[table]) == 0 {
			continue
		}
		if err := mysql.SelectIn(ctx, db, &found, query, byTable[table]); err != nil {
			return nil, err
		}
		for _, id := range found {
			holding[audit.Row{Table: table, ID: id}] = true
		}
	}
	return slices.DeleteFunc(holders, func(h audit.Holder) bool { return !holding[h.Row] }), nil
}
