package preview

import (
	"context"
	"slices"

	"duly/internal/amounts"
	"duly/internal/billing"
	"duly/internal/billing/advance"
	"duly/internal/billing/planned"
	"duly/internal/methods"
	"duly/internal/mysql"
	"duly/internal/store"
	"duly/jobs"
	"duly/readers"
)

// ahead walks the invoices of a stage that would be charged before its date.
func (f *billingWalk) ahead(ctx context.Context, step string, stage int) error {
	if f.o.AtOnce == nil && !f.o.Policy.RetryOnNewMethod {
		return nil
	}
	walk := &methods.Ahead{
		DB: f.DB, Selection: f.o.Selection, Stage: stage, Size: f.o.ChunkSize, Policy: f.o.Policy, Effective: f.o.Effective(f.Today()), Now: f.Business(),
		Known: f.Known, AtOnce: f.o.AtOnce,
	}
	claimed := map[uint64]billing.Subscription{} // of the page, by their invoices: as the claim makes them
	if f.peek.Changes != nil {
		walk.Foresee = func(ctx context.Context, invoices []advance.Invoice) (err error) {
			claimed, err = f.foresee(ctx, invoices)
			return err
		}
	}
	for {
		page, done, err := walk.Look(ctx)
		if err != nil {
			return err
		}
		invoices := make([]billing.Invoice, len(page))
		for i, x := range page {
			invoices[i] = x.Invoice
		}
		verdicts, err := amounts.Forecast(ctx, f.DB, f.o.Policy.Guards, invoices)
		if err != nil {
			return mysql.Classify(ctx, err)
		}
		names := make([]string, len(page))
		for at := range page {
			if sub, ok := claimed[page[at].ID]; ok {
				page[at].Subscription = sub
			}
			names[at] = page[at].Subscription.Method
		}
		slices.Sort(names)
		tries, err := methods.Read(ctx, f.DB, slices.Compact(names), f.Business())
		if err != nil {
			return err
		}
		for at, i := range page {
			open := readers.OpenInvoice{Invoice: i.Invoice, Subscription: i.Subscription, Past: i.Past, Tries: tries[i.Subscription.NetworkKey(i.Money)], Amount: verdicts[at]}
			if !f.open(step, open) {
				return nil
			}
		}
		if done {
			return nil
		}
	}
}

// foresee makes of the subscriptions of invoices what planned changes that are due have made of them by then: the step issue applies them, before the
// retries. claimed are they as a claim makes them, by their invoices.
func (f *billingWalk) foresee(ctx context.Context, invoices []advance.Invoice) (claimed map[uint64]billing.Subscription, _ error) {
	day, refused := f.peek.Changes.Policy().Effective, f.peek.Changes.Refused()
	of, err := f.peek.Changes.Of(ctx, f.DB, store.SortedIDs(invoices, func(i advance.Invoice) uint64 { return i.SubscriptionID }))
	claimed = make(map[uint64]billing.Subscription, len(of))
	for i, x := range invoices {
		list := of[x.SubscriptionID]
		switch {
		case len(list) == 0:
		case jobs.Selected(f.o.Steps, jobs.StepIssue):
			plan := planned.ForIssue(x.Subscription, list, f.peek.Changes.Policy(), refused)
			invoices[i].Subscription, claimed[x.ID] = plan.After, plan.Claimed(day, refused)
		default:
			claimed[x.ID] = planned.ForClaim(x.Subscription, list, day, refused).After
		}
	}
	return claimed, err
}
