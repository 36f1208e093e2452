package main

import (
	"context"
	"fmt"

	"duly/internal/batch"
	"duly/internal/orders"
	"duly/jobs"
	"duly/readers"
)

// reconcileWork settles stale orders and gives back what is due.
func reconcileWork() work {
	return work{
		name:     jobs.ReconcileJob,
		takes:    []string{flagOrder, flagLimit, flagParallelism, flagRate, flagChunkSize},
		gateways: true, chunk: "reconcile.chunk_size", width: "reconcile.parallelism",
		slots:    func(e *execution) int { return e.config.Reconcile.Parallelism },
		steps:    func(int) []string { return jobs.ReconcileSteps() },
		check:    checkOrders,
		job:      func(e *execution) (batch.Job, error) { return jobs.Reconcile(e.deps, e.reconcile()), nil },
		foretell: foretellLeft,
		next:     nextOrders,
	}
}

// checkOrders refuses orders that are not there.
func checkOrders(ctx context.Context, e *execution) ([]error, error) {
	missing, err := readers.MissingOrders(ctx, e.db.DB, e.selection())
	if err != nil {
		return nil, fmt.Errorf("look for the orders: %w", err)
	}
	var found []error
	for _, id := range missing {
		found = append(found, fmt.Errorf("--order: there is no order %d", id))
	}
	return found, nil
}

// reconcile is what a reconcile run is told.
func (e *execution) reconcile() jobs.ReconcileOptions {
	r := e.config.Reconcile
	return jobs.ReconcileOptions{
		Selection: e.selection(), Policy: orders.Policy{OlderThan: r.OlderThan, GiveUpAfter: r.GiveUpAfter},
		ChunkSize: r.ChunkSize, Parallelism: r.Parallelism, Steps: e.flags.Steps,
	}
}

// nextOrders names orders that wait for an operator.
func nextOrders(ctx context.Context, e *execution, _ *batch.Run) ([]string, error) {
	ids, err := readers.OrdersInReview(ctx, e.db.DB, reviewsShown)
	var next []string
	for _, id := range ids {
		next = append(next, fmt.Sprintf("duly show order %d", id))
	}
	return next, err
}

// leftForecast is the document of a dry run that says no more than what there is to do.
type leftForecast struct {
	forecast
	Due []string `json:"due"` // one line for each kind of work
}

// foretellLeft says what a run would find to do.
func foretellLeft(ctx context.Context, e *execution, f forecast) (any, func(), error) {
	job, err := e.work.job(e)
	if err != nil {
		return nil, nil, err
	}
	due, err := job.Left(ctx)
	doc := leftForecast{f, append([]string{}, due...)}
	return doc, func() {
		if len(doc.Due) == 0 {
			e.line("there is nothing to do")
		}
		for _, line := range doc.Due {
			e.line("to do: %s", line)
		}
	}, err
}
