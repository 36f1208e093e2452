package operator

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/audit"
	"duly/internal/billing"
	"duly/internal/billing/adoption"
	"duly/internal/crash"
	"duly/internal/endings"
	"duly/internal/mysql"
	"duly/internal/store"
	shown "duly/internal/text"
)

// ErrAdopted says that an unknown charge was adopted before.
var ErrAdopted = errors.New("adopted already")

// Adopt ends an unknown charge: a row of unknown_charges, and what its gateway says of it now.
type Adopt struct {
	ID     uint64 // of the row
	Found  adoption.Unadopted
	Now    time.Time
	Action Action
	// Read gives what the tables hold of its period, within the transaction and locked.
	Read func(ctx context.Context, tx *sqlx.Tx) (adoption.Period, error)
	// Bookings book the payment of a success.
	Bookings *store.Bookings
	// Decide says what becomes of it.
	Decide func(adoption.Unadopted) (adoption.Adoption, error)
}

// Adopted is what was written.
type Adopted struct {
	adoption.Adoption

	Attempt uint64 // that it is recorded as; 0: none
	Invoice uint64 // of its period; 0: none
	Finding uint64 // that stays open; 0: none
}

const (
	lockUnknown  = `SELECT adopted_at IS NOT NULL AS adopted FROM unknown_charges WHERE id = ? FOR UPDATE`
	adoptUnknown = `UPDATE unknown_charges SET adopted_at = ?, adopted_as = ? WHERE id = ?`

	insertInvoice = `INSERT INTO invoices (subscription_id, due_date, amount, currency, status, next_attempt_date, issued_date) VALUES (?, ?, ?, ?, 'open', ?, ?)`

	insertAdopted = `INSERT INTO payment_attempts (invoice_id, subscription_id, attempt_no, stage, idempotency_key, reference, customer_id,
amount, currency, gateway, payment_method, method_type, description, body_version, status, run_id, created_at, account_id, key_life_ms,
longest_request_ms, gateway_customer) VALUES `

	takeAdopted = `UPDATE payment_attempts SET status = 'in_flight', customer_id = ?, amount = ?, currency = ?, gateway = ?, payment_method = ?,
gateway_customer = ?, method_type = ?, description = ?, body_version = ?, account_id = ?, lease = NULL, next_check_at = NULL WHERE id = ?`

	countAttempts = `UPDATE invoices SET attempts = GREATEST(attempts, ?), status = IF(?, 'charging', status) WHERE id = ?`
)

// Write adopts the charge in one transaction: attempt, invoice, subscription, booking, finding, events, the row itself
// and the action. Written again it changes nothing: the error wraps ErrAdopted then. It is a RefusedError where the
// charge cannot be adopted yet.
func (w Adopt) Write(ctx context.Context, db *mysql.DB) (Adopted, error) {
	out, err := w.once(ctx, db)
	if taken, ok := errors.AsType[takenError](err); ok {
		w.Found.Booked = taken.by
		out, err = w.once(ctx, db)
	}
	return out, err
}

// takenError says that the payment is booked for another row.
type takenError struct{ by string }

// Error implements error.
func (t takenError) Error() string { return "booked for " + t.by }

func (w Adopt) once(ctx context.Context, db *mysql.DB) (Adopted, error) {
	var out Adopted
	err := mysql.Tx(ctx, db, "adopt", func(tx *sqlx.Tx) error {
		out = Adopted{}
		var row struct{ Adopted bool }
		switch err := tx.GetContext(ctx, &row, lockUnknown, w.ID); {
		case errors.Is(err, sql.ErrNoRows):
			return fmt.Errorf("the unknown charge %s is gone%w", w.Found.Record.Key, hidden{ErrNotThere})
		case err != nil:
			return err
		case row.Adopted:
			return ErrAdopted
		}
		u := w.Found
		var err error
		if u.Period, err = w.Read(ctx, tx); err != nil {
			return err
		}
		a, err := w.Decide(u)
		if err != nil {
			return store.Refuse(err)
		}
		return w.save(ctx, tx, u, a, &out)
	})
	return out, err
}

func (w Adopt) save(ctx context.Context, tx *sqlx.Tx, u adoption.Unadopted, a adoption.Adoption, out *Adopted) error {
	out.Adoption = a
	if u.Period.Invoice != nil {
		out.Invoice = u.Period.Invoice.ID
	}
	now := mysql.Stored(w.Now)
	crash.At(crash.AdoptStatement)
	if a.Attempt != nil {
		if err := w.attempt(ctx, tx, a, now, out); err != nil {
			return err
		}
	}
	var err error
	if out.Finding, err = adoptFinding(ctx, tx, u, a, now, w.Action.Reason); err != nil {
		return err
	}
	crash.At(crash.AdoptStatement)
	if _, err := tx.ExecContext(ctx, adoptUnknown, now, string(a.As), w.ID); err != nil {
		return err
	}
	crash.At(crash.AdoptStatement)
	action := w.Action
	action.Detail = map[string]any{
		"as": a.As, "gateway": u.Gateway, "gateway_payment_id": u.Record.ID, "attempt_id": out.Attempt, "invoice_id": out.Invoice,
	}
	return action.Write(ctx, tx)
}

