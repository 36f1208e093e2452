package changes

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/billing"
	"duly/internal/billing/planned"
	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/store"
)

const (
	// AnyDue is queried once in a run.
	AnyDue = `SELECT EXISTS(SELECT 1 FROM subscription_changes WHERE applied_at IS NULL AND effective_date <= ?)`

	// DueOf reads the ids of the due changes of subscriptions.
	DueOf = `SELECT id, subscription_id FROM subscription_changes WHERE subscription_id IN (?) AND applied_at IS NULL AND effective_date <= ? ORDER BY id`

	columns = `SELECT id, subscription_id, CAST(effective_date AS CHAR) AS effective_date, COALESCE(kind, '') AS kind, COALESCE(value, '') AS value,
COALESCE(note, '') AS note, COALESCE(outcome, '') AS outcome, applied_at IS NOT NULL AS ended FROM subscription_changes WHERE `

	// LockDue locks changes by primary key. COALESCE keeps the optimiser of a small table from locking by another index.
	LockDue = columns + `id IN (?) AND COALESCE(applied_at IS NULL) ORDER BY id`
	// LookDue reads the due changes of subscriptions, without a lock.
	LookDue = columns + `subscription_id IN (?) AND applied_at IS NULL AND effective_date <= ? ORDER BY id`

	// Candidates are the subscriptions that have changes which are due, a day at a time, for a walk by key set.
	Candidates = `SELECT subscription_id AS id, CAST(effective_date AS CHAR) AS walk_date FROM subscription_changes
WHERE applied_at IS NULL AND effective_date <= ? AND (effective_date > ? OR (effective_date = ? AND subscription_id > ?))%s
GROUP BY effective_date, subscription_id ORDER BY effective_date, subscription_id LIMIT ?`

	// Resumptions are the subscriptions that go on by a day, as [Candidates].
	Resumptions = `SELECT subscription_id AS id, CAST(effective_date AS CHAR) AS walk_date FROM subscription_changes
WHERE applied_at IS NULL AND kind = 'resume' AND effective_date <= ? AND (effective_date > ? OR (effective_date = ? AND subscription_id > ?))%s
GROUP BY effective_date, subscription_id ORDER BY effective_date, subscription_id LIMIT ?`
)

// Source reads the planned changes of a run. A nil Source has none, and costs nothing: a run has it if no change was due at its start.
type Source struct {
	policy  billing.IssuePolicy
	refused planned.Refused
	// readOnly is why the rows of changes cannot be written; nil: they can.
	readOnly error
}

// Policy is the issue policy of the run.
func (s *Source) Policy() billing.IssuePolicy { return s.policy }

// Open looks whether any change is due by the effective date of a policy, and which columns can be written. It returns nil if none is due. denied is
// set if the login may not read the table, which counts as none.
func Open(ctx context.Context, db *mysql.DB, policy billing.IssuePolicy) (_ *Source, denied, _ error) {
	s, denied, err := Forecast(ctx, db, policy)
	if s == nil || err != nil {
		return nil, denied, err
	}
	return s, nil, s.rights(ctx, db)
}

// Forecast is [Open] for a forecast: every column counts as writable, since another process writes.
func Forecast(ctx context.Context, db *mysql.DB, policy billing.IssuePolicy) (_ *Source, denied, _ error) {
	var some bool
	err := db.GetContext(ctx, &some, AnyDue, policy.Effective)
	switch {
	case mysql.IsDenied(err):
		return nil, err, nil
	case err != nil:
		return nil, nil, fmt.Errorf("look for planned changes: %w", mysql.Classify(ctx, err))
	case !some:
		return nil, nil, nil
	}
	return &Source{policy: policy, refused: make(planned.Refused)}, nil, nil
}

// columnsOf lists the columns of subscriptions that a kind of change writes and a run without it does not.
func columnsOf(kind planned.Kind) []string {
	switch kind {
	case planned.Amount:
		return []string{"amount"}
	case planned.Interval:
		return []string{"interval_unit", "interval_count"}
	case planned.Method:
		return []string{"payment_method"}
	case planned.Pause, planned.Resume, planned.Cancel, planned.OneOff:
	}
	return nil
}

// rights finds the kinds of change that cannot be written: the login lacks the right, or a view rejects them. Such changes send their subscriptions to
// review, and do not end the run.
func (s *Source) rights(ctx context.Context, db *mysql.DB) error {
	for _, kind := range planned.Kinds() {
		r, err := refusalOf(ctx, db, kind)
		if err != nil {
			return err
		}
		if r.What != "" {
			s.refused[kind] = r.String()
		}
	}
	why, err := mysql.RefusedUpdate(ctx, db, "subscription_changes", []string{"applied_at", "outcome"})
	if err != nil || why == nil {
		return err
	}
	s.readOnly = why
	for _, kind := range planned.Kinds() {
		s.refused[kind] = fmt.Sprintf("applied_at and outcome of subscription_changes cannot be written (%s)", mysql.Reason(why))
	}
	return nil
}

// row is a row of subscription_changes.
type row struct {
	ID           uint64
	Subscription uint64       `db:"subscription_id"`
	Effective    payment.Date `db:"effective_date"`
	Kind         string
	Value        string
	Note         string
	Outcome      string
	Ended        bool
}

func (r row) change() planned.Change {
	return planned.Change{
		ID: r.ID, Subscription: r.Subscription, Effective: r.Effective, Kind: planned.KindOf(r.Kind), Value: r.Value, Note: r.Note, Outcome: r.Outcome, Ended: r.Ended,
	}
}

