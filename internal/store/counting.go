package store

import (
	"context"

	"duly/internal/mysql"
)

// Absent lists those of the ids that the query, which reads them, does not find.
func Absent(ctx context.Context, db *mysql.DB, query string, ids []uint64) ([]uint64, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	var there []uint64
	if err := mysql.SelectIn(ctx, db, &there, query, ids); err != nil {
		return nil, mysql.Classify(ctx, err)
	}
	present := make(map[uint64]bool, len(there))
	for _, id := range there {
		present[id] = true
	}
	var missing []uint64
	for _, id := range ids {
		if !present[id] {
			missing = append(missing, id)
		}
	}
	return missing, nil
}

// Count reads the one number that a query gives.
func Count(ctx context.Context, db *mysql.DB, query string, args ...any) (int64, error) {
	var n int64
	err := db.GetContext(ctx, &n, query, args...)
	return n, err
}
