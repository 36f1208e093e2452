package runs_test

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/runlock"
	"duly/internal/runs"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
)

// locked is a repository whose runs take locks in a folder of the test's own, as those of one host do; the folder is on tmpfs.
func locked(t *testing.T, plain *testdb.DB) (*runs.Repository, string) {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "duly-test-") //nolint:usetesting // t.TempDir is on a disk
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	r := repository(t, plain)
	r.Locks, err = runlock.Open(dir, "shop", func(string) string { return "" }, time.Now)
	require.NoError(t, err)
	r.Unlocked = func(err error) { require.NoError(t, err) }
	return r, dir
}

// files counts the files of a folder.
func files(t *testing.T, dir string) int {
	t.Helper()
	names, err := os.ReadDir(dir)
	require.NoError(t, err)
	return len(names)
}

// A run that does nothing any more, and whose end is not written, is taken over before its lease is over. One that lives is not.
func TestARunWhoseProcessIsGone(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	r, dir := locked(t, plain)
	run, err := r.Start(t.Context(), worktest.Spec())
	require.NoError(t, err)
	require.NoError(t, r.Beat(t.Context(), run, nil))
	taker := runs.Taker{Run: run.ID + 1, Job: run.Job}
	dead, err := r.Abandon(t.Context(), taker)
	require.NoError(t, err)
	require.Empty(t, dead, "it lives")
	require.NoError(t, hold(t, r, run))

	r.Release(run)
	require.Equal(t, 1, files(t, dir), "its file proves that it is gone")
	dead, err = r.Abandon(t.Context(), taker)
	require.NoError(t, err)
	require.Equal(t, []uint64{run.ID}, dead)
	require.ErrorIs(t, hold(t, r, run), batch.ErrLeaseLost)
	require.Zero(t, files(t, dir), "and is not needed any more")
	past, err := runs.FindRun(t.Context(), r.DB, run.ID)
	require.NoError(t, err)
	require.Equal(t, "abandoned", past.Status)
	require.Equal(t, taker.Run, *past.RecoveredBy)
}

// The run's end removes its file.
func TestTheEndOfARunRemovesItsFile(t *testing.T) {
	t.Parallel()
	r, dir := locked(t, testdb.New(t))
	run, err := r.Start(t.Context(), worktest.Spec())
	require.NoError(t, err)
	require.Equal(t, 1, files(t, dir))
	require.NoError(t, r.Finish(t.Context(), run, nil, batch.Result{Status: batch.Completed}))
	require.Zero(t, files(t, dir))
	r.Release(run)
	r.Release(nil)
}

// What does not prove that the process is gone leaves its run alone until its lease is over.
func TestARunThatIsNotProvenDead(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]string{
		"another boot":               `UPDATE job_runs SET boot_id = '00000000-0000-4000-8000-000000000000'`,
		"a run without a lock":       `UPDATE job_runs SET boot_id = NULL, lock_proof = NULL`,
		"a heartbeat from elsewhere": `UPDATE job_runs SET lock_proof = CONCAT(SUBSTRING_INDEX(lock_proof, ':', 2), ':', REPEAT('0', 32))`,
		"another file":               `UPDATE job_runs SET lock_proof = CONCAT('0:', lock_proof)`,
		"another token":              `UPDATE job_runs SET lease = '0123456789abcdef'`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plain := testdb.New(t)
			r, _ := locked(t, plain)
			run, err := r.Start(t.Context(), worktest.Spec())
			require.NoError(t, err)
			r.Release(run)
			worktest.Exec(t, plain, change)
			dead, err := r.Abandon(t.Context(), runs.Taker{})
			require.NoError(t, err)
			require.Empty(t, dead)
			require.Equal(t, "running", worktest.Get[string](t, plain, `SELECT status FROM job_runs`))
			older(t, plain, worktest.Lease+time.Millisecond)
			dead, err = r.Abandon(t.Context(), runs.Taker{})
			require.NoError(t, err)
			require.Equal(t, []uint64{run.ID}, dead)
		})
	}
}

// A heartbeat that the file could not be given proves nothing: the row says so.
func TestAHeartbeatWithoutALock(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	r, _ := locked(t, plain)
	run, err := r.Start(t.Context(), worktest.Spec())
	require.NoError(t, err)
	r.Release(run) // it is the process's own mistake to go on
	require.NoError(t, r.Beat(t.Context(), run, nil))
	require.False(t, worktest.Get[sql.NullString](t, plain, `SELECT lock_proof FROM job_runs`).Valid)
	dead, err := r.Abandon(t.Context(), runs.Taker{})
	require.NoError(t, err)
	require.Empty(t, dead)
}

// A run that cannot have a lock begins all the same, and says why it has none.
func TestARunThatCannotLock(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	r, dir := locked(t, plain)
	require.NoError(t, os.RemoveAll(dir))
	var why error
	r.Unlocked = func(err error) { why = errors.Join(why, err) }
	run, err := r.Start(t.Context(), worktest.Spec())
	require.NoError(t, err)
	require.ErrorIs(t, why, os.ErrNotExist)
	require.NoError(t, r.Beat(t.Context(), run, nil))
	require.Equal(t, 1, worktest.Get[int](t, plain, `SELECT COUNT(*) FROM job_runs WHERE boot_id IS NULL AND lock_proof IS NULL`))
	require.NoError(t, os.Mkdir(dir, 0o700))
}