// locked reads and locks the due changes of subscriptions, which the transaction has locked, by subscription. With skipLocked it does not wait for changes
// that another transaction has locked: left are their subscriptions.
func (s *Source) locked(ctx context.Context, tx *sqlx.Tx, subscriptions []uint64, skipLocked bool) (of map[uint64][]planned.Change, left map[uint64]bool, _ error) {
	var due []struct {
		ID           uint64
		Subscription uint64 `db:"subscription_id"`
	}
	if err := mysql.SelectIn(ctx, tx, &due, DueOf, subscriptions, s.policy.Effective); err != nil || len(due) == 0 {
		return nil, nil, err
	}
	ids := make([]uint64, len(due))
	for i, d := range due {
		ids[i] = d.ID
	}
	query, args := LockDue+" FOR UPDATE", []any{ids}
	if skipLocked {
		query += " SKIP LOCKED"
	}
	if s.readOnly != nil { // a lock needs the right to write
		query, args = LookDue, []any{subscriptions, s.policy.Effective}
	}
	var rows []row
	if err := mysql.SelectIn(ctx, tx, &rows, query, args...); err != nil {
		return nil, nil, err
	}
	if of, left = bySubscription(rows), map[uint64]bool{}; skipLocked && s.readOnly == nil {
		for _, d := range due {
			if !slices.ContainsFunc(of[d.Subscription], func(c planned.Change) bool { return c.ID == d.ID }) {
				left[d.Subscription] = true
			}
		}
	}
	return of, left, nil
}

func bySubscription(rows []row) map[uint64][]planned.Change {
	of := make(map[uint64][]planned.Change, len(rows))
	for _, r := range rows {
		of[r.Subscription] = append(of[r.Subscription], r.change())
	}
	return of
}

// Plans are the plans of subscriptions with changes, by subscription id.
type Plans map[uint64]*planned.Plan

// ForIssue applies the due changes to rows of due subscriptions that the transaction has locked. With skipLocked it leaves out the rows with a change that
// another transaction has locked. [Plans.Write] writes the effects.
func (s *Source) ForIssue(ctx context.Context, tx *sqlx.Tx, rows []store.SubscriptionRow, skipLocked bool) ([]store.SubscriptionRow, Plans, error) {
	if s == nil || len(rows) == 0 {
		return rows, Plans{}, nil
	}
	of, left, err := s.locked(ctx, tx, store.SortedIDs(rows, func(r store.SubscriptionRow) uint64 { return r.ID }), skipLocked)
	if err != nil {
		return nil, nil, err
	}
	rows = slices.DeleteFunc(rows, func(r store.SubscriptionRow) bool { return left[r.ID] })
	return rows, s.apply(rows, of), nil
}

// Of reads the due changes of subscriptions without a lock, by subscription, for a forecast.
func (s *Source) Of(ctx context.Context, db *mysql.DB, subscriptions []uint64) (map[uint64][]planned.Change, error) {
	if s == nil || len(subscriptions) == 0 {
		return map[uint64][]planned.Change{}, nil
	}
	var rows []row
	err := mysql.SelectIn(ctx, db, &rows, LookDue, subscriptions, s.policy.Effective)
	return bySubscription(rows), mysql.Classify(ctx, err)
}

// Refused returns the kinds of change that cannot be written here.
func (s *Source) Refused() planned.Refused {
	if s == nil {
		return nil
	}
	return s.refused
}

func (s *Source) apply(rows []store.SubscriptionRow, of map[uint64][]planned.Change) Plans {
	plans := make(Plans, len(of))
	for i := range rows {
		list := of[rows[i].ID]
		if len(list) == 0 {
			continue
		}
		plan := planned.ForIssue(rows[i].Subscription(), list, s.policy, s.refused)
		plans[rows[i].ID] = &plan
		rows[i].Become(plan.After)
	}
	return plans
}

// Claim applies the changes that matter for a charge to subscriptions whose rows and open invoices the transaction has locked, and writes them. With
// skipLocked it removes the subscriptions with a change that another transaction has locked.
func (s *Source) Claim(ctx context.Context, tx *sqlx.Tx, subscriptions map[uint64]billing.Subscription, skipLocked bool, day payment.Date, now time.Time) error {
	if s == nil || len(subscriptions) == 0 {
		return nil
	}
	ids := make([]uint64, 0, len(subscriptions))
	for id := range subscriptions {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	of, left, err := s.locked(ctx, tx, ids, skipLocked)
	if err != nil {
		return err
	}
	for id := range left {
		delete(subscriptions, id)
		delete(of, id)
	}
	plans := make(Plans, len(of))
	for id, list := range of {
		plan := planned.ForClaim(subscriptions[id], list, day, s.refused)
		plans[id] = &plan
		subscriptions[id] = plan.After
	}
	return plans.Write(ctx, tx, s, now)
}

// Anticipate changes the statuses and payment methods of n rows as the next claim will by the effective date, without a lock, and writes nothing. of
// returns the subscription, the status and the method of a row.
func (s *Source) Anticipate(ctx context.Context, q sqlx.QueryerContext, n int, of func(i int) (subscription uint64, status, method *string)) error {
	if s == nil || n == 0 {
		return nil
	}
	ids := make([]uint64, n)
	for i := range n {
		ids[i], _, _ = of(i)
	}
	slices.Sort(ids)
	var rows []row
	if err := mysql.SelectIn(ctx, q, &rows, LookDue, slices.Compact(ids), s.policy.Effective); err != nil {
		return err
	}
	changes := bySubscription(rows)
	for i := range n {
		id, status, method := of(i)
		if list := changes[id]; len(list) > 0 {
			sub := billing.Subscription{ID: id, Status: billing.StatusOf(*status), Method: *method}
			sub = planned.ForClaim(sub, list, s.policy.Effective, s.refused).After
			if *status, *method = string(sub.Status), sub.Method; sub.MethodProblem != "" {
				*method = "" // none is charged
			}
		}
	}
	return nil
}
