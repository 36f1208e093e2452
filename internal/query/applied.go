package query

import (
	"context"
	"time"

	"duly/internal/billing/planned"
	"duly/internal/mysql"
)

// selectApplied leaves out those that changed nothing, and those that an operator has ignored.
const selectApplied = `SELECT kind, COUNT(*) AS count FROM subscription_changes WHERE applied_at >= ? AND (outcome = ? OR outcome LIKE ?) GROUP BY kind`

// AppliedChanges counts the planned changes that were applied since an instant, by their kind. A login that may not read them has applied none.
func AppliedChanges(ctx context.Context, db *mysql.DB, since time.Time) (map[string]int64, error) {
	var rows []struct {
		Kind  string
		Count int64
	}
	err := db.SelectContext(ctx, &rows, selectApplied, since.UTC(), planned.Applied, planned.UsedFor+"%")
	if mysql.IsDenied(err) {
		return nil, nil //nolint:nilnil // none
	}
	if err != nil || len(rows) == 0 {
		return nil, mysql.Classify(ctx, err)
	}
	applied := make(map[string]int64, len(rows))
	for _, r := range rows {
		applied[r.Kind] = r.Count
	}
	return applied, nil
}
