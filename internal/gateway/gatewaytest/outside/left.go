package outside

import (
	"context"
	"slices"
	"sync"

	"duly/internal/gateway"
	"duly/internal/payment"
)

// Left is what a suite may leave at the gateway if it ends now: charges that may have taken money of which nobody has seen that it was given
// back. Its methods are safe for concurrent use. The zero value has none.
type Left struct {
	mu      sync.Mutex
	charges map[string]*leftCharge // by key
}

// leftCharge is what may be left of the requests under one key.
type leftCharge struct {
	open    int  // requests that are not answered
	doubted bool // one of them may have taken money, and named no payment
	ids     map[string]bool
}

// Names are the payments, by the gateway's ids, and where none is known by the keys of their charges, sorted.
func (l *Left) Names() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []string
	for key, c := range l.charges {
		for id := range c.ids {
			all = append(all, id)
		}
		if len(c.ids) == 0 {
			all = append(all, key)
		}
	}
	slices.Sort(all)
	return all
}

// begin counts a request that is about to leave.
func (l *Left) begin(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.charges == nil {
		l.charges = map[string]*leftCharge{}
	}
	c := l.charges[key]
	if c == nil {
		c = &leftCharge{ids: map[string]bool{}}
		l.charges[key] = c
	}
	c.open++
}

// end takes over what became of a request.
func (l *Left) end(key string, o payment.Outcome) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.charges[key]
	c.open--
	switch o.Kind {
	case payment.Paid, payment.Differs, payment.InDoubt:
		if o.PaymentID != "" {
			c.ids[o.PaymentID] = true
		} else {
			c.doubted = true
		}
	case payment.Refused, payment.NotExecuted, payment.TryLater, payment.Rejected, payment.Misconfigured:
	}
	l.drop(key, c)
}

// saw takes over a record of the gateway's.
func (l *Left) saw(p *payment.Payment) {
	if p == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for key, c := range l.charges {
		if key != p.Key && !c.ids[p.ID] {
			continue
		}
		c.doubted = false
		if c.ids[p.ID] = !p.TookNone() && !p.RefundedInFull(); !c.ids[p.ID] {
			delete(c.ids, p.ID)
		}
		l.drop(key, c)
	}
}

// drop forgets a charge that has taken nothing, or of which everything is back.
func (l *Left) drop(key string, c *leftCharge) {
	if c.open == 0 && !c.doubted && len(c.ids) == 0 {
		delete(l.charges, key)
	}
}

// watched is a gateway whose charges are kept in a [Left].
type watched struct {
	gateway.Gateway

	left *Left
}

// Charge implements [gateway.Gateway].
func (w watched) Charge(ctx context.Context, c payment.Charge) payment.Outcome {
	w.left.begin(c.Key)
	o := w.Gateway.Charge(ctx, c)
	w.left.end(c.Key, o)
	return o
}

// Look implements [gateway.Gateway].
func (w watched) Look(ctx context.Context, ref payment.Ref) payment.LookupResult {
	seen := w.Gateway.Look(ctx, ref)
	w.left.saw(seen.Payment)
	return seen
}

// Refund implements [gateway.Gateway].
func (w watched) Refund(ctx context.Context, r payment.Refund) payment.Reply {
	reply := w.Gateway.Refund(ctx, r)
	w.left.saw(reply.Payment)
	return reply
}
