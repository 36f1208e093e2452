package outside

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"duly/internal/gateway"
	"duly/internal/gateway/contract"
	"duly/internal/gateway/gatewaytest"
	"duly/internal/payment"
)

// Why a gateway is not held to a rule.
func withoutKeys(a gateway.Capabilities) string {
	if a.KeyLife == 0 {
		return "the service keeps no keys (key_life: 0s)"
	}
	return ""
}

func withoutLookup(a gateway.Capabilities) string {
	if !a.FindByKey {
		return "the service has no look-up by key (look_up: false)"
	}
	return ""
}

func withoutList(a gateway.Capabilities) string {
	if !a.List {
		return "the service has no list (list: false)"
	}
	return ""
}

// outsideRules are all rules, in the order in which they are checked: the list comes last, since it may lag.
func outsideRules(by Provider) []outsideRule {
	rules := []outsideRule{
		{name: "wrong token", sentence: contract.SentenceToken, run: outsideToken},
		{name: "unknown key", sentence: contract.SentenceAbsent, excused: withoutLookup, run: outsideUnknownKey},
		{name: "unknown id", sentence: contract.SentenceUnknown, run: outsideUnknownID},
		{name: "charge", sentence: contract.SentenceSettled, needs: gatewaytest.Succeeds, bodies: true, run: outsideCharge},
		{name: "look-up by key", sentence: contract.SentenceLookup, needs: gatewaytest.Succeeds, excused: withoutLookup, rests: true, bodies: true, run: outsideLookup(true)},
		{name: "look-up by id", sentence: contract.SentenceLookup, needs: gatewaytest.Succeeds, rests: true, bodies: true, run: outsideLookup(false)},
		{name: "same key again", sentence: contract.SentenceReplay, needs: gatewaytest.Succeeds, excused: withoutKeys, rests: true, run: outsideAgain},
		{name: "lost answer", sentence: contract.SentenceReplay, needs: gatewaytest.Succeeds, excused: withoutKeys, rests: true, run: outsideLost(contract.ThrownAway)},
		{name: "cut connection", sentence: contract.SentenceReplay, needs: gatewaytest.Succeeds, excused: withoutKeys, rests: true, run: outsideLost(contract.CutOff)},
		{name: "same key, ten at once", sentence: contract.SentenceReplay, needs: gatewaytest.Succeeds, excused: withoutKeys, rests: true, run: outsideAtOnce},
		{name: "same key, another amount", sentence: contract.SentenceOtherBody, needs: gatewaytest.Succeeds, excused: withoutKeys, rests: true, run: outsideOtherBody},
	}
	for _, b := range []gatewaytest.Behaviour{gatewaytest.Declines, gatewaytest.DeclinesSoft, gatewaytest.DeclinesHard, gatewaytest.DeclinesAction, gatewaytest.DeclinesForNow} {
		name := "declined"
		if b != gatewaytest.Declines {
			name += ": " + methodOf(b)
		}
		rules = append(rules, outsideRule{name: name, sentence: contract.SentenceDeclined, needs: b, bodies: true, run: outsideDeclined(b)})
	}
	rules = append(rules,
		outsideRule{name: "rejected", sentence: contract.SentenceRejected, needs: gatewaytest.Rejects, run: outsideRejected},
		outsideRule{name: "pending", sentence: contract.SentencePending, needs: gatewaytest.Pends, bodies: true, run: outsidePending},
		outsideRule{name: "pending, then decided", sentence: contract.SentencePending, needs: gatewaytest.PendsThenSucceeds, bodies: true, run: outsidePendingThenDecided},
	)
	rules = append(rules, outsideChanges()...)
	if !by.none() {
		rules = append(rules, providerRules()...)
	}
	return append(rules, outsideLists()...)
}

