// Package steps does the outside work for one claimed item. It talks to gateways and never to the database.
package steps

import (
	"context"
	"fmt"
	"time"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/gateway"
	"duly/internal/payment"
)

// Gateways are the payment providers of a run, by their configured names.
type Gateways map[string]*gateway.Limited

// State tells the engine whether a gateway's items can be worked on. A name that is not configured is open:
// its items are settled as what they are, without a call.
func (g Gateways) State(name string) batch.LaneState {
	p, ok := g[name]
	if !ok {
		return batch.LaneOpen
	}
	if _, closed := p.Closed(); closed {
		if p.Paused() {
			return batch.LanePaused
		}
		return batch.LaneClosed
	}
	if p.Held() { // not half open: without items there would be no probes, and it would stay so
		return batch.LaneHeld
	}
	return batch.LaneOpen
}

// Fail is the result of a claimed attempt that was not processed, or whose processing failed: without a word
// from the gateway it may have been executed, unless nothing was begun.
func Fail(item billing.Claimed, err error) billing.Result {
	outcome := payment.Outcome{Reason: err.Error()}
	if err == batch.ErrStopped { //nolint:errorlint // the engine says exactly this when it began nothing
		outcome.Kind = payment.NotExecuted
	} else {
		item.Doubted = true
	}
	return billing.Result{Claimed: item, Answer: billing.Answer{Outcome: outcome}}
}

// guarded is the context of an item's requests: at the last moment before each the lease must be long enough
// for it, the key young enough, what excused it from a look-up still true, and nobody may have asked to stop.
func guarded(ctx context.Context, item *billing.Claimed, a gateway.Capabilities, now func() time.Time, excused excuse) context.Context {
	// Not the whole item, nor all that the gateway can do, which the guard would keep on the heap.
	old, since, within := item.Age, item.At, keptFor(a).SendFor(item.Terms)
	keyed := a.KeyLife > 0
	return guard(ctx, a, func() error {
		at := now()
		if age := old + batch.Since(since, at); keyed && age >= within {
			return fmt.Errorf("%w: the key is %s old", gateway.ErrGuard, age.Round(time.Second))
		}
		if excused.over(at) {
			return fmt.Errorf("%w: an earlier charge under the key may be so old by now that it is looked up first", gateway.ErrGuard)
		}
		return nil
	})
}

// keptFor is what a gateway declares about keys and look-ups.
func keptFor(a gateway.Capabilities) billing.Guarantees {
	return billing.Guarantees{KeyLife: a.KeyLife, Longest: a.LongestRequest, LookupOutlivesKey: a.LookupOutlivesKey}
}

// guard is the context of requests that may leave only while the lease is long enough for one and nobody has
// asked to stop. further, if it is not nil, says what else must hold.
func guard(ctx context.Context, a gateway.Capabilities, further func() error) context.Context {
	x, timeout := batch.Execution(ctx), a.Timeout
	stop := x.Stopping()
	return gateway.WithGuard(ctx, gateway.Guard{Stop: stop, Check: func() error {
		select {
		case <-stop:
			return fmt.Errorf("%w: stopped", gateway.ErrGuard)
		default:
		}
		if err := x.Halted(); err != nil {
			return fmt.Errorf("%w: %w", gateway.ErrGuard, err)
		}
		if left := x.Lease.Left(); left <= timeout {
			return fmt.Errorf("%w: the lease ends in %s, a request may take %s", gateway.ErrGuard, left.Round(time.Millisecond), timeout)
		}
		if further == nil {
			return nil
		}
		return further()
	}})
}

// age is how old the attempt is.
func age(item billing.Claimed, now time.Time) time.Duration {
	return item.Age + batch.Since(item.At, now)
}
