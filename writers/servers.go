package writers

import (
	"context"

	"github.com/jmoiron/sqlx"

	"duly/internal/mysql"
)

const (
	meetServer  = `INSERT IGNORE INTO known_servers (server) VALUES (?)`
	trustServer = `INSERT IGNORE INTO known_servers (server, confirmed_at, confirmed_by) VALUES (?, UTC_TIMESTAMP(6), ?)`

	confirmServer = `INSERT INTO known_servers (server, confirmed_at, confirmed_by) VALUES (?, UTC_TIMESTAMP(6), ?)
ON DUPLICATE KEY UPDATE confirmed_at = VALUES(confirmed_at), confirmed_by = VALUES(confirmed_by)`
)

// MeetServer adds a database server that was not met before: trusted by what by names, or, if that is empty, by nobody.
func MeetServer(ctx context.Context, db *mysql.DB, server, by string) error {
	return mysql.Tx(ctx, db, "server", func(tx *sqlx.Tx) error {
		var err error
		if by == "" {
			_, err = tx.ExecContext(ctx, meetServer, server)
		} else {
			_, err = tx.ExecContext(ctx, trustServer, server, mysql.Cut(by, 191))
		}
		return err
	})
}

// ConfirmServer records that an operator trusts the history of a database server.
func ConfirmServer(ctx context.Context, db *mysql.DB, server string, action Action) error {
	return mysql.Tx(ctx, db, "confirm", func(tx *sqlx.Tx) error {
		if _, err := tx.ExecContext(ctx, confirmServer, server, mysql.Cut(action.Who, 191)); err != nil {
			return err
		}
		return action.write(ctx, tx)
	})
}
