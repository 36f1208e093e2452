package jobs_test

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/gateway"
	"duly/internal/gateway/httpapi"
	"duly/internal/gateway/simulator"
	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/query"
	"duly/internal/runs"
	"duly/internal/store"
	"duly/internal/test/e2e"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
	"duly/jobs"
	"duly/steps"
)

const day0 = "2026-01-31"

// town is a shop, its database, its gateways main and other, and a calendar that the test turns.
type town struct {
	t      *testing.T
	plain  *testdb.DB
	sims   map[string]*simulator.Simulator
	urls   map[string]string
	began  time.Time
	today  payment.Date
	day    *atomic.Int64 // today, for the gateways: they may still answer what no run waits for
	limits gateway.Limits
	lease  time.Duration
	last   payment.Date // business date of the last run

	client    func(*httpapi.Config) // makes the gateways' clients others; nil: they are as they are
	wrap      func(gateway.Gateway) gateway.Gateway
	accounts  bool         // what is sent is stored with the account that it is sent to
	server    mysql.Server // that runs begin on; zero: any
	prefix    string       // of keys
	blocked   map[string]string
	retention time.Duration // of the gateways
	save      func(lines [][]byte) (string, error)
	business  func() time.Time // that runs go by; nil: the town's clock
}

func newTown(t *testing.T) *town {
	t.Helper()
	w := &town{
		t: t, plain: testdb.New(t), sims: map[string]*simulator.Simulator{}, urls: map[string]string{},
		began: time.Now(), today: worktest.Day(t, day0), day: new(atomic.Int64), lease: worktest.Lease, limits: gateway.Limits{Tries: 1, Now: time.Now},
	}
	w.server, _ = worktest.Servers(t, worktest.Open(t, w.plain.DSN))
	w.day.Store(int64(w.today))
	for _, name := range []string{"main", "other"} {
		sim := simulator.New(simulator.Config{Token: "token", Now: func() time.Time { return w.clockOf(payment.Date(w.day.Load()))() }})
		server := httptest.NewServer(sim)
		t.Cleanup(func() {
			sim.Close()
			server.Close()
		})
		w.sims[name], w.urls[name] = sim, server.URL
	}
	return w
}

// on turns the calendar.
func (w *town) on(day string) *town {
	return w.turn(worktest.Day(w.t, day))
}

// turn is on by date.
func (w *town) turn(day payment.Date) *town {
	w.today = day
	w.day.Store(int64(day))
	return w
}

// clock goes on from noon of the town's day, and never stands still from one run to the next.
func (w *town) clock() func() time.Time { return w.clockOf(w.today) }

func (w *town) clockOf(day payment.Date) func() time.Time {
	noon := day.Time().Add(12 * time.Hour)
	return func() time.Time { return noon.Add(time.Since(w.began)) }
}

// run runs billing as of today; change, if it is not nil, makes it another run.
func (w *town) run(change func(*jobs.BillingOptions, *batch.Runner)) batch.Result {
	return w.runOn(w.t.Context(), change)
}

func (w *town) runOn(ctx context.Context, change func(*jobs.BillingOptions, *batch.Runner)) batch.Result {
	w.t.Helper()
	clock := w.clock()
	if w.business != nil {
		clock = w.business
	}
	deps := w.deps(w.plain.DSN, clock, w.client)
	options := jobs.BillingOptions{
		Selection: store.Selection{Business: w.today}, Policy: billing.Policy{RetryDays: []int{1, 3, 5}},
		CatchUp: billing.CatchUpDefault, ChunkSize: 100, BrakePercent: 50, Blocked: w.blocked,
	}
	runner := &batch.Runner{
		Repository: deps.Repository, Heartbeat: deps.Heartbeat, Drain: 5 * time.Second, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&options, runner)
	}
	open, err := query.MaxOpenStage(ctx, deps.DB)
	require.NoError(w.t, err)
	w.last = options.Selection.Business
	spec := worktest.Spec()
	spec.Lease = w.lease
	result, err := runner.Run(ctx, jobs.Billing(deps, options, max(open, options.Policy.MostStages())), spec)
	require.NoError(w.t, err)
	return result
}

// deps are what a worker of the town's is made of; change, if it is not nil, makes its clients others.
func (w *town) deps(dsn string, business func() time.Time, change func(*httpapi.Config)) jobs.Deps {
	w.t.Helper()
	db := worktest.Open(w.t, dsn)
	gateways := steps.Gateways{}
	for name, url := range w.urls {
		config := httpapi.Config{
			Name: name, URL: url, Token: "token", Timeout: min(10*time.Second, w.lease/3), ConnectTimeout: time.Second,
			KeyLife: 24 * time.Hour, LongestRequest: 2 * time.Minute, MaxConns: 8, Now: time.Now,
			Retention: w.retention,
		}
		if change != nil {
			change(&config)
		}
		client, err := httpapi.New(config)
		require.NoError(w.t, err)
		var adapter gateway.Gateway = client
		if w.wrap != nil {
			adapter = w.wrap(client)
		}
		gateways[name] = gateway.Limit(name, adapter, w.limits)
		w.t.Cleanup(gateways[name].Close)
	}
	var accounts map[string]uint32
	if w.accounts {
		var all []payment.Account
		for name, g := range gateways {
			all = append(all, payment.Account{Gateway: name, Address: g.Capabilities().Address, ID: g.Capabilities().Account})
		}
		var err error
		accounts, err = store.Accounts(w.t.Context(), db, all)
		require.NoError(w.t, err)
	}
	return jobs.Deps{
		Accounts: accounts, KeyPrefixes: map[string]string{"main": w.prefix, "other": w.prefix},
		Save: w.save,
		DB:   db, Server: w.server, Repository: &runs.Repository{DB: db, Now: business}, Gateways: gateways,
		Parallelism: func(string) int { return 8 }, Clock: time.Now, Business: business, Zone: time.UTC, Heartbeat: 200 * time.Millisecond,
	}
}

// reconcile compares tables and ledgers.
func (w *town) reconcile() {
	w.t.Helper()
	e2e.Reconcile(w.t, w.plain.DB, w.last, w.sims["main"], w.sims["other"])
}

// enrol adds a subscription for each payment method, due on day 0.
func (w *town) enrol(methods ...string) {
	w.t.Helper()
	worktest.Enrol(w.t, w.plain, len(methods), day0, func(i int, s *worktest.Subscription) { s.Method = methods[i-1] })
}

// states are the newest invoice of each subscription and the subscription itself, in words.
func (w *town) states() []string {
	w.t.Helper()
	return worktest.List[string](w.t, w.plain, `SELECT CONCAT_WS(' ', s.status, i.status, i.stage,
(SELECT COUNT(*) FROM payment_attempts a WHERE a.invoice_id = i.id))
FROM subscriptions s JOIN invoices i ON i.id = (SELECT MAX(x.id) FROM invoices x WHERE x.subscription_id = s.id) ORDER BY s.id`)
}

// dues are the due dates that were invoiced, and the next one.
func (w *town) dues(subscription int) []string {
	w.t.Helper()
	return worktest.List[string](w.t, w.plain, `SELECT d FROM (SELECT DATE_FORMAT(due_date, '%Y-%m-%d') AS d FROM invoices WHERE subscription_id = ?
UNION ALL SELECT DATE_FORMAT(next_billing_date, 'next %Y-%m-%d') FROM subscriptions WHERE id = ?) x ORDER BY d`, subscription, subscription)
}
