package details

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"duly/internal/audit"
	"duly/internal/billing"
	"duly/internal/billing/dunning"
	"duly/internal/billing/explain"
	"duly/internal/billing/guard"
	"duly/internal/billing/network"
	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/store"
)

// What `duly show` reads. The names of the JSON fields are those that operators' programs rely on; a payment
// method is never among them.

// Subscription is a subscription as it stands.
type Subscription struct {
	ID            uint64       `json:"id" db:"id"`
	CustomerID    string       `json:"customer_id" db:"customer_id"`
	Status        string       `json:"status" db:"status"`
	Gateway       string       `json:"gateway" db:"gateway"`
	MethodType    *string      `json:"method_type,omitempty" db:"method_type"`
	Description   *string      `json:"description,omitempty" db:"description"`
	Amount        int64        `json:"amount" db:"amount"` // minor units
	Currency      string       `json:"currency" db:"currency"`
	IntervalUnit  string       `json:"interval_unit" db:"interval_unit"`
	IntervalCount int          `json:"interval_count" db:"interval_count"`
	AnchorDay     *int         `json:"anchor_day,omitempty" db:"anchor_day"`
	Next          payment.Date `json:"next_billing_date" db:"next_billing_date"`
	ReviewReason  *string      `json:"review_reason,omitempty" db:"review_reason"`
	CancelledAt   *time.Time   `json:"cancelled_at,omitempty" db:"cancelled_at"`
	CancelReason  *string      `json:"cancel_reason,omitempty" db:"cancel_reason"`
	DunningPolicy *string      `json:"dunning_policy,omitempty" db:"dunning_policy"`
	CreatedAt     time.Time    `json:"created_at" db:"created_at"`
	UpdatedAt     time.Time    `json:"updated_at" db:"updated_at"`

	method, gatewayCustomer string
}

// Rules is what the rules read of it.
func (s Subscription) Rules() billing.Subscription {
	anchor := 0
	if s.AnchorDay != nil {
		anchor = *s.AnchorDay
	}
	return billing.Subscription{
		ID: s.ID, CustomerID: s.CustomerID, Status: billing.StatusOf(s.Status), Gateway: s.Gateway, Method: s.method, GatewayCustomer: s.gatewayCustomer,
		MethodType: or(s.MethodType), Description: or(s.Description), Money: payment.Money{Amount: s.Amount, Currency: s.Currency},
		Interval: billing.Interval{Unit: s.IntervalUnit, Count: s.IntervalCount}, AnchorDay: anchor, Next: s.Next,
		ReviewReason: or(s.ReviewReason), DunningPolicy: or(s.DunningPolicy),
	}
}

// Invoice is an invoice with all its attempts, oldest first.
type Invoice struct {
	ID             uint64       `json:"id" db:"id"`
	SubscriptionID uint64       `json:"subscription_id" db:"subscription_id"`
	Due            payment.Date `json:"due_date" db:"due_date"`
	Amount         int64        `json:"amount" db:"amount"` // minor units
	Currency       string       `json:"currency" db:"currency"`
	Refunded       int64        `json:"refunded_amount" db:"refunded_amount"` // minor units
	Status         string       `json:"status" db:"status"`
	Stage          int          `json:"stage" db:"stage"`
	StageDate      payment.Date `json:"next_attempt_date,omitempty" db:"next_attempt_date"`
	NextTryAt      *time.Time   `json:"next_try_at,omitempty" db:"next_try_at"`
	FirstDeclined  payment.Date `json:"first_declined_date,omitempty" db:"first_declined_date"`
	Days           string       `json:"-" db:"retry_days"`
	Kept           string       `json:"-" db:"dunning"`
	Issued         payment.Date `json:"issued_date" db:"issued_date"`
	TryLaterSince  *time.Time   `json:"try_later_since,omitempty" db:"try_later_since"`
	AheadOf        payment.Date `json:"stage_date,omitempty" db:"stage_date"`       // that of its stage, which it is charged ahead of
	Advanced       payment.Date `json:"advanced_date,omitempty" db:"advanced_date"` // on which a changed method was last charged
	HoldRule       *string      `json:"hold_rule,omitempty" db:"hold_rule"`         // the card network's rule that moved next_attempt_date
	AmountCheck    *string      `json:"amount_check,omitempty" db:"amount_check"`   // see [guard.Check]
	ReviewReason   *string      `json:"review_reason,omitempty" db:"review_reason"`
	PaidAt         *time.Time   `json:"paid_at,omitempty" db:"paid_at"`
	CreatedAt      time.Time    `json:"created_at" db:"created_at"`
	UpdatedAt      time.Time    `json:"updated_at" db:"updated_at"`

	// Dunning is the policy that it is being dunned by, as it was at its first decline; nil: it was not declined, or the policy is the default, which cancels.
	Dunning  *Dunning    `json:"dunning,omitempty" db:"-"`
	Attempts []Attempt   `json:"attempts" db:"-"`
	Resolved *Resolution `json:"resolved,omitempty" db:"-"` // the last one of it or of an attempt
}

