package jobs_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/gateway"
	"duly/internal/gateway/httpapi"
	"duly/internal/gateway/simulator"
	"duly/internal/orders"
	"duly/internal/payment"
	"duly/internal/runs"
	"duly/internal/store"
	"duly/internal/test/e2e"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
	"duly/jobs"
	"duly/steps"
)

// counter is where money is refunded: a town whose orders' payments are to be refunded.
type counter struct {
	*town

	client func(*httpapi.Config)
	chunk  int
}

func newCounter(t *testing.T) *counter {
	t.Helper()
	return &counter{town: newTown(t), chunk: 10}
}

// due adds a failed order of 500 won with payments that the gateway took and that are to be refunded.
func (c *counter) due(gateways ...string) (order uint64, payments []string) {
	c.t.Helper()
	worktest.Exec(c.t, c.plain, `INSERT INTO orders (customer_id, status, failure_reason, amount, currency) VALUES ('c', 'failed', 'out of stock', 500, 'KRW')`)
	order = worktest.Get[uint64](c.t, c.plain, `SELECT MAX(id) FROM orders`)
	for i, name := range gateways {
		key := fmt.Sprintf("ord_%d-%d", order, i+1)
		id, err := c.sims[name].Inject(simulator.Entry{Key: key, Reference: orders.Reference(order), CustomerID: "c", Method: "pm_ok", Amount: 500, Currency: "KRW"})
		require.NoError(c.t, err)
		worktest.Exec(c.t, c.plain, `INSERT INTO payments (order_id, gateway, idempotency_key, status, amount, currency) VALUES (?, ?, ?, 'refund_due', 500, 'KRW')`, order, name, key)
		payments = append(payments, id)
	}
	return order, payments
}

// open makes the job's refund step as a run would.
func (c *counter) open(dsn string) (*batch.Runner, batch.Job) {
	c.t.Helper()
	db := worktest.Open(c.t, dsn)
	gateways := steps.Gateways{}
	for name, url := range c.urls {
		cfg := httpapi.Config{
			Name: name, URL: url, Token: "token", Timeout: 2 * time.Second, ConnectTimeout: time.Second,
			KeyLife: 24 * time.Hour, LongestRequest: 2 * time.Minute, MaxConns: 8, Now: time.Now,
		}
		if c.client != nil {
			c.client(&cfg)
		}
		client, err := httpapi.New(cfg)
		require.NoError(c.t, err)
		gateways[name] = gateway.Limit(name, client, c.limits)
		c.t.Cleanup(gateways[name].Close)
	}
	deps := jobs.Deps{
		DB: db, Repository: &runs.Repository{DB: db, Now: time.Now}, Gateways: gateways,
		Parallelism: func(string) int { return 8 }, Clock: time.Now, Business: time.Now, Zone: time.UTC, Heartbeat: 200 * time.Millisecond,
	}
	runner := &batch.Runner{
		Repository: deps.Repository, Heartbeat: deps.Heartbeat, Drain: 5 * time.Second, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	}
	return runner, jobs.Reconcile(deps, jobs.ReconcileOptions{
		Policy:    orders.Policy{OlderThan: 10 * time.Minute, GiveUpAfter: 24 * time.Hour},
		ChunkSize: c.chunk, Parallelism: 4, Steps: []string{jobs.StepRefund}, Selection: store.Selection{Business: c.today},
	})
}

// refund runs the refund step.
func (c *counter) refund() batch.Result {
	c.t.Helper()
	return c.refundOver(c.t.Context(), c.plain.DSN)
}

func (c *counter) refundOver(ctx context.Context, dsn string) batch.Result {
	c.t.Helper()
	runner, job := c.open(dsn)
	result, err := runner.Run(ctx, job, worktest.Spec())
	require.NoError(c.t, err)
	return result
}

// pass lets time pass, for the tables and the gateways.
func (c *counter) pass(d time.Duration) {
	c.t.Helper()
	e2e.Age(c.t, c.plain.DB, d)
	for _, sim := range c.sims {
		sim.Advance(d)
	}
}

// payments are the payments' statuses.
func (c *counter) payments() []string {
	c.t.Helper()
	return worktest.List[string](c.t, c.plain, `SELECT CONCAT_WS(' ', status, refunded_amount) FROM payments ORDER BY id`)
}