func outsideToken(ctx context.Context, o *session) error {
	if o.Stranger == nil {
		return fmt.Errorf("%w: a client with a wrong token", gatewaytest.ErrNotOffered)
	}
	p := o.target.Unsent("wrong token", "none")
	for _, w := range []payment.Ref{{Key: p.Charge.Key, GatewayCustomer: o.GatewayCustomer}, {ID: o.Provider.absentID()}} {
		if s := o.Stranger.Look(ctx, w); !s.Misconfigured && !s.Unaskable {
			return contract.Errorf(contract.SentenceToken, "a look-up with a wrong token is answered %s", s.Reason)
		}
	}
	return nil
}

func outsideUnknownKey(ctx context.Context, o *session) error {
	p := o.target.Unsent("unknown key", "none")
	return o.unknown(ctx, payment.Ref{Key: p.Charge.Key}, "a key that was never sent")
}

func outsideUnknownID(ctx context.Context, o *session) error {
	return o.unknown(ctx, payment.Ref{ID: o.Provider.absentID()}, "an id that no payment has")
}

func (o *session) unknown(ctx context.Context, w payment.Ref, what string) error {
	s := o.look(ctx, w)
	switch {
	case s.Absent:
		return nil
	case s.Payment != nil:
		return contract.Errorf(contract.SentenceUnknown, "%s is answered with payment %s", what, s.Payment.ID)
	case s.Misconfigured:
		return contract.Errorf(contract.SentenceToken, "our own token is refused: %s", s.Reason)
	}
	return contract.Errorf(contract.SentenceAbsent, "%s is answered %s, want %s", what, s.Reason, o.Provider.want("404 with an Error body", "that there is no such payment"))
}

// outsideCharge is what most other rules rest on.
func outsideCharge(ctx context.Context, o *session) error {
	_, err := o.pay(ctx, "charge")
	o.gate = err
	return err
}

// outsideLookup looks a payment up at once, with nothing but its key or nothing but its id.
func outsideLookup(byKey bool) func(context.Context, *session) error {
	return func(ctx context.Context, o *session) error {
		p, err := o.pay(ctx, map[bool]string{true: "by key", false: "by id"}[byKey])
		if err != nil {
			return err
		}
		w := payment.Ref{ID: p.ID}
		if byKey {
			w = payment.Ref{Key: p.Charge.Key}
		}
		return o.shows(ctx, p, w, payment.Succeeded, 0, contract.SentenceLookup)
	}
}

// stands looks at a payment in every way that there is; s is broken if it does not stand as it should.
func (o *session) stands(ctx context.Context, p *made, status payment.Status, refunded int64, s contract.Sentence) error {
	for _, w := range p.Ways() {
		if err := o.shows(ctx, p, w, status, refunded, s); err != nil {
			return err
		}
	}
	return nil
}

// shows looks at a payment in one way.
func (o *session) shows(ctx context.Context, p *made, w payment.Ref, status payment.Status, refunded int64, s contract.Sentence) error {
	look := o.look(ctx, w)
	switch {
	case look.Absent:
		return contract.Errorf(contract.SentenceLookup, "the look-up by %s does not know payment %s, which a charge was answered with", gatewaytest.By(w), p.ID)
	case look.Payment == nil:
		return contract.Errorf(contract.SentenceLookup, "the look-up by %s is answered %s", gatewaytest.By(w), look.Reason)
	}
	if field := p.Charge.Mismatch(*look.Payment); field != "" {
		return contract.Errorf(contract.SentenceEcho, "its %s is not that of the request", field)
	}
	if p.ID != "" && look.Payment.ID != p.ID {
		return p.same(look.Payment.ID)
	}
	if err := p.Ours(*look.Payment, status, refunded); err != nil {
		return contract.Errorf(s, "the look-up by %s: %w", gatewaytest.By(w), err)
	}
	return nil
}

func outsideAgain(ctx context.Context, o *session) error {
	p, err := o.pay(ctx, "again")
	if err != nil {
		return err
	}
	return o.again(ctx, p)
}