// Dunning is a dunning policy as an invoice keeps it.
type Dunning struct {
	Policy    string `json:"policy"`
	RetryDays []int  `json:"retry_days"`
	AfterLast string `json:"after_last"`
}

// keptPolicy is the policy that inv keeps; nil: the default one, or none.
func (inv Invoice) keptPolicy() *Dunning {
	if inv.FirstDeclined.IsZero() || inv.Kept == "" {
		return nil
	}
	days, f := dunning.ParseDays(inv.Days), dunning.ParseFrozen(inv.Kept)
	if f.Unmarked() == (dunning.Frozen{}) {
		return nil
	}
	return &Dunning{
		Policy: cmp.Or(f.Policy, dunning.DefaultPolicy), RetryDays: append([]int{}, days...), AfterLast: string(cmp.Or(f.AfterLast, dunning.CancelAfterLast)),
	}
}

// Resolution is what an operator said became of an attempt, or of the invoice itself.
type Resolution struct {
	Attempt uint64    `json:"attempt_id,omitempty"` // left out where the invoice was resolved
	As      string    `json:"as"`
	Who     string    `json:"who"`
	Reason  string    `json:"reason"`
	At      time.Time `json:"at"`
}

// Attempt is one try at collecting an invoice.
type Attempt struct {
	ID           uint64  `json:"id" db:"id"`
	Invoice      uint64  `json:"invoice_id" db:"invoice_id"`
	No           int     `json:"attempt" db:"attempt_no"`
	Stage        int     `json:"stage" db:"stage"`
	Key          string  `json:"idempotency_key" db:"idempotency_key"`
	Reference    string  `json:"reference" db:"reference"`
	Amount       int64   `json:"amount" db:"amount"` // minor units
	Currency     string  `json:"currency" db:"currency"`
	Gateway      string  `json:"gateway" db:"gateway"`
	MethodType   string  `json:"method_type,omitempty" db:"method_type"`
	Status       string  `json:"status" db:"status"`
	Doubted      bool    `json:"doubted" db:"doubted"`
	LookUpOnly   bool    `json:"lookup_only" db:"lookup_only"`
	AllAnswered  bool    `json:"all_answered" db:"all_answered"` // see [billing.Attempt]
	DeclineClass *string `json:"decline_class,omitempty" db:"decline_class"`
	DeclineCode  *string `json:"decline_code,omitempty" db:"decline_code"`
	NetworkCode  *string `json:"network_code,omitempty" db:"network_code"`
	AdviceCode   *string `json:"advice_code,omitempty" db:"advice_code"`
	Network      *string `json:"network,omitempty" db:"network"`
	Message      *string `json:"message,omitempty" db:"message"`
	PaymentID    *string `json:"gateway_payment_id,omitempty" db:"gateway_payment_id"`
	Proof        *string `json:"proof,omitempty" db:"proof"`
	Run          uint64  `json:"run_id" db:"run_id"`
	Checks       int     `json:"checks" db:"checks"`
	// Patience is what look-ups of it have brought that decides nothing.
	Patience    *payment.Patience `json:"patience,omitempty" db:"-"`
	NextCheckAt *time.Time        `json:"next_check_at,omitempty" db:"next_check_at"`
	CreatedAt   time.Time         `json:"created_at" db:"created_at"`
	SettledAt   *time.Time        `json:"settled_at,omitempty" db:"settled_at"`
	ReopenedAt  *time.Time        `json:"reopened_at,omitempty" db:"reopened_at"` // when the decline was taken back

	Counted  string `json:"-" db:"patience"`
	Method   string `json:"-" db:"payment_method"`
	Account  uint32 `json:"-" db:"account_id"`
	RunLives bool   `json:"-" db:"run_lives"`
	Replaced []byte `json:"-" db:"replaced_by"`
}

