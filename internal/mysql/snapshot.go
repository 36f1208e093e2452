package mysql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jmoiron/sqlx"

	"duly/internal/batch"
)

// Snapshot calls fn with a DB that reads everything as it was at one moment: that of the first read. Others write meanwhile as ever. fn
// must only read, and nothing of what it has read counts before it has returned: it is called again if its connection is lost.
func Snapshot(ctx context.Context, db *DB, fn func(at *DB) error) error {
	for try := 1; ; try++ {
		err := snapshotOnce(ctx, db, fn)
		if err == nil || !unavailable(err) && !errors.Is(err, batch.ErrUnavailable) || ctx.Err() != nil || try == Reconnect {
			return err
		}
	}
}

func snapshotOnce(ctx context.Context, db *DB, fn func(at *DB) error) error {
	conn, err := acquire(ctx, db)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // returns the connection
	tx, err := conn.BeginTxx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return fmt.Errorf("begin to read: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // nothing was written
	return fn(&DB{DB: db.DB, Host: db.Host, Address: db.Address, Schema: db.Schema, Acquire: db.Acquire, at: tx})
}

// QueryContext implements sqlx.QueryerContext.
func (db *DB) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if db.at != nil {
		return db.at.QueryContext(ctx, query, args...)
	}
	return db.DB.QueryContext(ctx, query, args...)
}

// QueryxContext implements sqlx.QueryerContext.
func (db *DB) QueryxContext(ctx context.Context, query string, args ...any) (*sqlx.Rows, error) {
	if db.at != nil {
		return db.at.QueryxContext(ctx, query, args...)
	}
	return db.DB.QueryxContext(ctx, query, args...)
}

// QueryRowxContext implements sqlx.QueryerContext.
func (db *DB) QueryRowxContext(ctx context.Context, query string, args ...any) *sqlx.Row {
	if db.at != nil {
		return db.at.QueryRowxContext(ctx, query, args...)
	}
	return db.DB.QueryRowxContext(ctx, query, args...)
}
