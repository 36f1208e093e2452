package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/billing/brake"
	"duly/internal/operator"
	"duly/internal/query"
	"duly/internal/runs"
	"duly/internal/store"
	"duly/steps"
	"duly/writers"
)

// gatewayBrake stops gateways whose answers say that the account is at fault, and not the customers. It judges by the tables: at
// the start of a run, and whenever this run has had half of the bad answers that it takes.
type gatewayBrake struct {
	job   *billingRun
	count *steps.Brake
	begun bool
	usual map[string]brake.Share // by gateway, once it mattered
}

func newBrake(b *billingRun) *gatewayBrake {
	return &gatewayBrake{job: b, count: &steps.Brake{}, usual: map[string]brake.Share{}}
}

// begin judges every gateway, once in a run: one that was stopped by answers of an earlier run may not be paused, if that run
// died in between.
func (b *gatewayBrake) begin(ctx context.Context, x *batch.StepExecution) {
	if b.begun {
		return
	}
	b.begun = true
	for _, name := range slices.Sorted(maps.Keys(b.job.Gateways)) {
		b.judge(ctx, x, name)
	}
}

// judge judges a gateway, and pauses it if it must be sent nothing more. One that cannot be judged is left alone.
func (b *gatewayBrake) judge(ctx context.Context, x *batch.StepExecution, name string) {
	g := b.job.Gateways[name]
	if g == nil {
		return
	}
	if _, closed := g.Closed(); closed {
		b.count.Stopped(name)
		return
	}
	var verdict brake.Verdict
	err := x.Retry(ctx, func(ctx context.Context) (err error) {
		verdict, err = b.read(ctx, name)
		return err
	})
	switch {
	case err != nil:
		g.LeaveAlone("its answers could not be judged: " + err.Error())
		if !errors.Is(err, batch.ErrStopped) && !errors.Is(err, batch.ErrLeaseLost) {
			x.Fail(fmt.Errorf("brake: %w", err))
		}
	case verdict.Reason == "":
		b.count.Judged(name, verdict.Room)
		return
	default:
		b.stop(ctx, x, name, verdict.Reason)
	}
	b.count.Stopped(name)
}

func (b *gatewayBrake) read(ctx context.Context, name string) (brake.Verdict, error) {
	percent, now := b.job.o.BrakePercent, b.job.Business()
	answers, err := query.ReadBrake(ctx, b.job.DB, name, runs.GatewaySubject(name), now)
	if err != nil {
		return brake.Verdict{}, err
	}
	if brake.Weighs(answers.List, percent) {
		if err := answers.Weigh(ctx, b.job.DB); err != nil {
			return brake.Verdict{}, err
		}
	}
	return brake.Decide(answers.List, percent, now, func() (brake.Share, error) {
		if share, known := b.usual[name]; known {
			return share, nil
		}
		share, err := answers.Usual(ctx, b.job.DB)
		if err == nil {
			b.usual[name] = share
		}
		return share, err
	})
}

// stop leaves a gateway alone and pauses it, for every run until an operator resumes it.
func (b *gatewayBrake) stop(ctx context.Context, x *batch.StepExecution, name, why string) {
	reason := "brake: " + why
	b.job.Gateways[name].LeaveAlone(reason)
	x.Log.ErrorContext(ctx, "the brake stops a gateway", slog.String("gateway", name), slog.String("reason", why))
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	action := operator.Action{Action: "pause", Subject: runs.GatewaySubject(name), Who: runs.BrakeWho, Host: host, Reason: reason, Detail: map[string]uint64{"run": x.Run.ID}}
	err = x.Retry(ctx, func(ctx context.Context) error {
		return operator.Pause(ctx, b.job.DB, action.Subject, b.job.Business(), action)
	})
	next := fmt.Sprintf("; it is paused: fix its account, then duly resume gateway %s; duly reopen --run %d --gateway %[1]s takes the wave back", name, x.Run.ID)
	if _, paused := errors.AsType[store.RefusedError](err); err != nil && !paused {
		next = fmt.Sprintf("; it could not be paused (%v), so that the next run judges it again", err)
	}
	x.Fail(fmt.Errorf("brake: gateway %s: %s%s", name, why, next))
}

// braked is the writer of charges, whose gateways are judged by what it wrote.
type braked struct {
	*writers.OpenInvoices

	brake *gatewayBrake
}

// Write implements batch.Writer.
func (w braked) Write(ctx context.Context, results []billing.Result) (batch.Tally, error) {
	tally, err := w.OpenInvoices.Write(ctx, results)
	if err == nil {
		w.stored(ctx, results)
	}
	return tally, err
}

// Reject implements batch.Writer.
func (w braked) Reject(ctx context.Context, result billing.Result, cause error) (batch.Tally, error) {
	tally, err := w.OpenInvoices.Reject(ctx, result, cause)
	if err == nil {
		w.stored(ctx, []billing.Result{result})
	}
	return tally, err
}

// Keep implements batch.Writer.
func (w braked) Keep(ctx context.Context, results []billing.Result) error {
	err := w.OpenInvoices.Keep(ctx, results)
	w.stored(ctx, results)
	return err
}

func (w braked) stored(ctx context.Context, results []billing.Result) {
	for _, name := range w.brake.count.Stored(results) {
		w.brake.judge(ctx, batch.Execution(ctx), name)
	}
}