// Event is an event that was written.
type Event struct {
	ID        uint64          `json:"id" db:"id"`
	Type      string          `json:"type" db:"type"`
	Payload   json.RawMessage `json:"payload" db:"payload"`
	CreatedAt time.Time       `json:"created_at" db:"created_at"`
}

const (
	showSubscription = `SELECT id, COALESCE(customer_id, '') AS customer_id, COALESCE(status, '') AS status, COALESCE(gateway, '') AS gateway,
COALESCE(payment_method, '') AS payment_method, method_type, description, COALESCE(amount, 0) AS amount, COALESCE(currency, '') AS currency,
COALESCE(interval_unit, '') AS interval_unit, COALESCE(interval_count, 0) AS interval_count, anchor_day,
CAST(next_billing_date AS CHAR) AS next_billing_date, review_reason, cancelled_at, cancel_reason,
COALESCE(created_at, ` + store.UnknownTime + `) AS created_at, COALESCE(updated_at, ` + store.UnknownTime + `) AS updated_at, gateway_customer, dunning_policy FROM subscriptions WHERE id = ?`

	invoiceColumns = `id, subscription_id, due_date, amount, currency, refunded_amount, status, stage, next_attempt_date, next_try_at,
first_declined_date, COALESCE(retry_days, '') AS retry_days, COALESCE(dunning, '') AS dunning, issued_date, try_later_since, stage_date, advanced_date, hold_rule, amount_check, review_reason, paid_at, created_at, updated_at`

	showInvoice = `SELECT ` + invoiceColumns + ` FROM invoices WHERE id = ?`

	showInvoices = `SELECT ` + invoiceColumns + ` FROM invoices WHERE subscription_id = ? ORDER BY issued_date DESC, id DESC LIMIT ?`

	countInvoices = `SELECT COUNT(*) FROM invoices WHERE subscription_id = ?`

	showAttempts = `SELECT a.id, a.invoice_id, a.attempt_no, a.stage, a.idempotency_key, a.reference, a.amount, a.currency, a.gateway,
a.payment_method, a.method_type, a.status, a.doubted, a.lookup_only, COALESCE(a.all_answered, FALSE) AS all_answered, a.decline_class, a.decline_code, a.network_code, a.advice_code, a.network,
a.message, a.gateway_payment_id, a.proof, COALESCE(a.account_id, 0) AS account_id, a.run_id, a.checks, COALESCE(a.patience, '') AS patience, a.next_check_at, a.created_at, a.settled_at, a.reopened_at, a.replaced_by,
COALESCE(r.status = 'running' AND r.heartbeat_at >= UTC_TIMESTAMP(6) - INTERVAL r.lease_ms * 1000 MICROSECOND, FALSE) AS run_lives
FROM payment_attempts a LEFT JOIN job_runs r ON r.id = a.run_id WHERE a.invoice_id IN (?) ORDER BY a.invoice_id, a.attempt_no`

	showEvents = `SELECT id, COALESCE(type, '') AS type, COALESCE(payload, 'null') AS payload, created_at FROM events WHERE subject = ? ORDER BY id DESC LIMIT ?`

	selectInvoicedFrom = `SELECT due_date FROM invoices WHERE subscription_id = ? AND due_date >= ?`
)