// events are the types of the events, oldest first.
func (c *counter) events() []string {
	c.t.Helper()
	return worktest.List[string](c.t, c.plain, `SELECT type FROM events ORDER BY id`)
}

// given are the amounts refunded at a gateway, and in how many parts.
func (c *counter) given(name string) []string {
	var given []string
	for _, e := range c.sims[name].Ledger() {
		given = append(given, fmt.Sprintf("%d in %d", e.Refunded, e.Refunds))
	}
	return given
}

// requests is how many refunds a gateway was asked for.
func (c *counter) requests(name string) int { return c.sims[name].Stats().Requests["refundPayment"] }

// amend changes a payment at the gateway by hand.
func (c *counter) amend(id string, change func(*simulator.Entry)) {
	c.t.Helper()
	require.NoError(c.t, c.sims["main"].Amend(id, change))
}

func faults(f simulator.Faults) func(*simulator.Config) {
	return func(c *simulator.Config) { c.ChangeFaults = f }
}

func TestRefund(t *testing.T) {
	t.Parallel()
	w := newCounter(t)
	w.due("main")
	w.due("main", "main")
	w.due("main", "other")
	// The shop asks for one too: a charge without a key of ours, known by the gateway's id.
	id, err := w.sims["main"].Inject(simulator.Entry{Key: "theirs", Reference: "ord_4", CustomerID: "c", Method: "pm_ok", Amount: 30, Currency: "USD"})
	require.NoError(t, err)
	worktest.Exec(t, w.plain, `INSERT INTO orders (customer_id, status, amount, currency) VALUES ('c', 'delivered', 30, 'USD')`)
	worktest.Exec(t, w.plain, `INSERT INTO payments (order_id, gateway, transaction_key, status, amount, currency) VALUES (4, 'main', ?, 'refund_due', 30, 'USD')`, id)

	result := w.refund()
	require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
	require.Equal(t, batch.Tally{Read: 4, Succeeded: 4, Amounts: map[string]int64{"KRW": 2500, "USD": 30}}, result.Tally)
	require.Equal(t, []string{"refunded 500", "refunded 500", "refunded 500", "refunded 500", "refunded 500", "refunded 30"}, w.payments())
	require.Equal(t, []string{"500 in 1", "500 in 1", "500 in 1", "500 in 1", "30 in 1"}, w.given("main"))
	require.Equal(t, []string{"500 in 1"}, w.given("other"))
	require.ElementsMatch(t, []string{
		"order:1 1 500 order failed: out of stock", "order:2 2 500 order failed: out of stock", "order:2 3 500 order failed: out of stock",
		"order:3 4 500 order failed: out of stock", "order:3 5 500 order failed: out of stock", "order:4 6 30 asked by the shop",
	}, worktest.List[string](t, w.plain, `SELECT CONCAT_WS(' ', subject, JSON_VALUE(payload, '$.payment_id'), JSON_VALUE(payload, '$.amount'),
JSON_VALUE(payload, '$.reason')) FROM events WHERE type = 'refund.completed'`))

	again := w.refund()
	require.Equal(t, batch.ExitDone, again.Exit)
	require.Zero(t, again.Tally.Read)
	require.Len(t, w.events(), 6)
	require.Equal(t, 5, w.requests("main"))
}

