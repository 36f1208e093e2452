package main

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	"github.com/stretchr/testify/require"

	"duly/config"
	"duly/internal/app"
	"duly/internal/batch"
	"duly/internal/exit"
	"duly/internal/gateway/simulator"
	"duly/internal/registry"
	"duly/internal/schedule"
	"duly/internal/session"
	"duly/internal/test/golden"
	"duly/internal/view"
)

// Every job can be scheduled.
func TestScheduleKeysAreTheJobs(t *testing.T) {
	t.Parallel()
	all := config.Schedule{Nightly: "x", Reconcile: "x", Notices: "x", Billing: "x", Outbox: "x", Report: "x", Audit: "x", Prune: "x"}
	require.ElementsMatch(t, registry.Names(), slices.Collect(maps.Keys(all.Jobs())))
}

func TestScheduleList(t *testing.T) {
	t.Parallel()
	env := []string{"DULY_BUSINESS_TIMEZONE=Europe/Berlin", "DULY_SCHEDULE_NIGHTLY=30 2 * * *", "DULY_SCHEDULE_OUTBOX=*/20 * * * *", "DULY_SCHEDULE_PRUNE=0 4 1 * *"}
	at := func(a *app.Command) {
		a.Now = func() time.Time { return time.Date(2026, 10, 24, 23, 50, 0, 0, time.UTC) }
	}
	got := duly(t, at, env, "schedule", "--list")
	require.Equal(t, batch.ExitDone, got.code)
	golden.Equal(t, "schedule.golden", got.out)

	doc := document[schedule.View](t, duly(t, at, env, "schedule", "--list", "--json"))
	require.Equal(t, "Europe/Berlin", doc.Timezone)
	require.Len(t, doc.Jobs, 3)
	require.Equal(t, schedule.JobView{Job: "nightly", Schedule: "30 2 * * *", Next: doc.Jobs[0].Next}, doc.Jobs[0])
	require.Equal(t, "2026-10-25T00:30:00Z", doc.Jobs[0].Next[0].Format(time.RFC3339))
	require.Equal(t, "2026-10-26T01:30:00Z", doc.Jobs[0].Next[1].Format(time.RFC3339))
}

func TestScheduleMistakes(t *testing.T) {
	t.Parallel()
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, taken.Close()) })
	s := newShop(t)
	for name, c := range map[string]struct {
		env  []string
		want string
	}{
		"nothing is scheduled": {s.env, `set e.g. schedule.nightly: "30 2 * * *" in duly.yaml`},
		"no cron expression":   {append(s.env, "DULY_SCHEDULE_NIGHTLY=half past two"), "is no cron expression"},
		"no database":          {[]string{"DULY_SCHEDULE_PRUNE=0 4 1 * *"}, "database.dsn: missing"},
		"no gateway":           {[]string{"DULY_SCHEDULE_NIGHTLY=0 4 1 * *", "DULY_DATABASE_DSN=u@tcp(h)/s"}, "gateways: none is configured"},
		"no such log file":     {append(s.env, "DULY_SCHEDULE_PRUNE=0 4 1 * *", "DULY_LOG_FILE=/nowhere/at/all"), "log.file"},
		"the address is taken": {append(s.env, "DULY_SCHEDULE_PRUNE=0 4 1 * *", "DULY_SCHEDULE_LISTEN="+taken.Addr().String()), "schedule.listen"},
	} {
		t.Run(name, func(t *testing.T) {
			got := duly(t, same, c.env, "schedule")
			require.Equal(t, batch.ExitUsage, got.code, got.err)
			require.Contains(t, got.err, c.want)
			require.Equal(t, 1, strings.Count(got.err, "\n"), got.err)
		})
	}
}

// scheduling is a scheduler at work in this process, by a clock of its own.
type scheduling struct {
	*shop

	clock    *clockwork.FakeClock
	out, err locked
	stop     context.CancelCauseFunc
	code     chan int
}

