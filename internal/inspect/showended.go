package inspect

import (
	"context"
	"fmt"

	"duly/internal/billing"
	"duly/internal/billing/explain"
	"duly/internal/billing/reopening"
	"duly/internal/endings"
	"duly/internal/exit"
	"duly/internal/operator"
	"duly/internal/query/details"
	"duly/internal/session"
)

// ofInvoice adds what the rules need of the invoice beside its row.
func ofInvoice(ctx context.Context, db *session.Database, s *explain.Standing) error {
	if s.Invoice.Dunning.Paused || s.Invoice.Status == billing.Uncollectible {
		var err error
		if s.Invoice.Since, err = endings.Since(ctx, db.DB, s.Invoice.SubscriptionID, s.Invoice.ID); err != nil {
			return exit.Failed(err)
		}
	}
	return unannounced(ctx, db, s)
}

// reopens are the commands that have an uncollectible invoice charged once more, as [reopening.DecideEnded] allows it.
func reopens(ctx context.Context, db *session.Database, inv details.Invoice, s explain.Standing) ([]advised, error) {
	if inv.Status != string(billing.Uncollectible) {
		return nil, nil
	}
	d, err := operator.Reopenable(ctx, db.DB, inv.ID)
	if err != nil {
		return nil, exit.Failed(err)
	}
	r, refused := reopening.DecideEnded(d, s.Policy, s.Issue.Effective, s.Issue.KnownGateway)
	command := fmt.Sprintf(`duly reopen invoice %d --reason "…"`, inv.ID)
	switch {
	case refused == nil && r.Stays == "":
		return []advised{{"To charge it once more:", []string{command}}}, nil
	case refused == nil:
		return []advised{{"To charge it once more:", []string{command}}, {"Then " + r.Stays, nil}}, nil
	case d.Subscription != nil && s.Subscription.Status == billing.Cancelled:
		if _, doubt := billing.EndedBy(d.Invoice, *d.Subscription, d.CancelReason, d.Past, d.Since); doubt != "" {
			return []advised{{capital(refused.Error()), nil}, {"Then, to charge it once more:", []string{command}}}, nil
		}
	}
	return nil, nil
}
