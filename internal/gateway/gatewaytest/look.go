package gatewaytest

import (
	"context"
	"errors"
	"fmt"

	"duly/internal/payment"
)

// looks lists the cases of looking at a payment.
func looks() []Case {
	return []Case{
		{"look: as it stands", "Orders are settled by what a payment is, and by nothing else.", lookAsItStands},
		{"look: never seen", "Absence is what the provider says of what it does not know.", lookNeverSeen},
		{"look: nothing to ask by", "What cannot be asked about is not absent.", lookUnaskable},
		{"look: failures prove nothing", "What cannot be read is neither a payment nor its absence.", lookFails},
	}
}

// seen looks at the charge under test by its id and, where that can be asked by, by its key, and holds both
// against what is wanted.
func (p *Probe) seen(ctx context.Context, status payment.Status, refunded int64) error {
	for _, w := range p.Ways() {
		s := p.target.Gateway.Look(ctx, w)
		if s.Payment == nil {
			return fmt.Errorf("look by %s: no payment (%s)", By(w), s.Reason)
		}
		if err := p.Ours(*s.Payment, status, refunded); err != nil {
			return fmt.Errorf("look by %s: %w", By(w), err)
		}
	}
	return nil
}

// seenAs is seen of a payment whose charge behaved as b says.
func (p *Probe) seenAs(ctx context.Context, b Behaviour, status payment.Status, refunded int64) error {
	if b == IsCanceled && p.target.Traits.CancelIsRefund {
		status, refunded = payment.Succeeded, p.Charge.Money.Amount
	}
	return p.seen(ctx, status, refunded)
}

// Ways are those that the charge can be looked at by.
func (p *Probe) Ways() []payment.Ref {
	var all []payment.Ref
	if p.ID != "" {
		all = append(all, payment.Ref{ID: p.ID, RequestID: "conformance"})
	}
	if p.Able.FindByKey {
		all = append(all, payment.Ref{Key: p.Charge.Key, GatewayCustomer: p.Charge.GatewayCustomer, RequestID: "conformance"})
	}
	return all
}

// By says what a payment is looked at by.
func By(w payment.Ref) string {
	if w.ID != "" {
		return "id"
	}
	return "key"
}

// Ours checks that a record is that of the charge under test, and stands as it should.
func (p *Probe) Ours(got payment.Payment, status payment.Status, refunded int64) error {
	switch field := p.Charge.Mismatch(got); {
	case field != "":
		return fmt.Errorf("its %s is not ours", field)
	case got.Status != status:
		return fmt.Errorf("it is %s, want %s", got.Status, status)
	case got.Refunded != refunded:
		return fmt.Errorf("%d of it refunded, want %d", got.Refunded, refunded)
	case p.ID != "" && got.ID != p.ID:
		return fmt.Errorf("its id is %s, want %s", got.ID, p.ID)
	case got.ID == "":
		return errors.New("it has no id")
	case got.CreatedAt.IsZero():
		return errors.New("it does not say when it was created")
	case (status == payment.Declined) != (got.Decline.Code != ""):
		return fmt.Errorf("it is %s, and its decline code is %q", status, got.Decline.Code)
	}
	return nil
}

func lookAsItStands(ctx context.Context, t *Target) error {
	for _, c := range []struct {
		behaviour Behaviour
		kind      payment.Kind
		status    payment.Status
		refunded  int64
	}{
		{Succeeds, payment.Paid, payment.Succeeded, 0},
		{DeclinesHard, payment.Refused, payment.Declined, 0},
		{Pends, payment.InDoubt, payment.Pending, 0},
		{IsCanceled, payment.Differs, payment.Canceled, 0},
		{IsRefunded, payment.Paid, payment.Succeeded, t.Money.Amount},
	} {
		if !t.leaves(c.behaviour) {
			if err := t.leftNothing(ctx, "look "+string(c.behaviour), c.behaviour); err != nil {
				return err
			}
			continue
		}
		p, err := t.Start("look "+string(c.behaviour), c.behaviour)
		if err != nil {
			return err
		}
		_, o, err := p.ask(ctx)
		if err == nil && o.Kind != c.kind && (o.Kind != payment.Paid || !t.Traits.BlankSuccess && !t.Traits.StatusHidden) {
			err = fmt.Errorf("taken for %s (%s)", o.Kind, o.Reason)
		}
		if err == nil {
			err = p.identify(ctx)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", c.behaviour, err)
		}
		if err := p.seenAs(ctx, c.behaviour, c.status, c.refunded); err != nil {
			return fmt.Errorf("%s: %w", c.behaviour, err)
		}
	}
	return nil
}

func lookNeverSeen(ctx context.Context, t *Target) error {
	p, err := t.Start("look never seen", Succeeds)
	if err != nil {
		return err
	}
	p.ID = "no-such-payment"
	for _, w := range p.Ways() {
		s := t.Gateway.Look(ctx, w)
		if !s.Absent || s.Payment != nil || s.Failure || s.Unaskable || s.Misconfigured {
			return fmt.Errorf("look by %s: absent is %v (%s), a failure of the gateway: %v", By(w), s.Absent, s.Reason, s.Failure)
		}
	}
	return nil
}

func lookUnaskable(ctx context.Context, t *Target) error {
	p, err := t.Start("look unaskable", Succeeds)
	if err != nil {
		return err
	}
	ways := []payment.Ref{{}}
	if !p.Able.FindByKey {
		ways = append(ways, payment.Ref{Key: p.Charge.Key})
	}
	for _, w := range ways {
		if s := t.Gateway.Look(ctx, w); !s.Unaskable || s.Absent || s.Payment != nil || s.Failure {
			return fmt.Errorf("look with key %q and id %q: unaskable is %v, absent is %v", w.Key, w.ID, s.Unaskable, s.Absent)
		}
	}
	return nil
}

func lookFails(ctx context.Context, t *Target) error {
	p, err := t.Start("look fails", Succeeds)
	if err != nil {
		return err
	}
	if t.BreakLookUps == nil {
		return fmt.Errorf("%w: look-ups that fail", ErrNotOffered)
	}
	if err := p.send(ctx, is(payment.Paid)); err != nil {
		return err
	}
	defer t.BreakLookUps("")
	for _, fault := range lookUpFaults() {
		t.BreakLookUps(fault.behaviour)
		for _, w := range p.Ways() {
			s := t.Gateway.Look(ctx, w)
			if s.Payment != nil || s.Absent || s.Unaskable || s.Misconfigured || s.Failure != fault.failure {
				return fmt.Errorf("%s, by %s: %+v", fault.behaviour, By(w), s)
			}
		}
	}
	t.BreakLookUps("")
	return p.seen(ctx, payment.Succeeded, 0)
}

// lookUpFault is a way in which a look-up fails.
type lookUpFault struct {
	behaviour Behaviour
	failure   bool // of the gateway
}

func lookUpFaults() []lookUpFault {
	return []lookUpFault{
		{DropsBefore, true},
		{Fails5xxBefore, true},
		{HalvesAnswer, true},
		{GarblesBefore, false},
		{TooMany, false},
		{Redirects, false},
		{SaysEmpty404Before, false},
	}
}
