package inserted

import (
	"context"

	"github.com/jmoiron/sqlx"

	"duly/internal/mysql"
	"duly/internal/mysql/sqltext"
)

// Attempts inserts rows into payment_attempts. It returns the ids by idempotency key, or nil if the server cannot return them.
func Attempts(ctx context.Context, tx *sqlx.Tx, server mysql.Server, rows *sqltext.Rows) (map[string]uint64, error) {
	type attempt struct {
		ID  uint64
		Key string `db:"idempotency_key"`
	}
	returned := make([]attempt, 0, rows.Len())
	done, err := server.InsertReturning(ctx, tx, &returned, rows, "id, idempotency_key")
	if err != nil {
		return nil, err
	}
	if !done {
		_, err := mysql.InsertRows(ctx, tx, rows, "")
		return nil, err
	}
	ids := make(map[string]uint64, len(returned))
	for _, r := range returned {
		ids[r.Key] = r.ID
	}
	return ids, nil
}
