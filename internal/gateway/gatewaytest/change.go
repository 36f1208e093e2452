package gatewaytest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"duly/internal/gateway"
	"duly/internal/payment"
)

// Change sends a cancellation or a refund under a key.
type Change func(ctx context.Context, key string) payment.Reply

// Cancel cancels the payment of the charge under test.
func (p *Probe) Cancel(ctx context.Context, key string) payment.Reply {
	return p.target.Gateway.Cancel(ctx, payment.Cancel{Key: key, ID: p.ID, RequestID: "conformance"})
}

// Refund refunds an amount in minor units.
func (p *Probe) Refund(amount int64) Change {
	return func(ctx context.Context, key string) payment.Reply {
		return p.target.Gateway.Refund(ctx, payment.Refund{Key: key, ID: p.ID, Amount: amount, Reason: "conformance", RequestID: "conformance"})
	}
}

// Key is the n-th of a change of the charge under test.
func (p *Probe) Key(n int) string {
	return fmt.Sprintf("x%d_%s", n, p.Charge.Reference[:min(len(p.Charge.Reference), 50)])
}

// Told checks a reply: its effect, that it has a payment if and only if that is done, and that it tells no secret.
func (p *Probe) Told(r payment.Reply, effects ...payment.Effect) error {
	switch {
	case !slices.Contains(effects, r.Effect):
		return fmt.Errorf("taken for %s (%s), want %v", r.Effect, r.Reason, effects)
	case (r.Effect == payment.EffectDone) != (r.Payment != nil):
		return fmt.Errorf("%s (%s), and a payment: %v", r.Effect, r.Reason, r.Payment != nil)
	case r.Payment != nil && r.Payment.ID != p.ID:
		return fmt.Errorf("done to %s, not to %s", r.Payment.ID, p.ID)
	case strings.Contains(r.Reason, p.Charge.Method):
		return fmt.Errorf("the payment method is told: %q", r.Reason)
	}
	return nil
}

// begin charges with a method that behaves as b says, so that there is a payment to change.
func (t *Target) begin(ctx context.Context, name string, b Behaviour) (*Probe, error) {
	p, err := t.Start(name, b)
	if err != nil {
		return nil, err
	}
	if _, _, err := p.ask(ctx); err != nil {
		return nil, err
	}
	return p, p.identify(ctx)
}

// leaves reports whether a charge that behaves as b says leaves a payment that can be asked about.
func (t *Target) leaves(b Behaviour) bool {
	return (b != DeclinesHard || !t.Traits.DeclinesUnrecorded) && (b != Pends || !t.Traits.PendingUnread)
}

// leftNothing charges with a method of which nothing is left to be asked about, and checks that.
func (t *Target) leftNothing(ctx context.Context, name string, b Behaviour) error {
	p, err := t.Start(name, b)
	if err != nil {
		return err
	}
	if _, _, err := p.ask(ctx); err != nil {
		return err
	}
	if p.ID != "" {
		return fmt.Errorf("%s: the charge has id %s, which nothing leads to", b, p.ID)
	}
	return p.books(ctx, 0)
}

// identify asks for the id of the payment by its key where the answer to the charge had none.
func (p *Probe) identify(ctx context.Context) error {
	if p.ID == "" && p.Able.FindByKey {
		if seen := p.target.Gateway.Look(ctx, payment.Ref{Key: p.Charge.Key, RequestID: "conformance"}); seen.Payment != nil {
			p.ID = seen.Payment.ID
		}
	}
	if p.ID == "" {
		return errors.New("a charge without an id")
	}
	return nil
}

// lost is a fault of a change: what is to be made of the first request, and whether it took effect.
type lost struct {
	behaviour Behaviour
	effects   []payment.Effect
	failure   bool
	executed  bool
	either    bool // it may have been executed or not
}

// lostChanges are the ways in which a change goes wrong.
func (t *Target) lostChanges() []lost {
	unknown, none := []payment.Effect{payment.EffectUnknown}, []payment.Effect{payment.EffectNone}
	notExecuted := none
	if t.Traits.TooManyAlone {
		notExecuted = unknown
	}
	tooMany, after, either, looks := none, unknown, unknown, t.Traits.RefundsLookAfter
	if t.Traits.NothingSaysNot {
		tooMany, notExecuted = unknown, unknown
	}
	if looks {
		after, either = []payment.Effect{payment.EffectDone}, []payment.Effect{payment.EffectUnknown, payment.EffectDone}
	}
	return []lost{
		{behaviour: DropsBefore, effects: unknown, failure: true},
		{behaviour: DropsAfter, effects: after, failure: !looks, executed: true},
		{behaviour: Fails5xxBefore, effects: unknown, failure: true},
		{behaviour: Fails5xxAfter, effects: after, failure: !looks, executed: true},
		{behaviour: HalvesAnswer, effects: after, failure: !looks, executed: true},
		{behaviour: TooMany, effects: tooMany},
		{behaviour: SaysNotExecuted, effects: notExecuted, failure: !t.Traits.BusyIsTooMany},
		{behaviour: GarblesAfter, effects: either, either: true},
		{behaviour: Redirects, effects: either, either: true},
		{behaviour: ConflictsAfter, effects: append([]payment.Effect{payment.EffectRefused}, either...), either: true},
		{behaviour: SaysEmpty400After, effects: either, either: true},
		{behaviour: SaysEmpty404After, effects: either, either: true},
	}
}

