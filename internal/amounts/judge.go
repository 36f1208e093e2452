package amounts

import (
	"context"
	"maps"
	"slices"

	"github.com/jmoiron/sqlx"

	"duly/internal/billing"
	"duly/internal/billing/guard"
	"duly/internal/billing/planned"
	"duly/internal/changes"
)

// Judge checks the amounts of invoices against the guards, in their order. Without guards it reads nothing. An amount beyond a guard is held, unless it is
// the price that a planned change has made for the due date, or a one-off amount. Neither approves anything once the subscription has an invoice in another
// currency: what the shop planned is a number, and nobody knows which currency it was written for. Planned prices are read only for amounts beyond a guard.
func Judge(ctx context.Context, q sqlx.QueryerContext, rules guard.Rules, invoices []billing.Invoice) ([]guard.Verdict, error) {
	return verdictsOf(ctx, q, rules, invoices, planned.Made)
}

// Forecast is [Judge] of what a later run judges: a planned price counts that the run will have applied by then.
func Forecast(ctx context.Context, q sqlx.QueryerContext, rules guard.Rules, invoices []billing.Invoice) ([]guard.Verdict, error) {
	return verdictsOf(ctx, q, rules, invoices, planned.Foreseen)
}

func verdictsOf(ctx context.Context, q sqlx.QueryerContext, rules guard.Rules, invoices []billing.Invoice, counts func(planned.Change) bool) ([]guard.Verdict, error) {
	verdicts := make([]guard.Verdict, len(invoices))
	if !rules.On() {
		return verdicts, nil
	}
	invoices, err := withoutForeign(ctx, q, invoices)
	if err != nil {
		return nil, err
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
	if err != nil || len(plans) == 0 {
		return verdicts, err
	}
	billed, err := currencies(ctx, q, slices.Collect(maps.Keys(plans)))
	if err != nil {
		return nil, err
	}
	for i, inv := range invoices {
		price, ok := planned.PriceOn(plans[inv.SubscriptionID], inv.Due, counts)
		if ok && price == inv.Money.Amount && !billed.inAnother(inv) {
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
