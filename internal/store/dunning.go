package store

import (
	"context"

	"github.com/jmoiron/sqlx"

	"duly/internal/mysql"
)

// SaveDunning stores the dunning policies of invoices, without the days; each row is an id and the text of a dunning.Frozen. Most invoices have the
// default policy: nothing is written for them.
func SaveDunning(ctx context.Context, tx *sqlx.Tx, rows [][]any) error {
	_, err := mysql.Update(ctx, tx, "invoices", []string{"dunning"}, rows, "")
	return err
}
