package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/app"
	"duly/internal/batch"
	"duly/internal/exit"
	"duly/internal/gateway/simulator"
	"duly/internal/inspect"
	"duly/internal/payment"
	"duly/internal/test/golden"
	"duly/internal/test/testdb"
)

// told is a state as a run tells it, of one that an operator throttled.
const told = `{"at": "2026-01-31T02:30:05Z", "seconds": 5, "step": {"step": "collect", "done": 1200, "due": 5000, "rate_per_second": 98.4, "seconds_left": 39},
"unsettled": 64, "gateways": {"main": {"requests": 1210, "per_second": 98.2, "open": 5, "waiting": 59, "bound": 5, "rate": 100, "latency_ms": 51.2,
"time": {"open": 0.08, "throttle": 0.92}}, "other": {"requests": 0, "per_second": 0, "open": 0, "waiting": 0, "bound": 50, "latency_ms": 0, "time": {},
"left_alone": "paused: maintenance (kim, since 2026-01-31 02:00:00 UTC)"}}, "database": {"busy": {"claim": 0.1}, "locked": 0, "lost": 0, "lock_waits": 0, "lock_waited": 0},
"throttle": {"who": "ada", "reason": "the provider asked for it", "at": "2026-01-31T02:29:00Z", "parallelism": 5}}`

// crowded fills a shop with something of all that a status shows.
func (s *shop) crowded(t *testing.T) {
	t.Helper()
	s.enrol(t, "ok", 100)
	s.attempt(t, "in_flight", "charging", "")
	s.attempt(t, "in_doubt", "charging", "")
	s.attempt(t, "declined", "open", payment.Declined)
	s.attempt(t, "review", "review", "")
	s.order(t, "pending", "")
	refund := s.order(t, "failed", payment.Succeeded)
	s.exec(t, "UPDATE payments SET status = 'refund_due' WHERE order_id = ?", refund)
	frozen := s.order(t, "pending", "")
	s.exec(t, "INSERT INTO order_checks (order_id, reason) VALUES (?, 'amounts differ')", frozen)
	s.env = append(s.env, "DULY_OUTBOX_URL=https://shop.example/hook", "DULY_OUTBOX_SECRET=whsec_"+strings.Repeat("QUJD", 8))
	s.exec(t, `INSERT INTO event_deliveries (event_id, sink, status, tries, next_try_at) VALUES (1, 'webhook', 'pending', 0, NULL),
(2, 'webhook', 'pending', 3, UTC_TIMESTAMP(6) + INTERVAL 1 HOUR), (3, 'webhook', 'dead', 12, NULL)`)
	s.exec(t, `INSERT INTO audit_findings (kind, reference, detail) VALUES ('unknown_here', 'a', '{}')`)
	s.exec(t, `INSERT INTO pauses (subject, who, reason) VALUES ('gateway:other', 'kim', 'maintenance'), ('outbox', 'ada', 'the shop moves')`)
	s.live(t, 17)
	s.exec(t, `UPDATE job_runs SET state = ?, control = '{"stop": {"who": "kim", "reason": "deploy", "at": "2026-01-31T02:30:06Z"}}'`, told)
	s.exec(t, `INSERT INTO step_runs (run_id, step, status, read_count, succeeded, declined, amounts) VALUES (17, 'collect', 'running', 1264, 1150, 50, '{"KRW": 11500}')`)
	s.live(t, 18)
	s.exec(t, `UPDATE job_runs SET job = 'reconcile', control = '{"throttle": {"who": "ada", "at": "2026-01-31T02:30:06Z", "rate": 20}}' WHERE id = 18`)
}

func TestStatusInWords(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.crowded(t)
	s.each = func(a *app.Command) { a.Screen.Wide = 80 }
	got := s.duly(t, "status")
	require.Equal(t, batch.ExitDone, got.code, got.err)
	golden.Equal(t, "status-busy.golden", anyHour(steady(got.out)))

	doc := document[inspect.StatusView](t, s.duly(t, "status", "--json"))
	require.Equal(t, int64(1), doc.Orders.Due)
	require.Equal(t, int64(1), doc.Refunds.Due)
	require.Equal(t, int64(2), doc.Undelivered[0].Pending)
	require.Equal(t, int64(1), doc.Undelivered[0].Failed)
	require.Equal(t, int64(1), doc.InReview.Events)
	require.Equal(t, int64(1), doc.InReview.Findings)
	require.Len(t, doc.Pauses, 2)
	require.Equal(t, "throttled to 5 at once by ada: the provider asked for it", doc.Runs[0].Why)
	require.Equal(t, int64(5000), *doc.Runs[0].State.Step.Due)
	require.Equal(t, "kim", doc.Runs[0].Control.Stop.Who)
	require.Nil(t, doc.Runs[1].State)

	// What a run of another version tells is left out, and hides nothing else.
	s.exec(t, `UPDATE job_runs SET state = '{"step": 7}' WHERE id = 17`)
	require.Empty(t, document[inspect.StatusView](t, s.duly(t, "status", "--json")).Runs[0].Why)
}

// paper is what a watch writes on; each time it has written, the test may look.
type paper struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (p *paper) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.b.Write(text)
}

func (p *paper) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.b.String()
}

// watching runs `duly status --watch` until the condition holds for what it has written, and interrupts it.
func (s *shop) watching(t *testing.T, signal syscall.Signal, each func(*app.Command), until func(out string) bool, args ...string) (code int, out, errs string) {
	t.Helper()
	var to, err paper
	a := newApp(s.env, &to, &err)
	each(a)
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(t.Context()))
	defer cancel(nil)
	done := make(chan int, 1)
	go func() { done <- execute(ctx, a, append([]string{"status", "--watch", "--interval", "100ms"}, args...)) }()
	eventually(t, func() bool { return until(to.String() + err.String()) })
	cancel(exit.SignalError{Signal: signal})
	return <-done, to.String(), err.String()
}

