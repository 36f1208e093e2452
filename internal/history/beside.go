package history

import (
	"context"
	"errors"

	"duly/internal/batch"
)

// stepBeside is a step of a run that compares the lists of its gateways beside it.
type stepBeside struct {
	batch.Step

	history *History
	last    bool
}

// Run implements batch.Step.
func (s stepBeside) Run(ctx context.Context, x *batch.StepExecution) error {
	s.history.start(x)
	err := s.Step.Run(ctx, x)
	if s.last && !errors.Is(err, batch.ErrHalt) {
		s.history.end(ctx, x)
	}
	return errors.Join(err, s.history.problems())
}

// Beside compares the gateways' lists beside steps.
func (h *History) Beside(all []batch.Step) []batch.Step {
	out := make([]batch.Step, len(all))
	for i, s := range all {
		out[i] = stepBeside{Step: s, history: h, last: i == len(all)-1}
	}
	return out
}
