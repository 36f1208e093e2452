package main

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/gateway/simulator"
	"duly/internal/session"
)

// child starts the program in a process of its own.
func (s *shop) child(t *testing.T, args ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	var out bytes.Buffer
	return s.childTo(t, &out, args...), &out
}

// childTo starts the program in a process of its own that writes to w.
func (s *shop) childTo(t *testing.T, w io.Writer, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(s.env, asProgram+"=1")
	cmd.Stdout, cmd.Stderr = w, w
	require.NoError(t, cmd.Start())
	return cmd
}

// code waits for the end of a process and returns its exit code.
func code(t *testing.T, cmd *exec.Cmd) int {
	t.Helper()
	err := cmd.Wait()
	if _, ok := errors.AsType[*exec.ExitError](err); !ok {
		require.NoError(t, err)
	}
	return cmd.ProcessState.ExitCode()
}

// charging waits until that many charges are being served.
func (s *shop) charging(t *testing.T, n int) {
	t.Helper()
	require.Eventually(t, func() bool { return s.sim.Stats().MaxConcurrent >= n }, patience, 2*time.Millisecond)
}

// holdCharges lets no charge through before release is called or the test ends; arrived waits until there is one.
func (s *shop) holdCharges(t *testing.T) (arrived, release func()) {
	t.Helper()
	came, over := make(chan struct{}, 1), make(chan struct{})
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			s.sim.ServeHTTP(w, r)
			return
		}
		select {
		case came <- struct{}{}:
		default:
		}
		<-over
		s.sim.ServeHTTP(w, r)
	}))
	release = sync.OnceFunc(func() { close(over) })
	t.Cleanup(front.Close)
	t.Cleanup(release)
	s.env = append(s.env, "DULY_GATEWAYS_MAIN_URL="+front.URL)
	return func() {
		t.Helper()
		select {
		case <-came:
		case <-time.After(patience):
			t.Fatal("no charge arrived")
		}
	}, release
}

// A signal lets what is in flight finish and leaves the rest; the exit code names it.
func TestSignalDrains(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		signal syscall.Signal
		code   int
	}{"SIGTERM": {syscall.SIGTERM, 143}, "SIGINT": {syscall.SIGINT, 130}, "SIGHUP": {syscall.SIGHUP, 129}} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t)
			s.sim.Update(func(c *simulator.Config) { c.Latency.Fixed = 500 * time.Millisecond })
			const all = 400 // a minute's work and more
			for range all {
				s.enrol(t, "ok", 100)
			}
			cmd, out := s.child(t, "run", "billing", "--parallelism", "3")
			s.charging(t, 3)
			require.NoError(t, cmd.Process.Signal(c.signal))
			require.Equal(t, c.code, code(t, cmd), out.String())
			require.Contains(t, out.String(), "! run 1: stopped by SIG")
			require.Contains(t, out.String(), "Then       duly run billing --rerun 1")
			require.Zero(t, s.number(t, "SELECT COUNT(*) FROM payment_attempts WHERE status NOT IN ('succeeded', 'released')"))
			paid := s.number(t, "SELECT COUNT(*) FROM invoices WHERE status = 'paid'")
			require.Len(t, s.sim.Ledger(), int(paid))
			require.Less(t, paid, int64(all))
			require.Equal(t, int64(c.code), s.number(t, "SELECT exit_code FROM job_runs"))
		})
	}
}

// The reader of a run's output may go away: the run goes on and ends as it would have.
func TestAReaderThatGoesAwayEndsNothing(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	arrived, release := s.holdCharges(t)
	s.enrol(t, "ok", 100)
	r, w, err := os.Pipe()
	require.NoError(t, err)
	cmd := s.childTo(t, w, "run", "billing")
	arrived()
	require.NoError(t, errors.Join(r.Close(), w.Close()))
	release()
	require.Equal(t, batch.ExitDone, code(t, cmd))
	require.Equal(t, int64(1), s.number(t, "SELECT COUNT(*) FROM invoices WHERE status = 'paid'"))
}

// A second signal ends it at once; the next run recovers what was in flight.
func TestSecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	arrived, _ := s.holdCharges(t)
	s.enrol(t, "ok", 100)
	cmd, out := s.child(t, "run", "billing")
	arrived()
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	// The first signal is taken in at some time after it was sent; the ones after it find it so.
	ended := make(chan struct{})
	stop := session.Every(5*time.Millisecond, func() { _ = cmd.Process.Signal(syscall.SIGTERM) })
	go func() { defer close(ended); require.Equal(t, 143, code(t, cmd)) }()
	select {
	case <-ended:
	case <-time.After(patience):
		t.Error("it did not end: " + out.String())
	}
	stop()
	require.Equal(t, int64(1), s.number(t, "SELECT COUNT(*) FROM payment_attempts WHERE status = 'in_flight'"))
	require.Equal(t, int64(1), s.number(t, "SELECT COUNT(*) FROM job_runs WHERE status = 'running'"))
}

// A signal before the run's row is written ends it with the signal's code, and one line says that nothing was begun and what to type again.
func TestSignalBeforeTheRunsRow(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.enrol(t, "ok", 100)
	lock, err := s.db.Connx(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, lock.Close()) }()
	_, err = lock.ExecContext(t.Context(), "LOCK TABLES job_runs WRITE")
	require.NoError(t, err)
	cmd, out := s.child(t, "run", "billing", "--subscription", "1", "--max-duration=1h")
	require.Eventually(t, func() bool {
		var n int
		err := s.db.GetContext(t.Context(), &n, "SELECT COUNT(*) FROM information_schema.processlist WHERE db = DATABASE() AND info LIKE '%job_runs%' AND state <> ''")
		return err == nil && n > 1
	}, patience, 5*time.Millisecond)
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.Equal(t, 143, code(t, cmd), out.String())
	require.Equal(t, "duly: stopped by SIGTERM before a run began: nothing was issued, claimed or sent; again: duly run billing --subscription 1 --max-duration=1h\n", out.String())
	_, err = lock.ExecContext(t.Context(), "UNLOCK TABLES")
	require.NoError(t, err)
	require.Zero(t, s.number(t, "SELECT (SELECT COUNT(*) FROM job_runs) + (SELECT COUNT(*) FROM invoices)"))
}

// A signal during a command that only looks ends it with the signal's code, without a complaint.
func TestSignalBeforeTheRun(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	lock, err := s.db.Connx(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, lock.Close()) }()
	_, err = lock.ExecContext(t.Context(), "LOCK TABLES subscriptions WRITE")
	require.NoError(t, err)
	cmd, out := s.child(t, "status")
	require.Eventually(t, func() bool {
		var n int
		err := s.db.GetContext(t.Context(), &n, "SELECT COUNT(*) FROM information_schema.processlist WHERE db = DATABASE() AND info LIKE '%FROM subscriptions s %' AND state <> ''")
		return err == nil && n > 1
	}, patience, 5*time.Millisecond)
	require.NoError(t, cmd.Process.Signal(syscall.SIGINT))
	require.Equal(t, 130, code(t, cmd), out.String())
	require.Empty(t, out.String())
	_, err = lock.ExecContext(t.Context(), "UNLOCK TABLES")
	require.NoError(t, err)
}
