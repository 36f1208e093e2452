package steps

import (
	"context"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"duly/internal/gateway"
	"duly/internal/orders"
	"duly/internal/payment"
)

const (
	// gateHolds is how many outcomes that need a control are held before their gateways are asked for one, and gateRoom how
	// many outcomes in all.
	gateHolds = 40
	gateRoom  = 200
	// arrivalWindow is how many answers of a gateway the gate looks back over, arrivalMinimum from how many on, and
	// arrivalPercent how many of them may be "never arrived" before a control is asked for at once.
	arrivalWindow  = 40
	arrivalMinimum = 20
	arrivalPercent = 60
)

// ControlSource finds payments that a gateway must show.
type ControlSource interface {
	// For finds those of payments that were first sent within the spans.
	For(ctx context.Context, gateway string, spans []payment.Window) ([]payment.Controls, error)
	// Newest are the newest payments of a gateway.
	Newest(ctx context.Context, gateway string) ([]payment.Control, error)
	// Elsewhere says of an order's payment that was taken at another account than the one that its gateway is called at where
	// that was, and what to do; empty: it was not, as far as anybody knows.
	Elsewhere(ctx context.Context, p orders.Payment) (why string, err error)
}

// OrderGate holds back what would end an order's payment without money until its gateway, asked after that, has shown
// payments that it took: one that is called at the wrong address, or a copy, would say the same of orders that were paid.
// If a gateway does not show them, nothing that it said so is settled. What arrives after an outcome that is held waits
// behind it, and the oldest order goes on first: it gets of the stock first. It implements [batch.Gate].
type OrderGate struct {
	Gateways    Gateways
	Controls    *Controls
	Source      ControlSource
	Parallelism int
	Now         func() time.Time // the business clock

	held    []orders.Result
	waiting int // how many of them need a control
	windows map[string]*arrivals
}

// arrivals are the latest answers of a gateway.
type arrivals struct {
	ring  [arrivalWindow]bool // true: never arrived
	n     int                 // answers seen
	never int                 // in the ring
}

// Pass implements [batch.Gate].
func (g *OrderGate) Pass(ctx context.Context, r orders.Result) []orders.Result {
	suspicious, needs := g.watch(r), r.Left == "" && g.needs(r)
	if r.Left != "" || !needs && len(g.held) == 0 {
		return []orders.Result{r}
	}
	g.held = append(g.held, r)
	if needs {
		g.waiting++
	}
	if !suspicious && g.waiting < gateHolds && len(g.held) < gateRoom {
		return nil
	}
	return g.Rest(ctx)
}

// Rest implements [batch.Gate].
func (g *OrderGate) Rest(ctx context.Context) []orders.Result {
	out := g.held
	g.held, g.waiting = nil, 0
	slices.SortFunc(out, func(a, b orders.Result) int { return orders.Older(a.Claimed.Order, b.Claimed.Order) })
	if len(out) > 0 {
		g.vet(ctx, out)
		g.confirm(ctx, out)
	}
	return out
}

func (g *OrderGate) needs(r orders.Result) bool {
	for _, c := range r.Checked {
		if orders.NeedsControl(c, g.Now()) {
			return true
		}
	}
	return false
}

// watch counts the answers in r. It reports whether too many of a gateway's latest never arrived, and then counts anew.
func (g *OrderGate) watch(r orders.Result) (suspicious bool) {
	for _, c := range r.Checked {
		never, counts := orders.NeverArrived(c, g.Now())
		if !counts {
			continue
		}
		if g.windows == nil {
			g.windows = map[string]*arrivals{}
		}
		w := g.windows[c.Gateway]
		if w == nil {
			w = &arrivals{}
			g.windows[c.Gateway] = w
		}
		w.add(never)
		if seen := min(w.n, arrivalWindow); seen >= arrivalMinimum && w.never*100 > arrivalPercent*seen {
			*w = arrivals{}
			suspicious = true
		}
	}
	return suspicious
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

// place is a payment in a list of results.
type place struct{ result, payment int }

// vet asks each gateway for controls of what it was asked about, and leaves the orders of one that fails them.
func (g *OrderGate) vet(ctx context.Context, results []orders.Result) {
	lanes := map[string][]place{}
	for i, r := range results {
		for j, c := range r.Checked {
			if orders.NeedsControl(c, g.Now()) {
				lanes[c.Gateway] = append(lanes[c.Gateway], place{i, j})
			}
		}
	}
	for name, places := range lanes {
		paced, ok := g.Gateways[name]
		if !ok { // nothing was asked
			continue
		}
		spans := make([]payment.Window, len(places))
		for n, p := range places {
			spans[n] = orders.ControlSpan(results[p.result].Checked[p.payment])
		}
		found, err := g.Source.For(ctx, name, spans)
		if err != nil {
			leaveAll(results, places, "the payments that gateway "+name+" took could not be read: "+err.Error())
			continue
		}
		var group errgroup.Group
		group.SetLimit(max(1, g.Parallelism))
		for n, p := range places {
			c := &results[p.result].Checked[p.payment]
			group.Go(func() error {
				c.Vetting = g.Controls.Vet(ctx, paced, found[n], payment.BothSides)
				return nil
			})
		}
		_ = group.Wait() // the functions return no error: what could not be asked is an answer
		g.judge(ctx, paced, results, places)
	}
}

// judge leaves the orders of answers that cannot be believed. An absence that nothing controls is for the rules to decide.
func (g *OrderGate) judge(ctx context.Context, paced *gateway.Limited, results []orders.Result, places []place) {
	if notice := g.Controls.Notice(paced.Name()); notice != "" {
		leaveAll(results, places, notice)
		return
	}
	left := notNow(ctx, paced)
	for _, p := range places {
		r := &results[p.result]
		c := r.Checked[p.payment]
		switch {
		case !c.Vetting.Unknown():
		case left != "":
			r.Left = left
		case !c.Sight.Absent:
			r.Left = fmt.Sprintf("gateway %s did not answer for a payment that it took", paced.Name())
		}
	}
}

func leaveAll(results []orders.Result, places []place, why string) {
	for _, p := range places {
		results[p.result].Left = why
	}
}

// confirm asks a second time about payments whose absence controls have borne out since: the address may have been a wrong
// one when they were first asked about, and the right one when the controls were.
func (g *OrderGate) confirm(ctx context.Context, results []orders.Result) {
	var group errgroup.Group
	group.SetLimit(max(1, g.Parallelism))
	for i := range results {
		r := &results[i]
		if r.Left != "" {
			continue
		}
		for j := range r.Checked {
			c := &r.Checked[j]
			if !c.Sight.Absent || !c.Vetting.Proves() {
				continue
			}
			group.Go(func() error {
				which := c.Which()
				which.RequestID = fmt.Sprintf("order-%d/payment-%d/again", c.OrderID, c.ID)
				ctx := gateway.WithCustomer(stoppable(ctx), r.Claimed.CustomerID)
				c.Sight = g.Gateways[c.Gateway].Look(ctx, which)
				return nil
			})
		}
	}
	_ = group.Wait() // the functions return no error: what could not be asked is an answer
}