// again sends a charge once more under its key, until it is answered with a payment: the one that it had.
func (o *session) again(ctx context.Context, p *made) error {
	since := o.Now()
	for {
		out := o.charge(ctx, p)
		switch {
		case out.Kind != payment.InDoubt || out.LookUpOnly:
			if out.PaymentID != "" {
				if err := p.same(out.PaymentID); err != nil {
					return err
				}
			}
			return o.paid(ctx, p, out)
		case o.Now().Sub(since) >= o.Patience:
			return contract.Errorf(contract.SentenceReplay, "the same request again is still answered %s after %s", out.Reason, o.Patience)
		case !o.pause(ctx):
			return context.Cause(ctx)
		}
	}
}

// outsideLost loses the answer to a charge, finds out what became of it, and sends it again.
func outsideLost(how contract.Loss) func(context.Context, *session) error {
	return func(ctx context.Context, o *session) error {
		p, err := o.Start(map[contract.Loss]string{contract.ThrownAway: "lost", contract.CutOff: "cut"}[how], gatewaytest.Succeeds)
		if err != nil {
			return err
		}
		o.Wire.Lose(how)
		if out := o.charge(ctx, p); out.Kind != payment.InDoubt {
			return fmt.Errorf("the client takes a lost answer for %s (%s)", out.Kind, out.Reason)
		}
		if o.able.FindByKey {
			f := o.find(ctx, p.Charge, "")
			switch {
			case f.Absent && how == contract.CutOff: // it may arrive later
			case f.Absent:
				return contract.Errorf(contract.SentenceLookup, "the look-up by key does not know a charge whose answer was lost")
			case f.Outcome.Kind == payment.Differs:
				return contract.Errorf(contract.SentenceEcho, "%s", f.Outcome.Reason)
			default:
				p.ID = f.Outcome.PaymentID
			}
		}
		return o.again(ctx, p)
	}
}

func outsideAtOnce(ctx context.Context, o *session) error {
	p, err := o.Start("at once", gatewaytest.Succeeds)
	if err != nil {
		return err
	}
	outcomes := make([]payment.Outcome, 10)
	o.Wire.Burst(len(outcomes))
	var all sync.WaitGroup
	for i := range outcomes {
		all.Go(func() { outcomes[i] = o.Gateway.Charge(ctx, p.Charge) })
	}
	all.Wait()
	p.Sent += len(outcomes)
	var wrong error // the first; every answer is looked at, so that each payment is given back
	for _, out := range outcomes {
		switch {
		case out.PaymentID != "":
			wrong = cmp.Or(wrong, p.same(out.PaymentID))
		case out.Kind != payment.InDoubt && out.Kind != payment.NotExecuted:
			wrong = cmp.Or(wrong, contract.Errorf(contract.SentenceReplay, "one of ten is answered %s", out.Reason))
		}
	}
	if wrong != nil {
		return wrong
	}
	return o.again(ctx, p)
}

func outsideOtherBody(ctx context.Context, o *session) error {
	p, err := o.pay(ctx, "other body")
	if err != nil {
		return err
	}
	probe := *p.Probe
	other := made{Probe: &probe}
	other.Charge.Money.Amount += o.step()
	out := o.charge(ctx, &other)
	if out.PaymentID != "" && out.PaymentID != p.ID {
		p.others = append(p.others, out.PaymentID)
		return contract.Errorf(contract.SentenceOtherBody, "another amount under the key is charged as payment %s, want %s", out.PaymentID, o.Provider.want("422", "an answer that charges nothing"))
	}
	if out.Kind != payment.Differs && (out.Kind != payment.InDoubt || !out.LookUpOnly && !o.Provider.Traits.KeyConflictUnknown) {
		return contract.Errorf(contract.SentenceOtherBody, "it is taken for %s (%s), want %s", out.Kind, out.Reason, o.Provider.want("422", "an answer that charges nothing"))
	}
	return o.again(ctx, p)
}

