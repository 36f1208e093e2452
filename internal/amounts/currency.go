package amounts

import (
	"context"
	"slices"

	"github.com/jmoiron/sqlx"

	"duly/internal/billing"
	"duly/internal/billing/guard"
	"duly/internal/mysql"
)

// BilledIn reads the currencies in which subscriptions have invoices.
const BilledIn = `SELECT DISTINCT subscription_id, currency FROM invoices FORCE INDEX (newest) WHERE subscription_id IN (?)`

// currenciesOf are the currencies of the invoices of subscriptions.
type currenciesOf map[uint64][]string

func currencies(ctx context.Context, q sqlx.QueryerContext, subscriptions []uint64) (currenciesOf, error) {
	var rows []struct {
		Subscription uint64 `db:"subscription_id"`
		Currency     string
	}
	if err := mysql.SelectIn(ctx, q, &rows, BilledIn, subscriptions); err != nil {
		return nil, err
	}
	billed := make(currenciesOf, len(subscriptions))
	for _, r := range rows {
		billed[r.Subscription] = append(billed[r.Subscription], r.Currency)
	}
	return billed, nil
}

// inAnother reports whether the subscription of inv has an invoice in another currency.
func (b currenciesOf) inAnother(inv billing.Invoice) bool {
	return slices.ContainsFunc(b[inv.SubscriptionID], func(currency string) bool { return currency != inv.Money.Currency })
}

// withoutForeign returns the invoices as they are judged: a one-off amount of a subscription with an invoice in another currency is judged as any other.
func withoutForeign(ctx context.Context, q sqlx.QueryerContext, invoices []billing.Invoice) ([]billing.Invoice, error) {
	var of []uint64
	for _, inv := range invoices {
		if inv.AmountCheck == guard.OneOff {
			of = append(of, inv.SubscriptionID)
		}
	}
	if len(of) == 0 {
		return invoices, nil
	}
	slices.Sort(of)
	billed, err := currencies(ctx, q, slices.Compact(of))
	if err != nil {
		return nil, err
	}
	invoices = slices.Clone(invoices)
	for i, inv := range invoices {
		if inv.AmountCheck == guard.OneOff && billed.inAnother(inv) {
			invoices[i].AmountCheck = ""
		}
	}
	return invoices, nil
}
