package batch_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
)

// delay holds each outcome until that many later ones have arrived. It halts the step at one item, whose
// outcome and those held go back as stopped.
type delay struct {
	by     int
	haltAt int
	sink   *sink

	held   []outcome
	most   int
	early  bool // something was settled that should have been held
	halted bool
}

func (d *delay) Pass(ctx context.Context, o outcome) []outcome {
	d.held = append(d.held, o)
	d.most = max(d.most, len(d.held))
	if o.id == d.haltAt {
		batch.Execution(ctx).Halt(errBrake)
		d.halted = true
	}
	for _, h := range d.held {
		d.early = d.early || d.sink.has(h.id)
	}
	if d.halted {
		return d.Rest(ctx)
	}
	n := max(0, len(d.held)-d.by)
	out := d.held[:n:n]
	d.held = d.held[n:]
	return out
}

func (d *delay) Rest(context.Context) []outcome {
	out := d.held
	d.held = nil
	if d.halted {
		for i := range out {
			out[i].err = batch.ErrStopped
		}
	}
	return out
}

func (s *sink) has(id int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.settled[id]
	return ok
}

// A gate holds outcomes back for longer than the window is wide, and in the end all are settled.
func TestAGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bench{size: 5, width: 2}
		b.source.todo = items("", 0, 100) // a lane without a name is a lane as well
		b.work.do = second
		gate := &delay{by: 40, haltAt: -1, sink: &b.sink}
		step := b.step("s")
		step.Gate = gate
		start := time.Now()
		result := run(t.Context(), t, runner(&runs{}), step)
		require.Equal(t, batch.ExitDone, result.Exit)
		require.Equal(t, 100, b.sink.done())
		require.False(t, gate.early)
		require.Equal(t, 41, gate.most)
		require.Equal(t, int64(100), result.Tally.Succeeded)
		require.Less(t, time.Since(start), 55*time.Second, "what is held keeps nothing from being claimed")
		require.Equal(t, map[string]int{"": 2}, b.work.most)
		require.LessOrEqual(t, b.sink.biggest, 5)
	})
}

// A gate may change what it holds when it halts the step.
func TestAGateThatHalts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bench{size: 10, width: 1}
		b.source.todo = items("a", 0, 300)
		b.work.do = second
		step := b.step("s")
		step.Gate = &delay{by: 40, haltAt: 50, sink: &b.sink}
		result := run(t.Context(), t, runner(&runs{}), step)
		require.Equal(t, batch.ExitFailed, result.Exit)
		require.ErrorIs(t, result.Err, errBrake)
		require.Equal(t, b.source.count(), b.sink.done())
		for id := range b.source.count() {
			if id < 10 {
				require.NoError(t, b.sink.errs[id], id)
			} else {
				require.ErrorIs(t, b.sink.errs[id], batch.ErrStopped, id)
			}
		}
	})
}