// outsideDeclined charges a method that is declined as b says, looks the payment up, and sends it again.
func outsideDeclined(b gatewaytest.Behaviour) func(context.Context, *session) error {
	return func(ctx context.Context, o *session) error {
		p, err := o.Start(methodOf(b), b)
		if err != nil {
			return err
		}
		out, err := o.decided(ctx, p, o.charge(ctx, p))
		if err != nil {
			return err
		}
		switch {
		case out.Kind == payment.Differs:
			return contract.Errorf(contract.SentenceEcho, "%s", out.Reason)
		case out.Kind != payment.Refused && out.Kind != payment.TryLater:
			return contract.Errorf(contract.SentenceDeclined, "the charge is %s", said(out))
		case !o.declines(b, out):
			return contract.Errorf(contract.SentenceDeclined, "code %s is %s to duly", out.Decline.Code, classWord(out))
		case o.Provider.Traits.DeclinesUnrecorded && p.ID != "":
			return contract.Errorf(contract.SentenceDeclined, "the decline has the payment %s, which nothing leads to", p.ID)
		}
		if err := o.stands(ctx, p, payment.Declined, 0, contract.SentenceLookup); err != nil {
			return err
		}
		if o.able.KeyLife == 0 {
			return nil
		}
		again, err := o.decided(ctx, p, o.charge(ctx, p))
		if err != nil {
			return err
		}
		if again.Kind != out.Kind || again.PaymentID != out.PaymentID {
			return contract.Errorf(contract.SentenceReplay, "the same request again is %s", said(again))
		}
		return nil
	}
}

// declines reports whether a decline is of the class that a method of such a behaviour is named for.
func (o *session) declines(b gatewaytest.Behaviour, out payment.Outcome) bool {
	class := payment.Class(methodOf(b)) // of soft, hard and action
	switch {
	case b == gatewaytest.DeclinesForNow && o.Provider.Traits.LaterIsSoft:
		return out.Kind == payment.TryLater || out.Decline.Class == payment.Soft
	case b == gatewaytest.DeclinesForNow:
		return out.Kind == payment.TryLater
	case slices.Contains([]payment.Class{payment.Soft, payment.Hard, payment.Action}, class):
		return out.Decline.Class == class
	}
	return true
}

func classWord(out payment.Outcome) string {
	if out.Kind == payment.TryLater {
		return "a no that passes the same day"
	}
	return string(out.Decline.Class)
}

func outsideRejected(ctx context.Context, o *session) error {
	p, err := o.Start("rejected", gatewaytest.Rejects)
	if err != nil {
		return err
	}
	if out := o.charge(ctx, p); out.Kind != payment.Rejected {
		return contract.Errorf(contract.SentenceRejected, "it is taken for %s (%s), want %s", out.Kind, out.Reason, o.Provider.want("400 with an Error body", "a rejection"))
	}
	if !o.able.FindByKey {
		return nil
	}
	return o.unknown(ctx, payment.Ref{Key: p.Charge.Key}, "the key of a request that was answered 400")
}

func outsidePending(ctx context.Context, o *session) error {
	p, err := o.Start("pending", gatewaytest.Pends)
	if err != nil {
		return err
	}
	if out := o.charge(ctx, p); out.Kind != payment.InDoubt || !out.LookUpOnly {
		return contract.Errorf(contract.SentenceSettled, "the charge is %s (%s), want pending", out.Kind, out.Reason)
	}
	return o.stands(ctx, p, payment.Pending, 0, contract.SentenceLookup)
}

func outsidePendingThenDecided(ctx context.Context, o *session) error {
	p, err := o.Start("pending then ok", gatewaytest.PendsThenSucceeds)
	if err != nil {
		return err
	}
	return o.paid(ctx, p, o.charge(ctx, p))
}
