package methods

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/billing"
	"duly/internal/billing/advance"
	"duly/internal/billing/network"
	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/store"
)

// Recorder records the operator who has invoices charged at once, in the transaction that makes them due.
type Recorder func(ctx context.Context, tx *sqlx.Tx, invoices []uint64) error

// Ahead makes open invoices due before the date of their stage.
type Ahead struct {
	DB        *mysql.DB
	Selection store.Selection
	Stage     int
	Size      int // rows of a page
	Policy    billing.Policy
	Effective payment.Date
	Now       time.Time // the business clock
	Known     func(gateway string) bool
	Skip      []string // gateways that get no requests
	// AtOnce records the operator who has all chargeable invoices charged at once; nil: only invoices with a changed method are charged.
	AtOnce Recorder
	// Foresee makes of the subscriptions of invoices what is made of them before this is looked for, for [Ahead.Look]; nil: nothing is.
	Foresee func(ctx context.Context, invoices []advance.Invoice) error

	run  uint64 // whose own declines are not charged at once again; 0: none's
	date payment.Date
	id   uint64
}

// triedBy are those of some invoices that a run has charged.
const triedBy = `SELECT DISTINCT invoice_id FROM payment_attempts WHERE invoice_id IN (?) AND run_id = ?`

const (
	// AheadCandidates walks the index of the stage behind the business date.
	AheadCandidates = `SELECT id, CAST(next_attempt_date AS CHAR) AS walk_date FROM invoices
WHERE status = 'open' AND stage = ? AND next_attempt_date >= ? AND (next_attempt_date > ? OR id > ?)%s
ORDER BY next_attempt_date, id LIMIT ?`

	// AheadRows reads invoices for the rules.
	AheadRows = `SELECT id, subscription_id, due_date, amount, currency, stage, attempts, first_declined_date, COALESCE(retry_days, '') AS retry_days, COALESCE(dunning, '') AS dunning, try_later_since, COALESCE(amount_check, '') AS amount_check, stage_date, COALESCE(hold_rule, '') AS hold_rule,
next_attempt_date, next_try_at, advanced_date FROM invoices WHERE id IN (?) AND COALESCE(status) = 'open' AND COALESCE(stage) = ? AND next_attempt_date > ? ORDER BY id`

	lockAhead = " FOR UPDATE SKIP LOCKED"

	// The stage keeps its date beside, which is written before.
	advanceInvoices = `UPDATE invoices SET next_attempt_date = ?,
next_try_at = NULL, hold_rule = NULL, advanced_date = IF(?, ?, advanced_date), updated_at = UTC_TIMESTAMP(6) WHERE id IN (?) AND status = 'open'`
)

// ChangedMethods are those of some invoices that were declined, and whose subscription has another method now than the newest attempt, and those that
// a ceiling put off before there was an attempt: each row is found by a key. Texts are compared byte by byte, as [store.Exactly] does.
const ChangedMethods = `SELECT i.id FROM invoices i LEFT JOIN payment_attempts a ON a.invoice_id = i.id AND a.attempt_no = i.attempts
JOIN subscriptions s ON s.id = i.subscription_id
WHERE i.id IN (?) AND (i.advanced_date IS NULL OR i.advanced_date < ?) AND (a.id IS NOT NULL OR i.hold_rule IS NOT NULL)
AND NOT (a.status = 'declined' AND a.decline_class IS NOT NULL
AND CAST(CONVERT(s.gateway USING utf8mb4) AS BINARY) = CAST(CONVERT(a.gateway USING utf8mb4) AS BINARY)
AND CAST(CONVERT(s.payment_method USING utf8mb4) AS BINARY) = CAST(CONVERT(a.payment_method USING utf8mb4) AS BINARY))`

type aheadRow struct {
	store.InvoiceRow

	Next      payment.Date `db:"next_attempt_date"`
	NextTryAt sql.NullTime `db:"next_try_at"`
	Advanced  payment.Date `db:"advanced_date"`
	HoldRule  string       `db:"hold_rule"`
}

// advance makes the next page of invoices due, and reports whether there are more, and why invoices are not charged at once.
func (a *Ahead) advance(ctx context.Context) (more bool, refused map[uint64]error, err error) {
	date, id := a.date, a.id
	ids, done, err := a.page(ctx)
	if err != nil || len(ids) == 0 {
		return err == nil && !done, nil, mysql.Classify(ctx, err)
	}
	err = mysql.Tx(ctx, a.DB, "advance", func(tx *sqlx.Tx) error {
		var invoices []advance.Invoice
		if invoices, err = a.read(ctx, tx, ids, lockAhead); err != nil {
			return err
		}
		var chosen []uint64
		if chosen, refused = a.choose(invoices); len(chosen) == 0 {
			return nil
		}
		if _, err := mysql.Update(ctx, tx, "invoices", []string{"stage_date"}, stageDates(invoices, chosen), ""); err != nil {
			return err
		}
		query, args, err := mysql.In(advanceInvoices, a.Selection.Business, a.AtOnce == nil, a.Effective, chosen)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, query, args...); err != nil || a.AtOnce == nil {
			return err
		}
		return a.AtOnce(ctx, tx, chosen)
	})
	if err != nil {
		a.date, a.id = date, id // it is read again
	}
	return err == nil && !done, refused, err
}

// stageDates are the dates that the stages of chosen invoices keep.
func stageDates(list []advance.Invoice, chosen []uint64) [][]any {
	var rows [][]any
	for _, i := range list {
		if slices.Contains(chosen, i.ID) {
			rows = append(rows, []any{i.ID, i.AheadOf})
		}
	}
	return rows
}

