package e2e_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/gateway/simulator"
	"duly/internal/payment"
	"duly/internal/test/e2e"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
)

// The timing of the processes. The lease is the shortest that the configuration allows.
const (
	timeout   = time.Second
	heartbeat = 200 * time.Millisecond
	lease     = timeout + 3*heartbeat + 5*time.Second
	keyLife   = 24 * time.Hour
	longest   = 2 * time.Minute
	tries     = 2
	token     = "token"
	// aDay is longer than any key and any request lives.
	aDay = 25 * time.Hour
)

// world is a database, a gateway with its ledger, and the processes that stand between them.
type world struct {
	t   *testing.T
	db  *testdb.DB
	sim *simulator.Simulator
	// dialect is what the simulator speaks, and the type of the gateway.
	dialect string
	gate    *gate
	date    payment.Date
	url     string // of the gateway
	env     []string
	race    bool // its workers look for data races
}

func newWorld(t *testing.T, cfg simulator.Config) *world {
	t.Helper()
	return worldOn(t, testdb.New(t), cfg)
}

func worldOn(t *testing.T, db *testdb.DB, cfg simulator.Config) *world {
	t.Helper()
	return worldIn(t, db, simulator.Default, cfg)
}

// worldIn is worldOn with a provider that speaks a dialect.
func worldIn(t *testing.T, db *testdb.DB, dialect string, cfg simulator.Config) *world {
	t.Helper()
	w := &world{t: t, db: db, dialect: dialect, date: payment.DateOf(time.Now().UTC())}
	w.sim, w.gate, w.url = serveIn(t, dialect, cfg)
	w.env = []string{
		"DULY_DATABASE_DSN=" + db.DSN,
		"DULY_BUSINESS_TIMEZONE=UTC",
		"DULY_RUN_LEASE=" + lease.String(),
		"DULY_RUN_HEARTBEAT=" + heartbeat.String(),
		"DULY_RUN_DRAIN=2s",
		"DULY_BILLING_CHUNK_SIZE=4",
		// Most tests are about the lease, as on another host.
		"DULY_RUN_LOCK_DIR=none",
	}
	w.env = append(w.env, gatewayEnv("MAIN", w.url)...)
	w.set("DULY_GATEWAYS_MAIN_TYPE", dialect)
	return w
}

// serve starts a simulator on a TCP port.
func serve(t *testing.T, cfg simulator.Config) (*simulator.Simulator, *gate, string) {
	t.Helper()
	return serveIn(t, simulator.Default, cfg)
}

// serveIn is serve in a dialect.
func serveIn(t *testing.T, dialect string, cfg simulator.Config) (*simulator.Simulator, *gate, string) {
	t.Helper()
	cfg.Token = token
	if cfg.KeyLife == 0 {
		cfg.KeyLife = keyLife
	}
	require.NoError(t, cfg.Validate())
	sim, err := simulator.Speak(dialect, cfg)
	require.NoError(t, err)
	g := &gate{next: sim}
	server := httptest.NewServer(g)
	t.Cleanup(func() {
		sim.Close()
		server.Close()
	})
	return sim, g, server.URL
}

func gatewayEnv(name, url string) []string {
	var env []string
	for key, value := range map[string]any{
		"URL": url, "TOKEN": token, "TIMEOUT": timeout, "PARALLELISM": 4, "TRIES": tries, "BACKOFF": 10 * time.Millisecond,
		"KEY_LIFE": keyLife, "LONGEST_REQUEST": longest, "LIST_LAG": 0,
		// A small shop is full of faults on purpose: its circuit stays closed.
		"CIRCUIT_WINDOW": 1000, "CIRCUIT_MINIMUM": 1000,
	} {
		env = append(env, fmt.Sprintf("DULY_GATEWAYS_%s_%s=%v", name, key, value))
	}
	return env
}

// gate stands in front of the simulator, notes when charge requests come, and calls hooks for the n-th of them before
// they are served.
type gate struct {
	next http.Handler

	mu   sync.Mutex
	came []time.Time
	hook map[int]func() // by the number of the request
}

// on sets a hook.
func (g *gate) on(nth int, hook func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.hook == nil {
		g.hook = map[int]func(){}
	}
	g.hook[nth] = hook
}

