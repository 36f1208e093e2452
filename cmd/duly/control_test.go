package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/gateway/simulator"
	"duly/internal/inspect"
	"duly/internal/session"
	"duly/internal/test/golden"
	"duly/internal/view"
)

// lively makes the heartbeats of runs quick, so that they take in soon what they are told.
func (s *shop) lively() {
	s.env = append(s.env, "DULY_RUN_HEARTBEAT=30ms")
}

// door counts the requests that are open at the payment service, and how many came.
type door struct {
	next http.Handler

	mu               sync.Mutex
	open, most, came int
}

func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	d.open++
	d.came++
	d.most = max(d.most, d.open)
	d.mu.Unlock()
	defer func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.open--
	}()
	d.next.ServeHTTP(w, r)
}

// since is how many requests were open at most, and how many came, since it was last called.
func (d *door) since() (most, came int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	most, came = d.most, d.came
	d.most, d.came = d.open, 0
	return most, came
}

// watched puts a door before the payment service.
func (s *shop) watched(t *testing.T) *door {
	t.Helper()
	d := &door{next: s.sim}
	server := httptest.NewServer(d)
	t.Cleanup(server.Close)
	s.env = append(s.env, "DULY_GATEWAYS_MAIN_URL="+server.URL)
	return d
}

// begin runs the program beside the test; the function that it returns waits for its end.
func (s *shop) begin(t *testing.T, args ...string) (end func() ended) {
	t.Helper()
	var out, errs bytes.Buffer
	done := make(chan int, 1)
	a := newApp(s.env, &out, &errs)
	s.each(a)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	t.Cleanup(cancel)
	go func() { done <- execute(ctx, a, args) }()
	return func() ended {
		t.Helper()
		select {
		case code := <-done:
			return ended{code, out.String(), errs.String()}
		case <-time.After(patience):
			require.FailNow(t, "the run does not end")
		}
		return ended{}
	}
}

// patience is how long tests wait for what must happen, on a machine that has much else to do.
const patience = 2 * time.Minute

// eventually waits until the condition holds.
func eventually(t *testing.T, condition func() bool) {
	t.Helper()
	require.Eventually(t, condition, patience, 5*time.Millisecond)
}

// one is what the only live run tells; nil if there is none, or it has told nothing.
func (s *shop) one(t *testing.T) *view.Run {
	t.Helper()
	doc := document[inspect.StatusView](t, s.duly(t, "status", "--json"))
	if len(doc.Runs) != 1 || doc.Runs[0].State == nil {
		return nil
	}
	return &doc.Runs[0]
}

// settledAlone requires that nothing is unsettled, and that what was charged is what is paid, once for each invoice.
func (s *shop) settledAlone(t *testing.T) {
	t.Helper()
	require.Zero(t, s.number(t, "SELECT COUNT(*) FROM payment_attempts WHERE status IN ('in_flight', 'in_doubt')"))
	references := map[string]int{}
	for _, e := range s.sim.Ledger() {
		if e.TookMoney() {
			references[e.Reference]++
			require.Equal(t, 1, references[e.Reference], e.Reference)
		}
	}
	require.Equal(t, s.number(t, "SELECT COUNT(*) FROM invoices WHERE status = 'paid' AND amount > 0"), int64(len(references)))
}

const throttledSubscriptions = 800

func TestStopARun(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.lively()
	s.sim.Update(func(c *simulator.Config) { c.Latency.Fixed = 30 * time.Millisecond })
	for range 80 {
		s.enrol(t, "ok", 100)
	}
	end := s.begin(t, "run", "billing", "--parallelism", "3")
	s.charging(t, 3)
	got := s.duly(t, "stop", "1", "--reason", "deploy")
	require.Equal(t, batch.ExitDone, got.code, got.err)
	require.Regexp(t, `^run 1 of billing on \S+ is told to stop: it drains with its next heartbeat and ends with exit 4\n$`, got.out)
	run := end()
	require.Equal(t, batch.ExitUnfinished, run.code, run.out+run.err)
	require.Contains(t, run.out, "stopped by "+session.OperatorName()+": deploy\n")
	require.Contains(t, run.out, "! run 1: unfinished, a later run goes on · ")
	require.Less(t, s.number(t, "SELECT COUNT(*) FROM invoices WHERE status = 'paid'"), int64(80))
	s.settledAlone(t)
	require.Equal(t, int64(1), s.number(t, "SELECT COUNT(*) FROM operator_actions WHERE action = 'stop' AND subject = 'run:1' AND who = ? AND host <> '' AND reason = 'deploy'", session.OperatorName()))

	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code, "the next run is not told")
	s.settledAlone(t)
	require.Equal(t, int64(80), s.number(t, "SELECT COUNT(*) FROM invoices WHERE status = 'paid'"))
}

