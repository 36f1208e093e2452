package gateway

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/failsafe-go/failsafe-go"

	"duly/internal/payment"
)

// Charge sends c, again under the same key where that can do no harm, and returns the outcome of all its
// requests together; doubted says that an earlier one may have been executed, and the result whether one may
// have been by now. It waits while the circuit is open, and returns early when ctx is done, the guard of ctx
// refuses or wants to stop, or the gateway is left alone for the run; what was not sent is NotExecuted then.
//
// A gateway without keys is never sent a request while an earlier one may have been executed.
func (p *Paced) Charge(ctx context.Context, c payment.Charge, doubted bool) (payment.Outcome, bool) {
	keyed := p.gateway.Abilities().KeyLife > 0
	if doubted && !keyed {
		return payment.Outcome{LookUpOnly: true, Reason: "sent before, and the gateway keeps no keys"}, true
	}
	waiting, cancel := p.waiting(ctx)
	defer cancel(nil)
	s := &sending{paced: p, charge: c, keyed: keyed, doubted: doubted}
	// failsafe's own result is lost when waiting ends during a request; sending keeps ours.
	_, _ = failsafe.With(p.charges).WithContext(waiting).Get(func() (verdict, error) {
		return s.try(ctx, waiting), nil
	})
	return s.outcome, s.doubted
}

// sending is one Charge: what its requests so far amount to.
type sending struct {
	paced   *Paced
	charge  payment.Charge
	keyed   bool
	outcome payment.Outcome
	doubted bool
	tries   int
	began   time.Time // of the first request
}

// try sends one request and says whether there should be another.
func (s *sending) try(ctx, waiting context.Context) verdict {
	p := s.paced
	if s.tries > 0 && p.limits.MaxElapsed > 0 {
		left := p.limits.MaxElapsed - p.limits.Now().Sub(s.began)
		limited, cancel := context.WithTimeoutCause(waiting, left, errElapsed)
		defer cancel()
		waiting = limited
	}
	epoch, err := p.admit(waiting)
	if err != nil {
		s.hold(p.why(err))
		return verdict{}
	}
	raw, refused := s.send(ctx, epoch)
	s.outcome, s.doubted = raw.After(s.doubted)
	if raw.Kind == payment.Misconfigured {
		p.leave("refused our credentials: " + raw.Reason)
	}
	if refused || !s.repeatable(raw) {
		return verdict{}
	}
	wait := p.limits.backoff(s.tries, raw.RetryAfter)
	if p.limits.MaxElapsed > 0 && p.limits.Now().Sub(s.began)+wait > p.limits.MaxElapsed {
		return verdict{}
	}
	return verdict{again: true, wait: wait}
}

// send passes c on under the permit of epoch, and tells whether the guard kept it from leaving.
func (s *sending) send(ctx context.Context, epoch int) (raw payment.Outcome, refused bool) {
	p := s.paced
	answered := false
	defer func() {
		if !answered { // a panic below must not keep a probe's place for ever
			p.circuit.release(epoch)
		}
	}()
	guarded, said := watchGuard(ctx)
	start := p.limits.Now()
	if s.tries == 0 {
		s.began = start
	}
	raw = p.gateway.Charge(guarded, s.charge)
	if said.no.Load() {
		return raw, true
	}
	answered = true
	s.tries++
	p.circuit.record(epoch, raw.Failure)
	p.count(p.limits.Now().Sub(start), s.tries > 1, func(t *Stats) {
		t.Charges[raw.Kind]++
		if raw.Kind == payment.Misconfigured {
			t.Misconfigured++
		}
	})
	return raw, false
}

// repeatable reports whether the same bytes may be sent again at once after raw.
func (s *sending) repeatable(raw payment.Outcome) bool {
	return raw.Kind == payment.NotExecuted || raw.Kind == payment.InDoubt && s.keyed && !raw.LookUpOnly
}

// hold ends the call because no further request may be sent.
func (s *sending) hold(why string) {
	if s.tries > 0 {
		s.outcome.Reason += "; " + why
		return
	}
	s.outcome, s.doubted = payment.Outcome{Kind: payment.NotExecuted, Reason: why}.After(s.doubted)
}

// guardAnswer remembers whether a guard said no.
type guardAnswer struct{ no atomic.Bool }

// watchGuard returns a context under which the guard of ctx is asked as before, and its answer seen.
func watchGuard(ctx context.Context) (context.Context, *guardAnswer) {
	said := &guardAnswer{}
	g, _ := ctx.Value(guardKey{}).(Guard)
	if g.Check == nil {
		return ctx, said
	}
	check := g.Check
	g.Check = func() error {
		err := check()
		if err != nil {
			said.no.Store(true)
		}
		return err
	}
	return WithGuard(ctx, g), said
}
