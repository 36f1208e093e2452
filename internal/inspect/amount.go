package inspect

import (
	"context"

	"duly/internal/amounts"
	"duly/internal/billing"
	"duly/internal/billing/explain"
	"duly/internal/billing/guard"
	"duly/internal/exit"
	"duly/internal/mysql"
	"duly/internal/session"
)

// judged is what the guards say of the amount of the unpaid invoice, or of the next one.
func judged(ctx context.Context, db *session.Database, s explain.Standing) (guard.Verdict, error) {
	inv := billing.Invoice{SubscriptionID: s.Subscription.ID, Due: s.Subscription.Next, Money: s.Subscription.Money}
	if s.Invoice != nil && s.Invoice.Status.Unpaid() {
		inv = s.Invoice.Invoice
	}
	verdicts, err := amounts.Forecast(ctx, db.DB, s.Policy.Guards, []billing.Invoice{inv})
	if err != nil {
		return guard.Verdict{}, exit.Failed(mysql.Classify(ctx, err))
	}
	return verdicts[0], nil
}
