package outside

import (
	"context"
	"fmt"

	"duly/internal/gateway/contract"
	"duly/internal/gateway/gatewaytest"
	"duly/internal/payment"
)

// outsideChanges are the rules of refunds and cancellations.
func outsideChanges() []outsideRule {
	return []outsideRule{
		{name: "refund", sentence: contract.SentenceRefunded, needs: gatewaytest.Succeeds, rests: true, bodies: true, run: outsideRefund},
		{name: "refund: same key again", sentence: contract.SentenceReplay, needs: gatewaytest.Succeeds, excused: withoutKeys, rests: true, run: outsideRefundAgain},
		{name: "refund: more than was paid", sentence: contract.SentenceTooMuch, needs: gatewaytest.Succeeds, rests: true, run: outsideRefundTooMuch},
		{name: "refund: no such payment", sentence: contract.SentenceUnknown, run: outsideRefundUnknown},
		{name: "cancel: decided already", sentence: contract.SentenceDecided, needs: gatewaytest.Succeeds, rests: true, run: outsideCancelDecided},
		{name: "cancel: no such payment", sentence: contract.SentenceUnknown, run: outsideCancelUnknown},
		{name: "cancel: pending", sentence: contract.SentenceCanceled, needs: gatewaytest.Pends, bodies: true, run: outsideCancelPending},
	}
}

func outsideRefund(ctx context.Context, o *session) error {
	p, err := o.pay(ctx, "refund")
	if err != nil {
		return err
	}
	if err := p.Back(ctx, 1, o.Money.Amount, o.Money.Amount); err != nil {
		return err
	}
	return o.stands(ctx, p, payment.Succeeded, o.Money.Amount, contract.SentenceRefunded)
}

// outsideRefundAgain refunds a part, loses the answer, and sends the request again twice.
func outsideRefundAgain(ctx context.Context, o *session) error {
	p, err := o.pay(ctx, "refund again")
	if err != nil {
		return err
	}
	part := o.part()
	o.Wire.Lose(contract.ThrownAway)
	if err := p.Told(p.Refund(part)(ctx, p.Key(1)), payment.EffectUnknown); err != nil {
		return err
	}
	for range 2 {
		if err := p.Back(ctx, 1, part, part); err != nil {
			return err
		}
	}
	return o.stands(ctx, p, payment.Succeeded, part, contract.SentenceReplay)
}

func outsideRefundTooMuch(ctx context.Context, o *session) error {
	p, err := o.pay(ctx, "refund too much")
	if err != nil {
		return err
	}
	if err := p.Told(p.Refund(o.Money.Amount+o.step())(ctx, p.Key(1)), payment.EffectRefused); err != nil {
		return fmt.Errorf("%w: %s", err, o.Provider.want("409 with an Error body", "a refusal"))
	}
	return o.stands(ctx, p, payment.Succeeded, 0, contract.SentenceTooMuch)
}

func outsideRefundUnknown(ctx context.Context, o *session) error {
	p := o.target.Unsent("refund unknown", "none")
	p.ID = o.Provider.absentID()
	return p.Told(p.Refund(1)(ctx, p.Key(1)), payment.EffectRejected)
}

func outsideCancelDecided(ctx context.Context, o *session) error {
	p, err := o.pay(ctx, "cancel decided")
	if err != nil {
		return err
	}
	if err := p.Told(p.Cancel(ctx, p.Key(1)), payment.EffectRefused); err != nil {
		return err
	}
	return o.stands(ctx, p, payment.Succeeded, 0, contract.SentenceDecided)
}

func outsideCancelUnknown(ctx context.Context, o *session) error {
	p := o.target.Unsent("cancel unknown", "none")
	p.ID = o.Provider.absentID()
	return p.Told(p.Cancel(ctx, p.Key(1)), payment.EffectRejected)
}

func outsideCancelPending(ctx context.Context, o *session) error {
	p, err := o.Start("cancel pending", gatewaytest.Pends)
	if err != nil {
		return err
	}
	if out := o.charge(ctx, p); p.ID == "" {
		return contract.Errorf(contract.SentenceSettled, "the charge is %s (%s), want pending", out.Kind, out.Reason)
	}
	if err := p.Told(p.Cancel(ctx, p.Key(1)), payment.EffectDone); err != nil {
		return err
	}
	return o.stands(ctx, p, payment.Canceled, 0, contract.SentenceCanceled)
}
