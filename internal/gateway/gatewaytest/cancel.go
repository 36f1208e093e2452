package gatewaytest

import (
	"context"
	"fmt"

	"duly/internal/payment"
)

// cancellations lists the cases of cancelling a payment.
func cancellations() []Case {
	return []Case{
		{"cancel: pending", "What hangs for a day is given up, and its money can never come after.", orNothing(cancelPending)},
		{"cancel: decided", "What was decided stays so; it must be looked at again.", orNothing(cancelDecided)},
		{"cancel: unknown", "There is nothing that could be cancelled.", orNothing(cancelUnknown)},
		{"cancel: lost answers", "It may have been cancelled: what cannot be read says nothing.", orNothing(cancelLost)},
		{"cancel: the guard", "A worker that lost its lease must not send one byte.", orNothing(cancelGuarded)},
		{"cancel: ten times at once", "Two workers may both believe that the order is theirs.", orNothing(cancelAtOnce)},
	}
}

func cancelPending(ctx context.Context, t *Target) error {
	p, err := t.begin(ctx, "cancel pending", Pends)
	if err != nil {
		return err
	}
	r := p.Cancel(ctx, p.Key(1))
	if err := p.Told(r, payment.EffectDone); err != nil {
		return err
	}
	if err := p.Ours(*r.Payment, payment.Canceled, 0); err != nil {
		return err
	}
	if err := p.seen(ctx, payment.Canceled, 0); err != nil {
		return err
	}
	again := payment.EffectRefused
	if p.Able.KeyLife > 0 {
		again = payment.EffectDone
	}
	if err := p.Told(p.Cancel(ctx, p.Key(1)), again); err != nil {
		return fmt.Errorf("the same key again: %w", err)
	}
	if err := p.Told(p.Cancel(ctx, p.Key(2)), payment.EffectRefused); err != nil {
		return fmt.Errorf("another key: %w", err)
	}
	return p.books(ctx, 0)
}

func cancelDecided(ctx context.Context, t *Target) error {
	for _, c := range []struct {
		behaviour Behaviour
		status    payment.Status
		taken     int
	}{{Succeeds, payment.Succeeded, 1}, {DeclinesHard, payment.Declined, 0}} {
		p, err := t.begin(ctx, "cancel "+string(c.behaviour), c.behaviour)
		if err != nil {
			return err
		}
		effect := payment.EffectRefused
		if t.Traits.CancelsDeclined && c.status == payment.Declined {
			effect, c.status = payment.EffectDone, payment.Canceled
		}
		if err := p.Told(p.Cancel(ctx, p.Key(1)), effect); err != nil {
			return fmt.Errorf("%s: %w", c.behaviour, err)
		}
		if err := p.seen(ctx, c.status, 0); err != nil {
			return fmt.Errorf("%s: %w", c.behaviour, err)
		}
		if err := p.books(ctx, c.taken); err != nil {
			return err
		}
	}
	return nil
}

func cancelUnknown(ctx context.Context, t *Target) error {
	p, err := t.Start("cancel unknown", Pends)
	if err != nil {
		return err
	}
	p.ID = "no-such-payment"
	if err := p.Told(p.Cancel(ctx, p.Key(1)), payment.EffectRejected); err != nil {
		return err
	}
	p.ID = ""
	return p.Told(p.Cancel(ctx, p.Key(2)), payment.EffectRejected)
}

func cancelLost(ctx context.Context, t *Target) error {
	return t.survive(ctx,
		func(b Behaviour) (*Probe, Change, error) {
			p, err := t.begin(ctx, "cxl "+string(b), Pends)
			if err != nil {
				return nil, nil, err
			}
			return p, p.Cancel, nil
		},
		func(p *Probe) error { return p.seen(ctx, payment.Pending, 0) },
		func(p *Probe) error { return p.seen(ctx, payment.Canceled, 0) },
	)
}

func cancelGuarded(ctx context.Context, t *Target) error {
	p, err := t.begin(ctx, "cancel guarded", Pends)
	if err != nil {
		return err
	}
	return p.guarded(ctx, p.Cancel)
}

func cancelAtOnce(ctx context.Context, t *Target) error {
	p, err := t.begin(ctx, "cancel at once", Pends)
	if err != nil {
		return err
	}
	if err := p.atOnce(ctx, p.Cancel); err != nil {
		return err
	}
	return p.seen(ctx, payment.Canceled, 0)
}