func TestWatchInBlocks(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	code, out, errs := s.watching(t, syscall.SIGINT, same, func(out string) bool { return strings.Count(out, "times in ") == 3 })
	require.Equal(t, batch.ExitDone, code)
	require.Empty(t, errs)
	require.NotContains(t, out, "\x1b")
	require.Equal(t, 3, strings.Count(out, "nothing is due"))
	require.Equal(t, 2, strings.Count(out, "\n\n"))

	code, _, _ = s.watching(t, syscall.SIGTERM, same, func(out string) bool { return strings.Contains(out, "times in ") })
	require.Equal(t, 143, code)
}

func TestWatchInDocuments(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.crowded(t)
	code, out, errs := s.watching(t, syscall.SIGINT, same, func(out string) bool { return strings.Count(out, "\n") >= 3 }, "--json")
	require.Equal(t, batch.ExitDone, code)
	require.Empty(t, errs)
	for line := range strings.Lines(out) {
		var doc inspect.StatusView
		require.NoError(t, json.Unmarshal([]byte(line), &doc))
		require.Len(t, doc.Runs, 2)
	}
}

// On a terminal each frame is written at once over the last, cut to what fits, and the last one stays.
func TestWatchOnATerminal(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.crowded(t)
	const width, height = 60, 20
	drawn := func(a *app.Command) {
		a.Screen.Terminal = func(io.Writer) bool { return true }
		a.Screen.Size = func(io.Writer) (int, int) { return width, height }
	}
	code, out, errs := s.watching(t, syscall.SIGINT, drawn, func(out string) bool { return strings.Count(out, inspect.ToTheTop) == 3 })
	require.Equal(t, batch.ExitDone, code)
	require.Empty(t, errs)
	require.True(t, strings.HasPrefix(out, inspect.OtherScreen+inspect.ToTheTop))
	require.Equal(t, 1, strings.Count(out, inspect.OtherScreen))
	require.Equal(t, 1, strings.Count(out, inspect.FirstScreen))
	screen, rest, _ := strings.Cut(out, inspect.FirstScreen)
	require.Contains(t, rest, "> run 17  billing", "it stays")
	require.NotContains(t, rest, "\x1b")
	frames := strings.Split(screen, inspect.ToTheTop)[1:]
	for _, frame := range frames {
		require.True(t, strings.HasSuffix(frame, inspect.RestOfAll))
		lines := strings.Split(strings.TrimSuffix(frame, inspect.RestOfLine+inspect.RestOfAll), inspect.RestOfLine)
		require.Len(t, lines, height-1)
		require.Regexp(t, `^… and \d+ lines more than fit here$`, lines[len(lines)-1])
		for _, line := range lines {
			require.LessOrEqual(t, len([]rune(line)), width)
		}
	}
}

// A database that goes away for a while does not end a watch.
func TestWatchOutlivesTheDatabase(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		each func(*app.Command)
		args []string
	}{
		"in blocks":     {same, nil},
		"in documents":  {same, []string{"--json"}},
		"on a terminal": {func(a *app.Command) { a.Screen.Terminal = func(io.Writer) bool { return true } }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t)
			proxy := testdb.NewProxy(t, s.db.DSN)
			s.env = append(s.env, "DULY_DATABASE_DSN="+proxy.DSN)
			var step, seen int
			code, out, errs := s.watching(t, syscall.SIGINT, c.each, func(out string) bool {
				n := strings.Count(out, "times in ") + strings.Count(out, "business_date")
				switch {
				case step == 0 && n > 0:
					proxy.Refuse()
					proxy.Cut()
					step++
				case step == 1 && strings.Contains(out, "database unavailable"):
					proxy.Admit()
					step, seen = 2, n
				}
				return step == 2 && n > seen
			}, c.args...)
			require.Equal(t, batch.ExitDone, code, out+errs)
		})
	}
}

// The real program, at work and told to stop by another: its watch ends by SIGINT with 0.
func TestWatchOfTheProgram(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.lively()
	s.sim.Update(func(c *simulator.Config) { c.Latency.Fixed = 30 * time.Millisecond })
	for range 100 {
		s.enrol(t, "ok", 100)
	}
	run, runOut := s.child(t, "run", "billing", "--parallelism", "2")
	s.charging(t, 2)
	file := t.TempDir() + "/watch"
	to, err := os.Create(file)
	require.NoError(t, err)
	defer func() { require.NoError(t, to.Close()) }()
	watch := s.childTo(t, to, "status", "--watch", "--interval", "100ms")
	written := func() string {
		b, err := os.ReadFile(file)
		require.NoError(t, err)
		return string(b)
	}
	eventually(t, func() bool { return strings.Contains(written(), "> run 1   billing · collect ") })
	require.Equal(t, batch.ExitDone, s.duly(t, "stop", "1", "--reason", "deploy").code)
	require.Equal(t, batch.ExitUnfinished, code(t, run), runOut.String())
	eventually(t, func() bool { return strings.HasSuffix(written(), ", exit 4\n") })
	require.NoError(t, watch.Process.Signal(syscall.SIGINT))
	require.Equal(t, batch.ExitDone, code(t, watch))
	s.settledAlone(t)
}

// anyHour is a screen as it is before the last hour of a day too: a time of the next day has its day before it.
func anyHour(screen string) string {
	return strings.NewReplacer(", from DAY CLOCK", ", from CLOCK", "next try DAY CLOCK", "next try CLOCK").Replace(screen)
}
