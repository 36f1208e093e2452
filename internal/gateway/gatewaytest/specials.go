package gatewaytest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"duly/internal/gateway"
	"duly/internal/payment"
)

// specials lists the cases that are more than one charge after the other.
func specials() []Case {
	return []Case{
		{"abilities make sense", "The protocol counts with them.", abilitiesMakeSense},
		{"ping", "The doctor asks before a run does.", ping},
		{"the guard refuses", "A worker that lost its lease must not send one byte.", guardRefuses},
		{"the guard is asked for every request", "Its answer is true for a moment only.", guardIsAsked},
		{"one key, another amount", "A key stands for one body; whatever comes back is not the answer to this one.", otherBody},
		{"one key, an hour later", "What a key repeats was true then: it must not hide what became of the payment since.", anHourLater},
		{"one key, another gateway customer", "A method and its second identifier are one thing: the money is that of both.", otherGatewayCustomer},
		{"one key, ten times at once", "Two workers may both believe that the attempt is theirs.", keyAtOnce},
		{"many at once", "One client serves every slot.", manyAtOnce},
		{"a kept connection that breaks", "HTTP clients send again by themselves what has a key, and report the second answer.", keptConnectionBreaks},
		{"executed late", "A request still on its way arrives after it was looked up, and sent again.", executedLate},
		{"pending, then decided", "A look-up sees the decision.", pendingThenDecided},
		{"waiting for its customer", "The customer could pay it after the next attempt did: it is cancelled first, and is a decline then.", customerWaits},
		{"never seen", "Absence is what the provider says of a key that it does not know.", neverSent},
		{"somebody else's payment", "A key alone proves nothing.", othersPayment},
		{"look-ups outlive keys", "Absence proves something only if presence lasts.", lookUpsLast},
		{"look-ups that fail prove nothing", "What cannot be read is not absence.", lookUpsFail},
		{"called off", "Nobody waits for an answer any more, and nothing is known.", calledOff},
	}
}

func abilitiesMakeSense(_ context.Context, t *Target) error {
	a := t.Gateway.Capabilities()
	switch {
	case a.Timeout <= 0:
		return errors.New("no time-out")
	case a.LongestRequest < a.Timeout:
		return errors.New("a request may last longer than the longest request")
	case a.KeyLife != 0 && a.KeyLife <= a.LongestRequest:
		return errors.New("keys are forgotten before their first request has landed")
	case a.LookupOutlivesKey && !a.FindByKey:
		return errors.New("a look-up that lasts, but none")
	}
	return nil
}

func ping(ctx context.Context, t *Target) error { return t.Gateway.Ping(ctx) }

func guardRefuses(ctx context.Context, t *Target) error {
	p, err := t.Start("guard refuses", Succeeds)
	if err != nil {
		return err
	}
	guarded := gateway.WithGuard(ctx, gateway.Guard{Check: func() error { return gateway.ErrGuard }})
	if err := p.send(guarded, is(payment.NotExecuted)); err != nil {
		return err
	}
	p.Sent = 0 // it did not leave
	if err := p.find(ctx, want{kinds: []payment.Kind{payment.InDoubt}, absent: true}); err != nil {
		return err
	}
	return p.books(ctx, 0)
}

func guardIsAsked(ctx context.Context, t *Target) error {
	p, err := t.Start("guard is asked", Succeeds)
	if err != nil {
		return err
	}
	var asked atomic.Int32
	var tooLate atomic.Bool
	guarded := gateway.WithGuard(ctx, gateway.Guard{Check: func() error {
		asked.Add(1)
		tooLate.Store(t.Requests != nil && t.Requests(p.Charge.Key) >= p.Sent)
		return nil
	}})
	for range 2 {
		if p.Sent > 0 && p.Able.KeyLife == 0 {
			break
		}
		if err := p.send(guarded, is(payment.Paid)); err != nil {
			return err
		}
		if n := int(asked.Load()); n != p.Sent {
			return fmt.Errorf("asked %d times for %d requests", n, p.Sent)
		}
		if tooLate.Load() {
			return errors.New("asked when the request had arrived")
		}
	}
	return p.books(ctx, 1)
}

