package operator

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/billing"
	"duly/internal/billing/adoption"
	"duly/internal/billing/record"
	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/store"
)

// UnknownCharge is a row of unknown_charges: a charge under a key of ours that a gateway lists, and that no attempt
// accounted for when it was listed.
type UnknownCharge struct {
	ID        uint64
	Account   uint32 `db:"account_id"`
	Gateway   string
	Key       string `db:"idempotency_key"`
	Reference string
	PaymentID string    `db:"gateway_payment_id"`
	Document  []byte    `db:"record"` // see record.Decode
	SeenAt    time.Time `db:"seen_at"`
	AdoptedAs string    `db:"adopted_as"` // empty: not adopted yet
}

// Record is the charge as the gateway listed it.
func (u UnknownCharge) Record() (payment.Payment, error) { return record.Decode(u.Document) }

const (
	unknownColumns = `SELECT id, account_id, gateway, idempotency_key, reference, gateway_payment_id, record, seen_at,
IF(adopted_at IS NULL, '', COALESCE(adopted_as, 'known')) AS adopted_as FROM unknown_charges `

	openUnknown = unknownColumns + `WHERE gateway = ? AND adopted_at IS NULL ORDER BY id`

	unknownUnderKeys = unknownColumns + `WHERE gateway = ? AND idempotency_key IN (?) ORDER BY id`

	unknownOfReferences = unknownColumns + `WHERE adopted_at IS NULL AND reference IN (?) ORDER BY id`

	selectUnknownOfSubscription = unknownColumns + `WHERE adopted_at IS NULL AND reference >= ? AND reference < ? ORDER BY id LIMIT ?`

	knowCharge = `UPDATE unknown_charges SET adopted_at = ?, adopted_as = 'known' WHERE idempotency_key = ? AND gateway = ? AND adopted_at IS NULL`

	countUnknown = `SELECT gateway, COUNT(*) AS count FROM unknown_charges WHERE adopted_at IS NULL GROUP BY gateway ORDER BY gateway`
)

// UnknownCharges reads the charges of a gateway that wait to be adopted, in the order in which they were found; with
// keys those under one of them, adopted or not.
func UnknownCharges(ctx context.Context, db *mysql.DB, gateway string, keys []string) ([]UnknownCharge, error) {
	var list []UnknownCharge
	var err error
	if len(keys) > 0 {
		err = mysql.SelectIn(ctx, db, &list, unknownUnderKeys, gateway, keys)
	} else {
		err = db.SelectContext(ctx, &list, openUnknown, gateway)
	}
	return list, mysql.Classify(ctx, err)
}

// UnknownOfInvoice reads the open unknown charges of one period.
func UnknownOfInvoice(ctx context.Context, db *mysql.DB, subscription uint64, due payment.Date) ([]UnknownCharge, error) {
	var list []UnknownCharge
	err := mysql.SelectIn(ctx, db, &list, unknownOfReferences, []string{billing.Reference(subscription, due)})
	return list, mysql.Classify(ctx, err)
}

// UnknownOfSubscription reads the open unknown charges of a subscription, limit of them at most.
func UnknownOfSubscription(ctx context.Context, db *mysql.DB, subscription uint64, limit int) ([]UnknownCharge, error) {
	var list []UnknownCharge
	stem := fmt.Sprintf("sub_%d", subscription)
	err := db.SelectContext(ctx, &list, selectUnknownOfSubscription, stem+"_", stem+"`", limit) // the byte behind _
	return list, mysql.Classify(ctx, err)
}

// GatewayCount is how many rows there are of a gateway.
type GatewayCount struct {
	Gateway string `json:"gateway"`
	Count   int64  `json:"count"`
}

// CountUnknownCharges counts the charges that wait to be adopted, by gateway.
func CountUnknownCharges(ctx context.Context, db *mysql.DB) ([]GatewayCount, error) {
	list := []GatewayCount{}
	return list, mysql.Classify(ctx, db.SelectContext(ctx, &list, countUnknown))
}

const selectAccountsOf = `SELECT id, COALESCE(joined_to, id) AS joined, address, account FROM gateway_accounts WHERE gateway = ?`

// AccountsOf says where each account of a gateway is called, by its row, and which of them are the one that is called now.
func AccountsOf(ctx context.Context, db *mysql.DB, now payment.Account) (addresses map[uint32]string, same map[uint32]bool, err error) {
	var rows []struct {
		ID      uint32
		Joined  uint32
		Address string
		Account string
	}
	if err := db.SelectContext(ctx, &rows, selectAccountsOf, now.Gateway); err != nil {
		return nil, nil, mysql.Classify(ctx, err)
	}
	addresses, same = make(map[uint32]string, len(rows)), map[uint32]bool{}
	today := uint32(0)
	for _, r := range rows {
		addresses[r.ID] = r.Address
		if r.Address == now.Address && r.Account == now.ID {
			today = r.Joined
		}
	}
	for _, r := range rows {
		same[r.ID] = today != 0 && r.Joined == today
	}
	return addresses, same, nil
}