// A run of another job finds the dead one; the run of its own job that comes next is the one that recovers it. One of some rows alone
// recovers nothing for good.
func TestWhoRecovers(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	r := repository(t, plain)
	by := func(id uint64) *uint64 {
		past, err := runs.FindRun(t.Context(), r.DB, id)
		require.NoError(t, err)
		return past.RecoveredBy
	}
	worktest.Exec(t, plain, `INSERT INTO job_runs (job, business_date, params, status, lease, lease_ms, host, pid, version)
VALUES ('billing', '2026-01-31', '{}', 'abandoned', '1234567890123456', 60000, 'host', 1, 'v')`)
	run, err := r.Start(t.Context(), worktest.Spec())
	require.NoError(t, err)
	older(t, plain, worktest.Lease+time.Millisecond)
	for _, taker := range []runs.Taker{{}, {Run: 7, Job: "outbox"}, {Run: 8}} {
		_, err = r.Abandon(t.Context(), taker)
		require.NoError(t, err)
		require.Zero(t, *by(run.ID), "found dead, and not recovered")
	}
	dead, err := r.Abandon(t.Context(), runs.Taker{Run: 9, Job: "billing"})
	require.NoError(t, err)
	require.Equal(t, []uint64{run.ID}, dead, "it takes over what another job's run found")
	dead, err = r.Abandon(t.Context(), runs.Taker{Run: 10, Job: "billing"})
	require.NoError(t, err)
	require.Empty(t, dead)
	require.Equal(t, uint64(9), *by(run.ID))
	require.Nil(t, by(run.ID-1), "it died before anybody wrote down who recovers")
}

// Files of runs that nobody has to prove dead any more are removed when a run begins; that of a run which its row says is running stays.
func TestFilesOfDeadRunsAreRemoved(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	r, dir := locked(t, plain)
	var dead []*batch.Run
	for range 2 {
		run, err := r.Start(t.Context(), worktest.Spec())
		require.NoError(t, err)
		r.Release(run)
		dead = append(dead, run)
	}
	worktest.Exec(t, plain, `UPDATE job_runs SET status = 'abandoned' WHERE id = ?`, dead[0].ID)
	require.Equal(t, 2, files(t, dir))
	var err error
	r.Locks, err = runlock.Open(dir, "shop", func(string) string { return "" }, func() time.Time { return time.Now().Add(time.Hour) })
	require.NoError(t, err)
	run, err := r.Start(t.Context(), worktest.Spec())
	require.NoError(t, err)
	require.Equal(t, 2, files(t, dir), "its own, and that of the one which still counts as running")
	found, err := r.Abandon(t.Context(), runs.Taker{Run: run.ID, Job: run.Job})
	require.NoError(t, err)
	require.Equal(t, []uint64{dead[1].ID}, found)
	require.Equal(t, 1, files(t, dir))
	require.NoError(t, r.Finish(t.Context(), run, nil, batch.Result{Status: batch.Completed}))
	require.Zero(t, files(t, dir))
}

// A run whose process is gone does not count among those that live, before anybody has marked it; one of another host does.
func TestLiving(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	r, dir := locked(t, plain)
	run, err := r.Start(t.Context(), worktest.Spec())
	require.NoError(t, err)
	living := func() (ids []uint64) {
		live, err := r.Living(t.Context(), run.ID+5)
		require.NoError(t, err)
		for _, l := range live {
			ids = append(ids, l.ID)
		}
		return ids
	}
	require.Equal(t, []uint64{run.ID}, living())
	r.Release(run)
	require.Empty(t, living())
	require.Equal(t, 1, files(t, dir), "it is left to the run that takes it over")
	worktest.Exec(t, plain, `UPDATE job_runs SET boot_id = NULL`)
	require.Equal(t, []uint64{run.ID}, living())
}

// That a run has lost its lock is said once, and not with every heartbeat.
func TestALostLockIsToldOnce(t *testing.T) {
	t.Parallel()
	r, dir := locked(t, testdb.New(t))
	var told []error
	r.Unlocked = func(err error) { told = append(told, err) }
	r.Locks = badly(t, dir)
	for range 2 {
		run, err := r.Start(t.Context(), worktest.Spec())
		require.NoError(t, err)
		require.NoError(t, r.Beat(t.Context(), run, nil))
	}
	require.Len(t, told, 1)
}

// badly is a host whose folder has gone.
func badly(t *testing.T, dir string) *runlock.Host {
	t.Helper()
	gone := filepath.Join(dir, "gone")
	require.NoError(t, os.Mkdir(gone, 0o700))
	h, err := runlock.Open(gone, "shop", func(string) string { return "" }, time.Now)
	require.NoError(t, err)
	require.NoError(t, os.Remove(gone))
	return h
}