// FindSubscription reads a subscription; nil if there is none of that id.
func FindSubscription(ctx context.Context, db *mysql.DB, id uint64) (*Subscription, error) {
	var row struct {
		Subscription

		Method          string         `db:"payment_method"`
		GatewayCustomer sql.NullString `db:"gateway_customer"`
	}
	err := store.ReadSubscriptions(showSubscription, func(query string) error { return db.GetContext(ctx, &row, query, id) })
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil //nolint:nilnil // none
	} else if err != nil {
		return nil, mysql.Classify(ctx, err)
	}
	row.method, row.gatewayCustomer = row.Method, row.GatewayCustomer.String
	return &row.Subscription, nil
}

// FindInvoice reads an invoice with its attempts; nil if there is none of that id.
func FindInvoice(ctx context.Context, db *mysql.DB, id uint64) (*Invoice, error) {
	list, err := invoicesWithAttempts(ctx, db, showInvoice, id)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return &list[0], nil
}

// FindInvoices reads the newest invoices of a subscription, newest first, with their attempts, and how many there
// are in all.
func FindInvoices(ctx context.Context, db *mysql.DB, subscription uint64, limit int) (list []Invoice, total int64, err error) {
	if list, err = invoicesWithAttempts(ctx, db, showInvoices, subscription, limit); err != nil {
		return nil, 0, err
	}
	total, err = store.Count(ctx, db, countInvoices, subscription)
	return list, total, mysql.Classify(ctx, err)
}

func invoicesWithAttempts(ctx context.Context, db *mysql.DB, query string, args ...any) ([]Invoice, error) {
	list := []Invoice{}
	if err := db.SelectContext(ctx, &list, query, args...); err != nil || len(list) == 0 {
		return list, mysql.Classify(ctx, err)
	}
	at, of := make(map[uint64]int, len(list)), make(map[string]int, 2*len(list))
	for i, inv := range list {
		at[inv.ID], list[i].Attempts, list[i].Dunning = i, []Attempt{}, inv.keptPolicy()
		of[fmt.Sprintf("invoice:%d", inv.ID)] = i
	}
	var attempts []Attempt
	ids := store.SortedIDs(list, func(inv Invoice) uint64 { return inv.ID })
	if err := mysql.SelectIn(ctx, db, &attempts, showAttempts, ids); err != nil {
		return nil, mysql.Classify(ctx, err)
	}
	for _, a := range attempts {
		inv := &list[at[a.Invoice]]
		if p := payment.ParsePatience(a.Counted); p != (payment.Patience{}) {
			a.Patience = &p
		}
		inv.Attempts = append(inv.Attempts, a)
		of[fmt.Sprintf("attempt:%d", a.ID)] = at[a.Invoice]
	}
	return list, resolutions(ctx, db, list, of)
}

const resolvedAttempts = `SELECT subject, who, COALESCE(reason, '') AS reason, COALESCE(JSON_UNQUOTE(JSON_EXTRACT(detail, '$.as')), '') AS said, created_at
FROM operator_actions WHERE subject IN (?) AND action = 'resolve' ORDER BY id`

// resolutions adds what operators said became of attempts or invoices; of says which invoice of the list each subject is of.
func resolutions(ctx context.Context, db *mysql.DB, list []Invoice, of map[string]int) error {
	if len(of) == 0 {
		return nil
	}
	var rows []struct {
		Subject, Who, Reason, Said string
		At                         time.Time `db:"created_at"`
	}
	if err := mysql.SelectIn(ctx, db, &rows, resolvedAttempts, slices.Sorted(maps.Keys(of))); err != nil {
		return mysql.Classify(ctx, err)
	}
	for _, r := range rows {
		row, _ := audit.ParseRow(r.Subject)
		list[of[r.Subject]].Resolved = &Resolution{Attempt: row.ID, As: r.Said, Who: r.Who, Reason: r.Reason, At: r.At}
	}
	return nil
}

