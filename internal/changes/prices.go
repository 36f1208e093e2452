package changes

import (
	"context"

	"github.com/jmoiron/sqlx"

	"duly/internal/billing/planned"
	"duly/internal/mysql"
)

// Planned reads every change of subscriptions, applied or not.
const Planned = columns + `subscription_id IN (?) ORDER BY id`

// Of reads every change of subscriptions, applied or not. Without the right to read the table there are none.
func Of(ctx context.Context, q sqlx.QueryerContext, subscriptions []uint64) (map[uint64][]planned.Change, error) {
	var rows []row
	err := mysql.SelectIn(ctx, q, &rows, Planned, subscriptions)
	if err != nil && !mysql.IsDenied(err) {
		return nil, err
	}
	return bySubscription(rows), nil
}
