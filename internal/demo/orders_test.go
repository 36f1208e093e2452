package demo_test

import (
	"fmt"
	"log/slog"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/demo"
	"duly/internal/gateway"
	"duly/internal/gateway/httpapi"
	"duly/internal/gateway/simulator"
	"duly/internal/mysql"
	"duly/internal/orders"
	"duly/internal/payment"
	"duly/internal/runs"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
	"duly/jobs"
	"duly/steps"
)

// nights is a demo whose nights are run in process.
type nights struct {
	t   *testing.T
	db  *mysql.DB
	sim *simulator.Simulator
	url string
	day int
}

func (n *nights) run(job func(jobs.Deps) batch.Job) batch.Result {
	n.t.Helper()
	business := func() time.Time { return time.Now().Add(time.Duration(n.day) * 24 * time.Hour) }
	client, err := httpapi.New(httpapi.Config{
		Name: "simulator", URL: n.url, Token: "demo", Timeout: 5 * time.Second, ConnectTimeout: time.Second,
		KeyLife: 24 * time.Hour, LongestRequest: 2 * time.Minute, MaxConns: 10, Now: time.Now,
	})
	require.NoError(n.t, err)
	paced := gateway.Limit("simulator", client, gateway.Limits{Tries: 3, Backoff: time.Millisecond, Now: time.Now})
	defer paced.Close()
	deps := jobs.Deps{
		DB: n.db, Repository: &runs.Repository{DB: n.db, Now: business}, Gateways: steps.Gateways{"simulator": paced},
		Parallelism: func(string) int { return 10 }, Clock: time.Now, Business: business, Zone: time.UTC, Heartbeat: time.Second,
	}
	runner := &batch.Runner{Repository: deps.Repository, Heartbeat: deps.Heartbeat, Drain: 5 * time.Second, Now: time.Now, Log: slog.New(slog.DiscardHandler)}
	spec := worktest.Spec()
	spec.Job = "audit"
	result, err := runner.Run(n.t.Context(), job(deps), spec)
	require.NoError(n.t, err)
	return result
}

func (n *nights) reconcile() batch.Result {
	n.t.Helper()
	return n.run(func(d jobs.Deps) batch.Job {
		return jobs.Reconcile(d, jobs.ReconcileOptions{
			Policy: orders.Policy{OlderThan: 10 * time.Minute, GiveUpAfter: 24 * time.Hour}, ChunkSize: 100, Parallelism: 10,
		})
	})
}

func TestOrdersOfTheDemo(t *testing.T) {
	const count = 500
	plain := testdb.New(t)
	n := &nights{t: t, db: worktest.Open(t, plain.DSN), sim: simulator.New(simulator.Config{Token: "demo", KeyLife: 24 * time.Hour})}
	server := httptest.NewServer(n.sim)
	defer server.Close()
	defer n.sim.Close()
	n.url = server.URL
	require.NoError(t, demo.Orders(t.Context(), n.db, n.sim, "simulator", simulator.Default, count, time.Now()))

	wrong, err := demo.CheckOrders(t.Context(), n.db, n.sim, count)
	require.NoError(t, err)
	require.Contains(t, wrong, "375 orders are not settled")

	result := n.reconcile()
	require.Contains(t, []int{batch.ExitDone, batch.ExitUnfinished}, result.Exit, "%v", result)
	late, err := demo.LateCharges(t.Context(), n.db, n.sim)
	require.NoError(t, err)
	require.Equal(t, count/20, late)
	wrong, err = demo.CheckOrders(t.Context(), n.db, n.sim, count)
	require.NoError(t, err)
	require.Len(t, wrong, late, "the gateway has the money of those that were given up")
	for range 2 {
		n.day++
		n.sim.Advance(24 * time.Hour)
		result = n.reconcile()
	}
	require.Equal(t, batch.ExitDone, result.Exit, "%v", result)

	wrong, err = demo.CheckOrders(t.Context(), n.db, n.sim, count)
	require.NoError(t, err)
	require.Empty(t, wrong)
	lines, err := demo.OrderEndings(t.Context(), n.db)
	require.NoError(t, err)
	var got []string
	for _, l := range lines {
		got = append(got, fmt.Sprintf("%d %s", l.Count, l.What))
		require.Positive(t, l.Amount)
	}
	require.Equal(t, []string{
		"50 declined: failed", "100 left before paying: failed", "100 left while paying: failed", "30 out of stock: refunded",
		"25 paid after it was given up: refunded", "100 paid, completed by the shop", "95 paid, the answer was lost: completed",
	}, got)
	require.Zero(t, worktest.Get[int](t, plain, `SELECT stock FROM products WHERE id = 1`))
	require.Positive(t, worktest.Get[int](t, plain, `SELECT COUNT(*) FROM events WHERE type = 'stock.low'`))

	collected, err := demo.Collected(t.Context(), n.db)
	require.NoError(t, err)
	require.Len(t, collected, 195)
	audit := n.run(func(d jobs.Deps) batch.Job {
		window := payment.Window{From: time.Now().AddDate(0, 0, -1), To: d.Business().Add(time.Minute)}
		return jobs.Audit(d, jobs.AuditOptions{Window: window, ChunkSize: 500}) // with what was made just now
	})
	require.Equal(t, batch.ExitDone, audit.Exit, "%v", audit)
	require.EqualValues(t, n.sim.Stats().Payments, audit.Tally.Succeeded, "%v", audit)
}

// What does not add up is said.
func TestAnAccountThatDoesNotAddUp(t *testing.T) {
	plain := testdb.New(t)
	db := worktest.Open(t, plain.DSN)
	sim := simulator.New(simulator.Config{})
	defer sim.Close()
	require.NoError(t, demo.Orders(t.Context(), db, sim, "simulator", simulator.Default, 20, time.Now()))
	worktest.Exec(t, plain, `DELETE o, p FROM orders o LEFT JOIN payments p ON p.order_id = o.id WHERE o.status <> 'completed'`)
	worktest.Exec(t, plain, `UPDATE products SET stock = stock + 1 WHERE id = 2`)
	worktest.Exec(t, plain, `UPDATE payments SET status = 'refunded', refunded_amount = amount WHERE order_id = (SELECT MIN(id) FROM orders WHERE status = 'completed')`)
	wrong, err := demo.CheckOrders(t.Context(), db, sim, 20)
	require.NoError(t, err)
	require.Contains(t, wrong[0], "Vitamin C: ")
	require.Regexp(t, `order \d+ is completed, its payment refunded, and the gateway took `, wrong[1])
	require.Len(t, wrong, 2+5, "and the charges of the orders that are gone")
}
