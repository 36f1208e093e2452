package runs_test

import (
	"errors"
	"sync"
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

// older moves the last heartbeat of every run back.
func older(t *testing.T, db *testdb.DB, d time.Duration) {
	t.Helper()
	worktest.Exec(t, db, `UPDATE job_runs SET heartbeat_at = heartbeat_at - INTERVAL ? MICROSECOND`, d.Microseconds())
}

func repository(t *testing.T, plain *testdb.DB) *runs.Repository {
	t.Helper()
	return &runs.Repository{DB: worktest.Open(t, plain.DSN), Now: time.Now}
}

func hold(t *testing.T, r *runs.Repository, run *batch.Run) error {
	t.Helper()
	return mysql.Tx(t.Context(), r.DB, "test", func(tx *sqlx.Tx) error { return runs.Hold(t.Context(), tx, run) })
}

func TestARunFromStartToFinish(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	r := repository(t, plain)
	spec := worktest.Spec()
	spec.Params = []byte(`{"limit": 7}`)
	run, err := r.Start(t.Context(), spec)
	require.NoError(t, err)
	require.NoError(t, hold(t, r, run))

	progress := []batch.Progress{{
		Step: "collect", Status: batch.Running, Began: time.Minute,
		Tally: batch.Tally{Read: 9, Succeeded: 1, Declined: 2, Released: 3, InDoubt: 4, Rejected: 5, Review: 6, Amounts: map[string]int64{"KRW": 9900}},
	}}
	older(t, plain, 30*time.Second)
	require.NoError(t, r.Beat(t.Context(), run, progress))
	require.Zero(t, worktest.Get[int](t, plain, `SELECT COUNT(*) FROM job_runs WHERE heartbeat_at < UTC_TIMESTAMP(6) - INTERVAL 10 SECOND`), "renewed")
	progress[0].Status, progress[0].Tally.Succeeded = batch.Completed, 10
	require.NoError(t, r.Finish(t.Context(), run, progress, batch.Result{Status: batch.Failed, Exit: 1, Err: errors.New("no luck")}))

	past, err := runs.FindRun(t.Context(), r.DB, run.ID)
	require.NoError(t, err)
	require.Equal(t, "failed", past.Status)
	require.Equal(t, 1, *past.ExitCode)
	require.Equal(t, "no luck", *past.Error)
	require.Equal(t, "2026-01-31", past.BusinessDate)
	require.JSONEq(t, `{"limit": 7}`, string(past.Params))
	require.NotNil(t, past.Finished)
	require.Equal(t, []string{"collect completed 9 10 2 3 4 5 6 9900"}, worktest.List[string](t, plain,
		`SELECT CONCAT_WS(' ', step, status, read_count, succeeded, declined, released, in_doubt, rejected, review,
JSON_EXTRACT(amounts, '$.KRW')) FROM step_runs`))
	require.ErrorIs(t, hold(t, r, run), batch.ErrLeaseLost, "it has ended")
	require.ErrorIs(t, r.Beat(t.Context(), run, nil), batch.ErrLeaseLost)
	require.ErrorIs(t, r.Finish(t.Context(), run, nil, batch.Result{Status: batch.Completed}), batch.ErrLeaseLost)
	none, err := runs.FindRun(t.Context(), r.DB, run.ID+1)
	require.NoError(t, err)
	require.Nil(t, none)
}

// A run whose lease ran out by the database's clock can do nothing any more, whether it was marked or not.
func TestARunOutOfLease(t *testing.T) {
	t.Parallel()
	for _, marked := range []bool{false, true} {
		plain := testdb.New(t)
		r := repository(t, plain)
		run, err := r.Start(t.Context(), worktest.Spec())
		require.NoError(t, err)
		older(t, plain, worktest.Lease+time.Millisecond)
		if marked {
			dead, err := r.Abandon(t.Context(), runs.Taker{})
			require.NoError(t, err)
			require.Equal(t, []uint64{run.ID}, dead)
		}
		require.ErrorIs(t, r.Beat(t.Context(), run, []batch.Progress{{Step: "collect"}}), batch.ErrLeaseLost)
		require.ErrorIs(t, hold(t, r, run), batch.ErrLeaseLost)
		require.ErrorIs(t, r.Finish(t.Context(), run, nil, batch.Result{Status: batch.Completed}), batch.ErrLeaseLost)
		require.Zero(t, worktest.Get[int](t, plain, `SELECT COUNT(*) FROM step_runs`))
		require.Zero(t, worktest.Get[int](t, plain, `SELECT COUNT(*) FROM job_runs WHERE status = 'completed'`))
	}
}

func TestAnotherLeaseIsNotOurs(t *testing.T) {
	t.Parallel()
	r := repository(t, testdb.New(t))
	run, err := r.Start(t.Context(), worktest.Spec())
	require.NoError(t, err)
	stranger := *run
	stranger.Token = make([]byte, 16)
	require.ErrorIs(t, r.Beat(t.Context(), &stranger, nil), batch.ErrLeaseLost)
	require.ErrorIs(t, hold(t, r, &stranger), batch.ErrLeaseLost)
	require.ErrorIs(t, r.Finish(t.Context(), &stranger, nil, batch.Result{}), batch.ErrLeaseLost)
	require.NoError(t, r.Beat(t.Context(), run, nil))
}

func TestDeadRunsAreAbandonedByExactlyOne(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	r := repository(t, plain)
	var dead []uint64
	for range 5 {
		run, err := r.Start(t.Context(), worktest.Spec())
		require.NoError(t, err)
		dead = append(dead, run.ID)
	}
	older(t, plain, worktest.Lease+time.Second)
	long := worktest.Spec()
	long.Lease = time.Hour
	alive, err := r.Start(t.Context(), long)
	require.NoError(t, err)
	worktest.Exec(t, plain, `UPDATE job_runs SET heartbeat_at = heartbeat_at - INTERVAL 30 MINUTE WHERE id = ?`, alive.ID)

	var work sync.WaitGroup
	found := make([][]uint64, 4)
	errs := make([]error, 4)
	for i := range found {
		one := repository(t, plain)
		work.Go(func() { found[i], errs[i] = one.Abandon(t.Context(), runs.Taker{}) })
	}
	work.Wait()
	require.NoError(t, errors.Join(errs...))
	var all []uint64
	for _, f := range found {
		all = append(all, f...)
	}
	require.ElementsMatch(t, dead, all, "each by one; the length of a lease is the run's own")
	require.Equal(t, []uint64{alive.ID}, worktest.List[uint64](t, plain, `SELECT id FROM job_runs WHERE status = 'running'`))
	others, err := r.Others(t.Context(), 0)
	require.NoError(t, err)
	require.Len(t, others, 1)
	require.Equal(t, alive.ID, others[0].ID)
	others, err = r.Others(t.Context(), alive.ID)
	require.NoError(t, err)
	require.Empty(t, others)
}

// While a run settles it cannot be taken over.
func TestARunThatSettlesIsNotAbandoned(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	r := repository(t, plain)
	run, err := r.Start(t.Context(), worktest.Spec())
	require.NoError(t, err)
	err = mysql.Tx(t.Context(), r.DB, "test", func(tx *sqlx.Tx) error {
		require.NoError(t, runs.Hold(t.Context(), tx, run))
		// Its lease ends now, by a taker who believes in a shorter one.
		dead, err := repository(t, plain).Abandon(t.Context(), runs.Taker{})
		require.NoError(t, err)
		require.Empty(t, dead)
		return nil
	})
	require.NoError(t, err)
}

// A COMMIT without a certain answer, at the start of a run and at its end, is found out about: there is one run, and it ends.
func TestARunWhoseCommitsAreLost(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(*testdb.Proxy) <-chan struct{}{
		"its answer": (*testdb.Proxy).LoseCommitAnswer, "on the way there": (*testdb.Proxy).LoseCommit,
	} {
		t.Run(name, func(t *testing.T) {
			plain := testdb.New(t)
			proxy := testdb.NewProxy(t, plain.DSN)
			r := &runs.Repository{DB: worktest.Open(t, proxy.DSN), Now: time.Now}
			lost := lose(proxy)
			run, err := r.Start(t.Context(), worktest.Spec())
			<-lost
			require.NoError(t, err)
			require.Equal(t, []uint64{run.ID}, worktest.List[uint64](t, plain, `SELECT id FROM job_runs WHERE status = 'running'`))
			lost = lose(proxy)
			require.NoError(t, r.Finish(t.Context(), run, nil, batch.Result{Status: batch.Completed}))
			<-lost
			require.Equal(t, "completed", worktest.Get[string](t, plain, `SELECT status FROM job_runs`))
			require.ErrorIs(t, r.Finish(t.Context(), run, nil, batch.Result{Status: batch.Failed, Exit: 1}), batch.ErrLeaseLost, "it has ended otherwise")
		})
	}
}

// A settlement in a session that is not ours writes nothing, also while its connection was looked at a moment ago.
func TestHoldInASessionOfSomebodyElse(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	r := repository(t, plain)
	run, err := r.Start(t.Context(), worktest.Spec())
	require.NoError(t, err)
	require.NoError(t, hold(t, r, run))
	err = mysql.Tx(t.Context(), r.DB, "test", func(tx *sqlx.Tx) error {
		if _, err := tx.ExecContext(t.Context(), `SET time_zone = '-09:00'`); err != nil {
			return err
		}
		defer func() { _, _ = tx.ExecContext(t.Context(), `SET time_zone = '+00:00'`) }()
		return runs.Hold(t.Context(), tx, run)
	})
	require.ErrorIs(t, err, batch.ErrUnavailable)
	require.ErrorContains(t, err, "session settings are lost between statements: found time zone and sql_mode -09:00")
}