// scheduler starts `duly schedule` at a time of its clock. jobs is how many are scheduled.
func (s *shop) scheduler(t *testing.T, clock *clockwork.FakeClock, jobs int, env []string, args ...string) *scheduling {
	t.Helper()
	d := &scheduling{shop: s, clock: clock, code: make(chan int, 1)}
	ctx, stop := context.WithCancelCause(context.WithoutCancel(t.Context()))
	d.stop = stop
	a := newApp(append(slices.Clone(s.env), env...), &d.out, &d.err)
	s.each(a)
	a.Ticks = clock
	go func() { d.code <- execute(ctx, a, append([]string{"schedule"}, args...)); close(d.code) }()
	t.Cleanup(func() { stop(exit.SignalError{Signal: syscall.SIGTERM}); <-d.code })
	d.settle(t, jobs)
	return d
}

// settle waits until that many timers are set.
func (d *scheduling) settle(t *testing.T, timers int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.NoError(t, d.clock.BlockUntilContext(ctx, timers), d.err.String())
}

func (d *scheduling) end() int {
	d.stop(exit.SignalError{Signal: syscall.SIGTERM})
	return <-d.code
}

// firings waits until that many have ended in a way.
func (s *shop) firings(t *testing.T, n int64, where string) {
	t.Helper()
	require.Eventually(t, func() bool {
		return s.number(t, "SELECT COUNT(*) FROM schedule_firings WHERE "+where) == n
	}, patience, 5*time.Millisecond, where)
}

// locked is a buffer for several writers.
type locked struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *locked) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func clockAt(hour, minute int) *clockwork.FakeClock {
	return clockwork.NewFakeClockAt(time.Date(2026, 7, 1, hour, minute, 0, 0, time.UTC))
}

// Two schedulers, one run: what is due is charged once, and the health of both tells of it.
func TestScheduleRunsJobsOnce(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.enrol(t, "ok", 100)
	clock := clockAt(2, 0)
	env := []string{"DULY_BUSINESS_TIMEZONE=UTC", "DULY_SCHEDULE_BILLING=30 2 * * *", "DULY_SCHEDULE_LISTEN=127.0.0.1:0", "DULY_LOG_LEVEL=debug"}
	first := s.scheduler(t, clock, 1, env)
	second := s.scheduler(t, clock, 2, env)
	for _, d := range []*scheduling{first, second} {
		require.Eventually(t, func() bool { return strings.Contains(d.err.String(), "no firing was missed") }, patience, 5*time.Millisecond)
	}
	clock.Advance(30*time.Minute + time.Second) // the clocks of host and database differ by what it takes to ask
	s.firings(t, 1, "exit_code = 0 AND run_id = 1 AND finished_at IS NOT NULL")
	require.Equal(t, int64(1), s.number(t, "SELECT COUNT(*) FROM job_runs"))
	require.Len(t, s.sim.Ledger(), 1)
	require.Eventually(t, func() bool {
		return strings.Contains(first.err.String()+second.err.String(), `"msg":"fired by another scheduler"`)
	}, patience, 5*time.Millisecond)
	for _, d := range []*scheduling{first, second} {
		health := d.health(t)
		require.Equal(t, "ok", health.Status)
		require.Equal(t, 0, *health.Jobs[0].Last.Exit)
		require.Equal(t, uint64(1), *health.Jobs[0].Last.Run)
		require.Equal(t, "2026-07-02T02:30:00Z", health.Jobs[0].Next.Format(time.RFC3339))
		require.Zero(t, d.end(), "nothing was cut short")
	}
	require.Equal(t, int64(1), s.number(t, "SELECT COUNT(*) FROM job_runs"))
	lines := first.err.String() + second.err.String()
	require.Contains(t, lines, `"msg":"the firing ended","job":"billing","fires_at":"2026-07-01T02:30:00Z","exit_code":0`)
	require.Contains(t, first.out.String(), "billing: 30 2 * * * (UTC), next Wed 2026-07-01 02:30 +00:00\n")
	require.Contains(t, first.out.String()+second.out.String(), "✓ run 1: done · ")
}

func (d *scheduling) health(t *testing.T) schedule.Health {
	t.Helper()
	url := regexp.MustCompile(`http://\S+/healthz`).FindString(d.out.String())
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	require.NoError(t, err)
	defer func() { require.NoError(t, response.Body.Close()) }()
	require.Equal(t, http.StatusOK, response.StatusCode)
	var health schedule.Health
	require.NoError(t, json.NewDecoder(response.Body).Decode(&health))
	return health
}

