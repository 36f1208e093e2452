package operator

import (
	"context"

	"github.com/jmoiron/sqlx"

	"duly/internal/mysql"
)

const insertConfirmedServer = `INSERT INTO known_servers (server, confirmed_at, confirmed_by) VALUES (?, UTC_TIMESTAMP(6), ?)
ON DUPLICATE KEY UPDATE confirmed_at = VALUES(confirmed_at), confirmed_by = VALUES(confirmed_by)`

// ConfirmServer records that an operator trusts the history of a database server.
func ConfirmServer(ctx context.Context, db *mysql.DB, server string, action Action) error {
	return mysql.Tx(ctx, db, "confirm", func(tx *sqlx.Tx) error {
		if _, err := tx.ExecContext(ctx, insertConfirmedServer, server, mysql.Cut(action.Who, 191)); err != nil {
			return err
		}
		return action.Write(ctx, tx)
	})
}
