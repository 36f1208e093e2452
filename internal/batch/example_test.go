package batch_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"duly/internal/batch"
)

// queue claims numbers from a list; a real reader claims rows, and commits that before it returns.
type queue struct{ numbers []int }

func (q *queue) Read(_ context.Context, want batch.ClaimRequest) (batch.Claim[int], error) {
	n := min(want.Limit, len(q.numbers))
	claimed := q.numbers[:n]
	q.numbers = q.numbers[n:]
	return batch.Claim[int]{Items: claimed, Done: len(q.numbers) == 0}, nil
}

// square is what is found out about a number.
type square struct{ number, of int }

// squares does the outside work: here, none but a multiplication.
type squares struct{}

func (squares) Process(_ context.Context, n int) (square, error) { return square{n, n * n}, nil }

// accounts settles; a real writer does so in one transaction.
type accounts struct {
	mu      sync.Mutex
	written []square
}

func (a *accounts) Write(_ context.Context, outcomes []square) (batch.Tally, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.written = append(a.written, outcomes...)
	return batch.Tally{Succeeded: int64(len(outcomes))}, nil
}

func (*accounts) Reject(context.Context, square, error) (batch.Tally, error) {
	return batch.Tally{Review: 1}, nil
}

func (*accounts) Keep(context.Context, []square) error { return nil }

// memory keeps no runs; internal/runs keeps them in the table job_runs.
type memory struct{}

func (memory) Start(_ context.Context, s batch.Spec) (*batch.Run, error) {
	return &batch.Run{ID: 1, Job: s.Job, Lease: s.Lease}, nil
}

func (memory) Beat(context.Context, *batch.Run, []batch.Progress) error { return nil }

func (memory) Finish(context.Context, *batch.Run, []batch.Progress, batch.Result) error { return nil }

// A job is an ordered list of steps. A step claims items, processes them side by side and settles the outcomes.
func ExampleRunner() {
	to := &accounts{}
	step := &batch.Chunk[int, square]{
		StepName:  "square",
		Reader:    &queue{numbers: []int{1, 2, 3, 4, 5}},
		Processor: squares{},
		Writer:    to,
		Fail:      func(n int, _ error) square { return square{number: n} },
		Lane:      func(int) string { return "all" },
		Width:     func(string) int { return 2 },
		State:     func(string) batch.LaneState { return batch.LaneOpen },
		Size:      2, FlushEvery: time.Second,
	}
	runner := &batch.Runner{
		Repository: memory{}, Heartbeat: time.Minute, Drain: time.Minute, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Stop: func(context.Context) int { return 0 },
	}
	result, err := runner.Run(context.Background(), batch.Job{Name: "squares", Steps: []batch.Step{step}}, batch.Spec{Job: "squares", Lease: time.Hour})
	fmt.Println(result.Status, result.Exit, result.Tally.Succeeded, err)

	slices.SortFunc(to.written, func(x, y square) int { return x.number - y.number })
	fmt.Println(to.written)
	// Output:
	// completed 0 5 <nil>
	// [{1 1} {2 4} {3 9} {4 16} {5 25}]
}
