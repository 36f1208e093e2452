package query

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"duly/internal/billing"
	"duly/internal/billing/planned"
	"duly/internal/changes"
	"duly/internal/mysql"
	"duly/internal/store"
)

// BlockedInvoice is an open invoice that is due and not charged, since a planned change of its payment method cannot be applied.
type BlockedInvoice struct {
	ID      uint64
	Gateway string
}

const (
	methodsDue = `SELECT DISTINCT subscription_id FROM subscription_changes WHERE applied_at IS NULL AND effective_date <= ? AND kind = 'method'%s`

	blockedCandidates = `SELECT id, subscription_id FROM invoices WHERE subscription_id IN (?) AND status = 'open' AND stage = ? AND next_attempt_date <= ?`
)

// blockedPage is the number of subscriptions whose invoices one query reads.
const blockedPage = 500

// BlockedInvoices lists, by id, the selected invoices of the stage that are due and that a claim leaves for such a change. A nil source has none.
func BlockedInvoices(ctx context.Context, db *mysql.DB, source *changes.Source, selection store.Selection, stage int) (list []BlockedInvoice, _ error) {
	if source == nil {
		return nil, nil
	}
	var due []uint64
	only, selected := selection.Only("subscription_id")
	if err := db.SelectContext(ctx, &due, fmt.Sprintf(methodsDue, only), append([]any{source.Policy().Effective}, selected...)...); err != nil {
		return nil, fmt.Errorf("look for planned payment methods: %w", mysql.Classify(ctx, err))
	}
	for ids := range slices.Chunk(due, blockedPage) {
		var rows []store.InvoiceRow
		if err := mysql.SelectIn(ctx, db, &rows, blockedCandidates, ids, stage, selection.Business); err != nil {
			return nil, fmt.Errorf("look for invoices that wait for a payment method: %w", mysql.Classify(ctx, err))
		}
		if len(rows) == 0 {
			continue
		}
		subscriptions, err := store.SubscriptionsOf(ctx, db, rows, "")
		if err != nil {
			return nil, mysql.Classify(ctx, err)
		}
		of, err := source.Of(ctx, db, store.SortedIDs(rows, func(r store.InvoiceRow) uint64 { return r.SubscriptionID }))
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			sub := planned.ForClaim(subscriptions[r.SubscriptionID], of[r.SubscriptionID], source.Policy().Effective, source.Refused()).After
			if sub.MethodProblem != "" && sub.Status != billing.Cancelled {
				list = append(list, BlockedInvoice{r.ID, sub.Gateway})
			}
		}
	}
	slices.SortFunc(list, func(a, b BlockedInvoice) int { return cmp.Compare(a.ID, b.ID) })
	return list, nil
}
