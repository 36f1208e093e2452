package main

import (
	"encoding/json"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/app"
	"duly/internal/batch"
	"duly/internal/session"
)

// waitingText is how people read that a run waits for another one's lease.
var waitingText = regexp.MustCompile(`waiting up to (9m\d+s|[1-8]m\d+s) for the lease of run 1 \(elsewhere, last heartbeat (\d+m)?\d+s ago\)`)

// claimedElsewhere leaves a charge with a run of another host, whose heartbeat does not go on.
func (s *shop) claimedElsewhere(t *testing.T) {
	t.Helper()
	s.live(t, 1)
	s.attempt(t, "in_flight", "charging", "")
	s.exec(t, "UPDATE job_runs SET heartbeat_at = UTC_TIMESTAMP(6) - INTERVAL 18 SECOND, lease_ms = 600000")
}

// A run that waits for another one's lease says so in its log, and status says it of the run.
func TestTheWaitForALeaseIsShown(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.lively()
	s.claimedElsewhere(t)
	s.each = func(a *app.Command) {
		a.Every = func(_ time.Duration, tick func()) func() { return session.Every(20*time.Millisecond, tick) }
	}
	end := s.begin(t, "run", "billing")
	eventually(t, func() bool { return waitingText.MatchString(s.duly(t, "status").out) })
	shown := s.duly(t, "status").out
	require.Regexp(t, `(?m)^> run 2   billing · recover-last 0\n          waiting up to `, shown)
	require.NotContains(t, shown, "slow:", "it only waits")
	require.Contains(t, s.duly(t, "status", "--json").out, `"why": "it waits for the lease of run 1 on elsewhere"`)
	s.exec(t, "UPDATE job_runs SET heartbeat_at = UTC_TIMESTAMP(6) WHERE id = 1") // it lives
	got := end()
	require.Equal(t, batch.ExitUnfinished, got.code, got.err)

	var said, progress []map[string]any
	for line := range strings.Lines(got.err) {
		var entry map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &entry), line)
		switch {
		case entry["msg"] == "waiting for the lease of another run":
			said = append(said, entry)
		case entry["msg"] == "progress" && entry["lease_run_id"] != nil:
			progress = append(progress, entry)
		}
	}
	require.Len(t, said, 1, "once, however often it looks")
	require.NotEmpty(t, progress)
	for _, entry := range []map[string]any{said[0], progress[0]} {
		require.Equal(t, "recover-last", entry["step"])
		require.Equal(t, float64(2), entry["run_id"])
		require.Equal(t, float64(1), entry["lease_run_id"])
		require.InDelta(t, 580, entry["lease_seconds_left"], 120)
	}
	require.Equal(t, "elsewhere", said[0]["lease_host"])
	require.InDelta(t, 20, said[0]["heartbeat_seconds_ago"], 120)
	require.NotContains(t, s.duly(t, "status").out, "waiting up to", "the run is over")
}

// On a terminal it stands below the step.
func TestTheWaitForALeaseIsDrawn(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.lively()
	s.claimedElsewhere(t)
	drawn := make(chan struct{}, 1)
	s.each = func(a *app.Command) {
		a.Screen.Terminal = func(io.Writer) bool { return true }
		a.Every = func(_ time.Duration, tick func()) func() {
			return session.Every(20*time.Millisecond, func() {
				tick()
				select {
				case drawn <- struct{}{}:
				default:
				}
			})
		}
	}
	end := s.begin(t, "run", "billing")
	eventually(t, func() bool {
		return s.number(t, `SELECT COUNT(*) FROM job_runs WHERE id = 2 AND JSON_EXTRACT(state, '$.waits_for.run_id') = 1`) == 1
	})
	for range 3 { // a frame that was begun after that
		<-drawn
	}
	s.exec(t, "UPDATE job_runs SET heartbeat_at = UTC_TIMESTAMP(6) WHERE id = 1")
	got := end()
	require.Equal(t, batch.ExitUnfinished, got.code, got.err)
	require.Regexp(t, `> recover-last  0\n           waiting up to \d+m\d+s for the lease of run 1 \(elsewhere, last\n           heartbeat \d+s ago\)`, got.out)
}