// attempt writes the attempt as if it were in flight and its invoice being charged, and then settles it as a worker does.
func (w Adopt) attempt(ctx context.Context, tx *sqlx.Tx, a adoption.Adoption, now time.Time, out *Adopted) error {
	at := *a.Attempt
	if n := a.NewInvoice; n != nil {
		result, err := tx.ExecContext(ctx, insertInvoice, at.Invoice.SubscriptionID, at.Invoice.Due, n.Money.Amount, n.Money.Currency, at.Invoice.Due, n.Issued)
		if err != nil {
			return err
		}
		id, err := result.LastInsertId()
		if err != nil {
			return err
		}
		at.Invoice.ID = uint64(id) //nolint:gosec // an AUTO_INCREMENT
		crash.At(crash.AdoptStatement)
	}
	out.Invoice = at.Invoice.ID
	if err := takeForAdoption(ctx, tx, &at); err != nil {
		return err
	}
	out.Attempt = at.ID
	crash.At(crash.AdoptStatement)
	if _, err := tx.ExecContext(ctx, countAttempts, at.No, a.Moves, at.Invoice.ID); err != nil {
		return err
	}
	crash.At(crash.AdoptStatement)
	s := store.Settled{Result: &billing.Result{Claimed: billing.Claimed{Attempt: at}}, Settlement: a.Settlement}
	s.Settlement.Events = a.Events()
	if !a.Moves {
		s.Settlement.Invoice, s.SubscriptionTo = billing.Charging, ""
	}
	todo := []store.Settled{s}
	if err := store.SettleAttempts(ctx, tx, todo, now); err != nil {
		return err
	}
	crash.At(crash.AdoptStatement)
	if err := store.SettleInvoices(ctx, tx, todo, now); err != nil {
		return err
	}
	crash.At(crash.AdoptStatement)
	if err := endings.Mark(ctx, tx, endings.Of(todo), func() error { return endings.Settle(ctx, tx, todo, now) }); err != nil {
		return err
	}
	if err := w.book(ctx, tx, at, a.Settlement); err != nil {
		return err
	}
	crash.At(crash.AdoptStatement)
	return store.WriteBillingEvents(ctx, tx, s.Settlement.Events)
}

// takeForAdoption makes the row of at, in flight under no lease. A new one gets its id.
func takeForAdoption(ctx context.Context, tx *sqlx.Tx, at *billing.Attempt) error {
	c := at.Charge
	if at.ID != 0 {
		_, err := tx.ExecContext(ctx, takeAdopted, c.CustomerID, c.Money.Amount, c.Money.Currency, at.Gateway, c.Method, store.Text(c.GatewayCustomer),
			c.MethodType, c.Description, c.BodyVersion, at.Terms.Account, at.ID)
		return err
	}
	row := append([]any{
		at.Invoice.ID, at.Invoice.SubscriptionID, at.No, at.Stage, c.Key, c.Reference, c.CustomerID, c.Money.Amount, c.Money.Currency,
		at.Gateway, c.Method, c.MethodType, c.Description, c.BodyVersion, string(billing.AttemptInFlight), 0, at.CreatedAt.UTC().Round(0),
	}, at.Terms.Account, at.Terms.KeyLife.Milliseconds(), at.Terms.Longest.Milliseconds(), store.Text(c.GatewayCustomer))
	id, err := mysql.Insert(ctx, tx, insertAdopted, [][]any{row}, "")
	at.ID = uint64(id) //nolint:gosec // an AUTO_INCREMENT
	return err
}

// book books the payment of an adopted success for its attempt.
func (w Adopt) book(ctx context.Context, tx *sqlx.Tx, at billing.Attempt, s billing.Settlement) error {
	if s.Attempt != billing.AttemptSucceeded {
		return nil
	}
	taken, err := w.Bookings.Reserve(ctx, tx, []store.Booking{{
		Gateway: at.Gateway, Account: at.Terms.Account, PaymentID: s.PaymentID, Owner: store.Owner{Kind: store.OwnerAttempt, ID: at.ID},
	}})
	if err != nil {
		return err
	}
	owner, is := taken[0]
	if !is {
		return nil
	}
	by, err := store.Describe(ctx, tx, owner)
	if err != nil {
		return err
	}
	return takenError{by}
}