// The pace of a run falls and rises at the payment service itself, and the status says who wanted it.
func TestThrottleARun(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.lively()
	door := s.watched(t)
	s.sim.Update(func(c *simulator.Config) { c.Latency.Fixed = 100 * time.Millisecond })
	for range throttledSubscriptions {
		s.enrol(t, "ok", 100)
	}
	end := s.begin(t, "run", "billing", "--parallelism", "8", "--chunk-size", "10")
	eventually(t, func() bool { most, _ := door.since(); return most == 8 })

	pace := func(taken func(*view.Run) bool, args ...string) {
		t.Helper()
		got := s.duly(t, append([]string{"throttle", "1"}, args...)...)
		require.Equal(t, batch.ExitDone, got.code, got.err)
		eventually(t, func() bool { v := s.one(t); return v != nil && taken(v) })
	}
	main := func(v *view.Run) (bound int, rate float64) {
		g := v.State.Gateways["main"]
		return g.Bound, g.Rate
	}
	pace(func(v *view.Run) bool { bound, _ := main(v); return bound == 2 && v.State.Gateways["main"].Open <= 2 }, "--parallelism", "2", "--reason", "the provider asked")
	door.since()
	most, came := 0, 0
	eventually(t, func() bool {
		m, c := door.since()
		most, came = max(most, m), came+c
		v := s.one(t)
		return came > 0 && v != nil && strings.HasPrefix(v.Why, "throttled")
	})
	require.LessOrEqual(t, most, 2)
	text := s.duly(t, "status").out
	require.Contains(t, text, "  slow: throttled to 2 at once by "+session.OperatorName()+": the provider asked\n")
	require.Regexp(t, `> run 1   billing · collect \d+ of 800`, text)
	require.Regexp(t, ` gateway main · [012] of 2 requests busy · \d+ waiting`, s.duly(t, "status", "--verbose").out)

	pace(func(v *view.Run) bool { bound, rate := main(v); return bound == 2 && rate == 10 }, "--rate", "10/s")
	eventually(t, func() bool {
		v := s.one(t)
		return v != nil && strings.HasPrefix(v.Why, "throttled to 2 at once, 10/s")
	})

	pace(func(v *view.Run) bool { bound, rate := main(v); return bound == 8 && rate == 0 }, "--parallelism", "none", "--rate", "none")
	require.Nil(t, s.one(t).Control)
	eventually(t, func() bool { most, _ := door.since(); return most == 8 })

	// A rate at which nobody's turn ever comes keeps nobody from stopping.
	pace(func(v *view.Run) bool { _, rate := main(v); return rate == 0.001 }, "--rate", "0.001/s")
	require.Equal(t, batch.ExitDone, s.duly(t, "stop", "1").code)
	run := end() // long before anybody's turn comes
	require.Equal(t, batch.ExitUnfinished, run.code, run.out+run.err)
	s.settledAlone(t)
	require.Equal(t, int64(4), s.number(t, "SELECT COUNT(*) FROM operator_actions WHERE action = 'throttle' AND detail IS NOT NULL"))
}

// What is paused while it runs claims no more, drains, and does not start again before it is resumed.
func TestPauseARunningJob(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.lively()
	s.sim.Update(func(c *simulator.Config) { c.Latency.Fixed = 30 * time.Millisecond })
	for range 60 {
		s.enrol(t, "ok", 100)
	}
	end := s.begin(t, "run", "billing", "--parallelism", "3")
	s.charging(t, 3)
	got := s.duly(t, "pause", "billing", "--reason", "prices change")
	require.Equal(t, "billing paused: it does not start, and what runs of it drains and ends with exit 4\n", got.out, got.err)
	run := end()
	require.Equal(t, batch.ExitUnfinished, run.code, run.out+run.err)
	require.Regexp(t, `billing was paused: prices change \(\S+, since .*\); duly resume billing lets it go on`, run.out)
	s.settledAlone(t)

	got = s.duly(t, "run", "billing")
	require.Equal(t, batch.ExitNotRun, got.code)
	require.Contains(t, got.err, "duly: not run: "+session.OperatorName()+" paused billing (\"prices change\"); duly resume billing\n")
	require.Equal(t, int64(1), s.number(t, "SELECT COUNT(*) FROM job_runs"))
	require.Equal(t, "billing resumed: the next run does what is due\n", s.duly(t, "resume", "billing", "--reason", "done").out)
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	s.settledAlone(t)
	require.Equal(t, int64(2), s.number(t, "SELECT COUNT(*) FROM operator_actions WHERE subject = 'billing' AND action IN ('pause', 'resume') AND who = ?", session.OperatorName()))
}