const (
	periodInvoice = `SELECT id, subscription_id, due_date, amount, currency, stage, attempts, first_declined_date, COALESCE(retry_days, '') AS retry_days, COALESCE(dunning, '') AS dunning, try_later_since, status
FROM invoices WHERE subscription_id = ? AND due_date = ?`

	periodSubscription = `SELECT ` + store.SubscriptionColumns + ` FROM subscriptions WHERE id = ?`

	// attemptColumns are those of [store.AttemptRow] that an operator's decision may go by.
	attemptColumns = `a.id, a.invoice_id, a.subscription_id, a.attempt_no, a.stage, a.idempotency_key, a.reference, a.customer_id,
a.amount, a.currency, a.gateway, a.payment_method, a.method_type, a.description, a.body_version, a.status, a.doubted, a.lookup_only,
a.gateway_payment_id, a.run_id, a.checks, a.created_at, a.sent_by, COALESCE(a.account_id, 0) AS account_id,
COALESCE(a.key_life_ms, 0) AS key_life_ms, COALESCE(a.longest_request_ms, 0) AS longest_request_ms,
COALESCE(a.gateway_customer, '') AS gateway_customer, COALESCE(a.all_answered, FALSE) AS all_answered`

	periodAttempts = `SELECT ` + attemptColumns + ` FROM payment_attempts a WHERE a.invoice_id = ? ORDER BY a.id`
	attemptOfKey   = `SELECT ` + attemptColumns + ` FROM payment_attempts a WHERE a.idempotency_key = ?`

	runIsLive = `SELECT COUNT(*) FROM job_runs WHERE id = ? AND status = 'running'`

	selectBookedFor = `SELECT CONCAT(kind, ' ', row_id) FROM bookings WHERE account_id = ? AND gateway_payment_id = ?`
)

// PeriodOf reads what the tables hold of a subscription's due date, and the attempt under a key. lock is the clause
// that locks the rows, if any: the invoice, then the subscription, then the attempts, as claims do.
func PeriodOf(ctx context.Context, q sqlx.ExtContext, charge billing.ChargeID, key, lock string) (adoption.Period, error) {
	var p adoption.Period
	invoice, err := periodInvoiceOf(ctx, q, charge, lock)
	if err != nil {
		return p, err
	}
	var sub store.SubscriptionRow
	err = store.ReadSubscriptions(periodSubscription+lock, func(query string) error {
		return sqlx.GetContext(ctx, q, &sub, query, charge.Subscription)
	})
	switch {
	case err == nil:
		p.Subscription = new(sub.Subscription())
	case !errors.Is(err, sql.ErrNoRows):
		return p, err
	}
	if invoice == nil && lock != "" { // an issue that had the subscription may have made it
		if invoice, err = periodInvoiceOf(ctx, q, charge, lock); err != nil {
			return p, err
		}
	}
	p.Invoice = invoice
	p.Attempts, err = attemptsOf(ctx, q, invoice, key, lock)
	return p, err
}

func periodInvoiceOf(ctx context.Context, q sqlx.QueryerContext, charge billing.ChargeID, lock string) (*adoption.PeriodInvoice, error) {
	var row struct {
		store.InvoiceRow

		Status string
	}
	err := sqlx.GetContext(ctx, q, &row, periodInvoice+lock, charge.Subscription, charge.Due)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil //nolint:nilnil // none
	} else if err != nil {
		return nil, err
	}
	return &adoption.PeriodInvoice{Invoice: row.Invoice(), Status: billing.InvoiceStatus(row.Status)}, nil
}

// periodAttemptRow is an attempt in any status.
type periodAttemptRow struct {
	store.AttemptRow

	Doubted bool
}

func attemptsOf(ctx context.Context, q sqlx.QueryerContext, invoice *adoption.PeriodInvoice, key, lock string) ([]adoption.PeriodAttempt, error) {
	var rows []periodAttemptRow
	if invoice != nil {
		if err := sqlx.SelectContext(ctx, q, &rows, periodAttempts+lock, invoice.ID); err != nil {
			return nil, err
		}
	}
	under := false
	for _, r := range rows {
		under = under || r.Key == key
	}
	if !under {
		var row periodAttemptRow
		switch err := sqlx.GetContext(ctx, q, &row, attemptOfKey+lock, key); {
		case err == nil:
			return nil, fmt.Errorf("attempt %d has the key %s and belongs to another invoice, %d", row.ID, key, row.Invoice)
		case !errors.Is(err, sql.ErrNoRows):
			return nil, err
		}
	}
	list := make([]adoption.PeriodAttempt, len(rows))
	for i, r := range rows {
		list[i] = r.attempt(invoice.Invoice)
		if r.Status != string(billing.AttemptInFlight) {
			continue
		}
		var live int
		if err := sqlx.GetContext(ctx, q, &live, runIsLive, r.Run); err != nil {
			return nil, err
		}
		list[i].RunLives = live > 0
	}
	return list, nil
}

func (r periodAttemptRow) attempt(inv billing.Invoice) adoption.PeriodAttempt {
	return adoption.PeriodAttempt{
		Attempt: billing.Attempt{
			ID: r.ID, No: r.No, Stage: r.Stage, Gateway: r.Gateway, Doubted: r.Doubted, LookUp: r.LookUp, AllAnswered: r.AllAnswered, Checks: r.Checks,
			PaymentID: r.PaymentID.String, CreatedAt: r.Created, SentBy: r.SentBy.Time, Terms: r.Terms(), Invoice: inv,
			Charge: payment.Charge{
				Key: r.Key, Reference: r.Reference, CustomerID: r.Customer, Method: r.Method, GatewayCustomer: r.GatewayCustomer,
				MethodType: r.MethodType, Description: r.Description, Money: payment.Money{Amount: r.Amount, Currency: r.Currency}, BodyVersion: r.BodyVersion,
			},
		},
		Status: billing.AttemptStatus(r.Status), Run: r.Run,
	}
}

// BookedFor is the row that a gateway's payment is booked for, such as attempt 7; empty for none.
func BookedFor(ctx context.Context, q sqlx.QueryerContext, account uint32, paymentID string) (string, error) {
	var row string
	err := sqlx.GetContext(ctx, q, &row, selectBookedFor, account, paymentID)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return row, err
}
