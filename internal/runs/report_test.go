package runs_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/runs"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
)

// What a run keeps for its report is there after each heartbeat, so that one that is killed has something to tell, and
// in the end.
func TestReportIsKept(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	r := repository(t, plain)
	run, err := r.Start(t.Context(), worktest.Spec())
	require.NoError(t, err)
	kept := func() []byte {
		got, err := runs.ReadReport(t.Context(), r.DB, run.ID)
		require.NoError(t, err)
		return got
	}
	require.Nil(t, kept())
	n := 0
	r.Report = func(res *batch.Result) any {
		n++
		return map[string]any{"n": n, "ended": res != nil}
	}
	require.NoError(t, r.Beat(t.Context(), run, nil))
	require.JSONEq(t, `{"n": 1, "ended": false}`, string(kept()))
	require.NoError(t, r.Beat(t.Context(), run, nil))
	require.JSONEq(t, `{"n": 2, "ended": false}`, string(kept()))
	require.NoError(t, r.Finish(t.Context(), run, nil, batch.Result{Status: batch.Completed}))
	require.JSONEq(t, `{"n": 3, "ended": true}`, string(kept()))

	_, err = runs.ReadReport(t.Context(), r.DB, 999)
	require.Error(t, err)
}

// One that cannot be written down costs no heartbeat, and at the end the last one stays.
func TestReportThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	r := repository(t, testdb.New(t))
	run, err := r.Start(t.Context(), worktest.Spec())
	require.NoError(t, err)
	r.Report = func(*batch.Result) any { return "known" }
	require.NoError(t, r.Beat(t.Context(), run, nil))
	r.Report = func(*batch.Result) any { return math.NaN() }
	require.NoError(t, r.Finish(t.Context(), run, nil, batch.Result{Status: batch.Completed}))
	kept, err := runs.ReadReport(t.Context(), r.DB, run.ID)
	require.NoError(t, err)
	require.JSONEq(t, `"known"`, string(kept))
}
