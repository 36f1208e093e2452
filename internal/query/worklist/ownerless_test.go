package worklist_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/query/worklist"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
)

// A due change whose subscription does not exist is counted until somebody corrects, deletes or drops it; the first few are named by their day.
func TestOwnerlessChanges(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	db := worktest.Open(t, plain.DSN)
	worktest.Enrol(t, plain, 2, "2026-02-28", nil)
	found := func(day string) worklist.Ownerless {
		o, err := worklist.OwnerlessChanges(t.Context(), db, worktest.Day(t, day))
		require.NoError(t, err)
		return o
	}
	require.Zero(t, found("2026-01-31"))
	worktest.Exec(t, plain, `INSERT INTO subscription_changes (id, subscription_id, effective_date, kind, applied_at) VALUES
(1, 1, '2026-01-01', 'cancel', NULL), (2, 77, '2026-01-02', 'cancel', NULL), (3, 77, '2026-01-01', 'pause', NULL), (4, 77, '2026-01-01', 'pause', '2026-01-01'),
(5, 78, '2026-02-01', 'resume', NULL), (6, 78, '2026-01-31', 'noon', NULL)`)
	require.Equal(t, worklist.Ownerless{Count: 3, IDs: []uint64{3, 2, 6}}, found("2026-01-31"))
	require.Equal(t, worklist.Ownerless{Count: 1, IDs: []uint64{3}}, found("2026-01-01"))
	worktest.Exec(t, plain, `UPDATE subscription_changes SET subscription_id = 2 WHERE subscription_id = 77`)
	require.Equal(t, worklist.Ownerless{Count: 1, IDs: []uint64{6}}, found("2026-01-31"))
}
