package steps

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"duly/internal/audit"
	"duly/internal/batch"
	"duly/internal/gateway"
	"duly/internal/payment"
)

// Audit asks gateways for what an audit compares. It implements batch.Processor for payments of ours that are
// looked up one by one.
type Audit struct{ Gateways Gateways }

// List reads one page of what a gateway lists. It returns early if the run is to stop.
func (m *Audit) List(ctx context.Context, name string, w payment.Window, cursor string) (payment.Listing, error) {
	return m.Gateways[name].List(stoppable(ctx), w, cursor)
}

// Again asks a gateway for a payment that it listed; nil if it does not show it.
func (m *Audit) Again(ctx context.Context, name string, p payment.Payment) *payment.Payment {
	return m.Gateways[name].Look(stoppable(ctx), payment.Ref{ID: p.ID, RequestID: fmt.Sprintf("run-%d/list-%s", batch.Execution(ctx).Run.ID, p.ID)}).Payment
}

// Look asks a gateway again about pairs that differ, width of them at a time: what was listed may be old by now.
func (m *Audit) Look(ctx context.Context, name string, pairs []audit.Pair, width int) []audit.Seen {
	seen := make([]audit.Seen, len(pairs))
	var group errgroup.Group
	group.SetLimit(max(1, width))
	for i, p := range pairs {
		group.Go(func() error {
			seen[i] = audit.Seen{Pair: p, Gateway: name}
			m.ask(ctx, &seen[i], p.Which(m.Gateways[name].Capabilities().FindsByKeyAlone()))
			return nil
		})
	}
	_ = group.Wait() // the functions return no error: what could not be asked is an answer
	return seen
}

// Kept asks for the payments that rows of ours keep, each at its own gateway.
func (m *Audit) Kept(ctx context.Context, rows []audit.Ours) []payment.LookupResult {
	sights := make([]payment.LookupResult, len(rows))
	for i, o := range rows {
		if _, ok := m.Gateways[o.Gateway]; !ok {
			sights[i] = payment.LookupResult{Unaskable: true, Reason: "gateway " + o.Gateway + " is not configured"}
			continue
		}
		s := audit.Seen{Gateway: o.Gateway}
		m.ask(ctx, &s, o.Which())
		sights[i] = s.Sight
	}
	return sights
}

// Process implements batch.Processor.
func (m *Audit) Process(ctx context.Context, o audit.Ours) (audit.Seen, error) {
	s := audit.Seen{Pair: audit.Pair{Ours: o, Known: true}, Gateway: o.Gateway}
	m.ask(ctx, &s, o.Which())
	return s, nil
}

func (m *Audit) ask(ctx context.Context, s *audit.Seen, w payment.Ref) {
	x := batch.Execution(ctx)
	name := w.ID
	if name == "" {
		name = w.Key
	}
	w.RequestID = fmt.Sprintf("run-%d/audit-%s", x.Run.ID, name)
	s.Sight = m.Gateways[s.Gateway].Look(stoppable(ctx), w)
	s.Which = w
}

// stoppable ends waiting when the run is to stop.
func stoppable(ctx context.Context) context.Context {
	return gateway.WithGuard(ctx, gateway.Guard{Stop: batch.Execution(ctx).Stopping()})
}
