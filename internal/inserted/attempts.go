package inserted

import (
	"context"

	"github.com/jmoiron/sqlx"

	"duly/internal/mysql"
)

// Attempts inserts rows into payment_attempts; head is the statement up to and including VALUES. It returns the ids by idempotency key, or nil if the
// server cannot return them.
func Attempts(ctx context.Context, tx *sqlx.Tx, server mysql.Server, head string, rows [][]any) (map[string]uint64, error) {
	var returned []struct {
		ID  uint64
		Key string `db:"idempotency_key"`
	}
	done, err := server.InsertReturning(ctx, tx, &returned, head, rows, "id, idempotency_key")
	if err != nil {
		return nil, err
	}
	if !done {
		_, err := mysql.Insert(ctx, tx, head, rows, "")
		return nil, err
	}
	ids := make(map[string]uint64, len(returned))
	for _, r := range returned {
		ids[r.Key] = r.ID
	}
	return ids, nil
}