// A gateway that is paused during a run is left alone for the rest of it, also if it is resumed; the others go on.
func TestPauseAGatewayInUse(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.lively()
	other := simulator.New(simulator.Config{Latency: simulator.Latency{Fixed: 30 * time.Millisecond}})
	server := httptest.NewServer(other)
	t.Cleanup(func() { other.Close(); server.Close() })
	s.env = append(s.env, "DULY_GATEWAYS_OTHER_URL="+server.URL, "DULY_GATEWAYS_OTHER_TOKEN="+secretToken)
	s.sim.Update(func(c *simulator.Config) { c.Latency.Fixed = 30 * time.Millisecond })
	for i := range 80 {
		id := s.enrol(t, "ok", 100)
		if i%2 == 1 {
			s.exec(t, "UPDATE subscriptions SET gateway = 'other' WHERE id = ?", id)
		}
	}
	end := s.begin(t, "run", "billing", "--parallelism", "2", "--json")
	s.charging(t, 2)
	require.Equal(t, batch.ExitDone, s.duly(t, "pause", "gateway", "main", "--reason", "maintenance").code)
	eventually(t, func() bool { v := s.one(t); return v != nil && v.State.Gateways["main"].LeftAlone != "" })
	require.Equal(t, batch.ExitDone, s.duly(t, "resume", "gateway", "main").code)
	run := end()
	require.Equal(t, batch.ExitUnfinished, run.code, run.err)
	require.Contains(t, strings.Join(document[view.Summary](t, run).Left, "\n"), "gateway main was left alone: paused: maintenance (")
	require.Zero(t, s.number(t, "SELECT COUNT(*) FROM payment_attempts WHERE status IN ('in_flight', 'in_doubt')"))
	require.Len(t, other.Ledger(), 40)
	require.Less(t, len(s.sim.Ledger()), 40)
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	require.Len(t, s.sim.Ledger(), 40)
}

// A night that is paused does not begin; one under way ends, that is, the job of it that runs and those that come.
func TestPauseTheNight(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.lively()
	s.sim.Update(func(c *simulator.Config) { c.Latency.Fixed = 30 * time.Millisecond })
	for range 60 {
		s.enrol(t, "ok", 100)
	}
	s.env = append(s.env, "DULY_GATEWAYS_MAIN_PARALLELISM=2")
	end := s.begin(t, "run", "nightly", "--json")
	s.charging(t, 2)
	require.Equal(t, batch.ExitDone, s.duly(t, "pause", "nightly", "--reason", "a bad night").code)
	night := end()
	require.Equal(t, batch.ExitUnfinished, night.code, night.err)
	var exits []string
	for _, p := range document[view.Night](t, night).Jobs {
		exits = append(exits, fmt.Sprint(p.Job, " ", p.Exit))
	}
	require.Equal(t, []string{"reconcile 0", "billing 4", "outbox 5", "report 5", "audit 5", "prune 5"}, exits)
	s.settledAlone(t)

	got := s.duly(t, "run", "nightly")
	require.Equal(t, batch.ExitNotRun, got.code)
	require.Contains(t, got.err, "duly: not run: "+session.OperatorName()+" paused nightly (\"a bad night\"); duly resume nightly\n")
	require.Equal(t, 1, strings.Count(got.err, "\n"), "said once")
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "nightly", "--dry-run", "--json").code, "a look is free")
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code, "by itself a job is free to run")
	require.Equal(t, batch.ExitDone, s.duly(t, "resume", "nightly").code)
	require.NotEqual(t, batch.ExitNotRun, s.duly(t, "run", "nightly").code)
}

// Of several operators at once one has the word, the others are told who it was.
func TestOperatorsAtOnce(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.live(t, 1)
	s.enrol(t, "ok", 100)
	s.exec(t, `INSERT INTO invoices (subscription_id, due_date, amount, currency, status, issued_date, next_attempt_date, review_reason)
VALUES (1, UTC_DATE(), 100, 'KRW', 'review', UTC_DATE(), UTC_DATE(), 'odd')`)
	for _, c := range []struct{ command, why string }{
		{"pause billing --reason audit", "billing is paused already: audit ("},
		{"resume billing", "billing is not paused"},
		{"stop 1", "run 1 was told to stop already, by "},
		{"requeue invoice 1", "invoice 1 is open already"},
	} {
		t.Run(c.command, func(t *testing.T) {
			var ends []func() ended
			for range 6 {
				ends = append(ends, s.begin(t, strings.Fields(c.command)...))
			}
			done := 0
			for _, end := range ends {
				switch got := end(); got.code {
				case batch.ExitDone:
					done++
				case batch.ExitUsage:
					require.Contains(t, got.err, c.why)
				default:
					require.Fail(t, "odd exit code", "%+v", got)
				}
			}
			require.Equal(t, 1, done)
			require.Equal(t, int64(1), s.number(t, "SELECT COUNT(*) FROM operator_actions WHERE action = ?", strings.Fields(c.command)[0]))
		})
	}
}

