package e2e_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/gateway"
	"duly/internal/gateway/httpapi"
	"duly/internal/gateway/simulator"
	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/runs"
	"duly/internal/store"
	"duly/internal/test/e2e"
	"duly/internal/test/testdb"
	"duly/jobs"
	"duly/steps"
)

// The gateways of a trace: the main one has the shape that is tried, the second keeps keys and can be asked.
const (
	modelMain   = "main"
	modelSecond = "second"
)

// modelStage is what the traces of one shape share: a database and the addresses of two gateways.
type modelStage struct {
	shape   modelShape
	db      *testdb.DB
	program *mysql.DB // as the program opens it
	proxy   *testdb.Proxy
	losing  *mysql.DB // the same through the proxy
	urls    map[string]string
	seen    modelSeen

	mu      sync.Mutex
	network *modelNetwork
}

func newModelStage(t *testing.T, db *testdb.DB, shape modelShape) *modelStage {
	t.Helper()
	s := &modelStage{shape: shape, db: db, urls: map[string]string{}, seen: modelSeen{}}
	s.program = openModel(t, db.DSN)
	s.proxy = testdb.NewProxy(t, db.DSN)
	s.losing = openModel(t, s.proxy.DSN)
	for _, name := range []string{modelMain, modelSecond} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s.current().serve(name, w, r)
		}))
		t.Cleanup(server.Close)
		s.urls[name] = server.URL
	}
	return s
}

func openModel(t *testing.T, dsn string) *mysql.DB {
	t.Helper()
	db, err := mysql.Open(dsn, mysql.Options{MaxOpen: 4})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

func (s *modelStage) current() *modelNetwork {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.network
}

// modelClock is the clock of everything but the database. The trace alone moves it on, until the end: from then on
// each reading does, for the workers that wait for it.
type modelClock struct {
	mu   sync.Mutex
	at   time.Time
	runs time.Duration
}

func (c *modelClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(c.runs)
	return c.at
}

func (c *modelClock) run() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.runs = 500 * time.Millisecond
}

func (c *modelClock) set(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = at
}

// modelWorld is one trace. One goroutine moves it; whatever else runs waits for that, or is waited for.
type modelWorld struct {
	*modelStage

	t       *testing.T
	random  *rand.Rand
	clock   *modelClock
	net     *modelNetwork
	runs    []*modelRun // by worker; nil: the worker has no process
	zombies []*modelRun // asleep until the end of the trace
	behind  time.Duration
	// fruitless counts recoveries that found nothing since leases last ran out.
	fruitless int
	told      []string
	before    modelTables
	written   bool // since before was read
	due       modelWork
	favours   map[string]int  // by kind of move
	kept      map[string]bool // keys whose answers were kept by a worker that lost its lease
	brought   int             // subscriptions and methods so far, to tell them apart
}

func (s *modelStage) newWorld(t *testing.T, random *rand.Rand) *modelWorld {
	t.Helper()
	w := &modelWorld{
		modelStage: s, t: t, random: random, runs: make([]*modelRun, modelWorkers), favours: map[string]int{}, kept: map[string]bool{},
		clock: &modelClock{at: time.Date(2026, time.January, 31, 9, 0, 0, 0, time.UTC)},
	}
	w.net = newModelNetwork(map[string]*simulator.Simulator{
		modelMain:   simulator.New(s.shape.simulator(w.clock.now)),
		modelSecond: simulator.New(modelShape{}.simulator(w.clock.now)),
	})
	s.mu.Lock()
	s.network = w.net
	s.mu.Unlock()
	return w
}

// end ends every process and the gateways.
func (w *modelWorld) end() {
	left := slices.DeleteFunc(slices.Concat(w.runs, w.zombies), func(r *modelRun) bool { return r == nil })
	for _, r := range left {
		r.dead.Store(true)
	}
	w.net.end()
	for _, r := range left {
		assert.NoError(w.t, r.die())
	}
	for _, sim := range w.net.sims {
		sim.Close()
	}
}

// say notes a move.
func (w *modelWorld) say(format string, args ...any) {
	at := w.clock.now().Sub(time.Date(2026, time.January, 31, 9, 0, 0, 0, time.UTC)).Round(time.Second)
	w.told = append(w.told, fmt.Sprintf("%4d %10s  ", len(w.told)+1, at)+fmt.Sprintf(format, args...))
}

// fail ends the test because something is that must not be.
func (w *modelWorld) fail(format string, args ...any) {
	w.t.Helper()
	require.FailNow(w.t, fmt.Sprintf(format, args...))
}

// count notes that something happened.
func (w *modelWorld) count(what string) { w.seen[what]++ }

// chance is true in so many of a hundred cases.
func (w *modelWorld) chance(percent int) bool { return w.random.IntN(100) < percent }

// ctx is the context of the trace's own statements: one that ends would cost a goroutine for each.
func (w *modelWorld) ctx() context.Context { return context.WithoutCancel(w.t.Context()) }

func (w *modelWorld) exec(query string, args ...any) {
	w.t.Helper()
	_, err := w.db.ExecContext(w.ctx(), query, args...)
	require.NoError(w.t, err)
}

