package amounts

import (
	"context"
	"slices"

	"github.com/jmoiron/sqlx"

	"duly/internal/billing"
	"duly/internal/billing/guard"
	"duly/internal/billing/planned"
	"duly/internal/changes"
)

// Judge checks the amounts of invoices against the guards, in their order. Without guards it reads nothing. An amount beyond a guard is held, unless
// it is the price that the shop planned for the due date; planned prices are read only for amounts beyond a guard.
func Judge(ctx context.Context, q sqlx.QueryerContext, rules guard.Rules, invoices []billing.Invoice) ([]guard.Verdict, error) {
	verdicts := make([]guard.Verdict, len(invoices))
	if !rules.On() {
		return verdicts, nil
	}
	paid, err := last(ctx, q, rules, invoices)
	if err != nil {
		return nil, err
	}
	var held []uint64
	for i, inv := range invoices {
		if verdicts[i] = rules.Judge(inv.Money, inv.AmountCheck, paid[i]); verdicts[i].Held() {
			held = append(held, inv.SubscriptionID)
		}
	}
	if len(held) == 0 {
		return verdicts, nil
	}
	slices.Sort(held)
	plans, err := changes.Of(ctx, q, slices.Compact(held))
	if err != nil {
		return nil, err
	}
	for i, inv := range invoices {
		if price, ok := planned.PriceOn(plans[inv.SubscriptionID], inv.Due); ok && price == inv.Money.Amount {
			verdicts[i] = guard.Verdict{}
		}
	}
	return verdicts, nil
}

// Beyond returns the ids of the invoices whose amounts are held. Without guards it reads nothing.
func Beyond[T any](ctx context.Context, q sqlx.QueryerContext, rules guard.Rules, list []T, invoice func(T) billing.Invoice) (map[uint64]bool, error) {
	invoices := make([]billing.Invoice, len(list))
	for i, item := range list {
		invoices[i] = invoice(item)
	}
	verdicts, err := Judge(ctx, q, rules, invoices)
	beyond := make(map[uint64]bool, len(verdicts))
	for i, v := range verdicts {
		beyond[invoices[i].ID] = v.Held()
	}
	return beyond, err
}
