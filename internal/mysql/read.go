package mysql

import "context"

// SelectContext reads rows into dest, a pointer to a slice. It retries if the connection is lost, unless db is of a [Snapshot].
func (db *DB) SelectContext(ctx context.Context, dest any, query string, args ...any) error {
	if db.at != nil {
		return db.at.SelectContext(ctx, dest, query, args...)
	}
	return db.read(ctx, func() error { return db.DB.SelectContext(ctx, dest, query, args...) })
}

// GetContext reads one row into dest. It retries if the connection is lost, unless db is of a [Snapshot].
func (db *DB) GetContext(ctx context.Context, dest any, query string, args ...any) error {
	if db.at != nil {
		return db.at.GetContext(ctx, dest, query, args...)
	}
	return db.read(ctx, func() error { return db.DB.GetContext(ctx, dest, query, args...) })
}

// read retries do, which must only read, a few times.
func (db *DB) read(ctx context.Context, do func() error) error {
	for try := 1; ; try++ {
		err := do()
		if err == nil || !unavailable(err) || ctx.Err() != nil || try == Reconnect {
			return err
		}
	}
}
