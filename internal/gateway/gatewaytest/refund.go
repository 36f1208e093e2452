package gatewaytest

import (
	"context"
	"fmt"
	"time"

	"duly/internal/payment"
)

// refunds lists the cases of giving money back.
func refunds() []Case {
	return []Case{
		{"refund: whole", "Money that is kept for nothing goes back.", refundWhole},
		{"refund: in parts", "Never more than was paid.", refundParts},
		{"refund: again", "The same key refunds once, and tells the first result.", refundAgain},
		{"refund: after the key was forgotten", "What a key does not tell any more, a look-up does.", refundForgotten},
		{"refund: nothing was paid", "There is nothing that could be refunded.", refundUnpaid},
		{"refund: lost answers", "The money may have gone back: what cannot be read says nothing.", refundLost},
		{"refund: the guard", "A worker that lost its lease must not send one byte.", refundGuarded},
		{"refund: ten times at once", "Two workers may both believe that the refund is theirs.", refundAtOnce},
	}
}

// Back gives an amount back, and checks that so much has been refunded in all by then.
func (p *Probe) Back(ctx context.Context, key int, amount, inAll int64) error {
	r := p.Refund(amount)(ctx, p.Key(key))
	if err := p.Told(r, payment.EffectDone); err != nil {
		return err
	}
	return p.Ours(*r.Payment, payment.Succeeded, inAll)
}

func refundWhole(ctx context.Context, t *Target) error {
	p, err := t.begin(ctx, "refund whole", Succeeds)
	if err != nil {
		return err
	}
	if err := p.Back(ctx, 1, t.Money.Amount, t.Money.Amount); err != nil {
		return err
	}
	if err := p.seen(ctx, payment.Succeeded, t.Money.Amount); err != nil {
		return err
	}
	if err := p.Told(p.Refund(1)(ctx, p.Key(2)), payment.EffectRefused); err != nil {
		return fmt.Errorf("one more: %w", err)
	}
	return p.books(ctx, 0)
}

func refundParts(ctx context.Context, t *Target) error {
	p, err := t.begin(ctx, "refund parts", Succeeds)
	if err != nil {
		return err
	}
	part := t.Money.Amount / 3
	if err := p.Back(ctx, 1, part, part); err != nil {
		return err
	}
	if err := p.Told(p.Refund(t.Money.Amount-part+1)(ctx, p.Key(2)), payment.EffectRefused); err != nil {
		return fmt.Errorf("more than is left: %w", err)
	}
	if err := p.seen(ctx, payment.Succeeded, part); err != nil {
		return err
	}
	if err := p.books(ctx, 1); err != nil {
		return err
	}
	if err := p.Back(ctx, 3, t.Money.Amount-part, t.Money.Amount); err != nil {
		return fmt.Errorf("the rest: %w", err)
	}
	return p.books(ctx, 0)
}

func refundAgain(ctx context.Context, t *Target) error {
	p, err := t.begin(ctx, "refund again", Succeeds)
	if err != nil || p.Able.KeyLife == 0 {
		return err
	}
	part := t.Money.Amount / 3
	for range 3 {
		if err := p.Back(ctx, 1, part, part); err != nil {
			return err
		}
	}
	return p.seen(ctx, payment.Succeeded, part)
}

func refundForgotten(ctx context.Context, t *Target) error {
	p, err := t.begin(ctx, "refund forgotten", Succeeds)
	if err != nil {
		return err
	}
	if t.Pass == nil {
		return fmt.Errorf("%w: letting time pass", ErrNotOffered)
	}
	amount, effect := t.Money.Amount, payment.EffectRefused
	if t.Traits.RefundsOnce { // also of a part, of which another could be refunded
		amount, effect = t.Money.Amount/3, payment.EffectDone
	}
	if err := p.Back(ctx, 1, amount, amount); err != nil {
		return err
	}
	t.Pass(p.Able.KeyLife + p.Able.LongestRequest + time.Hour)
	if err := p.seen(ctx, payment.Succeeded, amount); err != nil {
		return err
	}
	if err := p.Told(p.Refund(amount)(ctx, p.Key(1)), effect); err != nil {
		return err
	}
	return p.seen(ctx, payment.Succeeded, amount)
}

func refundUnpaid(ctx context.Context, t *Target) error {
	for _, c := range []struct {
		behaviour Behaviour
		status    payment.Status
	}{{Pends, payment.Pending}, {DeclinesHard, payment.Declined}, {IsCanceled, payment.Canceled}} {
		if !t.leaves(c.behaviour) {
			if err := t.leftNothing(ctx, "refund "+string(c.behaviour), c.behaviour); err != nil {
				return err
			}
			continue
		}
		p, err := t.begin(ctx, "refund "+string(c.behaviour), c.behaviour)
		if err != nil {
			return err
		}
		if err := p.Told(p.Refund(1)(ctx, p.Key(1)), payment.EffectRefused); err != nil {
			return fmt.Errorf("%s: %w", c.behaviour, err)
		}
		if err := p.seenAs(ctx, c.behaviour, c.status, 0); err != nil {
			return fmt.Errorf("%s: %w", c.behaviour, err)
		}
	}
	p, err := t.Start("refund unknown", Succeeds)
	if err != nil {
		return err
	}
	p.ID = "no-such-payment"
	if err := p.Told(p.Refund(1)(ctx, p.Key(1)), payment.EffectRejected); err != nil {
		return fmt.Errorf("an unknown payment: %w", err)
	}
	p.ID = ""
	return p.Told(p.Refund(1)(ctx, p.Key(2)), payment.EffectRejected)
}

func refundLost(ctx context.Context, t *Target) error {
	part := t.Money.Amount / 3
	return t.survive(ctx,
		func(b Behaviour) (*Probe, Change, error) {
			p, err := t.begin(ctx, "rfl "+string(b), Succeeds)
			if err != nil {
				return nil, nil, err
			}
			return p, p.Refund(part), nil
		},
		func(p *Probe) error { return p.seen(ctx, payment.Succeeded, 0) },
		func(p *Probe) error { return p.seen(ctx, payment.Succeeded, part) },
	)
}

func refundGuarded(ctx context.Context, t *Target) error {
	p, err := t.begin(ctx, "refund guarded", Succeeds)
	if err != nil {
		return err
	}
	return p.guarded(ctx, p.Refund(t.Money.Amount))
}

func refundAtOnce(ctx context.Context, t *Target) error {
	p, err := t.begin(ctx, "refund at once", Succeeds)
	if err != nil {
		return err
	}
	part := t.Money.Amount / 3
	if p.Able.KeyLife == 0 {
		part = t.Money.Amount
	}
	if err := p.atOnce(ctx, p.Refund(part)); err != nil {
		return err
	}
	return p.seen(ctx, payment.Succeeded, part)
}
