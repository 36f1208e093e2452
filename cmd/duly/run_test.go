package main

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/app"
	"duly/internal/batch"
	"duly/internal/gateway/simulator"
	"duly/internal/registry"
	"duly/internal/session"
	"duly/internal/test/golden"
	"duly/internal/view"
)

func TestRunBilling(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.enrol(t, "ok", 12900)
	s.enrol(t, "ok", 4900)
	s.enrol(t, "soft", 100)
	s.enrol(t, "ok", 0)
	wrong := s.enrol(t, "wrong_amount", 500)
	got := s.duly(t, "run", "billing", "--json")
	require.Equal(t, batch.ExitReview, got.code, got.err)
	doc := document[view.Summary](t, got)
	require.Equal(t, "completed", doc.Status)
	require.Equal(t, map[string]int64{"KRW": 17800}, doc.Collected)
	require.Empty(t, doc.Left)
	require.Equal(t, int64(1), doc.InReview.Invoices)
	require.Zero(t, doc.OlderReview)
	invoice := s.number(t, "SELECT id FROM invoices WHERE subscription_id = ?", wrong)
	require.Len(t, doc.Reviewed, 1)
	require.Equal(t, uint64(invoice), doc.Reviewed[0].ID)
	require.Equal(t, []string{fmt.Sprintf("duly show invoice %d", invoice), "duly list review --run 1"}, doc.Next)
	require.Contains(t, got.err, `"msg":"run ended","run_id":1,"job":"billing","exit_code":3`)

	// An older row in review is told of and does not count.
	s.enrol(t, "ok", 700)
	got = s.duly(t, "run", "billing")
	require.Equal(t, batch.ExitDone, got.code, got.err)
	golden.Equal(t, "summary.golden", steady(got.out))
	got = s.duly(t, "runs")
	golden.Equal(t, "runs.golden", steady(got.out))
}

// Each step of a run has its own times.
func TestStepsHaveTheirOwnTimes(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.sim.Update(func(c *simulator.Config) { c.Latency.Fixed = 60 * time.Millisecond })
	s.enrol(t, "ok", 12900)
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	var steps []struct {
		Step     string
		Started  time.Time `db:"started_at"`
		Finished time.Time `db:"finished_at"`
	}
	require.NoError(t, s.db.SelectContext(t.Context(), &steps, "SELECT step, started_at, finished_at FROM step_runs ORDER BY id"))
	require.Equal(t, "collect", steps[2].Step)
	require.GreaterOrEqual(t, steps[2].Finished.Sub(steps[2].Started), 60*time.Millisecond)
	for i := range steps[1:] {
		if steps[i].Step == "issue" {
			continue // an invoice that may be charged now is issued by the step that charges it
		}
		require.False(t, steps[i+1].Started.Before(steps[i].Finished.Add(-time.Millisecond)), "%s began before %s ended", steps[i+1].Step, steps[i].Step)
	}
	require.GreaterOrEqual(t, steps[3].Started.Sub(steps[0].Started), 60*time.Millisecond)
}

func TestDryRunWritesNothing(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for range 12 {
		s.enrol(t, "ok", 12900)
	}
	s.enrol(t, "soft", 100)
	s.enrol(t, "hard", 200)
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	// Now: new ones due, two that wait for stage 1, one of amount 0, one that cannot be invoiced, one in doubt.
	first := s.enrol(t, "ok", 12900)
	s.enrol(t, "ok", 0)
	s.exec(t, "UPDATE subscriptions SET currency = 'USD' WHERE id = ?", s.enrol(t, "ok", 999))
	s.exec(t, "UPDATE subscriptions SET gateway = '' WHERE id = ?", s.enrol(t, "ok", 1))
	s.exec(t, "UPDATE payment_attempts SET status = 'in_doubt', next_check_at = UTC_TIMESTAMP(6) + INTERVAL 1 HOUR WHERE subscription_id = 1")
	s.exec(t, "UPDATE invoices SET status = 'charging' WHERE subscription_id = 1")
	tomorrow := time.Now().Add(34 * time.Hour).UTC().Format(time.DateOnly)

	before, requests := s.tables(t), s.sim.Stats().Requests
	for _, args := range [][]string{{}, {"--date", tomorrow}, {"--json"}, {"--limit", "2"}, {"--step", "collect"}, {"--subscription", fmt.Sprint(first)}} {
		got := s.duly(t, append([]string{"run", "billing", "--dry-run"}, args...)...)
		require.Equal(t, batch.ExitDone, got.code, got.err)
	}
	require.Equal(t, before, s.tables(t))
	require.Equal(t, requests, s.sim.Stats().Requests)

	doc := document[registry.BillingForecast](t, s.duly(t, "run", "billing", "--dry-run", "--json"))
	require.Len(t, doc.Charges, 2)
	require.Equal(t, int64(12900), doc.Charges[0].Amount)
	require.Equal(t, "USD", doc.Charges[1].Currency)
	require.Len(t, doc.Unsettled, 1)
	require.Equal(t, int64(1), doc.Free)
	require.Equal(t, int64(1), doc.Review)
	require.Len(t, doc.First, 2)
	require.Equal(t, first, doc.First[0].Subscription)
	require.Equal(t, doc, document[registry.BillingForecast](t, s.duly(t, "run", "billing", "--dry-run", "--json", "--chunk-size", "1")), "whatever the page")
	doc = document[registry.BillingForecast](t, s.duly(t, "run", "billing", "--dry-run", "--json", "--limit", "2"))
	require.True(t, doc.Limited)
	golden.Equal(t, "dryrun.golden", steady(s.duly(t, "run", "billing", "--dry-run", "--date", tomorrow).out))

	// What was foretold happens.
	s.exec(t, "UPDATE payment_attempts SET status = 'succeeded', next_check_at = NULL WHERE subscription_id = 1")
	s.exec(t, "UPDATE invoices SET status = 'paid' WHERE subscription_id = 1")
	real := document[view.Summary](t, s.duly(t, "run", "billing", "--json"))
	require.Equal(t, map[string]int64{"KRW": 12900, "USD": 999}, real.Collected)
}