// Each command against each status of a run: what is refused changes nothing, in one line that says why.
func TestSteerARunOfEachStatus(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for id, set := range map[int]string{
		1: "status = 'running'",
		2: "status = 'running', heartbeat_at = UTC_TIMESTAMP(6) - INTERVAL 1 HOUR",
		3: "status = 'completed', exit_code = 0",
		4: "status = 'completed', exit_code = 3",
		5: "status = 'failed', exit_code = 1",
		6: "status = 'stopped', exit_code = 143",
		7: "status = 'abandoned'",
		8: "status = 'running', job = 'outbox'",
		9: `status = 'running', control = '{"stop": {"who": "ada", "reason": "deploy", "at": "2026-01-31T02:30:00Z"}}'`,
	} {
		s.live(t, id)
		s.exec(t, "UPDATE job_runs SET "+set+" WHERE id = ?", id)
	}
	dead := "run 2 has had no heartbeat since INSTANT: it is dead, and the next run takes over what it held"
	for _, c := range []struct {
		run            int
		stop, throttle string // why not; empty: it is done
	}{
		{1, "", ""},
		{2, dead, dead},
		{3, "run 3 has ended: completed, exit code 0", "run 3 has ended: completed, exit code 0"},
		{4, "run 4 has ended: completed, exit code 3", "run 4 has ended: completed, exit code 3"},
		{5, "run 5 has ended: failed, exit code 1", "run 5 has ended: failed, exit code 1"},
		{6, "run 6 has ended: stopped, exit code 143", "run 6 has ended: stopped, exit code 143"},
		{7, "run 7 has ended: abandoned", "run 7 has ended: abandoned"},
		{8, "", "run 8 is of outbox, which asks no gateway, so it has no pace: duly stop 8 ends it"},
		{9, "run 9 was told to stop already, by ada: deploy: duly status --watch shows it drain", "run 9 was told to stop already, by ada: deploy"},
		{10, "no run 10; see duly status", "no run 10; see duly status"},
	} {
		for _, command := range []struct{ line, why string }{{"throttle %d --rate 5/s", c.throttle}, {"stop %d", c.stop}} {
			before := s.tables(t)
			got := s.duly(t, strings.Fields(fmt.Sprintf(command.line, c.run))...)
			if command.why == "" {
				require.Equal(t, batch.ExitDone, got.code, got.err)
				require.NotEqual(t, before, s.tables(t))
				continue
			}
			require.Equal(t, batch.ExitUsage, got.code)
			require.Equal(t, "duly: "+command.why+"\n", steady(got.err))
			require.Empty(t, got.out)
			require.Equal(t, before, s.tables(t))
		}
	}
}

// The mistakes that pause, resume, stop and throttle know, and what they say when all is well.
func TestControlInWords(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.live(t, 1)
	s.live(t, 2)
	s.exec(t, "INSERT INTO pauses (subject, who, reason) VALUES ('gateway:gone', 'kim', 'it is no longer ours')")
	var text strings.Builder
	for _, line := range []string{
		"pause", "pause --reason x", "pause biling", "pause billing", "pause billing audit --reason x", "pause gateway --reason x",
		"pause gateway man --reason x", "pause gateway main other --reason x", "pause gateway main --reason maintenance",
		"pause gateway main --reason again", "resume billing", "resume gateway main --json", "resume gateway gone", "resume gateway never",
		"pause nightly --reason \"a bad night\" --json", "stop", "stop x", "stop 1 2", "stop 1 --json",
		"throttle 2", "throttle --rate 5/s", "throttle 2 --rate fast", "throttle 2 --rate 0", "throttle 2 --parallelism 0",
		"throttle 2 --parallelism many --rate -1", "throttle 2 --parallelism 5 --rate 0.5/s", "throttle 2 --rate none --json",
		"throttle 2 --parallelism none",
	} {
		var args []string
		for i, part := range strings.Split(line, `"`) {
			if i%2 == 1 {
				args = append(args, part)
				continue
			}
			args = append(args, strings.Fields(part)...)
		}
		got := s.duly(t, args...)
		fmt.Fprintf(&text, "$ duly %s\n%s%s(exit code %d)\n\n", line, got.out, got.err, got.code)
	}
	golden.Equal(t, "control.golden", strings.ReplaceAll(steady(text.String()), session.OperatorName(), "OPERATOR"))
}
