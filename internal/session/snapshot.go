package session

import (
	"context"
	"errors"

	"duly/internal/exit"
	"duly/internal/mysql"
)

// Snapshot calls fn with a database that is read as it was at one moment, so that what a screen says fits together. fn must only read and, as
// its last step, print: it is called again if the connection is lost before.
func (d *Database) Snapshot(ctx context.Context, fn func(at *Database) error) error {
	err := mysql.Snapshot(ctx, d.DB, func(at *mysql.DB) error {
		moment := *d
		moment.DB, moment.borrowed = at, true
		return fn(&moment)
	})
	if _, coded := errors.AsType[exit.Error](err); coded {
		return err
	}
	return exit.Failed(mysql.Classify(ctx, err))
}
