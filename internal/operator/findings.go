package operator

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/audit"
	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/store"
)

const (
	lockFinding           = `SELECT kind, gateway_payment_id, resolved_at, COALESCE(resolution, '') AS resolution FROM audit_findings WHERE id = ? FOR UPDATE`
	updateResolvedFinding = `UPDATE audit_findings SET resolved_at = ?, resolution = ? WHERE id = ?`
)

// ResolveFinding closes a finding as an operator says, and records the action. The error is a RefusedError if it
// is closed already, and wraps ErrNotThere if there is none.
func ResolveFinding(ctx context.Context, db *mysql.DB, id uint64, as payment.Resolution, now time.Time, action Action) error {
	return mysql.Tx(ctx, db, "resolve", func(tx *sqlx.Tx) error {
		var row struct {
			Kind       string
			Payment    string       `db:"gateway_payment_id"`
			Resolved   sql.NullTime `db:"resolved_at"`
			Resolution string
		}
		if err := tx.GetContext(ctx, &row, lockFinding, id); err != nil {
			return absent(err, "finding", id)
		}
		if row.Resolved.Valid {
			return store.Refuse(fmt.Errorf("finding %d was resolved on %s: %s", id, row.Resolved.Time.UTC().Format(time.DateTime), row.Resolution))
		}
		if audit.Kind(row.Kind) == audit.UnknownHere {
			if err := UnlessUnadopted(ctx, tx, id, row.Payment); err != nil {
				return err
			}
		}
		resolution := string(as)
		if action.Reason != "" {
			resolution += ": " + action.Reason
		}
		if _, err := tx.ExecContext(ctx, updateResolvedFinding, mysql.Stored(now), mysql.Cut(resolution, 255), id); err != nil {
			return err
		}
		return action.Write(ctx, tx)
	})
}
