package outside

import (
	"context"
	"time"

	"duly/internal/gateway/contract"
	"duly/internal/gateway/gatewaytest"
	"duly/internal/payment"
)

// providerRules are the rules that a provider is held to beside those of docs/payments-api.yaml.
func providerRules() []outsideRule {
	return []outsideRule{
		{name: "time of a payment", sentence: sentenceTime, needs: gatewaytest.Succeeds, rests: true, run: outsideTime},
		{name: "refund: in parts", sentence: contract.SentenceRefunded, needs: gatewaytest.Succeeds, rests: true, run: outsideRefundParts},
		{name: "refund: lost answer", sentence: contract.SentenceRefunded, needs: gatewaytest.Succeeds, rests: true, run: outsideRefundLost},
	}
}

// outsideTime compares the time of a payment with ours. A zone that is read wrongly is hours off; clocks are minutes.
func outsideTime(ctx context.Context, o *session) error {
	sent := o.Now()
	p, err := o.pay(ctx, "time")
	if err != nil {
		return err
	}
	seen := o.look(ctx, payment.Ref{ID: p.ID}).Payment
	if seen == nil {
		return contract.Errorf(contract.SentenceLookup, "the look-up by id does not show payment %s", p.ID)
	}
	if at := seen.CreatedAt; at.Before(sent.Add(-around)) || at.After(o.Now().Add(around)) {
		return contract.Errorf(sentenceTime, "it was sent at %s, and made at %s", sent.UTC().Format(time.RFC3339), at.UTC().Format(time.RFC3339))
	}
	return nil
}

// outsideRefundParts gives a payment back in two parts.
func outsideRefundParts(ctx context.Context, o *session) error {
	p, err := o.pay(ctx, "refund parts")
	if err != nil {
		return err
	}
	part, all := o.part(), o.Money.Amount
	if err := p.Back(ctx, 1, part, part); err != nil {
		return err
	}
	if err := o.stands(ctx, p, payment.Succeeded, part, contract.SentenceRefunded); err != nil {
		return err
	}
	if err := p.Back(ctx, 2, all-part, all); err != nil { //nolint:mnd // the second part
		return err
	}
	return o.stands(ctx, p, payment.Succeeded, all, contract.SentenceRefunded)
}

// outsideRefundLost loses the answer to a refund at a provider without keys, where the payment itself tells whether it was done.
func outsideRefundLost(ctx context.Context, o *session) error {
	p, err := o.pay(ctx, "refund lost")
	if err != nil {
		return err
	}
	o.Wire.Lose(contract.ThrownAway)
	if err := p.Back(ctx, 1, o.part(), o.part()); err != nil {
		return err
	}
	return o.stands(ctx, p, payment.Succeeded, o.part(), contract.SentenceRefunded)
}
