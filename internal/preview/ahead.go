package preview

import (
	"context"

	"duly/internal/methods"
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
	for {
		page, done, err := walk.Look(ctx)
		if err != nil {
			return err
		}
		for _, i := range page {
			tries, err := methods.Read(ctx, f.DB, []string{i.Subscription.Method}, f.Business())
			if err != nil {
				return err
			}
			if !f.open(step, readers.OpenInvoice{Invoice: i.Invoice, Subscription: i.Subscription, Past: i.Past, Tries: tries[i.Subscription.NetworkKey(i.Money)]}) {
				return nil
			}
		}
		if done {
			return nil
		}
	}
}