// FindEvents reads the newest events of a subject such as subscription:42, newest first. A payload that is not JSON becomes a string.
func FindEvents(ctx context.Context, db *mysql.DB, subject string, limit int) ([]Event, error) {
	list := []Event{}
	if err := db.SelectContext(ctx, &list, showEvents, subject, limit); err != nil {
		return list, mysql.Classify(ctx, err)
	}
	for i, e := range list {
		if json.Valid(e.Payload) {
			continue
		}
		quoted, err := json.Marshal(string(e.Payload))
		if err != nil {
			return list, fmt.Errorf("event %d: %w", e.ID, err)
		}
		list[i].Payload = quoted
	}
	return list, nil
}

// InvoicedFrom lists the due dates, from one on, that the subscription has an invoice for.
func InvoicedFrom(ctx context.Context, db *mysql.DB, subscription uint64, from payment.Date) (map[payment.Date]bool, error) {
	var dates []payment.Date
	if err := db.SelectContext(ctx, &dates, selectInvoicedFrom, subscription, from.OrFirst()); err != nil {
		return nil, mysql.Classify(ctx, err)
	}
	invoiced := make(map[payment.Date]bool, len(dates))
	for _, d := range dates {
		invoiced[d] = true
	}
	return invoiced, nil
}

// Standing is what the rules read of it.
func (inv Invoice) Standing() *explain.InvoiceStanding {
	s := &explain.InvoiceStanding{
		Invoice: billing.Invoice{
			ID: inv.ID, SubscriptionID: inv.SubscriptionID, Due: inv.Due, Money: payment.Money{Amount: inv.Amount, Currency: inv.Currency},
			Stage: inv.Stage, FirstDeclined: inv.FirstDeclined, RetryDays: dunning.ParseDays(inv.Days), Dunning: dunning.ParseFrozen(inv.Kept),
			AmountCheck: guard.Check(or(inv.AmountCheck)), AheadOf: inv.AheadOf,
		},
		Status: billing.InvoiceStatus(inv.Status), Issued: inv.Issued, StageDate: inv.StageDate, Advanced: inv.Advanced, HoldRule: or(inv.HoldRule), ReviewReason: or(inv.ReviewReason),
	}
	if inv.TryLaterSince != nil {
		s.TryLaterSince = *inv.TryLaterSince
	}
	if inv.PaidAt != nil {
		s.PaidAt = *inv.PaidAt
	}
	s.Refunded = inv.Amount > 0 && inv.Refunded >= inv.Amount
	if r := inv.Resolved; r != nil && r.Attempt == 0 {
		s.Resolved = &explain.Resolved{As: payment.Resolution(r.As), Who: r.Who, Reason: r.Reason}
	}
	for _, a := range inv.Attempts {
		s.Past = append(s.Past, billing.PastAttempt{
			ID: a.ID, No: a.No, Key: a.Key, Status: billing.AttemptStatus(a.Status), Class: payment.Class(or(a.DeclineClass)),
			Gateway: a.Gateway, Method: a.Method, Account: a.Account, Proof: billing.Proof(or(a.Proof)),
			Reopened: a.ReopenedAt != nil,
		})
		if len(a.Replaced) == 32 {
			s.Replaced = append(s.Replaced, [32]byte(a.Replaced))
		}
		s.Warning = network.Warning(payment.Decline{AdviceCode: or(a.AdviceCode), Network: payment.Network(or(a.Network))})
		s.Message, s.Run, s.RunLives, s.Patience = or(a.Message), a.Run, a.RunLives, payment.ParsePatience(a.Counted)
		if a.NextCheckAt != nil {
			s.NextCheck = *a.NextCheckAt
		}
		s.Refunded = s.Refunded || or(a.DeclineCode) == "refunded"
		if r := inv.Resolved; r != nil && r.Attempt == a.ID {
			s.Resolved = &explain.Resolved{As: payment.Resolution(r.As), Who: r.Who, Reason: r.Reason, PaymentID: or(a.PaymentID)}
		}
	}
	return s
}

func or(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
