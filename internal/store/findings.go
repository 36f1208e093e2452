package store

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/audit"
	"duly/internal/batch"
	"duly/internal/mysql"
)

const (
	// InsertFindings begins an INSERT of findings.
	InsertFindings = `INSERT INTO audit_findings (kind, reference, gateway_payment_id, detail, run_id, first_seen_at, last_seen_at) VALUES `

	// A finding is one row, however often it is seen.
	seenAgain = ` ON DUPLICATE KEY UPDATE last_seen_at = GREATEST(last_seen_at, VALUES(last_seen_at))`

	selectFindings = `SELECT id, kind, reference, gateway_payment_id, detail, resolved_at IS NOT NULL AS resolved FROM audit_findings WHERE `

	// OneOfThem is the condition of one row: to be joined by OR, and not an IN of rows, for which MariaDB reads the whole table.
	OneOfThem = `kind = ? AND reference = ? AND gateway_payment_id = ?`

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
	now = mysql.Stored(now)
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
		if _, err := mysql.Insert(ctx, tx, InsertFindings, rows, seenAgain); err != nil {
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
	query := selectFindings + OneOfThem + strings.Repeat(" OR "+OneOfThem, len(seen)-1)
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
