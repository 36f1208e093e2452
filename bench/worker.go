package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/pprof"
	"time"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/billing/network"
	"duly/internal/gateway"
	"duly/internal/mysql"
	"duly/internal/orders"
	"duly/internal/payment"
	"duly/internal/runs"
	"duly/internal/store"
	"duly/jobs"
	"duly/steps"
)

// gatewayName is the gateway of every subscription.
const gatewayName = "main"

// worker is a run within this process, put together as `duly run` does it.
type worker struct {
	gateway     gateway.Gateway
	parallelism int
	chunkSize   int
	trace       batch.Tracer // may be nil
	// beside: other runs of the same job are live, so that what they have claimed is left to them.
	beside bool
	auto   int // up to how many it finds parallelism itself; 0: it is fixed
}

// worked is what a run did.
type worked struct {
	took  time.Duration            // from its start to its end
	steps map[string]time.Duration // of the steps
	tally batch.Tally
	// settled is what parallelism: auto found; 0: it was fixed, or nothing was found.
	settled int
}

// bill runs billing on s to its end and fails unless it left nothing.
func (w worker) bill(ctx context.Context, s *schema) (worked, error) {
	policy := billing.Policy{RetryDays: []int{1, 3, 5}, Network: network.Rules{
		On: true, Ceilings: network.Ceilings{Visa30d: 15, Mastercard30d: 35, Mastercard24h: 10, Unknown30d: 15, Unknown24h: 10},
	}}
	return w.run(ctx, s, nil, func(deps jobs.Deps) batch.Job {
		return jobs.Billing(deps, jobs.BillingOptions{
			Selection: store.Selection{Business: s.lab.today()}, Policy: policy, ChunkSize: w.chunkSize, BrakePercent: 50,
		}, len(policy.RetryDays))
	})
}

// reconcile runs reconcile on s to its end and fails unless it left nothing.
func (w worker) reconcile(ctx context.Context, s *schema) (worked, error) {
	return w.run(ctx, s, gateway.NewBound(w.parallelism), func(deps jobs.Deps) batch.Job {
		return jobs.Reconcile(deps, jobs.ReconcileOptions{
			Selection: store.Selection{Business: s.lab.today()}, Policy: orders.Policy{OlderThan: 10 * time.Minute, GiveUpAfter: 24 * time.Hour},
			ChunkSize: w.chunkSize, Parallelism: w.parallelism,
		})
	})
}

// run runs a job on s to its end, with so many requests open at once at most (nil: no bound), and fails unless it
// left nothing.
func (w worker) run(ctx context.Context, s *schema, slots *gateway.Bound, of func(deps jobs.Deps) batch.Job) (worked, error) {
	now := s.lab.now
	limits := gateway.Defaults()
	limits.Now, limits.Slots, limits.Auto, limits.Timeout = now, slots, w.auto, autoTimeout
	paced := gateway.Limit(gatewayName, w.gateway, limits)
	defer paced.Close()
	server, err := mysql.Identity(ctx, s.DB)
	if err != nil {
		return worked{}, err
	}
	able := w.gateway.Capabilities()
	accounts, err := store.Accounts(ctx, s.DB, []payment.Account{{Gateway: gatewayName, Address: able.Address, ID: able.Account}})
	if err != nil {
		return worked{}, err
	}
	deps := jobs.Deps{
		DB: s.DB, Server: server, Accounts: accounts, Repository: &runs.Repository{DB: s.DB, Server: server, Now: now}, Gateways: steps.Gateways{gatewayName: paced},
		Parallelism: func(string) int { return w.parallelism },
		Clock:       now, Business: now, Zone: time.UTC, Heartbeat: 5 * time.Second,
	}
	job := of(deps)
	var executions []*batch.StepExecution
	runner := &batch.Runner{
		Repository: deps.Repository, Heartbeat: deps.Heartbeat, Drain: 25 * time.Second, Now: now, Log: slog.New(slog.NewTextHandler(s.lab.log, nil)),
		Trace: w.trace,
		OnRun: func(_ *batch.Run, steps []*batch.StepExecution) { executions = steps },
	}
	stop, err := s.lab.profileTo(s.name)
	if err != nil {
		return worked{}, err
	}
	start := now()
	result, err := runner.Run(ctx, job, batch.Spec{
		Job: job.Name, BusinessDate: s.lab.today().String(), Params: []byte("{}"), Lease: 2 * time.Minute,
		Host: "bench", PID: os.Getpid(), Version: "bench",
	})
	done := worked{took: now().Sub(start), steps: map[string]time.Duration{}, tally: result.Tally}
	stop()
	if err != nil {
		return done, err
	}
	if result.Exit != batch.ExitDone && (!w.beside || result.Exit != batch.ExitUnfinished) {
		return done, fmt.Errorf("the run ended with %d: left %v: %w", result.Exit, result.Left, result.Err)
	}
	done.settled = paced.Found()
	for _, x := range executions {
		done.steps[x.Step] = x.Took()
	}
	return done, nil
}

// profileTo starts a CPU profile, if profiles are wanted, and returns what ends it.
func (l *lab) profileTo(name string) (stop func(), err error) {
	if l.profile == "" {
		return func() {}, nil
	}
	file, err := os.Create(filepath.Join(l.profile, name+".pprof")) //nolint:gosec // G304: a folder that the user named
	if err != nil {
		return nil, fmt.Errorf("make a profile: %w", err)
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return nil, fmt.Errorf("make a profile: %w", err)
	}
	return func() {
		pprof.StopCPUProfile()
		_ = file.Close() // a profile that is cut short is seen when it is read
	}, nil
}