// survive sends a change whose first request goes wrong in each way, and sends it again under its key where that
// is allowed. Begin makes the payment and the change, changed says what it looks like when that was executed.
func (t *Target) survive(ctx context.Context, begin func(b Behaviour) (*Probe, Change, error), before, after func(*Probe) error) error {
	if t.BreakChanges == nil {
		return fmt.Errorf("%w: changes that go wrong", ErrNotOffered)
	}
	defer t.BreakChanges("")
	for _, l := range t.lostChanges() {
		p, do, err := begin(l.behaviour)
		if err != nil {
			return err
		}
		t.BreakChanges(l.behaviour)
		r := do(ctx, p.Key(1))
		if err = p.Told(r, l.effects...); err == nil && r.Failure != l.failure {
			err = fmt.Errorf("%s (%s), counted as a failure of the gateway: %v", r.Effect, r.Reason, r.Failure)
		}
		switch {
		case err != nil || l.either:
		case l.executed:
			err = after(p)
		default:
			err = before(p)
		}
		if err == nil && (p.Able.KeyLife > 0 || r.Effect == payment.EffectNone) {
			if err = p.Told(do(ctx, p.Key(1)), payment.EffectDone); err == nil {
				err = after(p)
			}
			if err == nil {
				err = p.arrived(l)
			}
		}
		if err == nil && t.BytesDiffered != nil && t.BytesDiffered(p.Key(1)) {
			err = errors.New("requests with one key had different bytes")
		}
		if err != nil {
			return fmt.Errorf("%s: %w", l.behaviour, err)
		}
	}
	return nil
}

// arrived counts the requests of a change that was asked for twice. One whose effect is found in the payment's record is sent once.
func (p *Probe) arrived(l lost) error {
	if p.target.ChangeRequests == nil {
		return nil
	}
	n, most, least := p.target.ChangeRequests(p.Key(1)), 2, 2
	if p.target.Traits.RefundsOnce && l.executed {
		most, least = 1, 1
	} else if p.target.Traits.RefundsOnce && l.either {
		least = 1
	}
	if n < least || n > most {
		return fmt.Errorf("%d requests arrived, want %d", n, most)
	}
	return nil
}

// guarded checks that a change leaves if its guard says so, and that this is asked before it does.
func (p *Probe) guarded(ctx context.Context, do Change) error {
	t := p.target
	refusing := gateway.WithGuard(ctx, gateway.Guard{Check: func() error { return gateway.ErrGuard }})
	if err := p.Told(do(refusing, p.Key(1)), payment.EffectNone); err != nil {
		return fmt.Errorf("the guard refuses: %w", err)
	}
	if t.ChangeRequests != nil && t.ChangeRequests(p.Key(1)) != 0 {
		return errors.New("a request arrived that the guard refused")
	}
	asked, tooLate := 0, false
	asking := gateway.WithGuard(ctx, gateway.Guard{Check: func() error {
		asked++
		tooLate = t.ChangeRequests != nil && t.ChangeRequests(p.Key(1)) > 0
		return nil
	}})
	if err := p.Told(do(asking, p.Key(1)), payment.EffectDone); err != nil {
		return err
	}
	switch {
	case asked != 1:
		return fmt.Errorf("asked %d times for one request", asked)
	case tooLate:
		return errors.New("asked when the request had arrived")
	}
	return nil
}

// atOnce sends a change ten times at once under one key; each may be told that it is done, or nothing certain.
func (p *Probe) atOnce(ctx context.Context, do Change) error {
	all := make([]payment.Reply, 10)
	var running sync.WaitGroup
	for i := range all {
		running.Go(func() { all[i] = do(ctx, p.Key(1)) })
	}
	running.Wait()
	for _, r := range all {
		if err := p.Told(r, payment.EffectDone, payment.EffectUnknown, payment.EffectNone, payment.EffectRefused); err != nil {
			return fmt.Errorf("one of ten: %w", err)
		}
	}
	return nil
}
