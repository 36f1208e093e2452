package jobs_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/gateway/simulator"
	"duly/internal/orders"
	"duly/internal/payment"
	"duly/internal/store"
	"duly/internal/test/e2e"
	"duly/internal/test/worktest"
	"duly/jobs"
)

// market is a town whose customers order, and pay or do not.
type market struct {
	*town

	options jobs.ReconcileOptions
}

func newMarket(t *testing.T) *market {
	t.Helper()
	return &market{town: newTown(t), options: jobs.ReconcileOptions{
		Policy:    orders.Policy{OlderThan: 10 * time.Minute, GiveUpAfter: 24 * time.Hour},
		ChunkSize: 100, Parallelism: 10, Steps: []string{jobs.StepReconcile},
	}}
}

// run runs the reconcile job.
func (m *market) run() batch.Result {
	m.t.Helper()
	return m.runOver(m.t.Context(), m.plain.DSN)
}

func (m *market) runOver(ctx context.Context, dsn string) batch.Result {
	m.t.Helper()
	return m.worker(dsn)(ctx)
}

// worker is a worker that can be run again and again.
func (m *market) worker(dsn string) func(context.Context) batch.Result {
	m.t.Helper()
	deps := m.deps(dsn, time.Now, m.client)
	runner := &batch.Runner{
		Repository: deps.Repository, Heartbeat: deps.Heartbeat, Drain: 5 * time.Second, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	}
	options := m.options
	options.Selection.Business = m.today
	spec := worktest.Spec()
	spec.Lease = m.lease
	return func(ctx context.Context) batch.Result {
		result, err := runner.Run(ctx, jobs.Reconcile(deps, options), spec)
		if err != nil {
			m.t.Errorf("no run could be started: %v", err)
		}
		return result
	}
}

// only selects orders.
func (m *market) only(ids ...uint64) { m.options.Selection = store.Selection{Orders: ids} }

// sell adds orders.
func (m *market) sell(list ...worktest.Order) []uint64 {
	m.t.Helper()
	return worktest.Sell(m.t, m.plain, list...)
}

// took puts the n-th payment of an order over 12,900 won into the books of gateway main; change, if it is not nil,
// makes it another one.
func (m *market) took(order uint64, n int, change func(*simulator.Entry)) (id string) {
	m.t.Helper()
	entry := simulator.Entry{
		Key: fmt.Sprintf("ord_%d-%d", order, n), Reference: orders.Reference(order), CustomerID: "c", Method: "pm_ok",
		Amount: 12900, Currency: "KRW", Status: payment.Succeeded,
	}
	if change != nil {
		change(&entry)
	}
	id, err := m.sims["main"].Inject(entry)
	require.NoError(m.t, err)
	return id
}

// proven lets others have paid at gateway main long ago, and now: by them it is known that it shows what it took.
func (m *market) proven() {
	m.t.Helper()
	worktest.Taken(m.t, m.plain, m.sims["main"], "main", time.Now().Add(-100*24*time.Hour), time.Now())
}

// stands makes an entry one of that status.
func stands(status payment.Status) func(*simulator.Entry) {
	return func(e *simulator.Entry) {
		if e.Status = status; status == payment.Declined {
			e.DeclineCode = "insufficient_funds"
		}
	}
}

// pass lets time pass, for the tables and the gateways.
func (m *market) pass(d time.Duration) {
	m.t.Helper()
	e2e.Age(m.t, m.plain.DB, d)
	for _, sim := range m.sims {
		sim.Advance(d)
	}
}

// order is an order and its payments, in words.
func (m *market) order(id uint64) string {
	m.t.Helper()
	return worktest.Get[string](m.t, m.plain, `SELECT CONCAT_WS(' ', o.status, CONCAT('(', o.failure_reason, ')'),
(SELECT GROUP_CONCAT(CONCAT('| ', CONCAT_WS(' ', p.status, p.failure_code)) ORDER BY p.id SEPARATOR ' ') FROM payments p WHERE p.order_id = o.id)) FROM orders o WHERE o.id = ?`, id)
}

// check is the bookkeeping about an order: whether it is leased, how often it was checked, in how many minutes it is
// checked again, and why it is frozen.
func (m *market) check(id uint64) string {
	m.t.Helper()
	return worktest.Get[string](m.t, m.plain, `SELECT CONCAT_WS(' ', IF(lease IS NULL AND run_id IS NULL, 'free', 'leased'), checks,
CONCAT('in ', ROUND(TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(6), next_check_at) / 60), 'm'), CONCAT('(', reason, ')')) FROM order_checks WHERE order_id = ?`, id)
}

// events are the types of the events about a subject.
func (m *market) events(subject string) []string {
	m.t.Helper()
	return worktest.List[string](m.t, m.plain, `SELECT type FROM events WHERE subject = ? ORDER BY id`, subject)
}

func (m *market) stock(product uint64) int64 {
	m.t.Helper()
	return worktest.Get[int64](m.t, m.plain, `SELECT stock FROM products WHERE id = ?`, product)
}
