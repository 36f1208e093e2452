package outside

import (
	"context"
	"fmt"
	"strings"
	"time"

	"duly/internal/gateway"
	"duly/internal/gateway/contract"
	"duly/internal/gateway/gatewaytest"
	"duly/internal/payment"
)

// pause waits until the next look-up; false: time is up.
func (o *session) pause(ctx context.Context) bool {
	return contract.Wait(ctx, max(o.Poll, time.Millisecond))
}

// pay charges a method that succeeds, and waits while that is pending.
func (o *session) pay(ctx context.Context, name string) (*made, error) {
	p, err := o.Start(name, gatewaytest.Succeeds)
	if err != nil {
		return nil, err
	}
	return p, o.paid(ctx, p, o.charge(ctx, p))
}

// charge sends a charge once.
func (o *session) charge(ctx context.Context, p *made) payment.Outcome {
	p.Sent++
	out := o.Gateway.Charge(ctx, p.Charge)
	if t := o.Provider.Traits; out.Kind == payment.Paid && (t.BlankSuccess || t.StatusHidden) {
		out = o.recorded(ctx, p, out)
	}
	if out.Unfinished {
		out = o.unfinished(ctx, p, out)
	}
	p.last = out.Kind
	if p.ID == "" {
		p.ID = out.PaymentID
	}
	return out
}

// recorded is a success whose answer does not show all of the payment, as the record has it.
func (o *session) recorded(ctx context.Context, p *made, out payment.Outcome) payment.Outcome {
	f := o.find(ctx, p.Charge, out.PaymentID)
	p.unshown = ""
	if f.Outcome.Kind == payment.InDoubt && !f.Outcome.LookUpOnly {
		p.unshown = f.Outcome.Reason
	}
	p.receipts = o.Wire.Receipts(out.PaymentID)
	if f.Outcome.PaymentID == "" {
		f.Outcome.PaymentID = out.PaymentID // it is to be refunded
	}
	return f.Outcome
}

// unfinished cancels a payment that its customer could still finish, as every run does.
func (o *session) unfinished(ctx context.Context, p *made, out payment.Outcome) payment.Outcome {
	const number = 9
	r := o.Gateway.Cancel(ctx, payment.Cancel{Key: p.Key(number), ID: out.PaymentID, Unfinished: true, RequestID: "conformance"})
	if r.Effect == payment.EffectDone {
		out = payment.Outcome{Kind: payment.Refused, Decline: out.Decline, PaymentID: out.PaymentID, Reason: out.Decline.Code}
	}
	return out
}

// tries is how often a look-up of a provider is made that says nothing: its limits are not known from outside.
const tries = 3

// find looks a charge up.
func (o *session) find(ctx context.Context, c payment.Charge, id string) gateway.Finding {
	for n := 1; ; n++ {
		f := o.Gateway.Find(ctx, c, id)
		silent := f.Outcome.Kind == payment.InDoubt && !f.Outcome.LookUpOnly && !f.Absent && !f.Misconfigured && !f.Unasked && !f.Outcome.Unfinished
		if !silent || o.Provider.none() || n == tries || !o.pause(ctx) {
			return f
		}
	}
}

// look looks a payment up.
func (o *session) look(ctx context.Context, w payment.Ref) payment.LookupResult {
	w.RequestID, w.GatewayCustomer = "conformance", o.GatewayCustomer
	for n := 1; ; n++ {
		s := o.Gateway.Look(ctx, w)
		silent := s.Payment == nil && !s.Absent && !s.Misconfigured && !s.Unaskable
		if !silent || o.Provider.none() || n == tries || !o.pause(ctx) {
			return s
		}
	}
}

// paid checks that an outcome is a success, at once or after a while, and always of the same payment.
func (o *session) paid(ctx context.Context, p *made, out payment.Outcome) error {
	out, err := o.decided(ctx, p, out)
	switch {
	case err != nil:
		return err
	case p.unshown != "":
		return contract.Errorf(contract.SentenceLookup, "the charge was answered as paid, and the look-up does not show it: %s", p.unshown)
	case out.Kind == payment.Differs:
		return contract.Errorf(contract.SentenceEcho, "%s", out.Reason)
	case len(p.receipts) > 1:
		return contract.Errorf(contract.SentenceReplay, "charged %d times under one key: its answers name the transactions %s", len(p.receipts), strings.Join(p.receipts, ", "))
	case out.Kind != payment.Paid:
		return contract.Errorf(contract.SentenceSettled, "a charge of the method that succeeds is %s", said(out))
	}
	return p.same(out.PaymentID)
}

// said is an outcome for people, with its reason where there is one.
func said(out payment.Outcome) string {
	if out.Reason == "" {
		return out.Kind.String()
	}
	return out.Kind.String() + ": " + out.Reason
}

// same checks that a payment is the one that was answered first.
func (p *made) same(id string) error {
	switch {
	case p.ID == "":
		p.ID = id
	case id != p.ID:
		p.others = append(p.others, id)
		return contract.Errorf(contract.SentenceReplay, "payment %s; the first answer under the key was payment %s", id, p.ID)
	}
	return nil
}

// decided waits while a payment is pending, as long as the suite has patience.
func (o *session) decided(ctx context.Context, p *made, out payment.Outcome) (payment.Outcome, error) {
	since := o.Now()
	for out.Kind == payment.InDoubt && out.LookUpOnly {
		if !p.Findable() {
			return out, fmt.Errorf("%w: a look-up of what is pending", gatewaytest.ErrNotOffered)
		}
		if waited := o.Now().Sub(since); waited >= o.Patience {
			return out, contract.Errorf(contract.SentencePending, "it is still %s after %s", out.Reason, o.Patience)
		}
		if !o.pause(ctx) {
			return out, context.Cause(ctx)
		}
		out = o.find(ctx, p.Charge, p.ID).Outcome
	}
	return out, nil
}
