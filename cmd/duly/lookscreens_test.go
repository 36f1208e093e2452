package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/payment"
	"duly/internal/runs"
)

// No line of a screen is wider than the terminal, nothing is drawn around a table, and no instant is shown in two time zones.
func TestScreensFit(t *testing.T) {
	t.Parallel()
	s := backlog(t)
	s.crowded(t)
	s.exec(t, "UPDATE invoices SET review_reason = CONCAT('gateway booked ', id, '.99 USD, invoice is 12.99 USD') WHERE status = 'review'")
	for _, width := range []int{80, 140} {
		s.each = func(a *app) { a.Screen.wide = width }
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
	require.Contains(t, s.duly(t, "status").out, "Claimed   run 1 died; its 1 charge is free at "+free+"\n! run 1   billing · no heartbeat for 40m\n")
	doc := document[summary](t, s.duly(t, "run", "billing", "--json", "--step", "recover"))
	require.Equal(t, batch.ExitUnfinished, doc.Exit)
	require.Contains(t, doc.Left, "run 1 died; its 1 charge is free at "+free)

	s.exec(t, "UPDATE job_runs SET lease_ms = 1000 WHERE id = 1")
	run := document[shownRun](t, s.duly(t, "show", "run", "1", "--json"))
	require.InDelta(t, 5*60, run.Steps[0].Seconds, 60, "from its start to the last heartbeat")
	require.Regexp(t, `collect +died +7 +\d`, s.duly(t, "show", "run", "1").out)
}

func TestWhenAStepEnded(t *testing.T) {
	t.Parallel()
	at := func(minute int) time.Time { return time.Date(2026, time.January, 31, 2, minute, 0, 0, time.UTC) }
	ended := at(4)
	run := runs.PastRun{Status: "running", Beat: at(5), LeaseMS: 60_000}
	require.Equal(t, at(4), stepEnd(run, runs.PastStep{Started: at(1), Finished: &ended}, at(9)))
	require.Equal(t, at(6), stepEnd(run, runs.PastStep{Started: at(1)}, at(6)), "it is live")
	require.Equal(t, at(5), stepEnd(run, runs.PastStep{Started: at(1)}, at(9)), "it died")
	require.Equal(t, at(8), stepEnd(run, runs.PastStep{Started: at(8)}, at(9)))
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

// Of an invoice only commands are shown that its state accepts: each is typed as it stands, and those that a gateway decides are refused
// for what it says alone.
func TestCommandsOfAnInvoice(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		attempt, invoice string
		there            payment.Status
		reason           string
		commands         int
		accepted         []string // of them, as they stand
	}{
		"amount differs":     {"review", "review", payment.Succeeded, "gateway booked 9.99 USD, invoice is 12.99 USD", 2, []string{"ignored"}},
		"no payment known":   {"review", "review", "", "no answer", 3, []string{"ignored"}},
		"rejected, unproven": {"rejected", "review", "", "a key is used twice", 2, []string{"ignored"}},
		"nothing was sent":   {"released", "review", "", "currency is unknown", 2, []string{"requeue", "void"}},
		"in doubt":           {"in_doubt", "charging", payment.Succeeded, "", 1, []string{"run billing"}},
		"paid":               {"succeeded", "paid", payment.Succeeded, "", 0, nil},
		"closed":             {"declined", "uncollectible", payment.Declined, "", 0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t)
			s.past(t)
			id, _ := s.attempt(t, c.attempt, c.invoice, c.there)
			s.exec(t, "UPDATE invoices SET review_reason = NULLIF(?, ''), paid_at = IF(status = 'paid', UTC_TIMESTAMP(6), NULL)", c.reason)
			got := s.duly(t, "show", "invoice", fmt.Sprint(id))
			require.Equal(t, batch.ExitDone, got.code, got.err)
			var shown []string
			for line := range strings.Lines(got.out) {
				if command, ok := strings.CutPrefix(strings.TrimSpace(line), "duly "); ok {
					shown = append(shown, command)
				}
			}
			require.Len(t, shown, c.commands, got.out)
			for _, word := range c.accepted {
				fresh := newShop(t)
				fresh.past(t)
				fresh.attempt(t, c.attempt, c.invoice, c.there)
				fresh.exec(t, "UPDATE invoices SET review_reason = NULLIF(?, '')", c.reason)
				i := -1
				for n, command := range shown {
					if strings.Contains(command, word) {
						i = n
					}
				}
				require.GreaterOrEqual(t, i, 0, "%s: %s", word, got.out)
				typed := fresh.duly(t, words("duly " + strings.ReplaceAll(shown[i], "…", "why"))[1:]...)
				require.Equal(t, batch.ExitDone, typed.code, "%s: %s", shown[i], typed.err)
			}
		})
	}
}

// Rows that wait for one reason stand together, with their number, their first ids and the command to type.
func TestGroupsOfAList(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.past(t)
	for range 6 {
		s.attempt(t, "review", "review", payment.Succeeded)
	}
	s.exec(t, "UPDATE invoices SET review_reason = CONCAT('gateway booked ', id, ' KRW, invoice is 500 KRW')")
	for range 2 {
		s.exec(t, "UPDATE subscriptions SET review_reason = 'gateway \"maim\" is not configured' WHERE id = ?", s.enrol(t, "ok", 100))
	}
	lone, _ := s.attempt(t, "released", "review", "")
	s.exec(t, "UPDATE invoices SET review_reason = 'currency \"EUX\" is unknown' WHERE id = ?", lone)
	got := s.duly(t, "list", "review").out
	require.Regexp(t, `^6 invoices       gateway amount differs · since (\d+ \w+ )?\d\d:\d\d
  1, 2, 3 and 3 more · duly show invoice 1
1 invoice        currency "EUX" is unknown · since (\d+ \w+ )?\d\d:\d\d
  9 · duly show invoice 9
2 subscriptions  gateway "maim" is not configured · since (\d+ \w+ )?\d\d:\d\d
  7, 8 · fix the rows; a run clears them
$`, got)
}

// A forecast says how long the charges take, if a run before it made enough of them, and what is not charged.
func TestForecastOfCharges(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for range 3 {
		s.enrol(t, "ok", 12900)
	}
	got := s.duly(t, "run", "billing", "--dry-run").out
	require.Regexp(t, `^\d+ \w+ \d{4} · forecast: nothing written, no gateway called\nWill charge   3 · 38,700 KRW\n$`, got)

	s.past(t)
	s.exec(t, "UPDATE job_runs SET status = 'completed', exit_code = 0")
	s.exec(t, `INSERT INTO step_runs (run_id, step, status, read_count, succeeded, amounts, started_at, finished_at) VALUES
(1, 'collect', 'completed', 20, 20, '{}', '2026-01-31 02:00:00', '2026-01-31 02:03:20')`)
	s.attempt(t, "in_doubt", "charging", "")
	s.attempt(t, "review", "review", "")
	got = s.duly(t, "run", "billing", "--dry-run").out
	require.Contains(t, got, "\nWill charge   3 · 38,700 KRW · about 30s\n")
	require.Contains(t, got, "\nWon't charge  1 in doubt (asked first) · 1 in review\n")
	require.Contains(t, s.duly(t, "run", "billing", "--dry-run", "--verbose").out, "\nfirst 3:\n")
}
