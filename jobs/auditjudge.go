package jobs

import (
	"context"
	"fmt"

	"duly/internal/audit"
	"duly/internal/batch"
	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/query"
	"duly/internal/refundrows"
	"duly/internal/store"
	"duly/steps"
)

// judge decides about payments that their gateways were asked about, and writes down what it finds. It may be
// repeated.
func (a *auditRun) judge(ctx context.Context, x *batch.StepExecution, seen []audit.Seen) (batch.Tally, error) {
	var tally batch.Tally
	var found []audit.Finding
	var unproven, open []string
	for _, s := range seen {
		now, there, paid, err := a.again(ctx, s)
		if err != nil {
			return tally, err
		}
		f, verdict := s.Settle(now, there, paid, a.proves(s))
		if verdict == audit.Differs && f.Kind == audit.ChargedTwice && !s.Again { // else it listed both of them
			if s.Known {
				paid = []audit.Ours{now}
			}
			var sure bool
			if f, sure = a.beside(ctx, x, f, paid); !sure {
				tally.Released++
				continue
			}
		}
		if p := s.Sight.Payment; verdict == audit.Agrees && p != nil && a.list.lacks(s.Gateway, p.ID) {
			if lacks, is := s.NotListed(a.window, a.list.until[s.Gateway]); is {
				f, verdict = lacks, audit.Differs
			}
		}
		switch verdict {
		case audit.Differs:
			if done, is, err := refundrows.RecordFound(ctx, a.DB, a.Business(), s, now, f); err != nil {
				return tally, err
			} else if is {
				tally.Add(done)
				continue
			}
			found = append(found, f)
			tally.Declined++
		case audit.Agrees:
			tally.Succeeded++
		case audit.Moving:
			tally.InDoubt++
		case audit.Unproven:
			tally.Released++
			unproven = append(unproven, "unknown to gateway "+s.Gateway+", whose absence proves nothing")
		case audit.Uncontrolled:
			tally.Released++
			if why, again := a.uncontrolled(s); again {
				open = append(open, why)
			} else {
				unproven = append(unproven, why)
			}
		case audit.Unanswered:
			tally.Released++
			x.Leave(fmt.Sprintf("gateway %s could not be asked about every payment: %s", s.Gateway, s.Why()))
		}
	}
	if err := store.Findings(ctx, a.DB, a.Business(), found); err != nil {
		return tally, err
	}
	for _, why := range unproven {
		a.notes[why]++
	}
	for _, why := range open {
		a.open[why]++
	}
	return tally, nil
}

// beside asks for the payments that rows keep beside a second one. It reports false if a gateway did not answer: the next audit
// asks again.
func (a *auditRun) beside(ctx context.Context, x *batch.StepExecution, f audit.Finding, rows []audit.Ours) (audit.Finding, bool) {
	sights := (&steps.Audit{Gateways: a.Gateways}).Kept(ctx, rows)
	f, sure := f.Beside(rows, sights)
	if !sure {
		x.Leave("of two payments under one reference a gateway could not be asked whether it has the first: " + f.Reference)
	}
	return f, sure
}

// doubled asks about the payments of each reference that rows of ours say was paid more than once.
func (a *auditRun) doubled(ctx context.Context, x *batch.StepExecution, found []audit.Finding) ([]audit.Finding, error) {
	sure := found[:0:0]
	for _, f := range found {
		if f.Kind == audit.ChargedTwice {
			rows, err := query.FindingRows(ctx, a.DB, f)
			if err != nil {
				return nil, err
			}
			var ok bool
			if f, ok = a.beside(ctx, x, f, rows); !ok {
				continue
			}
		}
		sure = append(sure, f)
	}
	return sure, nil
}

// uncontrolled says why a gateway's word that it does not know a payment is not believed, and whether the next audit is to
// ask again. It does not where nothing was there to check by for so long that nothing will be.
func (a *auditRun) uncontrolled(s audit.Seen) (why string, again bool) {
	v := s.Vetting
	switch {
	case v.Failed():
		return fmt.Sprintf("paid here and unknown there, which is not believed: %s Check gateways.%s.url and .token, then duly doctor",
			v.Denied.DeniedBy(s.Gateway), s.Gateway), true
	case v.Unknown():
		return "paid here and unknown there, which is not believed: " + "gateway " + s.Gateway + " did not answer for a payment that it took", true
	}
	return fmt.Sprintf("paid here and unknown to gateway %[1]s, which shows no payment of ours from %[2]s: duly doctor --control %[1]s PAYMENT_ID names one",
		s.Gateway, v.Missing()), a.Business().Sub(s.Ours.CreatedAt) < auditPatience
}

// again reads what our tables say of a payment now, after its gateway was asked.
func (a *auditRun) again(ctx context.Context, s audit.Seen) (now audit.Ours, there bool, paid []audit.Ours, err error) {
	if s.Known {
		now, there, err = store.ReadOurs(ctx, a.DB, s.Ours.Row)
		return now, there, nil, err
	}
	rows, err := store.Matches(ctx, a.DB, []payment.Payment{s.Theirs})
	if err != nil {
		return now, false, nil, err
	}
	fresh := audit.Listing{Gateway: s.Gateway, Met: &audit.Met{}}
	if pair := fresh.Join([]payment.Payment{s.Theirs}, rows)[0]; pair.Known {
		return pair.Ours, true, nil, nil
	}
	paid, err = store.PaidUnder(ctx, a.DB, s.Theirs.Reference)
	return now, false, paid, err
}

// proves reports whether the absence of a payment from its gateway proves that there is none.
func (a *auditRun) proves(s audit.Seen) bool {
	g, ok := a.Gateways[s.Gateway]
	if !ok {
		return false
	}
	abilities := g.Capabilities()
	return s.Which.ID != "" || abilities.LookupOutlivesKey || a.Business().Sub(s.Ours.CreatedAt) < abilities.KeyLife
}

// auditWriter writes down what look-ups brought. It implements batch.Writer; all of it may be repeated, and nothing
// need be kept for another run.
type auditWriter struct{ job *auditRun }

func (w auditWriter) Write(ctx context.Context, seen []audit.Seen) (batch.Tally, error) {
	tally, err := w.job.judge(ctx, batch.Execution(ctx), seen)
	if err != nil {
		return batch.Tally{}, fmt.Errorf("write what was found: %w", mysql.Classify(ctx, err))
	}
	return tally, nil
}

func (auditWriter) Reject(_ context.Context, s audit.Seen, cause error) (batch.Tally, error) {
	return batch.Tally{}, fmt.Errorf("%s cannot be audited: %w", s.Ours.Row, cause)
}

func (auditWriter) Keep(context.Context, []audit.Seen) error { return nil }
