package store

import (
	"context"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/mysql"
)

const (
	insertServer = `INSERT IGNORE INTO known_servers (server) VALUES (?)`
	trustServer  = `INSERT IGNORE INTO known_servers (server, confirmed_at, confirmed_by) VALUES (?, UTC_TIMESTAMP(6), ?)`

	insertSuspectedServer = `INSERT INTO known_servers (server, suspected_at, suspicion) VALUES (?, UTC_TIMESTAMP(6), ?)
ON DUPLICATE KEY UPDATE suspected_at = VALUES(suspected_at), suspicion = VALUES(suspicion)`
	suspectedAt = `SELECT suspected_at FROM known_servers WHERE server = ?`
)

// MeetServer adds a database server that was not met before: trusted by what by names, or, if that is empty, by nobody.
func MeetServer(ctx context.Context, db *mysql.DB, server, by string) error {
	return mysql.Repeat(ctx, db, "server", func(tx *sqlx.Tx) error {
		var err error
		if by == "" {
			_, err = tx.ExecContext(ctx, insertServer, server)
		} else {
			_, err = tx.ExecContext(ctx, trustServer, server, mysql.Cut(by, 191))
		}
		return err
	})
}

// SuspectServer notes that the history of a database server is suspected from now on, for every host and until somebody
// confirms it. It returns when that was, by the database's clock.
func SuspectServer(ctx context.Context, db *mysql.DB, server, suspicion string) (time.Time, error) {
	var at time.Time
	err := mysql.Tx(ctx, db, "suspect", func(tx *sqlx.Tx) error {
		if _, err := tx.ExecContext(ctx, insertSuspectedServer, server, mysql.Cut(suspicion, 255)); err != nil {
			return err
		}
		return tx.GetContext(ctx, &at, suspectedAt, server)
	})
	return at, err
}
