package query

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"duly/internal/audit"
	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/store"
)

const (
	// Also where no row is left: the reference alone says what was paid for.
	findingsUnder = findingColumns + ` WHERE kind IN (?) AND reference LIKE ? ESCAPE '!' ORDER BY id DESC LIMIT ?`
	findingsWith  = findingColumns + ` WHERE kind = 'booked_twice' AND gateway_payment_id IN (?) ORDER BY id DESC LIMIT ?`
)

// FindingsAbout lists the findings about one thing, open or not, newest first: those of references that begin so, and those of
// payments that another row has too. whole says that the reference is complete.
func FindingsAbout(ctx context.Context, db *mysql.DB, reference string, whole bool, payments []string, limit int) ([]Finding, error) {
	pattern := strings.NewReplacer("!", "!!", "_", "!_", "%", "!%").Replace(reference)
	if !whole {
		pattern += "%"
	}
	query, args, err := mysql.In(findingsUnder, audit.Kinds(), pattern, limit)
	if err != nil {
		return nil, err
	}
	list, err := findings(ctx, db, query, args...)
	if err != nil {
		return nil, err
	}
	payments = slices.DeleteFunc(slices.Clone(payments), func(id string) bool { return id == "" })
	if len(payments) == 0 {
		return list, nil
	}
	if query, args, err = mysql.In(findingsWith, payments, limit); err != nil {
		return nil, err
	}
	more, err := findings(ctx, db, query, args...)
	if err != nil {
		return nil, err
	}
	for _, f := range more {
		if !slices.ContainsFunc(list, func(other Finding) bool { return other.ID == f.ID }) {
			list = append(list, f)
		}
	}
	slices.SortFunc(list, func(a, b Finding) int { return cmp.Compare(b.ID, a.ID) })
	return list, nil
}

// FindingRows reads the rows of ours that a finding is about, as they are now.
func FindingRows(ctx context.Context, db *mysql.DB, f audit.Finding) ([]audit.Ours, error) {
	if f.Kind == audit.ChargedTwice && f.GatewayPaymentID == "" {
		return store.PaidUnder(ctx, db, f.Reference)
	}
	var rows []audit.Ours
	if row, ok := audit.ParseRow(f.Detail.Row); ok {
		o, there, err := store.ReadOurs(ctx, db, row)
		if err != nil {
			return nil, err
		}
		if there {
			rows = append(rows, o)
		}
		if f.Kind != audit.ChargedTwice { // of which another row may have the second payment by now
			return rows, nil
		}
	}
	having, err := store.Matches(ctx, db, []payment.Payment{{ID: f.GatewayPaymentID, Key: f.Detail.Key}})
	if err != nil {
		return nil, err
	}
	for _, o := range having {
		named := o.GatewayID == f.GatewayPaymentID || o.GatewayID == "" && f.Kind != audit.ChargedTwice
		if o.Gateway == f.Detail.Gateway && named && !slices.ContainsFunc(rows, func(other audit.Ours) bool { return other.Row == o.Row }) {
			rows = append(rows, o)
		}
	}
	return rows, nil
}
