package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/exit"
	"duly/internal/test/testdb"
)

// A night that is ended between two of its jobs says so by its exit code, and names the jobs that it did not come to.
func TestANightThatEndsBetweenTwoJobs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		end  func(cancel context.CancelCauseFunc, proxy *testdb.Proxy)
		exit int
		jobs int // that are in the document, with those that failed
	}{
		"SIGTERM": {func(cancel context.CancelCauseFunc, _ *testdb.Proxy) {
			cancel(exit.SignalError{Signal: syscall.SIGTERM})
		}, 143, 1},
		"SIGHUP": {func(cancel context.CancelCauseFunc, _ *testdb.Proxy) {
			cancel(exit.SignalError{Signal: syscall.SIGHUP})
		}, 129, 1},
		"--max-duration": {func(cancel context.CancelCauseFunc, _ *testdb.Proxy) {
			cancel(errors.New("--max-duration of 1h is reached"))
		}, batch.ExitUnfinished, 1},
		"the database is gone": {func(_ context.CancelCauseFunc, proxy *testdb.Proxy) {
			proxy.Refuse()
			proxy.Cut()
		}, batch.ExitUnfinished, 6},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t)
			proxy := testdb.NewProxy(t, s.db.DSN)
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			var out, errs bytes.Buffer
			a := newApp(append(s.env, "DULY_DATABASE_DSN="+proxy.DSN, "DULY_DATABASE_ACQUIRE_TIMEOUT=1s"), &out, &errs)
			var once sync.Once
			a.Now = func() time.Time {
				if s.number(t, "SELECT COUNT(*) = 1 AND COALESCE(MIN(status), '') = 'completed' FROM job_runs") == 1 {
					once.Do(func() { c.end(cancel, proxy) })
				}
				return time.Now()
			}
			require.Equal(t, c.exit, execute(ctx, a, []string{"run", "nightly", "--json"}), errs.String())
			var doc nightlyDocument
			require.NoError(t, json.Unmarshal(out.Bytes(), &doc), out.String())
			require.Equal(t, c.exit, doc.Exit)
			require.Len(t, doc.Jobs, c.jobs)
			require.Len(t, doc.NotBegun, 6-c.jobs)
			require.Equal(t, batch.ExitDone, doc.Jobs[0].Exit)
			for _, p := range doc.Jobs[1:] {
				require.Equal(t, c.exit, p.Exit, p.Error)
			}
			require.Equal(t, int64(1), s.number(t, "SELECT COUNT(*) FROM job_runs"))
		})
	}
}

// What is repeated covers what the run that is named covered, also when the days have gone on.
func TestAReRunRepeatsItsOwnWindow(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "audit").code)
	window := func(run int) (w string) {
		require.NoError(t, s.db.GetContext(t.Context(), &w, `SELECT CONCAT(JSON_VALUE(params, '$.window_from'), ' ', JSON_VALUE(params, '$.window_to')) FROM job_runs WHERE id = ?`, run))
		return w
	}
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "audit").code)
	require.NotEqual(t, window(1), window(2))
	got := s.duly(t, "run", "audit", "--rerun", "1")
	require.Equal(t, batch.ExitDone, got.code, got.err)
	require.Equal(t, window(1), window(3))
	s.exec(t, "UPDATE job_runs SET business_date = business_date - INTERVAL 9 DAY")
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "audit", "--rerun", "3").code)
	require.Equal(t, window(1), window(4))

	s.exec(t, "DELETE FROM job_runs")
	s.exec(t, "ALTER TABLE job_runs AUTO_INCREMENT = 1")
	told := func(args ...string) (days string) {
		t.Helper()
		got := s.duly(t, append([]string{"run", "report"}, args...)...)
		require.Equal(t, batch.ExitDone, got.code, got.err)
		require.NoError(t, s.db.GetContext(t.Context(), &days, `SELECT CONCAT_WS(' ', JSON_VALUE(params, '$.date'), JSON_VALUE(params, '$.from'),
JSON_VALUE(params, '$.to')) FROM job_runs ORDER BY id DESC LIMIT 1`))
		return days
	}
	require.Equal(t, "2026-01-30 2026-02-01", told("--from", "2026-01-30", "--to", "2026-02-01"))
	require.Equal(t, "2026-01-30 2026-02-01", told("--rerun", "1"))
	require.Empty(t, told(), "yesterday")
	s.exec(t, "UPDATE job_runs SET business_date = '2026-02-03' WHERE id = 3")
	require.Equal(t, "2026-02-03", told("--rerun", "3"))
	require.Equal(t, "2026-01-30", told("--from", "2026-01-30"), "until yesterday")
	s.exec(t, "UPDATE job_runs SET business_date = '2026-02-03' WHERE id = 5")
	require.Equal(t, "2026-01-30 2026-02-03", told("--rerun", "5"))
	require.Equal(t, "2026-02-02", told("--rerun", "5", "--date", "2026-02-02"), "what is typed wins")
}