// open empties the tables, and enrols and invoices a few subscriptions.
func (w *modelWorld) open() {
	w.t.Helper()
	w.exec(`DELETE FROM payment_attempts; DELETE FROM invoices; DELETE FROM subscriptions; DELETE FROM events;
DELETE FROM gateway_answers; DELETE FROM step_runs; DELETE FROM job_runs; DELETE FROM payments; DELETE FROM orders`)
	for range 2 + w.random.IntN(3) {
		w.subscribe()
	}
	w.issue()
	w.check()
}

// subscribe brings a subscription that is due.
func (w *modelWorld) subscribe() {
	w.t.Helper()
	method := w.method()
	e2e.Enrol(w.t, w.db, []e2e.Subscription{{
		Customer: fmt.Sprintf("customer-%d", w.brought), Method: method, Gateway: w.gateway(),
		Amount: int64(10_000 + w.brought), Due: w.today(),
	}})
	w.look()
}

// enrol brings a subscription and invoices it.
func (w *modelWorld) enrol() {
	w.t.Helper()
	w.say("the shop: one more subscription")
	w.subscribe()
	w.issue()
}

// method makes a payment method of its own. Most charges succeed: only those can go wrong twice.
func (w *modelWorld) method() string {
	w.brought++
	names := []string{
		"soft", "soft_1_then_ok", "hard", "action", "try_later_1_then_ok", "pending_then_ok", "pending_then_soft",
		"canceled", "wrong_amount", "reject",
	}
	name := "ok"
	if w.chance(25) {
		name = names[w.random.IntN(len(names))]
	}
	return fmt.Sprintf("pm_%s:%d", name, w.brought)
}

func (w *modelWorld) gateway() string {
	if w.chance(15) {
		return modelSecond
	}
	return modelMain
}

// gateways makes the clients of one process.
func (w *modelWorld) gateways() steps.Gateways {
	w.t.Helper()
	made := steps.Gateways{}
	for name, url := range w.urls {
		shape := w.shape
		if name == modelSecond {
			shape = modelShape{}
		}
		client, err := httpapi.New(httpapi.Config{
			Name: name, URL: url, Token: "token", Timeout: modelTimeout, ConnectTimeout: modelTimeout,
			KeyLife: shape.keyLife(), LongestRequest: modelLongest, MaxConns: 8, NoFind: shape.noFind, Now: w.clock.now,
			Wrap: w.net.wrap,
		})
		require.NoError(w.t, err)
		made[name] = gateway.Limit(name, client, gateway.Limits{Tries: modelTries, MaxElapsed: 5 * time.Minute, Now: w.clock.now})
	}
	return made
}

// today is the business day.
func (w *modelWorld) today() payment.Date { return payment.DateOf(w.clock.now()) }

func modelPolicy() billing.Policy { return billing.Policy{RetryDays: []int{1, 3, 5}} }

func (w *modelWorld) repository() *runs.Repository {
	return &runs.Repository{DB: w.program, Now: w.clock.now}
}

// runner is the engine of one process. Its own heartbeats never come: the trace sends them.
func (w *modelWorld) runner() *batch.Runner {
	return &batch.Runner{
		Repository: w.repository(), Heartbeat: 24 * time.Hour, Drain: 24 * time.Hour, Now: w.clock.now,
		Log: slog.New(slog.DiscardHandler),
	}
}

func (w *modelWorld) spec() batch.Spec {
	return batch.Spec{
		Job: jobs.BillingJob, BusinessDate: w.today().String(), Params: []byte("{}"), Lease: modelLease, Host: "here", PID: 1,
		Version: "model",
	}
}

// job runs the billing job, or the steps of it that are named, from beginning to end.
func (w *modelWorld) job(names ...string) batch.Result {
	w.t.Helper()
	gateways := w.gateways()
	defer closeModelGateways(gateways)
	deps := jobs.Deps{
		DB: w.program, Repository: w.repository(), Gateways: gateways, Parallelism: func(string) int { return 2 },
		Clock: w.clock.now, Business: w.clock.now, Zone: time.UTC, Heartbeat: modelHeartbeat,
	}
	policy := modelPolicy()
	job := jobs.Billing(deps, jobs.BillingOptions{
		Selection: store.Selection{Business: w.today()}, Policy: policy, CatchUp: billing.CatchUpDefault,
		ChunkSize: 3, BrakePercent: 100, Steps: names,
	}, len(policy.RetryDays))
	ctx, cancel := context.WithTimeout(w.t.Context(), modelPatience)
	defer cancel()
	var waiting strings.Builder // who waits for what, when it is too long
	told := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(told)
		_ = pprof.Lookup("goroutine").WriteTo(&waiting, 1) // into memory: it cannot fail
	})
	defer func() {
		if !stop() {
			<-told
			w.t.Log(waiting.String())
		}
	}()
	result, err := w.runner().Run(ctx, job, w.spec())
	require.NoError(w.t, err)
	w.written = true
	require.NoError(w.t, ctx.Err(), "the job waits for something that does not come")
	return result
}

func closeModelGateways(gateways steps.Gateways) {
	for _, g := range gateways {
		g.Close()
	}
}

// issue invoices what is due.
func (w *modelWorld) issue() {
	w.t.Helper()
	w.say("issue")
	result := w.job(jobs.StepIssue)
	require.NoError(w.t, result.Err)
	require.Contains(w.t, []int{batch.ExitDone, batch.ExitUnfinished}, result.Exit) // others may be at work
}
