package amounts

import (
	"context"

	"github.com/jmoiron/sqlx"

	"duly/internal/billing"
	"duly/internal/billing/guard"
	"duly/internal/mysql"
	"duly/internal/payment"
)

// What a subscription paid last is the amount of its newest paid invoice by issue, which the index newest finds: nearly always the first that it comes
// to. What was free is no history, nor is an amount that the shop planned for one period, nor what was refunded in full, nor what was paid in another
// currency. The shop's table may compare texts in another way than duly's: hence
// bytes.
const (
	// PaidOfSubscriptions reads the last paid amounts of subscriptions, in their own currencies.
	PaidOfSubscriptions = `SELECT s.id, p.amount, p.currency FROM subscriptions s JOIN invoices p ON p.id =
(SELECT x.id FROM invoices x FORCE INDEX (newest) WHERE x.subscription_id = s.id AND x.status = 'paid' AND x.amount > 0
AND COALESCE(x.amount_check, '') <> 'one_off' AND x.refunded_amount < x.amount AND CAST(x.currency AS BINARY) = CAST(s.currency AS BINARY) ORDER BY x.issued_date DESC, x.id DESC LIMIT 1) WHERE s.id IN (?)`

	// PaidOfInvoices reads the last paid amounts of the invoices' subscriptions, in the currency of the invoice.
	PaidOfInvoices = `SELECT i.id, p.amount, p.currency FROM invoices i JOIN invoices p ON p.id =
(SELECT x.id FROM invoices x FORCE INDEX (newest) WHERE x.subscription_id = i.subscription_id AND x.status = 'paid' AND x.amount > 0
AND COALESCE(x.amount_check, '') <> 'one_off' AND x.refunded_amount < x.amount AND CAST(x.currency AS BINARY) = CAST(i.currency AS BINARY) ORDER BY x.issued_date DESC, x.id DESC LIMIT 1) WHERE i.id IN (?)`
)

// last reads the last paid amount before each invoice, in their order; zero if nothing was paid, or if it does not matter. If it matters for no invoice,
// nothing is read. Invoices that are not inserted yet have no ids, and belong to different subscriptions.
func last(ctx context.Context, q sqlx.QueryerContext, rules guard.Rules, invoices []billing.Invoice) ([]payment.Money, error) {
	paid := make([]payment.Money, len(invoices))
	at, query := map[uint64]int{}, PaidOfInvoices
	var ids []uint64
	for i, inv := range invoices {
		if !rules.NeedsHistory(inv.Money, inv.AmountCheck) {
			continue
		}
		id := inv.ID
		if id == 0 {
			id, query = inv.SubscriptionID, PaidOfSubscriptions
		}
		at[id] = i
		ids = append(ids, id)
	}
	if len(ids) == 0 {
		return paid, nil
	}
	var rows []struct {
		ID       uint64
		Amount   int64
		Currency string
	}
	if err := mysql.SelectIn(ctx, q, &rows, query, ids); err != nil {
		return nil, err
	}
	for _, r := range rows {
		paid[at[r.ID]] = payment.Money{Amount: r.Amount, Currency: r.Currency}
	}
	return paid, nil
}