// What becomes of one refund, run after run.
func TestRefundStories(t *testing.T) {
	t.Parallel()
	done := func(before happening) visit { return visit{before, batch.ExitDone, "refunded 500"} }
	later := func(before happening) visit { return visit{before, batch.ExitUnfinished, "refund_due 0"} }
	review := func(before happening) visit { return visit{before, batch.ExitReview, "review 0"} }
	for _, s := range []story{
		{
			name: "the answer is lost", given: "500 in 1", requests: 1, events: []string{"refund.completed"},
			visits: []visit{later(sim(faults(simulator.Faults{DropAfter: 1}))), later(nil), done(aMinute)},
		},
		{
			name: "the request is lost", given: "500 in 1", requests: 2, events: []string{"refund.completed"},
			visits: []visit{later(sim(faults(simulator.Faults{DropBefore: 1, First: 1}))), done(aMinute)},
		},
		{
			name: "the answer is lost, and the key forgotten", given: "500 in 1", requests: 1, events: []string{"refund.completed"},
			visits: []visit{later(sim(faults(simulator.Faults{Err5xxAfter: 1}))), done(aDay)},
		},
		{
			name: "the request is lost, and the key forgotten", given: "500 in 1", requests: 2, events: []string{"refund.completed"},
			visits: []visit{later(sim(faults(simulator.Faults{Err5xxBefore: 1, First: 1}))), done(aDay)},
		},
		{
			name: "the request lands after the answer was given up", given: "500 in 1", requests: 2, events: []string{"refund.completed"},
			visits: []visit{
				later(sim(faults(simulator.Faults{Late: 1, LateBy: 90 * time.Second, First: 1}))),
				done(aMinute), // under the same key, before the first lands
				{aMinute, batch.ExitDone, "refunded 500"},
			},
		},
		{
			name: "too many requests", given: "500 in 1", requests: 2, events: []string{"refund.completed"},
			visits: []visit{later(sim(faults(simulator.Faults{TooMany: 1, First: 1}))), done(aMinute)},
		},
		{
			name: "half an answer", given: "500 in 1", requests: 1, events: []string{"refund.completed"},
			visits: []visit{later(sim(faults(simulator.Faults{HalfBody: 1}))), done(aMinute)},
		},
		{
			name: "refunded by hand, in whole", given: "500 in 1", events: []string{"refund.completed"},
			visits: []visit{done(amend(func(e *simulator.Entry) { e.Refunded = 500 }))},
		},
		{
			name: "refunded by hand, in part", given: "200 in 1", events: []string{"review.needed"},
			visits: []visit{review(amend(func(e *simulator.Entry) { e.Refunded = 200 })), {aDay, batch.ExitDone, "review 0"}},
		},
		{
			name: "declined after all", given: "0 in 0",
			visits: []visit{{amend(func(e *simulator.Entry) { e.Status = payment.Declined; e.DeclineCode = "stolen_card" }), batch.ExitDone, "failed 0"}},
		},
		{
			name: "another amount", given: "0 in 0", events: []string{"review.needed"},
			visits: []visit{review(amend(func(e *simulator.Entry) { e.Amount = 600 }))},
		},
		{
			name: "not decided yet", given: "500 in 1", requests: 1, events: []string{"refund.completed"},
			visits: []visit{
				later(amend(func(e *simulator.Entry) { e.Status = payment.Pending })),
				done(then(aMinute, amend(func(e *simulator.Entry) { e.Status = payment.Succeeded }))),
			},
		},
		{
			name: "the gateway is down for two days", given: "500 in 1", requests: 1, events: []string{"review.needed", "refund.completed"},
			visits: []visit{
				later(sim(func(c *simulator.Config) { c.Outage = true })), later(aMinute), later(aDay), later(aDay),
				done(then(aDay, sim(func(c *simulator.Config) { c.Outage = false }))),
			},
		},
		{
			name: "our credentials are refused", given: "500 in 1", requests: 1, events: []string{"refund.completed"},
			visits: []visit{
				{sim(func(c *simulator.Config) { c.Forbidden = true }), batch.ExitFailed, "refund_due 0"},
				done(sim(func(c *simulator.Config) { c.Forbidden = false })),
			},
		},
		{
			name: "no keys: the answer is lost", given: "500 in 1", requests: 1, events: []string{"refund.completed"},
			client: keyless,
			visits: []visit{
				later(noKeys(simulator.Faults{DropAfter: 1})),
				later(aMinute), done(passes(3 * time.Minute)),
			},
		},
		{
			name: "no keys: the request is lost", given: "500 in 1", requests: 2, events: []string{"refund.completed"},
			client: keyless,
			visits: []visit{
				later(noKeys(simulator.Faults{DropBefore: 1, First: 1})),
				later(aMinute), later(aMinute), done(passes(2 * time.Minute)),
			},
		},
		{
			name: "cannot be asked by key, and has no id", given: "0 in 0", events: []string{"review.needed"},
			client: func(c *httpapi.Config) { c.NoFind = true },
			visits: []visit{later(nil), review(aDay)},
		},
		{
			name: "an answer that cannot be read", given: "500 in 1", requests: 2, events: []string{"refund.completed"},
			visits: []visit{later(sim(faults(simulator.Faults{Garbage: 1}))), done(then(sim(faults(simulator.Faults{})), aMinute))},
		},
	} {
		s.play(t, func(w *counter) string {
			_, ids := w.due("main")
			return ids[0]
		}, func(w *counter) string { return strings.Join(w.payments(), ", ") })
	}
}

