package decide

import (
	"context"
	"fmt"

	"duly/internal/exit"
	"duly/internal/operator"
	"duly/internal/payment"
	"duly/internal/session"
)

// resolveChange ends a planned change that is not applied yet. No gateway is asked: gateways do not know planned changes.
func resolveChange(ctx context.Context, ses *session.Session, db *session.Database, id uint64, _ string, as payment.Resolution, action operator.Action) (string, error) {
	if err := onlyIgnored(id, as); err != nil {
		return "", err
	}
	business, err := ses.Clock(ctx, db.DB)
	if err != nil {
		return "", err
	}
	subscription, err := operator.DropChange(ctx, db.DB, id, business(), action)
	return fmt.Sprintf("it is never applied; the next run bills subscription %d without it", subscription), err
}

func previewChange(_ context.Context, _ *session.Session, _ *session.Database, id uint64, as payment.Resolution) (string, error) {
	return "it would never be applied, and its subscription billed without it", onlyIgnored(id, as)
}

func onlyIgnored(id uint64, as payment.Resolution) error {
	if as != payment.AsIgnored {
		return exit.Usagef("change %d is resolved as ignored alone: duly resolve change %[1]d --as ignored --reason …", id)
	}
	return nil
}