// Look reads the next invoices that would be made due, without a lock or a change; done: there are no more.
func (a *Ahead) Look(ctx context.Context) (list []advance.Invoice, done bool, err error) {
	ids, done, err := a.page(ctx)
	if err != nil || len(ids) == 0 {
		return nil, done, mysql.Classify(ctx, err)
	}
	invoices, err := a.read(ctx, a.DB, ids, "")
	if err == nil && a.Foresee != nil {
		err = a.Foresee(ctx, invoices)
	}
	if err != nil {
		return nil, done, mysql.Classify(ctx, err)
	}
	chosen, _ := a.choose(invoices)
	for _, i := range invoices {
		if slices.Contains(chosen, i.ID) {
			list = append(list, i)
		}
	}
	return list, done, nil
}

// page returns the invoices of the next page of the walk to look at; done: it was the last page.
func (a *Ahead) page(ctx context.Context) (ids []uint64, done bool, err error) {
	if a.date.IsZero() {
		a.date, a.id = a.Selection.Business, math.MaxInt64
	}
	only, args := a.Selection.Only("subscription_id")
	args = append([]any{a.Stage, a.date, a.date, a.id}, args...)
	var page []struct {
		ID   uint64
		Date payment.Date `db:"walk_date"`
	}
	if err := a.DB.SelectContext(ctx, &page, fmt.Sprintf(AheadCandidates, only), append(args, a.Size)...); err != nil || len(page) == 0 {
		return nil, true, err
	}
	last := page[len(page)-1]
	a.date, a.id = last.Date, last.ID
	for _, row := range page {
		ids = append(ids, row.ID)
	}
	if done = len(page) < a.Size; a.AtOnce == nil && a.Foresee == nil {
		all := ids
		ids = nil
		err = mysql.SelectIn(ctx, a.DB, &ids, ChangedMethods, all, a.Effective)
	} else if a.run != 0 {
		var tried []uint64
		err = mysql.SelectIn(ctx, a.DB, &tried, triedBy, ids, a.run)
		ids = slices.DeleteFunc(ids, func(id uint64) bool { return slices.Contains(tried, id) })
	}
	slices.Sort(ids)
	return ids, done, err
}

// read reads invoices as the rules do. The invoices alone are locked: the claim locks their subscriptions, and decides again.
func (a *Ahead) read(ctx context.Context, q sqlx.QueryerContext, ids []uint64, lock string) ([]advance.Invoice, error) {
	var rows []aheadRow
	if err := mysql.SelectIn(ctx, q, &rows, AheadRows+lock, ids, a.Stage, a.Selection.Business); err != nil || len(rows) == 0 {
		return nil, err
	}
	invoices := make([]store.InvoiceRow, len(rows))
	for i, r := range rows {
		invoices[i] = r.InvoiceRow
	}
	subscriptions, err := store.SubscriptionsOf(ctx, q, invoices, "")
	if err != nil {
		return nil, err
	}
	past, err := store.PastOf(ctx, q, invoices)
	if err != nil {
		return nil, err
	}
	replaced, err := ReplacedOf(ctx, q, store.SortedIDs(invoices, func(r store.InvoiceRow) uint64 { return r.SubscriptionID }))
	if err != nil {
		return nil, err
	}
	list := make([]advance.Invoice, 0, len(rows))
	for _, r := range rows {
		sub, ok := subscriptions[r.SubscriptionID]
		if !ok { // its date comes, and says so
			continue
		}
		i := advance.Invoice{
			Invoice: r.Invoice(), Next: r.Next, NextTryAt: r.NextTryAt.Time, Advanced: r.Advanced, HoldRule: r.HoldRule,
			Subscription: sub, Past: past[r.ID], Replaced: replaced[r.SubscriptionID],
		}
		i.AheadOf = i.StageDate(a.Policy, a.Effective) // what the claim would meet
		list = append(list, i)
	}
	return list, a.judge(ctx, q, list)
}

// judge asks, where it matters, whether the methods that invoices have now may be tried.
func (a *Ahead) judge(ctx context.Context, q sqlx.QueryerContext, list []advance.Invoice) error {
	judged := func(i advance.Invoice) bool { return a.AtOnce != nil || i.HoldRule != "" }
	var keys []network.Key
	for _, i := range list {
		if judged(i) {
			keys = append(keys, i.Subscription.NetworkKey(i.Money))
		}
	}
	ledger := network.Ledger{Rules: a.Policy.Network, Now: a.Now}
	var err error
	if names := Names(a.Policy.Network, keys); a.Policy.Network.Counting() && len(names) > 0 {
		if ledger.Tries, err = Read(ctx, q, names, a.Now); err != nil {
			return err
		}
	}
	for n := range list {
		if i := &list[n]; judged(*i) {
			i.Judged, i.Hold = true, ledger.Check(i.Subscription.NetworkKey(i.Money), a.Policy.Of(i.Subscription.DunningPolicy).MaxTries)
		}
	}
	return nil
}

// choose returns the invoices to make due, and with AtOnce the reason for each other invoice.
func (a *Ahead) choose(list []advance.Invoice) (chosen []uint64, refused map[uint64]error) {
	refused = map[uint64]error{}
	for _, i := range list {
		switch {
		case slices.Contains(a.Skip, i.Subscription.Gateway):
			refused[i.ID] = fmt.Errorf("gateway %s is left alone", i.Subscription.Gateway)
		case a.AtOnce != nil:
			if err := advance.AtOnce(i, a.Policy, a.Effective, a.Now, a.Known); err != nil {
				refused[i.ID] = err
				continue
			}
			chosen = append(chosen, i.ID)
		case advance.OnNewMethod(i, a.Policy, a.Effective, a.Known):
			chosen = append(chosen, i.ID)
		}
	}
	return chosen, refused
}