// A payment that never arrived took nothing: it fails once no request can arrive any more.
func TestRefundOfAPaymentThatNeverArrived(t *testing.T) {
	t.Parallel()
	w := newCounter(t)
	worktest.Exec(t, w.plain, `INSERT INTO orders (customer_id, status, amount, currency) VALUES ('c', 'failed', 500, 'KRW')`)
	worktest.Exec(t, w.plain, `INSERT INTO payments (order_id, gateway, idempotency_key, status, amount, currency) VALUES (1, 'main', 'ord_1-1', 'refund_due', 500, 'KRW')`)
	require.Equal(t, batch.ExitUnfinished, w.refund().Exit)
	w.pass(25 * time.Hour)
	require.NotEqual(t, batch.ExitDone, w.refund().Exit, "nothing shows that the gateway would know it")
	worktest.Exec(t, w.plain, `UPDATE payments SET status = 'refund_due'`)
	worktest.Exec(t, w.plain, `UPDATE order_checks SET reason = NULL, refund_next_at = NULL`)
	worktest.Taken(t, w.plain, w.sims["main"], "main", time.Now().Add(-100*24*time.Hour), time.Now())
	require.Equal(t, batch.ExitDone, w.refund().Exit)
	require.Equal(t, []string{"failed 0 request_failed"}, worktest.List[string](t, w.plain, `SELECT CONCAT_WS(' ', status, refunded_amount, failure_code) FROM payments WHERE order_id = 1`))
}

// Many refunds of two gateways, two workers at once, one gateway that loses answers: each is refunded once.
func TestRefundsByTwoWorkers(t *testing.T) {
	t.Parallel()
	w := newCounter(t)
	w.sims["main"].Update(faults(simulator.Faults{DropAfter: 0.3, DropBefore: 0.2, First: 1}))
	for range 20 {
		w.due("main", "other")
		w.due("main")
	}
	for range 2 {
		var both sync.WaitGroup
		for range 2 {
			runner, job := w.open(w.plain.DSN)
			both.Go(func() {
				_, err := runner.Run(t.Context(), job, worktest.Spec())
				assert.NoError(t, err)
			})
		}
		both.Wait()
		w.pass(time.Minute)
	}
	require.Equal(t, batch.ExitDone, w.refund().Exit)
	for _, name := range []string{"main", "other"} {
		for i, given := range w.given(name) {
			require.Equal(t, "500 in 1", given, "%s, payment %d", name, i+1)
		}
	}
	require.Equal(t, []string{"refunded"}, worktest.List[string](t, w.plain, `SELECT DISTINCT status FROM payments`))
	require.Equal(t, 60, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM events WHERE type = 'refund.completed'`))
}

// After a lost COMMIT, or a lost answer to one, nothing is refunded twice and nothing is forgotten.
func TestRefundsWithALostCommit(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(*testdb.Proxy) <-chan struct{}{
		"its answer": (*testdb.Proxy).LoseCommitAnswer, "itself": (*testdb.Proxy).LoseCommit,
	} {
		t.Run(name, func(t *testing.T) {
			w := newCounter(t)
			for range 3 {
				w.due("main", "main")
			}
			proxy := testdb.NewProxy(t, w.plain.DSN)
			w.sims["main"].Update(func(c *simulator.Config) { c.Latency.Fixed = 20 * time.Millisecond })
			runner, job := w.open(proxy.DSN)
			var lost <-chan struct{}
			runner.OnStep = func(*batch.StepExecution) { lost = lose(proxy) }
			result, err := runner.Run(t.Context(), job, worktest.Spec())
			require.NoError(t, err)
			<-lost
			require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
			require.Equal(t, int64(3000), result.Tally.Amounts["KRW"])
			for _, given := range w.given("main") {
				require.Equal(t, "500 in 1", given)
			}
			require.Len(t, w.events(), 6)
		})
	}
}
