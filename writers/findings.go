package writers

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/audit"
	"duly/internal/batch"
	"duly/internal/mysql"
	"duly/internal/payment"
)

const (
	insertFindings = `INSERT INTO audit_findings (kind, reference, gateway_payment_id, detail, run_id, first_seen_at, last_seen_at) VALUES `

	// A finding is one row, however often it is seen.
	seenAgain = ` ON DUPLICATE KEY UPDATE last_seen_at = GREATEST(last_seen_at, VALUES(last_seen_at))`

	selectFindings = `SELECT id, kind, reference, gateway_payment_id, detail, resolved_at IS NOT NULL AS resolved FROM audit_findings WHERE `

	// Not an IN of rows, for which MariaDB reads the whole table.
	oneOfThem = `kind = ? AND reference = ? AND gateway_payment_id = ?`

	changeFinding = `UPDATE audit_findings SET detail = ? WHERE id = ?`
	reopenFinding = `UPDATE audit_findings SET detail = ?, run_id = ?, resolved_at = NULL, resolution = NULL WHERE id = ?`
)

// findingKey is the identity of a finding, as its columns hold it.
type findingKey struct{ kind, reference, id string }

func keyOf(f audit.Finding) findingKey {
	return findingKey{mysql.Cut(string(f.Kind), 32), mysql.Cut(f.Reference, 255), mysql.Cut(f.GatewayPaymentID, 255)}
}

func (k findingKey) compare(other findingKey) int {
	return cmp.Or(cmp.Compare(k.kind, other.kind), cmp.Compare(k.reference, other.reference), cmp.Compare(k.id, other.id))
}

// Findings writes what an audit found, in one transaction that may be repeated. One that was seen before keeps
// its row. One that was resolved stays so as long as nothing about it has changed; else it is open again, and new.
func Findings(ctx context.Context, db *mysql.DB, now time.Time, found []audit.Finding) error {
	if len(found) == 0 {
		return nil
	}
	found = slices.Clone(found)
	slices.SortStableFunc(found, func(a, b audit.Finding) int { return keyOf(a).compare(keyOf(b)) }) // two audits wait in one order
	found = slices.CompactFunc(found, func(a, b audit.Finding) bool { return keyOf(a) == keyOf(b) })
	run := batch.Execution(ctx).Run.ID
	now = now.UTC().Round(0).Truncate(time.Microsecond)
	return mysql.Tx(ctx, db, "findings", func(tx *sqlx.Tx) error {
		rows, keys := make([][]any, 0, len(found)), make([]any, 0, 3*len(found))
		seen := make(map[findingKey]audit.Detail, len(found))
		for _, f := range found {
			detail, err := json.Marshal(f.Detail)
			if err != nil {
				return fmt.Errorf("finding %s: %w", f.Reference, err)
			}
			k := keyOf(f)
			seen[k] = f.Detail
			rows = append(rows, []any{k.kind, k.reference, k.id, string(detail), run, now, now})
			keys = append(keys, k.kind, k.reference, k.id)
		}
		if _, err := mysql.Insert(ctx, tx, insertFindings, rows, seenAgain); err != nil {
			return err
		}
		return changed(ctx, tx, run, keys, seen)
	})
}

// changed brings findings up to date that say something else now than when they were written.
func changed(ctx context.Context, tx *sqlx.Tx, run uint64, keys []any, seen map[findingKey]audit.Detail) error {
	var rows []struct {
		ID        uint64
		Kind      string
		Reference string
		Payment   string `db:"gateway_payment_id"`
		Detail    []byte
		Resolved  bool
	}
	query := selectFindings + oneOfThem + strings.Repeat(" OR "+oneOfThem, len(seen)-1)
	if err := tx.SelectContext(ctx, &rows, query, keys...); err != nil {
		return err
	}
	for _, row := range rows {
		is := seen[findingKey{row.Kind, row.Reference, row.Payment}]
		var was audit.Detail
		same := json.Unmarshal(row.Detail, &was) == nil && was == is
		detail, err := json.Marshal(is)
		if err != nil {
			return fmt.Errorf("finding %d: %w", row.ID, err)
		}
		switch {
		case row.Resolved && !same:
			_, err = tx.ExecContext(ctx, reopenFinding, string(detail), run, row.ID)
		case !same:
			_, err = tx.ExecContext(ctx, changeFinding, string(detail), row.ID)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

const (
	lockFinding    = `SELECT kind, gateway_payment_id, resolved_at, COALESCE(resolution, '') AS resolution FROM audit_findings WHERE id = ? FOR UPDATE`
	resolveFinding = `UPDATE audit_findings SET resolved_at = ?, resolution = ? WHERE id = ?`
)

// ResolveFinding closes a finding as an operator says, and records the action. The error is a RefusedError if it
// is closed already, and wraps ErrNotThere if there is none.
func ResolveFinding(ctx context.Context, db *mysql.DB, id uint64, as payment.As, now time.Time, action Action) error {
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
			return refused(fmt.Errorf("finding %d was resolved on %s: %s", id, row.Resolved.Time.UTC().Format(time.DateTime), row.Resolution))
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
		if _, err := tx.ExecContext(ctx, resolveFinding, now.UTC().Truncate(time.Microsecond), mysql.Cut(resolution, 255), id); err != nil {
			return err
		}
		return action.write(ctx, tx)
	})
}

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
// makes open findings new again that nobody was told of.
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
		if err := mysql.Hold(ctx, tx, run); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, noteDone, audit.Instant(audited), run.ID)
		return err
	})
}
