package readers

import (
	"context"
	"time"

	"duly/internal/audit"
	"duly/internal/batch"
	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/store"
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
	walkAttempts = store.AuditAttempts + ` WHERE created_at >= ? AND created_at < ? AND (created_at > ? OR (created_at = ? AND id > ?))
ORDER BY created_at, id LIMIT ?`
	walkPayments = store.AuditPayments + ` WHERE p.created_at >= ? AND p.created_at < ? AND (p.created_at > ? OR (p.created_at = ? AND p.id > ?))
ORDER BY p.created_at, p.id LIMIT ?`
)

// Read implements batch.Reader.
func (a *Audit) Read(ctx context.Context, want batch.ClaimRequest) (batch.Claim[audit.Ours], error) {
	if a.ended { // lanes that were held are open again
		a.ended, a.again = false, true
		a.begin(audit.Attempts)
	}
	for {
		rows, err := a.next(ctx, want.Limit)
		if err != nil {
			return batch.Claim[audit.Ours]{}, mysql.Classify(ctx, err)
		}
		if len(rows) == 0 {
			if a.table == audit.Attempts {
				a.begin(audit.Payments)
				continue
			}
			a.ended = true
			return batch.Claim[audit.Ours]{Done: true}, nil
		}
		if err := a.tell(ctx, rows); err != nil {
			return batch.Claim[audit.Ours]{}, err
		}
		last := rows[len(rows)-1]
		a.at, a.id = last.CreatedAt, last.Row.ID
		if items := a.pick(rows, want); len(items) > 0 {
			return batch.Claim[audit.Ours]{Items: items}, nil
		}
		if ctx.Err() != nil {
			return batch.Claim[audit.Ours]{}, ctx.Err()
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
	var rows []store.AuditRow
	if err := a.DB.SelectContext(ctx, &rows, query, a.Window.From.UTC(), a.Window.To.UTC(), a.at.UTC(), a.at.UTC(), a.id, limit); err != nil {
		return nil, err
	}
	return store.OursOf(a.table, rows), nil
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
	query := store.AttemptsPaid
	if a.table == audit.Payments {
		query = store.PaymentsPaid
	}
	var paid []store.AuditRow
	if err := mysql.SelectIn(ctx, a.DB, &paid, query, store.SortedIDs(groups, func(id uint64) uint64 { return id })); err != nil {
		return nil, err
	}
	byGroup := map[uint64][]audit.Ours{}
	for _, o := range store.OursOf(a.table, paid) {
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
func (a *Audit) pick(rows []audit.Ours, want batch.ClaimRequest) []audit.Ours {
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