func TestLimitAndRerun(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for range 8 {
		s.enrol(t, "ok", 100)
	}
	got := s.duly(t, "run", "billing", "--limit", "2", "--json")
	require.Equal(t, batch.ExitUnfinished, got.code)
	doc := document[view.Summary](t, got)
	require.Contains(t, doc.Left, "--limit ended the work")
	require.Contains(t, doc.Left, "6 invoices of step collect due and not charged")
	require.Equal(t, []string{"duly run billing --rerun 1"}, doc.Next)

	got = s.duly(t, "run", "billing", "--rerun", "1", "--json")
	require.Equal(t, batch.ExitUnfinished, got.code)
	require.Equal(t, map[string]int64{"KRW": 200}, document[view.Summary](t, got).Collected, "the limit is repeated")
	got = s.duly(t, "run", "billing", "--rerun", "1", "--limit", "50", "--json")
	require.Equal(t, batch.ExitDone, got.code, "what is given beside it wins")
	require.Equal(t, int64(1), s.number(t, "SELECT rerun_of FROM job_runs WHERE id = 3"))
	require.Equal(t, int64(2), s.number(t, "SELECT COUNT(*) FROM operator_actions WHERE action = 'rerun' AND subject = 'run:1' AND who = ?", session.OperatorName()))
}

func TestSelection(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	a, b := s.enrol(t, "ok", 100), s.enrol(t, "ok", 200)
	got := s.duly(t, "run", "billing", "--subscription", fmt.Sprint(b), "--json")
	require.Equal(t, batch.ExitDone, got.code)
	require.Equal(t, map[string]int64{"KRW": 200}, document[view.Summary](t, got).Collected)
	got = s.duly(t, "run", "billing", "--step", "issue", "--json")
	require.Equal(t, batch.ExitDone, got.code, "its own steps left nothing")
	require.Equal(t, int64(1), s.number(t, "SELECT COUNT(*) FROM invoices WHERE subscription_id = ? AND status = 'open'", a))
}

func TestMaxDuration(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.sim.Update(func(c *simulator.Config) { c.Latency.Fixed = 40 * time.Millisecond })
	for range 40 {
		s.enrol(t, "ok", 100)
	}
	got := s.duly(t, "run", "billing", "--max-duration", "200ms", "--parallelism", "1")
	require.Equal(t, batch.ExitUnfinished, got.code, got.out+got.err)
	require.Contains(t, got.out, "--max-duration of 200ms is reached\n")
	require.Contains(t, got.out, "Then       duly run billing --rerun 1")
	require.Zero(t, s.number(t, "SELECT COUNT(*) FROM payment_attempts WHERE status IN ('in_flight', 'in_doubt')"))
	require.Less(t, s.number(t, "SELECT COUNT(*) FROM invoices WHERE status = 'paid'"), int64(40))
}

