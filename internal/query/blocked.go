package query

import (
	"context"
	"fmt"

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

const blockedCandidates = `SELECT i.id, i.subscription_id FROM invoices i WHERE i.status = 'open' AND i.stage = ? AND i.next_attempt_date <= ? AND i.id > ?
AND EXISTS (SELECT 1 FROM subscription_changes c WHERE c.subscription_id = i.subscription_id AND c.applied_at IS NULL AND c.effective_date <= ?
AND c.kind = 'method')%s ORDER BY i.id LIMIT ?`

// blockedPage is how many invoices are looked at at once.
const blockedPage = 500

// BlockedInvoices lists the selected invoices of the stage that are due and that a claim leaves for such a change. A nil source has none.
func BlockedInvoices(ctx context.Context, db *mysql.DB, source *changes.Source, selection store.Selection, stage int) (list []BlockedInvoice, _ error) {
	if source == nil {
		return nil, nil
	}
	only, selected := selection.Only("i.subscription_id")
	for after, done := uint64(0), false; !done; {
		var rows []store.InvoiceRow
		args := append([]any{stage, selection.Business, after, source.Policy().Effective}, selected...)
		if err := db.SelectContext(ctx, &rows, fmt.Sprintf(blockedCandidates, only), append(args, blockedPage)...); err != nil {
			return nil, fmt.Errorf("look for invoices that wait for a payment method: %w", mysql.Classify(ctx, err))
		}
		if done = len(rows) < blockedPage; len(rows) == 0 {
			break
		}
		after = rows[len(rows)-1].ID
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
	return list, nil
}
