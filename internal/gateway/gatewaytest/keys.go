package gatewaytest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"duly/internal/payment"
)

func otherBody(ctx context.Context, t *Target) error {
	p, err := t.Start("other body", Succeeds)
	if err != nil || p.Able.KeyLife == 0 {
		return err
	}
	if err := p.send(ctx, is(payment.Paid)); err != nil {
		return err
	}
	p.Charge.Money.Amount++
	if err := p.conflicts(ctx, false); err != nil {
		return err
	}
	if err := p.find(ctx, is(payment.Differs)); err != nil {
		return err
	}
	p.Charge.Money.Amount--
	return p.find(ctx, is(payment.Paid))
}

// conflicts sends a charge whose key was paid with another body. Blind: no answer shows what differs.
func (p *Probe) conflicts(ctx context.Context, blind bool) error {
	traits := p.target.Traits
	raw, o, err := p.ask(ctx)
	switch {
	case err != nil:
		return err
	case o.Kind == payment.Differs, o.Kind == payment.InDoubt && (o.LookUpOnly || traits.KeyConflictUnknown):
	case o.Kind == payment.Paid && blind && traits.BodyIgnored: // the answer to the first body
	default:
		return fmt.Errorf("taken for %s (%s), want in doubt, by look-up only, or differs", o.Kind, o.Reason)
	}
	if raw.Kind == payment.Paid && !blind {
		return fmt.Errorf("the answer to another body is taken for %s", raw.Kind)
	}
	return p.took(ctx, 1)
}

// anHourLater sends a key again after its payment was refunded. The first answer is repeated, or the record is looked up.
func anHourLater(ctx context.Context, t *Target) error {
	p, err := t.Start("an hour later", Succeeds)
	if err != nil || p.Able.KeyLife == 0 {
		return err
	}
	if t.Pass == nil {
		return fmt.Errorf("%w: letting time pass", ErrNotOffered)
	}
	if err := p.send(ctx, is(payment.Paid)); err != nil {
		return err
	}
	t.Pass(min(time.Hour, p.Able.KeyLife-p.Able.LongestRequest-time.Minute))
	if err := p.Told(p.Refund(t.Money.Amount)(ctx, p.Key(1)), payment.EffectDone); err != nil {
		return err
	}
	raw, o, err := p.ask(ctx)
	switch {
	case err != nil:
		return err
	case t.Traits.BlankSuccess && (raw.Kind != payment.InDoubt || !raw.LookNow):
		return fmt.Errorf("an old success without fields is taken for %s, and not looked up", raw.Kind)
	case t.Traits.BlankSuccess && o.Kind != payment.Differs, o.Kind != payment.Differs && o.Kind != payment.Paid:
		return fmt.Errorf("taken for %s (%s)", o.Kind, o.Reason)
	}
	if err := p.find(ctx, is(payment.Differs)); err != nil {
		return err
	}
	return p.books(ctx, 0)
}

// otherGatewayCustomer passes where the provider has no second identifiers.
func otherGatewayCustomer(ctx context.Context, t *Target) error {
	p, err := t.Start("other gateway customer", Succeeds)
	if err != nil || p.Able.KeyLife == 0 || t.GatewayCustomer == "" {
		return err
	}
	if err := p.send(ctx, is(payment.Paid)); err != nil {
		return err
	}
	p.Charge.GatewayCustomer += "x"
	if err := p.conflicts(ctx, t.Traits.CustomerHidden); err != nil {
		return err
	}
	p.Charge.GatewayCustomer = t.GatewayCustomer
	return p.find(ctx, is(payment.Paid))
}

func keyAtOnce(ctx context.Context, t *Target) error {
	p, err := t.Start("key at once", Succeeds)
	if err != nil || p.Able.KeyLife == 0 {
		return err
	}
	outcomes := make([]payment.Outcome, 10)
	var all sync.WaitGroup
	for i := range outcomes {
		all.Go(func() { _, outcomes[i] = t.request(ctx, p.Charge) })
	}
	all.Wait()
	p.Sent += len(outcomes)
	for _, o := range outcomes {
		if o.Kind != payment.Paid && o.Kind != payment.InDoubt && o.Kind != payment.NotExecuted {
			return fmt.Errorf("one of ten is taken for %s (%s)", o.Kind, o.Reason)
		}
	}
	if err := p.find(ctx, is(payment.Paid)); err != nil {
		return err
	}
	return p.books(ctx, 1)
}
