package steps

import (
	"context"
	"fmt"
	"slices"
	"time"

	"duly/internal/batch"
	"duly/internal/orders"
)

const (
	// arrivalWindow is how many answers of a gateway the brake of orders looks back over, arrivalMinimum from how
	// many on, and arrivalPercent how many of them may be "never arrived".
	arrivalWindow  = 40
	arrivalMinimum = 20
	arrivalPercent = 60
)

// ReconcileBrake halts a run in which a gateway does not know too many of the payments that it is asked about: its
// URL is wrong, and orders that were paid would be given up. It implements batch.Gate: what was found out is held
// back until it is so old that it is in no window any more; if the brake acts, all that is held is released.
type ReconcileBrake struct {
	Now func() time.Time // the business clock

	windows map[string]*arrivals
	held    []heldResult // the oldest first
	idle    int          // of those, the ones that only an age of their own can let go
	halted  string       // why nothing is settled any more
}

// arrivals are the latest answers of a gateway.
type arrivals struct {
	ring  [arrivalWindow]bool // true: never arrived
	n     int                 // answers seen
	never int                 // in the ring
}

type heldResult struct {
	orders.Result

	upTo map[string]int // how many answers each gateway had given when it arrived; none: no answer that counts
}

// Pass implements batch.Gate.
func (b *ReconcileBrake) Pass(ctx context.Context, r orders.Result) []orders.Result {
	if b.halted != "" {
		r.Left = b.halted
	}
	if r.Left != "" || !slices.ContainsFunc(r.Checked, asked) {
		return []orders.Result{r} // nothing is settled by it that a gateway has said
	}
	upTo := b.watch(ctx, r)
	b.held = append(b.held, heldResult{r, upTo})
	if len(upTo) == 0 {
		b.idle++
	}
	if b.halted != "" {
		return b.letGo(func(*heldResult) bool { return true })
	}
	return b.letGo(b.ripe)
}

// Rest implements batch.Gate.
func (b *ReconcileBrake) Rest(context.Context) []orders.Result {
	return b.letGo(func(*heldResult) bool { return true })
}

func asked(c orders.Checked) bool { return c.Asked }

// watch counts the answers in r, and halts the run with the first window that says that too much never arrived.
func (b *ReconcileBrake) watch(ctx context.Context, r orders.Result) map[string]int {
	upTo := map[string]int{}
	for _, c := range r.Checked {
		never, counts := orders.NeverArrived(c, b.Now())
		if !counts {
			continue
		}
		if b.windows == nil {
			b.windows = map[string]*arrivals{}
		}
		w := b.windows[c.Gateway]
		if w == nil {
			w = &arrivals{}
			b.windows[c.Gateway] = w
		}
		w.add(never)
		upTo[c.Gateway] = w.n
		if seen := min(w.n, arrivalWindow); b.halted == "" && seen >= arrivalMinimum && w.never*100 > arrivalPercent*seen {
			err := fmt.Errorf("brake: gateway %s does not know %d of the last %d payments that it was asked about; gateways.%s.url"+
				" is probably wrong, or the account is another one (nothing of what it said was settled)", c.Gateway, w.never, seen, c.Gateway)
			b.halted = err.Error()
			batch.Execution(ctx).Halt(err)
		}
	}
	return upTo
}

func (w *arrivals) add(never bool) {
	at := &w.ring[w.n%arrivalWindow]
	if *at {
		w.never--
	}
	if *at = never; never {
		w.never++
	}
	w.n++
}

// ripe reports whether no answer of h is in a window any more. What has no answer that counts is held for as many
// others of its kind.
func (b *ReconcileBrake) ripe(h *heldResult) bool {
	if len(h.upTo) == 0 {
		return b.idle > arrivalWindow
	}
	for name, n := range h.upTo {
		if b.windows[name].n-n < arrivalWindow {
			return false
		}
	}
	return true
}

// letGo takes out of what is held what may go.
func (b *ReconcileBrake) letGo(may func(*heldResult) bool) []orders.Result {
	var out []orders.Result
	kept := b.held[:0]
	for i := range b.held {
		h := &b.held[i]
		if !may(h) {
			kept = append(kept, *h)
			continue
		}
		if len(h.upTo) == 0 {
			b.idle--
		}
		if b.halted != "" {
			h.Left = b.halted
		}
		out = append(out, h.Result)
	}
	clear(b.held[len(kept):])
	b.held = kept
	return out
}
