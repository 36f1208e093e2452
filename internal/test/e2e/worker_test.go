package e2e_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/gateway"
	"duly/internal/gateway/httpapi"
	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/runs"
	"duly/internal/store"
	"duly/jobs"
	"duly/steps"
)

// worker is the billing job in this process, where the timing is not bound to what a configuration allows.
type worker struct {
	dsn     string
	date    payment.Date
	lease   time.Duration
	chunk   int
	width   int // requests at once
	client  httpapi.Config
	limits  gateway.Limits
	brake   int // percent
	begun   time.Time
	pace    int // how fast the business clock has gone since
	catchUp billing.CatchUp
}

// shortLease is shorter than the first check of what is in doubt is away, so that no run waits for it.
const shortLease = 4 * time.Second

// worker makes one for this world, that sends a request once.
func (w *world) worker() *worker {
	return &worker{
		dsn: w.db.DSN, date: w.date, lease: shortLease, chunk: 100, width: 8, brake: 100, begun: time.Now(), pace: 1,
		client: httpapi.Config{
			Name: "main", URL: w.url, Token: token, Timeout: timeout, ConnectTimeout: timeout,
			KeyLife: keyLife, LongestRequest: longest, MaxConns: 8, Now: time.Now,
		},
		limits: gateway.Limits{Tries: 1, Backoff: time.Millisecond, MaxElapsed: time.Minute, Now: time.Now},
	}
}

// run runs the job once.
func (k *worker) run(t *testing.T) batch.Result {
	t.Helper()
	db, err := mysql.Open(k.dsn, mysql.Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	client, err := httpapi.New(k.client)
	require.NoError(t, err)
	main := gateway.Limit("main", client, k.limits)
	defer main.Close()
	clock, err := mysql.ReadClock(t.Context(), db, time.Now)
	require.NoError(t, err)
	business := func() time.Time { return k.begun.Add(time.Since(k.begun) * time.Duration(k.pace)).Add(clock.Offset) }
	deps := jobs.Deps{
		DB: db, Repository: &runs.Repository{DB: db, Now: business}, Gateways: steps.Gateways{"main": main},
		Parallelism: func(string) int { return k.width }, Clock: time.Now, Business: business, Zone: time.UTC,
		Heartbeat: heartbeat,
	}
	retryDays := []int{1, 3, 5}
	job := jobs.Billing(deps, jobs.BillingOptions{
		Selection: store.Selection{Business: k.date}, Policy: billing.Policy{RetryDays: retryDays}, CatchUp: k.catchUp,
		ChunkSize: k.chunk, BrakePercent: k.brake,
	}, len(retryDays))
	runner := &batch.Runner{
		Repository: deps.Repository, Heartbeat: heartbeat, Drain: k.lease / 2, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	}
	result, err := runner.Run(t.Context(), job, batch.Spec{
		Job: job.Name, BusinessDate: k.date.String(), Params: []byte("{}"), Lease: k.lease, Host: "test", Version: "test",
	})
	require.NoError(t, err)
	return result
}