// Each firing reads the configuration anew; one that is wrong by then is an exit code of that firing alone. The jobs of
// the night are one firing, and all lines are in one log file.
func TestScheduleReadsTheConfigurationAtEachFiring(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	folder := t.TempDir()
	file, log := filepath.Join(folder, "duly.yaml"), filepath.Join(folder, "duly.log")
	write := func(text string) { require.NoError(t, os.WriteFile(file, []byte(text), 0o600)) }
	const times = "business: {timezone: UTC}\nschedule: {nightly: '30 * * * *'}\n"
	write(times)
	d := s.scheduler(t, clockAt(0, 0), 1, []string{"DULY_LOG_FILE=" + log}, "--config", file, "--json")
	next := func() { d.clock.Advance(time.Hour); d.settle(t, 1) }
	next()
	s.firings(t, 1, "exit_code = 0 AND run_id IS NOT NULL")
	write(times + "billing: {chunk_size: many}\n")
	next()
	s.firings(t, 1, "exit_code = 2 AND run_id IS NULL")
	require.Contains(t, d.err.String(), `duly: billing.chunk_size: "many" is no whole number`)
	write(times)
	s.exec(t, "INSERT INTO pauses (subject, who, reason) VALUES ('nightly', 'ada', 'a test')")
	next()
	s.firings(t, 1, "exit_code = 5")
	require.Equal(t, 0, d.end())

	decoder := json.NewDecoder(strings.NewReader(d.out.String()))
	var night view.Night
	require.NoError(t, decoder.Decode(&night))
	require.Len(t, night.Jobs, len(registry.Jobs())-1, "no policy has notice_days")
	text, err := os.ReadFile(log)
	require.NoError(t, err)
	require.Equal(t, 3, strings.Count(string(text), `"msg":"the firing ended"`))
}

// scheduleEvery is a schedule that has something to make up for at any time of any day.
const scheduleEvery = "DULY_SCHEDULE_BILLING=0 0 * * *"

// A signal lets the run under way finish; the scheduler ends with its code, and a later one goes on with it.
func TestScheduleDrains(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.env = append(s.env, scheduleEvery)
	s.sim.Update(func(c *simulator.Config) { c.Latency.Fixed = 150 * time.Millisecond })
	for range 30 {
		s.enrol(t, "ok", 100)
	}
	s.env = append(s.env, "DULY_GATEWAYS_MAIN_PARALLELISM=3")
	cmd, out := s.child(t, "schedule")
	s.charging(t, 3)
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.Equal(t, 143, code(t, cmd), out.String())
	paid := s.number(t, "SELECT COUNT(*) FROM invoices WHERE status = 'paid'")
	require.Less(t, paid, int64(30))
	require.Len(t, s.sim.Ledger(), int(paid))
	s.firings(t, 1, "exit_code = 143 AND run_id = 1")

	s.sim.Update(func(c *simulator.Config) { c.Latency.Fixed = 0 })
	cmd, out = s.child(t, "schedule")
	s.firings(t, 1, "exit_code = 0 AND run_id = 2")
	require.Len(t, s.sim.Ledger(), 30)
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.Equal(t, 0, code(t, cmd), "it was idle: "+out.String())
}

// A second signal ends it at once; what was in flight is recovered by the next firing.
func TestSecondSignalEndsAScheduleAtOnce(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.env = append(s.env, scheduleEvery)
	arrived, _ := s.holdCharges(t)
	s.enrol(t, "ok", 100)
	cmd, out := s.child(t, "schedule")
	arrived()
	ended := make(chan struct{})
	stop := session.Every(5*time.Millisecond, func() { _ = cmd.Process.Signal(syscall.SIGTERM) })
	go func() { defer close(ended); require.Equal(t, 143, code(t, cmd)) }()
	select {
	case <-ended:
	case <-time.After(patience):
		t.Error("it did not end: " + out.String())
	}
	stop()
	s.firings(t, 1, "finished_at IS NULL")
	require.Equal(t, int64(1), s.number(t, "SELECT COUNT(*) FROM payment_attempts WHERE status = 'in_flight'"), out.String())
}
