package writers

import (
	"context"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/audit"
	"duly/internal/batch"
	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/runs"
)

// noteWindow keeps in a run's params which window it audits, and up to when everything is audited. It is a plain
// update: a run that is not kept in the database has no row.
const (
	noteWindow = `UPDATE job_runs SET params = JSON_SET(params, '$.window_from', ?, '$.window_to', ?, '$.audited_to', ?) WHERE id = ?`
	noteDone   = `UPDATE job_runs SET params = JSON_SET(params, '$.audited_to', ?) WHERE id = ?`
)

// adoptFindings makes findings this run's whose own run has ended and did not say so by its exit code: it died, or
// had something worse to say. Those of the upgrade are no run's.
const adoptFindings = `UPDATE audit_findings f LEFT JOIN job_runs r ON r.id = f.run_id SET f.run_id = ?
WHERE f.resolved_at IS NULL AND (f.run_id IS NULL OR r.status <> 'running' AND COALESCE(r.exit_code, -1) <> 3)`

// BeginAudit writes the window of this run, and up to when everything was audited before it, into its params, and
// makes open findings new again that were not reported.
func BeginAudit(ctx context.Context, db *mysql.DB, w payment.Window, audited time.Time) error {
	return mysql.Tx(ctx, db, "window", func(tx *sqlx.Tx) error {
		run := batch.Execution(ctx).Run.ID
		if _, err := tx.ExecContext(ctx, adoptFindings, run); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, noteWindow, audit.Instant(w.From), audit.Instant(w.To), audit.Instant(audited), run)
		return err
	})
}

// EndAudit notes that everything up to an instant is audited. It changes nothing if the run's lease is lost.
func EndAudit(ctx context.Context, db *mysql.DB, audited time.Time) error {
	return mysql.Tx(ctx, db, "audited", func(tx *sqlx.Tx) error {
		run := batch.Execution(ctx).Run
		if err := runs.Hold(ctx, tx, run); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, noteDone, audit.Instant(audited), run.ID)
		return err
	})
}
