package jobs

import (
	"context"
	"fmt"
	"time"

	"duly/internal/batch"
	"duly/internal/failedrows"
	"duly/internal/mysql"
	"duly/internal/orders"
	"duly/internal/query"
	"duly/internal/store"
	"duly/internal/text"
	"duly/readers"
	"duly/steps"
	"duly/writers"
)

// ReconcileJob is the name of the job that settles stale orders and refunds what is due.
const ReconcileJob = "reconcile"

// ReconcileOptions configures a reconcile run.
type ReconcileOptions struct {
	Selection store.Selection
	Policy    orders.Policy
	ChunkSize int
	// Parallelism is how many orders of one gateway are asked about at once.
	Parallelism int
	// Steps are the names of the steps to run; none: all.
	Steps []string
}

// The steps of the reconcile job.
const (
	StepReconcile = "reconcile"
	StepRefund    = "refund"
)

// ReconcileSteps lists the names of the reconcile job's steps.
func ReconcileSteps() []string { return []string{StepReconcile, StepRefund} }

type reconcileRun struct {
	Deps
	worker

	o  ReconcileOptions
	id uint64 // of the run
	// rechecks: the step reconcile checks again what others held, once it is free.
	rechecks bool
	began    time.Time // when its first step began: what has become due since is not left behind
}

// Reconcile is the job that finds out what became of stale orders and their payments, settles them, and refunds
// what was taken for orders that are not completed.
func Reconcile(d Deps, o ReconcileOptions) batch.Job {
	r := &reconcileRun{Deps: d, worker: newWorker(d, o.Selection), o: o}
	all := []batch.Step{
		batch.Tasklet{StepName: StepReconcile, StepLabel: LabelOf(StepReconcile), Do: r.reconcile},
		batch.Tasklet{StepName: StepRefund, StepLabel: LabelOf(StepRefund), Do: r.refund},
	}
	return batch.Job{Name: ReconcileJob, Steps: pick(all, o.Steps), Left: r.left, Waits: r.waits}
}

// reconcile checks the orders that were left alone and the payments that are not decided.
func (r *reconcileRun) reconcile(ctx context.Context, x *batch.StepExecution) error {
	r.id, r.began = x.Run.ID, r.Business()
	if _, err := r.abandon(ctx, x); err != nil {
		return err
	}
	if err := r.check(ctx, x); err != nil {
		return err
	}
	r.rechecks = true
	if !Selected(r.o.Steps, StepRefund) {
		return r.takeOver(ctx, x, r.holders, func() error { return r.check(ctx, x) })
	}
	others, err := query.OtherRuns(x.Work, r.DB, x.Run.Job, x.Run.ID)
	if r.rechecks = len(others) > 0; r.rechecks { // what they hold may become free when the refunds are done
		x.GoOn(nil)
	}
	return err
}

// check asks about every order that is due.
func (r *reconcileRun) check(ctx context.Context, x *batch.StepExecution) error {
	defer r.denied(x)
	source := r.controlReader()
	return r.run(ctx, x, &batch.Chunk[orders.Claimed, orders.Result]{
		StepName:  x.Step,
		Processor: &steps.StaleOrders{Gateways: r.Gateways, Policy: r.o.Policy, Now: r.Business, Controls: r.controls, Source: source},
		Reader:    &readers.StaleOrders{DB: r.DB, Selection: r.o.Selection, Policy: r.o.Policy, Now: r.Business, Left: r.unwritten.Left(r.DB, failedrows.KindOrder, "checked")},
		Gate: &steps.OrderGate{
			Gateways: r.Gateways, Controls: r.controls, Source: source, Parallelism: r.o.Parallelism, Now: r.Business,
		},
		Writer: &writers.StaleOrders{DB: r.DB, Policy: r.o.Policy, Lock: store.LockOrders, Now: r.Business, Accounts: r.Accounts},
		Fail:   steps.FailReconcile,
		Lane:   readers.OrderLane,
		Width:  func(string) int { return r.o.Parallelism },
		State:  r.Gateways.State,
		Probe:  r.probe,
		Unwritten: func(ctx context.Context, result orders.Result, cause error) {
			r.unwritten.Note(ctx, r.DB, store.FailedRow{Kind: failedrows.KindOrder, ID: result.Claimed.ID}, "settled", cause)
		},
		Size: r.o.ChunkSize, FlushEvery: flushEvery,
	})
}

// left names what the run leaves undone in the steps that it had, with numbers.
func (r *reconcileRun) left(ctx context.Context) ([]string, error) {
	var reasons []string
	if Selected(r.o.Steps, StepReconcile) {
		at := r.began
		if at.IsZero() { // it was stopped before
			at = r.Business()
		}
		left, err := query.CountOrders(ctx, r.DB, r.o.Selection, r.o.Policy, at, r.id, r.Known)
		if err != nil {
			return nil, err
		}
		owners, err := query.OwnersOf(ctx, r.DB, left.Holders)
		if err != nil {
			return nil, err
		}
		reasons = ordersLeft(left, r.claims(owners, "order"))
	}
	if Selected(r.o.Steps, StepRefund) {
		refunds, err := r.refundsLeft(ctx)
		if err != nil {
			return reasons, mysql.Classify(ctx, err)
		}
		reasons = append(reasons, refunds...)
	}
	return r.why(append(reasons, r.unwritten.Reasons()...)), nil
}

// holders lists the other runs that hold what the run was to do.
func (r *reconcileRun) holders(ctx context.Context) ([]query.Owner, error) {
	return query.ReconcileHolders(ctx, r.DB, query.ReconcileWork{
		Selection: r.o.Selection, Policy: r.o.Policy, Due: r.began, Now: r.Business(), Orders: r.rechecks, Refunds: Selected(r.o.Steps, StepRefund), Run: r.id,
	})
}

// ordersLeft names the orders that are left; claimed says whose those are that other runs have claimed.
func ordersLeft(left query.OrdersLeft, claimed []string) []string {
	var reasons []string
	if left.Due > 0 {
		more := ""
		if left.Due+left.InFlight >= query.MostCounted {
			more = " or more"
		}
		reasons = append(reasons, text.Plural(left.Due, "order")+more+" due and not settled")
	}
	reasons = append(reasons, query.ElsewhereReasons(left.Elsewhere, "order", "checked")...)
	reasons = append(reasons, claimed...)
	if left.InDoubt > 0 {
		reasons = append(reasons, fmt.Sprintf("%s in doubt, checked again from %s UTC", text.Plural(left.InDoubt, "order"), left.Next.UTC().Format(time.TimeOnly)))
	}
	return reasons
}
