package schedule_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	"github.com/stretchr/testify/require"

	"duly/internal/mysql"
	"duly/internal/runs"
	"duly/internal/schedule"
	"duly/internal/test/testdb"
)

func TestMain(m *testing.M) { os.Exit(testdb.Main(m)) }

// hall is a database with a clock on its wall, for schedulers to share.
type hall struct {
	t     *testing.T
	db    *testdb.DB
	zone  string
	clock *clockwork.FakeClock
}

func newHall(t *testing.T, zone, now string) *hall {
	t.Helper()
	h := &hall{t: t, db: testdb.New(t), zone: zone}
	h.clock = clockwork.NewFakeClockAt(h.at(now))
	return h
}

func (h *hall) at(text string) time.Time {
	h.t.Helper()
	at, err := time.ParseInLocation("2006-01-02 15:04", text, location(h.t, h.zone))
	require.NoError(h.t, err)
	return at
}

// clerk is a scheduler that serves, and what its runs do.
type clerk struct {
	*schedule.Scheduler
	*hall

	mu     sync.Mutex
	ran    []string
	log    lines
	stop   context.CancelFunc
	served chan int
}

// hire starts a scheduler; jobs are written as name=expression. change may set it up further.
func (h *hall) hire(host string, change func(c *clerk), jobs ...string) *clerk {
	h.t.Helper()
	c := h.candidate(host, h.db.DSN, jobs...)
	if change != nil {
		change(c)
	}
	h.start(c)
	return c
}

func (h *hall) candidate(host, dsn string, jobs ...string) *clerk {
	h.t.Helper()
	pool, err := mysql.Open(dsn, mysql.Options{MaxOpen: 4})
	require.NoError(h.t, err)
	h.t.Cleanup(func() { require.NoError(h.t, pool.Close()) })
	c := &clerk{hall: h, served: make(chan int, 1)}
	c.Scheduler = &schedule.Scheduler{
		Zone: location(h.t, h.zone), Firings: &runs.Firings{DB: pool, Now: h.clock.Now}, Host: host,
		Lease: time.Minute, Heartbeat: 5 * time.Millisecond, Patience: 10 * time.Second, Clock: h.clock,
		Offset:  func(context.Context) (time.Duration, error) { return 0, nil },
		Run:     func(_ context.Context, job string, _ func(uint64)) int { c.note(job); return 0 },
		Stopped: func(exit int) bool { return exit > 5 },
		Log:     slog.New(slog.NewJSONHandler(&c.log, &slog.HandlerOptions{Level: slog.LevelDebug})).With(slog.String("host", host)),
	}
	for _, job := range jobs {
		name, text, _ := strings.Cut(job, "=")
		c.Jobs = append(c.Jobs, schedule.Job{Name: name, Text: text, When: expression(h.t, text, h.zone)})
	}
	return c
}

func (h *hall) start(c *clerk) {
	h.t.Helper()
	ctx, cancel := context.WithCancel(h.t.Context())
	c.stop = cancel
	go func() {
		exit, err := c.Serve(ctx)
		if err != nil {
			h.t.Error(err)
		}
		c.served <- exit
		close(c.served)
	}()
	h.t.Cleanup(func() { cancel(); <-c.served })
	h.settle(len(c.Jobs))
}

// settle waits until that many timers are set.
func (h *hall) settle(timers int) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), 2*time.Minute)
	defer cancel()
	require.NoError(h.t, h.clock.BlockUntilContext(ctx, timers))
}

// pass lets time go by, in steps, and waits after each until the firings up to then are over.
func (h *hall) pass(timers int, d, step time.Duration, over func(now time.Time) int) {
	h.t.Helper()
	for end := h.clock.Now().Add(d); h.clock.Now().Before(end); {
		h.clock.Advance(step)
		h.settle(timers)
		want := over(h.clock.Now())
		h.eventually(func() bool { return len(h.fired("finished_at IS NOT NULL")) >= want })
	}
}

func (h *hall) eventually(what func() bool) {
	h.t.Helper()
	require.Eventually(h.t, what, 2*time.Minute, 2*time.Millisecond)
}

// fired lists the firings that a condition holds for, as the clock showed them.
func (h *hall) fired(where string) []string {
	h.t.Helper()
	var rows []struct {
		Job string
		At  time.Time `db:"fires_at"`
	}
	require.NoError(h.t, h.db.SelectContext(h.t.Context(), &rows, `SELECT job, CAST(fires_at AS DATETIME(6)) AS fires_at FROM schedule_firings WHERE `+where+` ORDER BY fires_at, job`))
	list := []string{}
	for _, r := range rows {
		list = append(list, r.Job+" "+r.At.In(location(h.t, h.zone)).Format("01-02 15:04 -0700"))
	}
	return list
}

func (c *clerk) note(job string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ran = append(c.ran, job)
}

func (c *clerk) runs() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.ran)
}

// hook is a log handler that calls before with each message, before it is written.
type hook struct {
	slog.Handler

	before func(message string)
}

// Handle implements slog.Handler.
func (h hook) Handle(ctx context.Context, r slog.Record) error {
	h.before(r.Message)
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h hook) WithAttrs(attrs []slog.Attr) slog.Handler {
	return hook{h.Handler.WithAttrs(attrs), h.before}
}

// lines keeps log lines.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// messages lists what was logged.
func (l *lines) messages() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []string
	decoder := json.NewDecoder(strings.NewReader(l.text.String()))
	for decoder.More() {
		var line struct{ Msg string }
		if decoder.Decode(&line) != nil {
			break
		}
		all = append(all, line.Msg)
	}
	return all
}
