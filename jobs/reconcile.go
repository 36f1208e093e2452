package jobs

import (
	"context"
	"time"

	"duly/internal/batch"
	"duly/internal/orders"
	"duly/readers"
)

// ReconcileJob is the name of the job that settles stale orders and gives back what is due.
const ReconcileJob = "reconcile"

// ReconcileOptions is what a reconcile run is told.
type ReconcileOptions struct {
	Selection readers.Selection
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

type reconcileJob struct {
	worker

	o ReconcileOptions
	// began is when the step that settles orders began; what became due after that is not left behind.
	began time.Time
}

// Reconcile is the job that finds out what became of stale orders and their payments, and gives back what was
// taken for orders that are not completed.
func Reconcile(d Deps, o ReconcileOptions) batch.Job {
	r := &reconcileJob{worker: newWorker(d), o: o}
	all := []batch.Step{
		batch.Tasklet{StepName: StepReconcile, Do: r.reconcile},
	}
	return batch.Job{Name: ReconcileJob, Steps: pick(all, o.Steps)}
}

func (r *reconcileJob) reconcile(context.Context, *batch.StepExecution) error { return nil }
