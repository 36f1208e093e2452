package runs_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/runs"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
)

// Pages of old runs end at the first that holds young ones alone, not at one with runs that have not ended.
func TestPagesOfOldRuns(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	db := worktest.Open(t, plain.DSN)
	const old, young, none = "2026-01-01", "2026-03-01", ""
	for _, ended := range []string{none, none, old, young, young, old, young, young, old} {
		var at any
		if ended != none {
			at = ended
		}
		worktest.Exec(t, plain, `INSERT INTO job_runs (job, business_date, params, status, lease, lease_ms, host, pid, version, finished_at)
VALUES ('billing', '2026-01-01', '{}', 'completed', '1234567890123456', 60000, 'host', 1, 'v', ?)`, at)
	}
	before := time.Date(2026, time.February, 1, 0, 0, 0, 0, time.UTC)
	var pages []runs.Expired
	for after := uint64(0); ; after = pages[len(pages)-1].Last {
		page, err := runs.OldRuns(t.Context(), db, after, before, 2)
		require.NoError(t, err)
		if pages = append(pages, page); page.Done {
			break
		}
	}
	require.Equal(t, []runs.Expired{
		{Last: 2},
		{IDs: []uint64{3}, Last: 4},
		{IDs: []uint64{6}, Last: 6},
		{Last: 8, Done: true},
	}, pages, "what is behind is left to a later time")
	page, err := runs.OldRuns(t.Context(), db, 0, before, 100)
	require.NoError(t, err)
	require.Equal(t, runs.Expired{IDs: []uint64{3, 6, 9}, Last: 9, Done: true}, page)
	require.Equal(t, runs.Expired{IDs: []uint64{3, 6}, Last: 6}, page.First(2), "the third is still to come")
	require.Equal(t, page, page.First(3))
}
