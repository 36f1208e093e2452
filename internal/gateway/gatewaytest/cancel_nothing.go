package gatewaytest

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"duly/internal/gateway"
	"duly/internal/payment"
)

// orNothing is a case of cancelling a payment. Where nothing can be cancelled it is [cancelsNothing] in its place.
func orNothing(run func(context.Context, *Target) error) func(context.Context, *Target) error {
	return func(ctx context.Context, t *Target) error {
		if t.Traits.NoCancel {
			return cancelsNothing(ctx, t)
		}
		return run(ctx, t)
	}
}

// cancelsNothing checks that every cancellation is refused for good, whatever it is of and however the provider fails, that nothing is sent, that
// the guard is not asked for it, and that the payment stays as it was.
func cancelsNothing(ctx context.Context, t *Target) error {
	if t.BreakChanges == nil {
		return fmt.Errorf("%w: changes that go wrong", ErrNotOffered)
	}
	defer t.BreakChanges("")
	for _, c := range []struct {
		behaviour Behaviour
		status    payment.Status
		taken     int
		fault     Behaviour
	}{
		{Pends, payment.Pending, 0, ""},
		{Pends, payment.Pending, 0, DropsAfter},
		{DeclinesHard, payment.Declined, 0, ""},
		{Succeeds, payment.Succeeded, 1, Fails5xxAfter},
		{Succeeds, payment.Succeeded, 1, TooMany},
	} {
		if !t.leaves(c.behaviour) {
			if err := t.leftNothing(ctx, "cancel "+string(c.behaviour+c.fault), c.behaviour); err != nil {
				return err
			}
			continue
		}
		p, err := t.begin(ctx, "cancel "+string(c.behaviour+c.fault), c.behaviour)
		if err != nil {
			return err
		}
		t.BreakChanges(c.fault)
		unknown, nameless := *p, *p
		unknown.ID, nameless.ID = "no-such-payment", ""
		refusals := make([]error, 10)
		var running sync.WaitGroup
		for i := range refusals {
			running.Go(func() { refusals[i] = p.notCancelled(ctx, p.Key(1+i%2)) })
		}
		running.Wait()
		err = errors.Join(append(refusals, unknown.notCancelled(ctx, p.Key(3)), nameless.notCancelled(ctx, p.Key(4)),
			p.seen(ctx, c.status, 0), p.books(ctx, c.taken))...)
		if err != nil {
			return fmt.Errorf("%s, %s: %w", c.behaviour, c.fault, err)
		}
	}
	return nil
}

// notCancelled checks a cancellation of the charge under test.
func (p *Probe) notCancelled(ctx context.Context, key string) error {
	asked := false
	refusing := gateway.WithGuard(ctx, gateway.Guard{Check: func() error { asked = true; return gateway.ErrGuard }})
	if err := p.Told(p.Cancel(refusing, key), payment.EffectRejected, payment.EffectRefused); err != nil {
		return err
	}
	if asked || p.target.ChangeRequests != nil && p.target.ChangeRequests(key) != 0 {
		return errors.New("a cancellation is sent that the provider cannot make")
	}
	return nil
}
