package changes

import (
	"context"

	"github.com/jmoiron/sqlx"

	"duly/internal/billing/planned"
	"duly/internal/mysql"
	"duly/internal/payment"
)

// Coming reads the planned changes of subscriptions up to a day, by subscription, without a lock. Without the right to read them there are none.
func Coming(ctx context.Context, q sqlx.QueryerContext, subscriptions []uint64, day payment.Date) (map[uint64][]planned.Change, error) {
	var rows []row
	err := mysql.SelectIn(ctx, q, &rows, LookDue, subscriptions, day)
	if mysql.IsDenied(err) {
		return nil, nil //nolint:nilnil // none
	}
	return bySubscription(rows), err
}
