package batch

import (
	"context"
	"log/slog"
	"runtime/debug"
	"sync"
)

// beaten calls a runner's hook after heartbeats, one call at a time.
type beaten struct {
	beats chan struct{} // nil: there is no hook
	calls sync.WaitGroup
}

func (r *Runner) beaten(ctx context.Context, run *Run) *beaten {
	b := &beaten{}
	if r.AfterHeartbeat == nil {
		return b
	}
	b.beats = make(chan struct{}, 1)
	b.calls.Go(func() {
		for range b.beats {
			if ctx.Err() == nil {
				r.callBeaten(ctx, run)
			}
		}
	})
	return b
}

// beat has the hook called, unless it is under way and to be called again already.
func (b *beaten) beat() {
	if b.beats == nil {
		return
	}
	select {
	case b.beats <- struct{}{}:
	default:
	}
}

// end waits for the hook.
func (b *beaten) end() {
	if b.beats != nil {
		close(b.beats)
		b.calls.Wait()
	}
}

func (r *Runner) callBeaten(ctx context.Context, run *Run) {
	defer func() {
		if p := recover(); p != nil {
			r.Log.ErrorContext(ctx, "panic after a heartbeat", slog.Uint64("run_id", run.ID), slog.Any("panic", PanicError(p)), slog.String("stack", string(debug.Stack())))
		}
	}()
	r.AfterHeartbeat(ctx, run)
}
