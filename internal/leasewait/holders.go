package leasewait

import (
	"context"
	"slices"

	"duly/internal/batch"
	"duly/internal/mysql"
	"duly/internal/query"
)

// Holders finds the other runs of a job that hold what a run was to do, by a search that may be long.
type Holders struct {
	DB  *mysql.DB
	Run *batch.Run
	// List is the search. It is called once after each pass, and only where another run of the job has not ended.
	List func(ctx context.Context) ([]query.Owner, error)

	listed bool
	ids    []uint64
}

// Owners lists those that have not ended, of the holders that the last search found.
func (h *Holders) Owners(ctx context.Context) ([]query.Owner, error) {
	others, err := query.OtherRuns(ctx, h.DB, h.Run.Job, h.Run.ID)
	if err != nil || len(others) == 0 {
		return nil, err
	}
	if !h.listed {
		list, err := h.List(ctx)
		if err != nil {
			return nil, err
		}
		h.listed, h.ids = true, nil
		for _, o := range list {
			h.ids = append(h.ids, o.ID)
		}
	}
	return slices.DeleteFunc(others, func(o query.Owner) bool { return !slices.Contains(h.ids, o.ID) }), nil
}

// Repeat waits for the owners, which are the holders', and calls again whenever there is something to take over.
func (w *Watch) Repeat(ctx context.Context, x *batch.StepExecution, h *Holders, again func() error) error {
	w.Owners, w.Ended = h.Owners, true
	for {
		more, err := w.Next(ctx, x)
		if err != nil || !more || x.Halted() != nil {
			return err
		}
		h.listed = false
		if err := again(); err != nil {
			return err
		}
	}
}
