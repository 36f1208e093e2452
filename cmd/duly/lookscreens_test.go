package main

import (
	"strings"
	"testing"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/stretchr/testify/require"

	"duly/internal/app"
	"duly/internal/batch"
	"duly/internal/inspect"
	"duly/internal/view"
)

// No line of a screen is wider than the terminal, nothing is drawn around a table, and no instant is shown in two time zones.
func TestScreensFit(t *testing.T) {
	t.Parallel()
	s := backlog(t)
	s.crowded(t)
	s.exec(t, "UPDATE invoices SET review_reason = CONCAT('gateway booked ', id, '.99 USD, invoice is 12.99 USD') WHERE status = 'review'")
	for _, width := range []int{80, 140} {
		s.each = func(a *app.Command) { a.Screen.Wide = width }
		for _, line := range []string{
			"status", "status --verbose", "list review", "list doubt", "list findings", "list dead-events", "list unknown", "show subscription 1",
			"show subscription 6", "show subscription 9", "show invoice 1", "show invoice 2", "show invoice 3", "show invoice 4", "show invoice 7", "show order 1",
			"show run 17", "runs", "doctor", "doctor --verbose", "run billing --dry-run", "run reconcile --dry-run", "run audit --dry-run", "run outbox --dry-run",
			"run biling", "run billing --limit many", "show invoice 99",
		} {
			got := s.duly(t, strings.Fields(line)...)
			for shown := range strings.Lines(got.out + got.err) {
				shown = strings.TrimSuffix(shown, "\n")
				require.LessOrEqual(t, text.StringWidth(shown), width, "%s: %s", line, shown)
				require.NotContains(t, shown, "─", line)
				require.NotContains(t, shown, "│", line)
				require.Equal(t, strings.TrimRight(shown, " "), shown, line)
			}
			require.LessOrEqual(t, strings.Count(got.out, "times in "), 1, line)
			require.NotContains(t, got.out, "\x1b", "no colours: marks have words")
		}
	}
}

// Without UTF-8 the screens are ASCII, but for what people wrote themselves.
func TestScreensWithoutUTF8(t *testing.T) {
	t.Parallel()
	s := backlog(t)
	s.crowded(t)
	for _, set := range []string{"TERM=dumb", "LANG=C"} {
		one := *s
		one.env = append([]string{set, "NO_COLOR=1"}, s.env...)
		for _, line := range []string{"status", "list review", "show invoice 1", "show subscription 1", "doctor", "run billing --dry-run", "runs"} {
			for _, r := range one.duly(t, strings.Fields(line)...).out {
				require.Less(t, r, rune(128), "%s: %q", line, r)
			}
		}
	}
}

// A run that died holds its claims until its lease ends: it is said whose they are, and when they are free. Its steps grow no more.
func TestWhatADeadRunHolds(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.live(t, 1)
	s.attempt(t, "in_flight", "charging", "")
	s.exec(t, "UPDATE job_runs SET heartbeat_at = UTC_TIMESTAMP(6) - INTERVAL 40 MINUTE, started_at = UTC_TIMESTAMP(6) - INTERVAL 50 MINUTE, lease_ms = 3600000")
	s.exec(t, "INSERT INTO step_runs (run_id, step, status, started_at, read_count) VALUES (1, 'collect', 'running', UTC_TIMESTAMP(6) - INTERVAL 45 MINUTE, 7)")
	var beat time.Time
	require.NoError(t, s.db.GetContext(t.Context(), &beat, "SELECT heartbeat_at FROM job_runs"))
	seoul, err := time.LoadLocation("Asia/Seoul")
	require.NoError(t, err)
	free := beat.Add(time.Hour + time.Minute - time.Nanosecond).Truncate(time.Minute).In(seoul).Format("15:04")
	require.Contains(t, s.duly(t, "status").out, "Claimed   run 1 died; its 1 charge is free at "+free+"\n! run 1   billing · no heartbeat for 40m · lease ends in 20m0s\n")
	doc := document[view.Summary](t, s.duly(t, "run", "billing", "--json", "--step", "recover"))
	require.Equal(t, batch.ExitUnfinished, doc.Exit)
	require.Contains(t, doc.Left, "run 1 died; its 1 charge is free at "+free)

	s.exec(t, "UPDATE job_runs SET lease_ms = 1000 WHERE id = 1")
	run := document[inspect.ShownRun](t, s.duly(t, "show", "run", "1", "--json"))
	require.InDelta(t, 5*60, run.Steps[0].Seconds, 60, "from its start to the last heartbeat")
	require.Regexp(t, `collect +died +7 +\d`, s.duly(t, "show", "run", "1").out)
}

// What was refunded is not counted as collected.
func TestRefundsAreNotCollected(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.past(t)
	s.exec(t, `INSERT INTO step_runs (run_id, step, status, read_count, succeeded, amounts, finished_at) VALUES
(1, 'reconcile', 'completed', 3, 3, '{"KRW": 38700}', UTC_TIMESTAMP(6)), (1, 'refund', 'completed', 1, 1, '{"KRW": 12900}', UTC_TIMESTAMP(6))`)
	got := s.duly(t, "show", "run", "1").out
	require.Contains(t, got, "\nCollected  38,700 KRW\nRefunded   12,900 KRW\n")
	got = s.duly(t, "runs").out
	require.Regexp(t, `COLLECTED +REFUNDED\n.* 38,700 KRW +12,900 KRW\n`, got)
	require.NotContains(t, got, "51,600")
}
