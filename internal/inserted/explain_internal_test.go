package inserted

import (
	"testing"

	"duly/internal/test/queryplan"
)

// Invoices that were just inserted are read by an index, whatever the statistics say of the table.
func TestInsertedInvoicesAreReadByAnIndex(t *testing.T) {
	t.Parallel()
	const rows, n = 2000, 500
	db := queryplan.Filled(t, rows)
	ids := make([]uint64, n)
	for i := range ids {
		ids[i] = uint64(rows - n + i + 1)
	}
	queryplan.Plan(t, db, queryplan.Read("invoices that were just inserted", insertedInOrder, ids[0], ids[n-1]), true)
	queryplan.Plan(t, db, queryplan.Read("invoices that were just inserted, by their key", insertedByKey, ids, []string{"2026-01-31"}), true)
}