// times lists when charge requests came.
func (g *gate) times() []time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.came)
}

// ServeHTTP implements http.Handler.
func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		g.mu.Lock()
		g.came = append(g.came, time.Now())
		hook := g.hook[len(g.came)]
		g.mu.Unlock()
		if hook != nil {
			hook()
		}
	}
	g.next.ServeHTTP(w, r)
}

// enrol adds a subscription for each payment method, due today.
func (w *world) enrol(methods ...string) {
	w.t.Helper()
	w.add(e2e.Methods(w.date, methods...))
}

// bill starts `duly run billing`.
func (w *world) bill(at where) *process {
	w.t.Helper()
	args := []string{"run", "billing", "--date", w.date.String()}
	for _, step := range at.steps {
		args = append(args, "--step", step)
	}
	return launch(w.t, built(w.t, w.race), slices.Concat(w.env, at.env()), args...)
}

// set makes another value of a setting the one that counts.
func (w *world) set(key string, value any) {
	w.env = append(w.env, fmt.Sprintf("%s=%v", key, value))
}

// mostRuns is how many times in a row a wrapper would start duly again before it calls somebody.
const mostRuns = 6

// finish runs as many workers at once, again and again, until all of them leave nothing behind.
func (w *world) finish(workers int) {
	w.t.Helper()
	for range mostRuns {
		done := true
		running := make([]*process, workers)
		for i := range running {
			running[i] = w.bill(where{})
		}
		for _, p := range running {
			code := p.exit()
			require.Contains(w.t, []int{batch.ExitDone, batch.ExitReview, batch.ExitUnfinished}, code, "%s", p.printed())
			done = done && code != batch.ExitUnfinished
		}
		if done {
			return
		}
		w.pass(2 * longest) // what a dead worker may just have sent takes effect by then, or never
	}
	require.Fail(w.t, "unfinished after so many runs", "%d", mostRuns)
}

// died ends the lease of a process that is gone, so that the next need not wait for it.
func (w *world) died(p *process) {
	w.t.Helper()
	e2e.EndLease(w.t, w.db.DB, p.pid)
}

// pass lets time pass, for the tables and the gateway. Others have paid there long ago, and pay there in the meantime.
func (w *world) pass(d time.Duration) {
	w.t.Helper()
	e2e.Age(w.t, w.db.DB, d)
	w.sim.Advance(d)
	w.others(w.sim)
}

// others lets others have paid at a gateway before anything of the test, and now.
func (w *world) others(sim *simulator.Simulator) {
	w.t.Helper()
	worktest.Taken(w.t, w.db, sim, "main", time.Now().Add(-100*24*time.Hour), time.Now())
}

// reconcile compares the ledger with the tables.
func (w *world) reconcile() {
	w.t.Helper()
	e2e.Reconcile(w.t, w.db.DB, w.date, w.sim)
}

// count is the number that a query answers.
func (w *world) count(query string, args ...any) int {
	w.t.Helper()
	var n int
	require.NoError(w.t, w.db.GetContext(w.t.Context(), &n, query, args...))
	return n
}

// do runs a statement as the shop.
func (w *world) do(statement string, args ...any) {
	w.t.Helper()
	worktest.Exec(w.t, w.db, statement, args...)
}

// awaitRun waits until the process has begun its run, or is gone.
func (w *world) awaitRun(p *process) {
	w.t.Helper()
	w.awaitRow(p, `SELECT COUNT(*) FROM job_runs WHERE pid = ?`)
}

// awaitClaim waits until the process has claimed an event, or is gone.
func (w *world) awaitClaim(p *process) {
	w.t.Helper()
	w.awaitRow(p, `SELECT COUNT(*) FROM event_deliveries d JOIN job_runs r ON r.id = d.run_id WHERE r.pid = ?`)
}

// awaitRow waits until the query counts a row of the process's id, or the process is gone.
func (w *world) awaitRow(p *process, query string) {
	w.t.Helper()
	w.await(func() bool {
		select {
		case <-p.ended:
			return true
		default:
			return w.count(query, p.pid) > 0
		}
	})
}

// await looks again and again until the condition holds.
func (w *world) await(condition func() bool) {
	w.t.Helper()
	require.Eventually(w.t, condition, 2*time.Minute, 5*time.Millisecond)
}
