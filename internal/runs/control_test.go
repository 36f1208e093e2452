package runs_test

import (
	"encoding/json"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/mysql"
	"duly/internal/runs"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
)

// A run tells of itself with each heartbeat, and a state that cannot be written down costs none.
func TestStateIsWrittenWithTheHeartbeat(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	r := repository(t, plain)
	run, err := r.Start(t.Context(), worktest.Spec())
	require.NoError(t, err)
	require.NoError(t, r.Beat(t.Context(), run, nil))
	past, err := runs.FindRun(t.Context(), r.DB, run.ID)
	require.NoError(t, err)
	require.Nil(t, past.State)

	r.State = func() any { return map[string]any{"step": "collect"} }
	require.NoError(t, r.Beat(t.Context(), run, []batch.Progress{{Step: "collect", Status: batch.Running}}))
	live, err := runs.LiveRuns(t.Context(), r.DB)
	require.NoError(t, err)
	require.JSONEq(t, `{"step": "collect"}`, string(live[0].State))

	r.State = func() any { return math.NaN() }
	require.NoError(t, r.Beat(t.Context(), run, nil))
	past, err = runs.FindRun(t.Context(), r.DB, run.ID)
	require.NoError(t, err)
	require.Nil(t, past.State)
}

func TestControl(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	r := repository(t, plain)
	run, err := r.Start(t.Context(), worktest.Spec())
	require.NoError(t, err)
	got, err := runs.ReadControl(t.Context(), r.DB, run.ID)
	require.NoError(t, err)
	require.Equal(t, runs.Control{}, got)
	_, err = runs.ReadControl(t.Context(), r.DB, run.ID+1)
	require.ErrorContains(t, err, "its row is gone")

	at := time.Date(2026, 1, 31, 2, 30, 0, 0, time.UTC)
	want := runs.Control{
		Stop:     &runs.Instruction{Who: "kim", Host: "ops", Reason: "deploy", At: at},
		Throttle: &runs.Throttle{Instruction: runs.Instruction{Who: "ada", At: at}, Parallelism: 5, Rate: 0.5},
	}
	b, err := json.Marshal(want)
	require.NoError(t, err)
	worktest.Exec(t, plain, `UPDATE job_runs SET control = ?`, string(b))
	got, err = runs.ReadControl(t.Context(), r.DB, run.ID)
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.Equal(t, "kim: deploy", got.Stop.String())
	require.Equal(t, "ada", got.Throttle.String())
	require.Equal(t, "5 at once, 0.5/s", got.Throttle.Pace())
	require.Equal(t, "the pace that it was started with", runs.Throttle{}.Pace())

	worktest.Exec(t, plain, `UPDATE job_runs SET control = '[]'`)
	_, err = runs.ReadControl(t.Context(), r.DB, run.ID)
	require.ErrorContains(t, err, "read control")
}

// What transactions cost is known by name: those that end, one that lasts, and tries that a lock ended.
func TestWorkOfTransactions(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	now := time.Date(2026, 1, 31, 2, 30, 0, 0, time.UTC)
	db, err := mysql.Open(plain.DSN, mysql.Options{LockWait: time.Second, Now: func() time.Time { return now }})
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	require.Empty(t, db.Work())
	require.NoError(t, mysql.Tx(t.Context(), db, "claim", func(*sqlx.Tx) error { now = now.Add(2 * time.Second); return nil }))
	require.NoError(t, mysql.Tx(t.Context(), db, "claim", func(*sqlx.Tx) error {
		now = now.Add(time.Second)
		require.Equal(t, mysql.Work{Count: 1, Time: 3 * time.Second}, db.Work()["claim"], "one that lasts counts")
		return nil
	}))
	require.Error(t, mysql.Tx(t.Context(), db, "settle", func(*sqlx.Tx) error { now = now.Add(time.Second); return errors.New("no") }))
	require.Equal(t, map[string]mysql.Work{"claim": {Count: 2, Time: 3 * time.Second}, "settle": {Count: 1, Time: time.Second}}, db.Work())

	holder, err := plain.Beginx()
	require.NoError(t, err)
	defer func() { _ = holder.Rollback() }()
	_, err = holder.ExecContext(t.Context(), `SELECT id FROM claim_probe WHERE id = 1 FOR UPDATE`)
	require.NoError(t, err)
	before, err := mysql.ReadLocks(t.Context(), db)
	require.NoError(t, err)
	err = mysql.Tx(t.Context(), db, "settle", func(tx *sqlx.Tx) error {
		now = now.Add(time.Second)
		_, err := tx.ExecContext(t.Context(), `SELECT id FROM claim_probe WHERE id = 1 FOR UPDATE NOWAIT`)
		return err
	})
	require.ErrorIs(t, err, batch.ErrLocked)
	work := db.Work()["settle"]
	require.Equal(t, int64(2), work.Locked)
	require.Equal(t, 2*time.Second, work.Lost)

	_, err = db.ExecContext(t.Context(), `UPDATE claim_probe SET claimed_at = UTC_TIMESTAMP(6) WHERE id = 1`)
	require.Error(t, err)
	after, err := mysql.ReadLocks(t.Context(), db)
	require.NoError(t, err)
	require.GreaterOrEqual(t, after.Waited-before.Waited, 500*time.Millisecond)
}