// A run that died names the run that took over what it left.
func TestARunThatWasRecoveredNamesItsRecoverer(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.claimedElsewhere(t)
	s.exec(t, "UPDATE job_runs SET lease_ms = 1000")
	require.Contains(t, s.duly(t, "show", "run", "1").out, "next: it died; the next run takes over the 1 charge that it left: duly run billing --rerun 1\n")
	s.duly(t, "run", "billing")
	got := s.duly(t, "show", "run", "1").out
	require.Contains(t, got, " · abandoned, recovered by run 2 · ")
	require.NotContains(t, got, "--rerun")
	require.Contains(t, s.duly(t, "show", "run", "1", "--json").out, `"recovered_by": 2`)
	require.NotContains(t, s.duly(t, "show", "run", "2").out, "recovered by")
}

// A run that is stopped while it waits does not know whether the other one lives, and does not say so.
func TestStoppedInTheWaitForALease(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.lively()
	s.claimedElsewhere(t)
	end := s.begin(t, "run", "billing")
	eventually(t, func() bool { return waitingText.MatchString(s.duly(t, "status").out) })
	require.Equal(t, batch.ExitDone, s.duly(t, "stop", "2", "--reason", "maintenance").code)
	got := end()
	require.Equal(t, batch.ExitUnfinished, got.code, got.err)
	require.Regexp(t, `\nLeft       run 1 \(elsewhere, last heartbeat (\d+m)?\d+s ago\) has claimed 1 charge; if it is dead,\s+it\s+is free at \d\d:\d\d\n`, got.out)
	require.NotContains(t, got.out, "is live")
}

// Whose claims a live run leaves to another one is said once.
func TestClaimsOfALiveRunAreSaidOnce(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.lively()
	s.claimedElsewhere(t)
	end := s.begin(t, "run", "billing")
	eventually(t, func() bool { return waitingText.MatchString(s.duly(t, "status").out) })
	s.exec(t, "UPDATE job_runs SET heartbeat_at = UTC_TIMESTAMP(6) WHERE id = 1")
	got := end()
	require.Equal(t, batch.ExitUnfinished, got.code, got.err)
	require.Contains(t, got.out, "\nLeft       run 1 is live and has claimed 1 charge\nThen ")
}

// A run of one subscription that takes over the last charge of a dead run is the one that recovered it; one that leaves others is not, and
// what is shown of the dead run counts them.
func TestADeadRunIsRecoveredBySubscription(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.claimedElsewhere(t)
	s.attempt(t, "in_flight", "charging", "")
	s.exec(t, "UPDATE job_runs SET lease_ms = 1000")
	s.duly(t, "run", "billing", "--subscription", "1")
	require.Contains(t, s.duly(t, "show", "run", "1").out, "next: it died; the next run takes over the 1 charge that it left: ")
	require.Zero(t, s.number(t, "SELECT recovered_by FROM job_runs WHERE id = 1"))
	s.duly(t, "run", "billing", "--subscription", "2")
	require.EqualValues(t, 3, s.number(t, "SELECT recovered_by FROM job_runs WHERE id = 1"))
	require.Contains(t, s.duly(t, "show", "run", "1", "--json").out, `"nothing: run 3 took over what it left: duly show run 3"`)

	// A run with a limit is the first to recover another, and may leave a part of it.
	s.exec(t, "UPDATE payment_attempts SET run_id = 1, status = 'in_flight' WHERE id = 2")
	require.Contains(t, s.duly(t, "show", "run", "1").out, "next: run 3 took over a part of what it left; the next run takes over the other 1 charge: ")
}

// A run that has missed heartbeats is not said to be running without that.
func TestAlsoRunning(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.live(t, 1)
	s.exec(t, "UPDATE job_runs SET heartbeat_at = UTC_TIMESTAMP(6), lease_ms = 600000")
	require.Contains(t, s.duly(t, "run", "prune").out, " · also running: 1 billing on elsewhere\n")
	s.exec(t, "UPDATE job_runs SET heartbeat_at = UTC_TIMESTAMP(6) - INTERVAL 100 SECOND WHERE id = 1")
	require.Regexp(t, ` · also running: 1 billing on elsewhere\s+\(last heartbeat 1m\d+s ago\)`, s.duly(t, "run", "prune").out)
}
