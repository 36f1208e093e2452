package mysql

import "context"

// SelectContext reads rows into dest, a pointer to a slice, in place of what is in it. It reads again if the connection breaks meanwhile.
func (db *DB) SelectContext(ctx context.Context, dest any, query string, args ...any) error {
	return db.read(ctx, func() error { return db.DB.SelectContext(ctx, dest, query, args...) })
}

// GetContext reads one row into dest. It reads again if the connection breaks meanwhile.
func (db *DB) GetContext(ctx context.Context, dest any, query string, args ...any) error {
	return db.read(ctx, func() error { return db.DB.GetContext(ctx, dest, query, args...) })
}

// read calls do until it is answered, a few times: what only reads can be done again.
func (db *DB) read(ctx context.Context, do func() error) error {
	for try := 1; ; try++ {
		err := do()
		if err == nil || !unavailable(err) || ctx.Err() != nil || try == reconnect {
			return err
		}
	}
}
