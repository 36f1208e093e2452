package steps

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"duly/internal/audit"
	"duly/internal/payment"
)

// auditHolds is how many payments that gateways do not know are held before they are asked for controls.
const auditHolds = 5000

// AuditGate holds back that a gateway does not know payments that we say it took, until it has been asked for payments from
// before and after them, and then once more for the payments themselves: one that is called at the wrong address knows none
// of ours. It implements [batch.Gate].
type AuditGate struct {
	Match    *Audit
	Controls *Controls
	Source   ControlSource
	// Ends are the payments that the gateways were seen to show. It adds those that look-ups find.
	Ends *audit.Ends
	// Proves reports whether the absence of a payment can prove anything at its gateway.
	Proves func(s audit.Seen) bool
	// Width is how many requests of a gateway may be under way.
	Width func(gateway string) int

	held []audit.Seen
}

// Pass implements [batch.Gate].
func (g *AuditGate) Pass(ctx context.Context, s audit.Seen) []audit.Seen {
	if p := s.Sight.Payment; p != nil {
		g.Ends.Add(s.Gateway, s.Ours, *p)
	}
	if !s.NeedsControl() || !g.Proves(s) {
		return []audit.Seen{s}
	}
	g.held = append(g.held, s)
	if len(g.held) < auditHolds {
		return nil
	}
	return g.Rest(ctx)
}

// Rest implements [batch.Gate].
func (g *AuditGate) Rest(ctx context.Context) []audit.Seen {
	out := g.held
	g.held = nil
	lanes := map[asked][]int{}
	for i, s := range out {
		of := asked{s.Gateway, s.Which.ID != ""}
		lanes[of] = append(lanes[of], i)
	}
	for of, lane := range lanes {
		g.vet(ctx, of, out, lane)
	}
	return out
}

// asked is whom a payment was asked of, and how: a control is asked for in the same way.
type asked struct {
	gateway string
	byID    bool
}

// vet asks one gateway for controls around all that it does not know, and again for each of it if they are shown.
func (g *AuditGate) vet(ctx context.Context, of asked, all []audit.Seen, lane []int) {
	span := payment.Window{From: all[lane[0]].Ours.CreatedAt, To: all[lane[0]].Ours.CreatedAt}
	for _, i := range lane {
		if at := all[i].Ours.CreatedAt; at.Before(span.From) {
			span.From = at
		} else if at.After(span.To) {
			span.To = at
		}
	}
	found, err := g.Source.For(ctx, of.gateway, []payment.Window{span})
	if err != nil {
		for _, i := range lane {
			all[i].Left = "the payments that it took could not be read: " + err.Error()
		}
		return
	}
	around := g.beside(ctx, of, found[0])
	var group errgroup.Group
	group.SetLimit(max(1, g.Width(of.gateway)))
	for _, i := range lane {
		all[i].Vetting = around.of(all[i].Ours.CreatedAt)
		if all[i].Vetting.Proves() {
			group.Go(func() error {
				g.Match.ask(ctx, &all[i], all[i].Which)
				return nil
			})
		}
	}
	_ = group.Wait() // the functions return no error: what could not be asked is an answer
}

// flank is what a gateway shows on one side of many payments.
type flank struct {
	shown   bool
	at      time.Time              // when the payment that is shown was made, which may be between theirs
	verdict payment.ControlVerdict // for those that it is not beyond
	denied  payment.Control
}

// flanks are both sides.
type flanks struct{ earlier, later flank }

// beside asks for payments from before and after all of those that are not known, and where they are not shown for the
// earliest or latest that was seen in this audit.
func (g *AuditGate) beside(ctx context.Context, of asked, controls payment.Controls) (f flanks) {
	first, last := g.Ends.Of(of.gateway)
	f.earlier = g.flank(ctx, of, controls.Earlier, first)
	f.later = g.flank(ctx, of, controls.Later, last)
	return f
}

func (g *AuditGate) flank(ctx context.Context, of asked, controls, met []payment.Control) (f flank) {
	paced := g.Match.Gateways[of.gateway]
	control, verdict := g.Controls.shown(ctx, paced, controls, of.byID)
	if verdict != payment.ControlPassed {
		f.verdict, f.denied = verdict, control
		control, verdict = g.Controls.shown(ctx, paced, met, of.byID)
	}
	f.shown, f.at = verdict == payment.ControlPassed, control.At
	return f
}

// of is what both sides say of a payment that was made then.
func (f flanks) of(at time.Time) payment.Vetting {
	v := payment.Vetting{Earlier: f.earlier.verdict, Later: f.later.verdict}
	if f.earlier.shown && f.earlier.at.Before(at) {
		v.Earlier = payment.ControlPassed
	}
	if f.later.shown && f.later.at.After(at) {
		v.Later = payment.ControlPassed
	}
	if v.Earlier == payment.ControlFailed {
		v.Denied = f.earlier.denied
	} else if v.Later == payment.ControlFailed {
		v.Denied = f.later.denied
	}
	return v
}
