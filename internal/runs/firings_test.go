package runs_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/mysql"
	"duly/internal/runs"
	"duly/internal/test/testdb"
)

var half = time.Date(2026, 3, 29, 1, 30, 0, 0, time.UTC)

func claim(t *testing.T, host string, at time.Time) runs.Claim {
	t.Helper()
	token, err := runs.NewLease()
	require.NoError(t, err)
	return runs.Claim{Job: "nightly", At: at, Host: host, Token: token, Lease: time.Minute}
}

func firings(t *testing.T) (*runs.Firings, *testdb.DB) {
	t.Helper()
	db := testdb.New(t)
	pool, err := mysql.Open(db.DSN, mysql.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, pool.Close()) })
	return &runs.Firings{DB: pool, Now: time.Now}, db
}

// Many schedulers, one firing: one takes it.
func TestOneTakesAFiring(t *testing.T) {
	t.Parallel()
	f, db := firings(t)
	var group sync.WaitGroup
	var mu sync.Mutex
	var winners []runs.Firing
	for range 48 {
		c := claim(t, "some", half)
		group.Go(func() {
			taken, err := f.Take(t.Context(), c)
			if errors.Is(err, runs.ErrTaken) {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			winners = append(winners, taken)
		})
	}
	group.Wait()
	require.Len(t, winners, 1)
	var n int
	require.NoError(t, db.GetContext(t.Context(), &n, `SELECT COUNT(*) FROM schedule_firings`))
	require.Equal(t, 1, n)
}

// Many schedulers start again, and one firing was cut short: one takes it.
func TestOneTakesAFiringThatWasCutShort(t *testing.T) {
	t.Parallel()
	f, _ := firings(t)
	cut, err := f.Take(t.Context(), claim(t, "some", half))
	require.NoError(t, err)
	require.NoError(t, f.Finish(t.Context(), cut, 0, 143))
	var group sync.WaitGroup
	results := make([]error, 24)
	for i := range results {
		c := claim(t, "some", half)
		c.Again = true
		group.Go(func() { _, results[i] = f.Take(t.Context(), c) })
	}
	group.Wait()
	won := 0
	for _, err := range results {
		if err == nil {
			won++
			continue
		}
		require.ErrorIs(t, err, runs.ErrTaken)
	}
	require.Equal(t, 1, won)
}

// Two firings of one job, taken at the same moment by two schedulers: one goes ahead.
func TestTwoFiringsOfAJobDoNotRunAtOnce(t *testing.T) {
	t.Parallel()
	f, _ := firings(t)
	for round := range 10 {
		var group sync.WaitGroup
		taken := make([]error, 2)
		held := make([]runs.Firing, 2)
		for i := range 2 {
			c := claim(t, "some", half.Add(time.Duration(2*round+i)*time.Minute))
			group.Go(func() { held[i], taken[i] = f.Take(t.Context(), c) })
		}
		group.Wait()
		won := 0
		for i, err := range taken {
			if err == nil {
				won++
				require.NoError(t, f.Finish(t.Context(), held[i], 0, 0))
				continue
			}
			require.ErrorIs(t, err, runs.ErrUnderWay)
		}
		require.Equal(t, 1, won)
	}
}

func TestLifeOfAFiring(t *testing.T) {
	t.Parallel()
	f, db := firings(t)
	newest := func() runs.Firing {
		rows, err := f.Newest(t.Context(), "nightly", 5)
		require.NoError(t, err)
		require.NotEmpty(t, rows)
		return rows[0]
	}
	first := claim(t, "vm-1", half)
	taken, err := f.Take(t.Context(), first)
	require.NoError(t, err)
	again, err := f.Take(t.Context(), first)
	require.NoError(t, err, "its own, when the answer to COMMIT was lost")
	require.Equal(t, taken.ID, again.ID)
	require.True(t, newest().Live)
	require.True(t, newest().At.Equal(half))
	require.NoError(t, f.Beat(t.Context(), taken, 0))
	require.NoError(t, f.Beat(t.Context(), taken, 17))
	require.NoError(t, f.Beat(t.Context(), taken, 0), "the run is kept")
	require.Equal(t, uint64(17), *newest().Run)

	_, err = f.Take(t.Context(), claim(t, "vm-2", half))
	require.ErrorIs(t, err, runs.ErrTaken)
	_, err = f.Take(t.Context(), claim(t, "vm-2", half.Add(24*time.Hour)))
	require.ErrorIs(t, err, runs.ErrUnderWay)
	other := claim(t, "vm-2", half)
	other.Job = "outbox"
	_, err = f.Take(t.Context(), other)
	require.NoError(t, err, "another job")

	require.NoError(t, f.Finish(t.Context(), taken, 18, 143))
	require.Equal(t, 143, *newest().Exit)
	require.Error(t, f.Beat(t.Context(), taken, 0), "it is over")

	// What a signal cut short is free for a scheduler that starts, once.
	_, err = f.Take(t.Context(), claim(t, "vm-2", half))
	require.ErrorIs(t, err, runs.ErrTaken)
	resume := claim(t, "vm-2", half)
	resume.Again = true
	taken, err = f.Take(t.Context(), resume)
	require.NoError(t, err)
	require.Nil(t, newest().Exit)
	require.Nil(t, newest().Run)
	require.Equal(t, "vm-2", newest().Host)
	late := claim(t, "vm-3", half)
	late.Again = true
	_, err = f.Take(t.Context(), late)
	require.ErrorIs(t, err, runs.ErrTaken)

	// Who took it dies: the next firing goes ahead and marks it; what ended well is not repeated.
	_, err = db.ExecContext(t.Context(), `UPDATE schedule_firings SET heartbeat_at = heartbeat_at - INTERVAL 61 SECOND`)
	require.NoError(t, err)
	require.False(t, newest().Live)
	next, err := f.Take(t.Context(), claim(t, "vm-1", half.Add(24*time.Hour)))
	require.NoError(t, err)
	require.Error(t, f.Beat(t.Context(), taken, 0))
	rows, err := f.Newest(t.Context(), "nightly", 5)
	require.NoError(t, err)
	require.Len(t, rows, 2)
	require.NotNil(t, rows[1].Ended)
	require.Nil(t, rows[1].Exit, "nobody knows how it ended")
	require.NoError(t, f.Finish(t.Context(), next, 0, 0))
	done := claim(t, "vm-2", half.Add(24*time.Hour))
	done.Again = true
	_, err = f.Take(t.Context(), done)
	require.ErrorIs(t, err, runs.ErrTaken)
}
