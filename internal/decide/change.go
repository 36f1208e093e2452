package decide

import (
	"context"
	"fmt"

	"duly/internal/exit"
	"duly/internal/operator"
	"duly/internal/payment"
	"duly/internal/session"
)

// resolveChange ends a planned change that cannot be applied. No gateway is asked: gateways do not know planned changes.
func resolveChange(ctx context.Context, ses *session.Session, db *session.Database, id uint64, _ string, as payment.Resolution, action operator.Action) (string, error) {
	if err := onlyIgnored(id, as); err != nil {
		return "", err
	}
	today, now, err := businessDay(ctx, ses, db)
	if err != nil {
		return "", err
	}
	change, follows, err := operator.DropChange(ctx, db.DB, id, today, now, action)
	return fmt.Sprintf("%s is never applied; %s", change, follows), err
}

func previewChange(ctx context.Context, ses *session.Session, db *session.Database, id uint64, as payment.Resolution) (string, error) {
	if err := onlyIgnored(id, as); err != nil {
		return "", err
	}
	today, _, err := businessDay(ctx, ses, db)
	if err != nil {
		return "", err
	}
	change, follows, err := operator.DroppedChange(ctx, db.DB, id, today)
	return fmt.Sprintf("%s would never be applied; %s", change, follows), err
}

func onlyIgnored(id uint64, as payment.Resolution) error {
	if as != payment.AsIgnored {
		return exit.Usagef("change %d is resolved as ignored alone: duly resolve change %[1]d --as ignored --reason …", id)
	}
	return nil
}
