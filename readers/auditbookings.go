package readers

import (
	"cmp"
	"context"
	"slices"

	"duly/internal/audit"
	"duly/internal/mysql"
)

const (
	auditAccounts = `SELECT id, gateway FROM gateway_accounts`
	auditBooked   = `SELECT account_id, gateway_payment_id, kind, row_id FROM bookings WHERE account_id IN (?) AND gateway_payment_id IN (?)`

	paymentsWith = auditPayments + ` WHERE p.transaction_key IN (?) AND p.status = 'succeeded' ORDER BY p.id`
	// A row that ended without the money, or is gone, has nothing.
	paymentsHolding = `SELECT id FROM payments WHERE id IN (?) AND status NOT IN ('failed', 'cancelled')`
	attemptsHolding = `SELECT id FROM payment_attempts WHERE id IN (?) AND status = 'succeeded'`
)

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
	var more []auditRow
	if err := mysql.SelectIn(ctx, a.DB, &more, paymentsWith, ids); err != nil {
		return nil, err
	}
	all := slices.Clone(rows)
	for _, o := range oursOf(audit.Payments, more) {
		if !slices.ContainsFunc(all, func(other audit.Ours) bool { return other.Row == o.Row }) {
			all = append(all, o)
		}
	}
	slices.SortFunc(all, func(a, b audit.Ours) int {
		return cmp.Or(cmp.Compare(a.Row.Table, b.Row.Table), cmp.Compare(a.Row.ID, b.Row.ID))
	})
	booked, err := a.booked(ctx, ids)
	if err != nil {
		return nil, err
	}
	return audit.BookedRows(all, booked), nil
}

// booked are the rows that payments are booked for, under any account of their gateways.
func (a *Audit) booked(ctx context.Context, ids []string) ([]audit.Holder, error) {
	var accounts []struct {
		ID      uint32
		Gateway string
	}
	if err := a.DB.SelectContext(ctx, &accounts, auditAccounts); err != nil || len(accounts) == 0 {
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
	if err := mysql.SelectIn(ctx, a.DB, &rows, auditBooked, numbers, ids); err != nil {
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
		if err := mysql.SelectIn(ctx, a.DB, &found, query, byTable[table]); err != nil {
			return nil, err
		}
		for _, id := range found {
			holding[audit.Row{Table: table, ID: id}] = true
		}
	}
	return slices.DeleteFunc(holders, func(h audit.Holder) bool { return !holding[h.Row] }), nil
}
