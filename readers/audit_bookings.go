package readers

import (
	"cmp"
	"context"
	"slices"

	"duly/internal/audit"
	"duly/internal/mysql"
	"duly/internal/store"
)

const paymentsWith = store.AuditPayments + ` WHERE p.transaction_key IN (?) AND p.status = 'succeeded' ORDER BY p.id`

// bookedTwice finds rows whose payment another row has: by the bookings, and by what the shop records.
func (a *Audit) bookedTwice(ctx context.Context, rows []audit.Ours) ([]audit.Finding, error) {
	var ids []string
	for _, o := range rows {
		if o.Standing == audit.Paid && o.GatewayID != "" {
			ids = append(ids, o.GatewayID)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	var more []store.AuditRow
	if err := mysql.SelectIn(ctx, a.DB, &more, paymentsWith, ids); err != nil {
		return nil, err
	}
	all := slices.Clone(rows)
	for _, o := range store.OursOf(audit.Payments, more) {
		if !slices.ContainsFunc(all, func(other audit.Ours) bool { return other.Row == o.Row }) {
			all = append(all, o)
		}
	}
	slices.SortFunc(all, func(a, b audit.Ours) int {
		return cmp.Or(cmp.Compare(a.Row.Table, b.Row.Table), cmp.Compare(a.Row.ID, b.Row.ID))
	})
	booked, err := store.BookedRows(ctx, a.DB, ids)
	if err != nil {
		return nil, err
	}
	return audit.BookedRows(all, booked), nil
}
