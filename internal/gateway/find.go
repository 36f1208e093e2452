package gateway

import (
	"context"

	"github.com/failsafe-go/failsafe-go"

	"duly/internal/payment"
)

// Find asks what became of c, within the limits of the gateway and a second time where the first could not
// be read. It returns early as Charge does; what could not be asked is InDoubt.
func (p *Paced) Find(ctx context.Context, c payment.Charge, paymentID string) Finding {
	if !p.gateway.Abilities().FindByKey && paymentID == "" {
		return unasked("the gateway cannot be asked by key")
	}
	waiting, cancel := p.waiting(ctx)
	defer cancel(nil)
	l := &lookUp{paced: p, charge: c, paymentID: paymentID}
	_, _ = failsafe.With(p.lookUps).WithContext(waiting).Get(func() (verdict, error) {
		return l.try(ctx, waiting), nil
	})
	return l.finding
}

// unasked is the finding of a look-up that was not made.
func unasked(why string) Finding {
	return Finding{Outcome: payment.Outcome{Kind: payment.InDoubt, Reason: "not looked up: " + why}}
}

// lookUp is one Find.
type lookUp struct {
	paced     *Paced
	charge    payment.Charge
	paymentID string
	finding   Finding
	tries     int
}

// try asks once and says whether to ask again.
func (l *lookUp) try(ctx, waiting context.Context) verdict {
	p := l.paced
	epoch, err := p.admit(waiting)
	if err != nil {
		if l.tries == 0 {
			l.finding = unasked(p.why(err))
		}
		return verdict{}
	}
	answered := false
	defer func() {
		if !answered {
			p.circuit.release(epoch)
		}
	}()
	start := p.limits.Now()
	l.finding = p.gateway.Find(ctx, l.charge, l.paymentID)
	answered = true
	l.tries++
	p.circuit.record(epoch, l.finding.Outcome.Failure)
	p.count(p.limits.Now().Sub(start), l.tries > 1, func(s *Stats) {
		s.LookUps++
		if l.finding.Misconfigured {
			s.Misconfigured++
		}
	})
	if l.finding.Misconfigured {
		p.leave("refused our credentials: " + l.finding.Outcome.Reason)
	}
	o := l.finding.Outcome
	again := !l.finding.Absent && !l.finding.Misconfigured && o.Kind == payment.InDoubt && !o.LookUpOnly
	wait := p.limits.backoff(l.tries, o.RetryAfter)
	if p.limits.MaxElapsed > 0 && wait > p.limits.MaxElapsed {
		again = false
	}
	return verdict{again: again, wait: wait}
}