func TestPauses(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	other := simulator.New(simulator.Config{})
	server := httptest.NewServer(other)
	t.Cleanup(func() { other.Close(); server.Close() })
	s.env = append(s.env, "DULY_GATEWAYS_OTHER_URL="+server.URL, "DULY_GATEWAYS_OTHER_TOKEN="+secretToken)
	held := s.enrol(t, "ok", 100)
	s.exec(t, "UPDATE subscriptions SET gateway = 'other' WHERE id = ?", s.enrol(t, "ok", 200))

	s.exec(t, "INSERT INTO pauses (subject, who, reason) VALUES ('billing', 'kim', 'audit')")
	got := s.duly(t, "run", "billing")
	require.Equal(t, batch.ExitNotRun, got.code)
	require.Contains(t, got.err, "duly: not run: kim paused billing (\"audit\"); duly resume billing\n")
	require.Zero(t, s.number(t, "SELECT COUNT(*) FROM job_runs"))
	require.Contains(t, s.duly(t, "show", "subscription", fmt.Sprint(held)).out, "he billing job is paused: audit (kim")

	s.exec(t, "UPDATE pauses SET subject = 'gateway:main'")
	require.Contains(t, s.duly(t, "run", "billing", "--dry-run").out, "Won't charge  1 of a gateway that is paused or not configured")
	got = s.duly(t, "run", "billing", "--json")
	require.Equal(t, batch.ExitUnfinished, got.code, got.err)
	doc := document[view.Summary](t, got)
	require.Equal(t, map[string]int64{"KRW": 200}, doc.Collected)
	require.Contains(t, strings.Join(doc.Left, "\n"), "gateway main was left alone: paused: audit (kim")
	require.Equal(t, int64(1), s.number(t, "SELECT COUNT(*) FROM invoices WHERE subscription_id = ? AND status = 'open'", held))
	require.Empty(t, s.sim.Stats().Requests)
	require.Contains(t, s.duly(t, "status").out, "Paused    gateway main by kim, ")

	s.exec(t, "DELETE FROM pauses")
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
}

// A gateway that the brake has stopped makes the run fail, and no later run sends it anything: what is left waits for an operator, so
// that a run that leaves nothing else has not run. Once it is resumed it is charged again.
func TestABrakedGateway(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for range 60 {
		s.enrol(t, "hard", 100)
	}
	s.exec(t, "UPDATE subscriptions SET customer_id = CONCAT('cus_', id)")
	got := s.duly(t, "run", "billing", "--parallelism", "2")
	require.Equal(t, batch.ExitFailed, got.code, got.out+got.err)
	require.Contains(t, got.out, ": brake: gateway main: ")
	require.Contains(t, got.out, "duly resume gateway main")
	burned := s.number(t, "SELECT COUNT(*) FROM invoices WHERE stage = 1")
	require.Contains(t, s.duly(t, "status").out, "Paused    gateway main by duly: brake, ")

	sent := len(s.sim.Ledger())
	got = s.duly(t, "run", "billing", "--json")
	require.Equal(t, batch.ExitNotRun, got.code, got.out+got.err)
	doc := document[view.Summary](t, got)
	require.Len(t, doc.Left, 1)
	require.Regexp(t, fmt.Sprintf(`^%d charges of gateway main until duly resume gateway main: paused: brake: .* \(duly: brake, since .*\)$`, 60-burned), doc.Left[0])
	require.Equal(t, []string{"duly status"}, doc.Next)
	require.Len(t, s.sim.Ledger(), sent)

	require.Equal(t, batch.ExitDone, s.duly(t, "resume", "gateway", "main", "--reason", "the account is open again").code)
	s.exec(t, "UPDATE subscriptions SET payment_method = CONCAT('pm_ok:', id)")
	got = s.duly(t, "run", "billing")
	require.Equal(t, batch.ExitDone, got.code, got.out+got.err)
	require.EqualValues(t, 60, s.number(t, "SELECT COUNT(*) FROM invoices WHERE status = 'paid'"), "those that were declined have new cards too")
}

// live adds a run of somebody else whose lease holds.
func (s *shop) live(t *testing.T, id int) {
	t.Helper()
	s.exec(t, `INSERT INTO job_runs (id, job, business_date, params, status, lease, lease_ms, host, pid, version)
VALUES (?, 'billing', UTC_DATE(), '{}', 'running', 'abcdefghijklmnop', 60000, 'elsewhere', 7, 'v1')`, id)
}

func TestExclusive(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.enrol(t, "ok", 100)
	s.live(t, 1)
	got := s.duly(t, "run", "billing", "--exclusive")
	require.Equal(t, batch.ExitNotRun, got.code)
	require.Regexp(t, `^duly: not run: run 1 of billing is live on elsewhere: last heartbeat \ds ago, and its lease lasts up to \d+m?\d*s more\n$`, got.err)
	require.Equal(t, int64(1), s.number(t, "SELECT COUNT(*) FROM job_runs"))

	got = s.duly(t, "run", "billing")
	require.Equal(t, batch.ExitDone, got.code, "without the flag others do not matter")
	require.Contains(t, got.out, " · also running: 1 billing on elsewhere\n")

	// A run that died is no reason to stay away.
	s.enrol(t, "ok", 100)
	s.exec(t, "UPDATE job_runs SET heartbeat_at = UTC_TIMESTAMP(6) - INTERVAL 1 HOUR WHERE id = 1")
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing", "--exclusive").code)
}