func manyAtOnce(ctx context.Context, t *Target) error {
	errs := make([]error, 40)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() {
			p, err := t.Start(fmt.Sprintf("many at once %d", i), Succeeds)
			if err == nil {
				err = p.send(ctx, is(payment.Paid))
			}
			if err == nil {
				err = p.books(ctx, 1)
			}
			errs[i] = err
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// keptConnectionBreaks loses an answer on a connection that has carried one before: some clients send a request again only there.
func keptConnectionBreaks(ctx context.Context, t *Target) error {
	first, err := t.Start("kept connection", Succeeds)
	if err != nil {
		return err
	}
	if err := first.send(ctx, is(payment.Paid)); err != nil {
		return err
	}
	for i, b := range []Behaviour{DropsAfter, DropsBefore} {
		p, err := t.Start(fmt.Sprintf("kept connection breaks %d", i), b)
		if err != nil {
			return err
		}
		if err := p.send(ctx, is(payment.InDoubt).failed()); err != nil {
			return err
		}
		if err := p.books(ctx, 1-i); err != nil {
			return err
		}
		if err := first.find(ctx, is(payment.Paid)); err != nil { // a connection to keep for the next
			return err
		}
	}
	return nil
}

func executedLate(ctx context.Context, t *Target) error {
	p, err := t.Start("executed late", Late)
	if err != nil {
		return err
	}
	if t.Pass == nil {
		return fmt.Errorf("%w: letting time pass", ErrNotOffered)
	}
	if err := p.send(ctx, is(payment.InDoubt).failed()); err != nil {
		return err
	}
	if err := p.find(ctx, want{kinds: []payment.Kind{payment.InDoubt}, absent: true}); err != nil {
		return err
	}
	if p.Able.KeyLife > 0 {
		if err := p.send(ctx, is(payment.Paid)); err != nil {
			return err
		}
	}
	t.Pass(LateBy)
	if err := p.find(ctx, is(payment.Paid)); err != nil {
		return err
	}
	return p.books(ctx, 1)
}

func pendingThenDecided(ctx context.Context, t *Target) error {
	p, err := t.Start("pending then decided", PendsThenSucceeds)
	if err != nil {
		return err
	}
	pending := is(payment.InDoubt).only()
	first := pending
	first.orPaid = t.Traits.BlankSuccess
	if t.Traits.PendingUnread {
		first = is(payment.InDoubt)
	}
	if err := p.send(ctx, first); err != nil {
		return err
	}
	if !p.Findable() {
		return nil
	}
	if err := p.find(ctx, pending); err != nil {
		return err
	}
	if err := p.find(ctx, is(payment.Paid)); err != nil {
		return err
	}
	return p.books(ctx, 1)
}

// customerWaits passes where no charge waits.
func customerWaits(ctx context.Context, t *Target) error {
	if !t.Traits.Finishable {
		return nil
	}
	p, err := t.Start("waits for customer", WaitsForCustomer)
	if err != nil {
		return err
	}
	if t.Pass == nil {
		return fmt.Errorf("%w: letting time pass", ErrNotOffered)
	}
	declined := is(payment.Refused).of(payment.Action)
	raw, o, err := p.ask(ctx)
	switch {
	case err != nil:
		return err
	case raw.Kind != payment.InDoubt || !raw.Unfinished || raw.PaymentID == "":
		return fmt.Errorf("taken for %s (%s), which nobody can cancel", raw.Kind, raw.Reason)
	case declined.check(o) != nil:
		return declined.check(o)
	}
	t.Pass(p.Able.LongestRequest + time.Hour)
	if err := p.find(ctx, declined); err != nil {
		return err
	}
	return p.books(ctx, 0)
}

func neverSent(ctx context.Context, t *Target) error {
	p, err := t.Start("never sent", Succeeds)
	if err != nil {
		return err
	}
	if p.Able.FindByKey {
		return p.find(ctx, want{kinds: []payment.Kind{payment.InDoubt}, absent: true})
	}
	if f := t.Gateway.Find(ctx, p.Charge, ""); f.Absent || f.Outcome.Kind != payment.InDoubt {
		return fmt.Errorf("without a look-up by key, %s (%s), absent: %v", f.Outcome.Kind, f.Outcome.Reason, f.Absent)
	}
	return nil
}

func othersPayment(ctx context.Context, t *Target) error {
	p, err := t.Start("others payment", Succeeds)
	if err != nil {
		return err
	}
	if err := p.send(ctx, is(payment.Paid)); err != nil {
		return err
	}
	reference, customer := is(payment.Differs), is(payment.Differs)
	reference.orPaid, customer.orPaid = t.Traits.ReferenceInKey, t.Traits.CustomerHidden
	for _, c := range []struct {
		change func(*payment.Charge)
		found  want
	}{
		{func(c *payment.Charge) { c.Reference += "x" }, reference},
		{func(c *payment.Charge) { c.CustomerID += "x" }, customer},
		{func(c *payment.Charge) { c.Money.Amount++ }, is(payment.Differs)},
	} {
		other := *p
		c.change(&other.Charge)
		if err := other.find(ctx, c.found); err != nil {
			return err
		}
	}
	return nil
}

func lookUpsLast(ctx context.Context, t *Target) error {
	p, err := t.Start("look-ups last", Succeeds)
	if err != nil || !p.Able.LookupOutlivesKey {
		return err
	}
	if t.Pass == nil {
		return fmt.Errorf("%w: letting time pass", ErrNotOffered)
	}
	if err := p.send(ctx, is(payment.Paid)); err != nil {
		return err
	}
	t.Pass(p.Able.KeyLife + p.Able.LongestRequest + time.Hour)
	return p.find(ctx, is(payment.Paid))
}

func lookUpsFail(ctx context.Context, t *Target) error {
	p, err := t.Start("look-ups fail", Succeeds)
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
		found := is(payment.InDoubt)
		found.failure = fault.failure
		t.BreakLookUps(fault.behaviour)
		if err := p.find(ctx, found); err != nil {
			return fmt.Errorf("%s: %w", fault.behaviour, err)
		}
	}
	return nil
}

func calledOff(ctx context.Context, t *Target) error {
	p, err := t.Start("called off", Slow)
	if err != nil {
		return err
	}
	const moment = 20 * time.Millisecond
	short, cancel := context.WithTimeout(ctx, moment)
	defer cancel()
	o := t.Gateway.Charge(short, p.Charge)
	if o.Kind != payment.InDoubt && o.Kind != payment.NotExecuted || o.Failure {
		return fmt.Errorf("taken for %s (%s), a failure of the gateway: %v", o.Kind, o.Reason, o.Failure)
	}
	cancel()
	if f := t.Gateway.Find(short, p.Charge, p.ID); f.Absent || f.Outcome.Kind != payment.InDoubt {
		return fmt.Errorf("a look-up that was called off: %s, absent: %v", f.Outcome.Kind, f.Absent)
	}
	return nil
}