const (
	openFindings = `SELECT id FROM audit_findings WHERE kind IN ('unknown_here', 'charged_twice') AND reference = ? AND gateway_payment_id = ?
AND resolved_at IS NULL ORDER BY id FOR UPDATE`

	closeFinding = `UPDATE audit_findings SET resolved_at = ?, resolution = ? WHERE id = ?`

	// The newest word counts, and money that is kept for nothing is nothing that was resolved.
	orphanAgain = ` ON DUPLICATE KEY UPDATE detail = VALUES(detail), last_seen_at = VALUES(last_seen_at), resolved_at = NULL, resolution = NULL`
)

// adoptFinding closes the findings that told of the charge. What the gateway keeps for no invoice has an open one
// afterwards, whose id is returned.
func adoptFinding(ctx context.Context, tx *sqlx.Tx, u adoption.Unadopted, a adoption.Adoption, now time.Time, reason string) (uint64, error) {
	var open uint64
	if a.As == adoption.Orphan {
		f := orphanFinding(u, a)
		detail, err := json.Marshal(f.Detail)
		if err != nil {
			return 0, fmt.Errorf("finding %s: %w", f.Reference, err)
		}
		row := []any{string(f.Kind), f.Reference, f.GatewayPaymentID, string(detail), nil, now, now}
		if _, err := mysql.Insert(ctx, tx, store.InsertFindings, [][]any{row}, orphanAgain); err != nil {
			return 0, err
		}
		if err := tx.GetContext(ctx, &open, `SELECT id FROM audit_findings WHERE `+store.OneOfThem, string(f.Kind), f.Reference, f.GatewayPaymentID); err != nil {
			return 0, err
		}
	}
	var ids []uint64
	if err := tx.SelectContext(ctx, &ids, openFindings, u.Record.Reference, u.Record.ID); err != nil {
		return 0, err
	}
	for _, id := range ids {
		if id == open {
			continue
		}
		if _, err := tx.ExecContext(ctx, closeFinding, now, mysql.Cut(fmt.Sprintf("adopted as %s: %s", a.As, reason), 255), id); err != nil {
			return 0, err
		}
	}
	return open, nil
}

// orphanFinding tells of money that no invoice asks for.
func orphanFinding(u adoption.Unadopted, a adoption.Adoption) audit.Finding {
	r := u.Record
	f := audit.Finding{Kind: audit.UnknownHere, Reference: mysql.Cut(r.Reference, 255), GatewayPaymentID: mysql.Cut(r.ID, 255)}
	if a.ChargedTwice {
		f.Kind = audit.ChargedTwice
	}
	f.Detail = audit.Detail{
		Text: a.Detail, Gateway: u.Gateway, Key: r.Key, There: string(r.Status), AmountThere: r.Money.Amount, CurrencyThere: r.Money.Currency,
		RefundedThere: r.Refunded, CreatedAt: audit.Instant(r.CreatedAt),
	}
	return f
}

const unadopted = `SELECT gateway, idempotency_key FROM unknown_charges WHERE adopted_at IS NULL AND gateway_payment_id = ? ORDER BY id LIMIT 1`

// UnlessUnadopted refuses to resolve a finding that tells of a charge which waits to be adopted. The payment tells which:
// its reference at the gateway need not be that of its key.
func UnlessUnadopted(ctx context.Context, q sqlx.QueryerContext, finding uint64, paymentID string) error {
	var row struct {
		Gateway string
		Key     string `db:"idempotency_key"`
	}
	switch err := sqlx.GetContext(ctx, q, &row, unadopted, paymentID); {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return err
	}
	return store.Refuse(fmt.Errorf("finding %d is of a charge that has to be adopted: duly adopt %s --key %s --reason \"…\"", finding, shown.Word(row.Gateway, "NAME"), shown.Word(row.Key, "KEY")))
}

// resolveTold closes the findings that told of an attempt's payment, once the attempt is settled as paid or refunded.
func resolveTold(ctx context.Context, tx *sqlx.Tx, a billing.Reviewed, r billing.Resolution, now time.Time) error {
	if r.PaymentID == "" || r.Attempt != billing.AttemptSucceeded && r.DeclineCode != "refunded" {
		return nil
	}
	var ids []uint64
	if err := tx.SelectContext(ctx, &ids, openFindings, a.Charge.Reference, r.PaymentID); err != nil {
		return err
	}
	for _, id := range ids {
		if _, err := tx.ExecContext(ctx, closeFinding, now, mysql.Cut(fmt.Sprintf("attempt %d %s", a.ID, r.Message), 255), id); err != nil {
			return err
		}
	}
	return nil
}

// AdoptSubject is what operator_actions names an adopted charge by.
func AdoptSubject(key string) string { return mysql.Cut("charge:"+key, 64) }