// Of two exclusive runs that begin at once the later one ends, having touched nothing, and the other goes on.
func TestExclusiveAtOnce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ other, code, invoices int }{
		"the other was first": {5, batch.ExitNotRun, 0},
		"the other was later": {15, batch.ExitDone, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t)
			s.enrol(t, "ok", 100)
			s.exec(t, "ALTER TABLE job_runs AUTO_INCREMENT = 10")
			s.each = func(a *app.Command) { a.Started = func() { s.live(t, c.other) } }
			got := s.duly(t, "run", "billing", "--exclusive")
			require.Equal(t, c.code, got.code, got.out+got.err)
			require.Equal(t, int64(c.invoices), s.number(t, "SELECT COUNT(*) FROM invoices"))
		})
	}
}

func TestGatewayDown(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.enrol(t, "ok", 100)
	s.env = append(s.env, "DULY_GATEWAYS_MAIN_URL=http://127.0.0.1:1", "DULY_GATEWAYS_MAIN_MAX_OUTAGE=1ms")
	got := s.duly(t, "run", "billing")
	require.Equal(t, batch.ExitUnfinished, got.code, got.out+got.err)
	require.Contains(t, got.out, "Unpaid     1 invoice · 100 KRW\n")
}

func TestWrongToken(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.enrol(t, "ok", 100)
	s.env = append(s.env, "DULY_GATEWAYS_MAIN_TOKEN=of-another")
	got := s.duly(t, "run", "billing")
	require.Equal(t, batch.ExitFailed, got.code, got.out+got.err)
	require.Contains(t, got.out, "Fix        1. correct gateways.main.token")
	require.Contains(t, got.out, "           2. duly doctor\n           3. duly run billing --rerun 1\n✗ run 1: failed, nothing lost · ")
}

// What is in doubt is said in numbers, with the next check.
func TestInDoubtIsExplained(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	id := s.enrol(t, "ok", 100)
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	s.exec(t, "UPDATE payment_attempts SET status = 'in_doubt', next_check_at = '2199-01-31 03:12:05'")
	s.exec(t, "UPDATE invoices SET status = 'charging', paid_at = NULL")
	got := s.duly(t, "run", "billing", "--step", "collect")
	require.Equal(t, batch.ExitUnfinished, got.code)
	require.Contains(t, got.out, "Left       1 charge in doubt, next check 31 Jan 2199 12:13 KST\n")
	got = s.duly(t, "show", "subscription", fmt.Sprint(id))
	require.Contains(t, got.out, "not charged until known. Asked again at 31 Jan 2199 12:12\n")
}

func TestLogs(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.enrol(t, "ok", 100)
	s.exec(t, `INSERT INTO job_runs (id, job, business_date, params, status, lease, lease_ms, host, pid, version, heartbeat_at)
VALUES (1, 'billing', UTC_DATE(), '{}', 'running', 'abcdefghijklmnop', 1000, 'elsewhere', 7, 'v1', UTC_TIMESTAMP(6) - INTERVAL 1 HOUR)`)
	file := filepath.Join(t.TempDir(), "duly.log")
	s.env = append(s.env, "DULY_LOG_FILE="+file)
	var tick func()
	s.each = func(a *app.Command) { a.Every = once(&tick) }
	got := s.duly(t, "run", "billing", "--json")
	require.Equal(t, batch.ExitDone, got.code, got.err)

	lines := strings.Split(strings.TrimSpace(got.err), "\n")
	require.NotEmpty(t, lines)
	for _, line := range lines {
		var entry map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &entry), line)
		require.Equal(t, float64(2), entry["run_id"], line)
	}
	kept, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, strings.Join(lines, "\n")+"\n", string(kept))

	for level, lines := range map[string]int{"warn": 1, "error": 0} {
		s.exec(t, "UPDATE job_runs SET status = 'running', heartbeat_at = UTC_TIMESTAMP(6) - INTERVAL 1 HOUR WHERE id = 1")
		one := *s
		one.env = append(s.env, "DULY_LOG_LEVEL="+level, "DULY_LOG_FORMAT=text")
		got = one.duly(t, "run", "billing", "--json")
		require.Equal(t, lines, strings.Count(got.err, "\n"), got.err)
		require.Equal(t, lines == 1, strings.Contains(got.err, "level=WARN"), got.err)
	}
}
