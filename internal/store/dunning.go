package store

import (
	"context"

	"github.com/jmoiron/sqlx"

	"duly/internal/mysql"
)

// SaveDunning writes what invoices keep of their dunning policy beside the days; each row is an id and the text of a dunning.Frozen. Most keep
// nothing: no column of theirs is written for it.
func SaveDunning(ctx context.Context, tx *sqlx.Tx, rows [][]any) error {
	_, err := mysql.Update(ctx, tx, "invoices", []string{"dunning"}, rows, "")
	return err
}

// Pause pauses subscriptions; each row is an id. What the customer paused or ended already is left as it is.
func Pause(ctx context.Context, tx *sqlx.Tx, rows [][]any) error {
	_, err := mysql.Update(ctx, tx, "subscriptions", nil, rows, "status IN ('active', 'past_due')", "status = 'paused'")
	return err
}
