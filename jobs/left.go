package jobs

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"duly/internal/announce"
	"duly/internal/leasewait"
	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/query"
	"duly/internal/store"
	"duly/internal/text"
)

// left names what the run leaves undone in the steps that it had, with numbers.
func (b *billingRun) left(stages int) func(context.Context) ([]string, error) {
	return func(ctx context.Context) ([]string, error) {
		reasons, err := b.uninvoiced(ctx)
		if err != nil {
			return reasons, mysql.Classify(ctx, err)
		}
		others := store.Gateways{Names: b.paused()} // see held
		var invoices []query.Elsewhere
		for stage, step := range BillingSteps(stages)[2 : 3+stages] {
			if !b.has(step) {
				continue
			}
			n, err := query.Collectable(ctx, b.DB, b.o.Selection, stage, others)
			if err != nil {
				return reasons, mysql.Classify(ctx, err)
			}
			if n > 0 {
				there, err := query.InvoicesElsewhere(ctx, b.DB, b.o.Selection, stage, b.Configured())
				if err != nil {
					return reasons, err
				}
				n -= query.ElsewhereSum(there)
				invoices = query.ElsewhereMerged(invoices, there)
			}
			counted := func(gateway string) bool { return b.Known(gateway) && !slices.Contains(others.Names, gateway) }
			var blocked map[uint64]bool
			if n > 0 {
				if blocked, err = b.planned.Blocked(ctx, b.DB, b.o.Selection, stage, counted); err != nil {
					return reasons, err
				}
				n -= int64(len(blocked))
			}
			if n > 0 && stage == 0 {
				waiting, why, err := announce.Left(ctx, b.DB, b.o.Selection, b.o.Policy, func(w query.WaitingInvoice) bool { return counted(w.Subscription.Gateway) && !blocked[w.ID] })
				if err != nil {
					return reasons, err
				}
				n, reasons = n-waiting, append(reasons, why...)
			}
			if n > 0 {
				reasons = append(reasons, text.Plural(n, "invoice")+" of step "+step+" due and not charged")
			}
		}
		reasons = append(reasons, query.ElsewhereReasons(invoices, "invoice", "charged")...)
		attempts, err := query.AttemptsElsewhere(ctx, b.DB, b.o.Selection, b.Configured())
		if err != nil {
			return reasons, err
		}
		for _, e := range attempts {
			others.Names = append(others.Names, e.Gateway)
		}
		reasons = append(reasons, query.ElsewhereReasons(attempts, "attempt", "looked up")...)
		unsettled, err := query.CountUnsettled(ctx, b.DB, b.o.Selection, others)
		if err != nil {
			return reasons, mysql.Classify(ctx, err)
		}
		claimed, err := b.claimed(ctx, others)
		if err != nil {
			return reasons, err
		}
		paid, err := b.paidLeft(ctx)
		if err != nil {
			return reasons, err
		}
		if reasons = b.why(slices.Concat(reasons, claimed, b.inDoubt(unsettled), paid, b.doubts.Reasons(), b.unwritten.Reasons())); len(reasons) > 0 {
			reasons = append(reasons, b.history.Reasons()...)
		}
		return reasons, nil
	}
}

// held names what waits for gateways that the brake has paused, with numbers.
func (b *billingRun) held(stages int) func(context.Context) ([]string, error) {
	return func(ctx context.Context) ([]string, error) {
		var reasons []string
		for _, name := range b.paused() {
			at, invoices := store.Gateways{Names: []string{name}, Only: true}, int64(0)
			for stage, step := range BillingSteps(stages)[2 : 3+stages] {
				if !b.has(step) {
					continue
				}
				n, err := query.Collectable(ctx, b.DB, b.o.Selection, stage, at)
				if err != nil {
					return reasons, mysql.Classify(ctx, err)
				}
				invoices += n
			}
			unsettled, err := query.CountUnsettled(ctx, b.DB, b.o.Selection, at)
			if err != nil {
				return reasons, mysql.Classify(ctx, err)
			}
			if waiting := invoices + unsettled.InFlight + unsettled.InDoubt; waiting > 0 {
				why, _ := b.Gateways[name].Closed()
				reasons = append(reasons, fmt.Sprintf("%s of gateway %s until duly resume gateway %s: %s", text.Plural(waiting, "charge"), name, name, why))
			}
		}
		return reasons, nil
	}
}

// paused lists the gateways that no later run can use before an operator resumes them.
func (b *billingRun) paused() []string {
	var names []string
	for name, g := range b.Gateways {
		if g.Paused() {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (b *billingRun) has(step string) bool { return Selected(b.o.Steps, step) }

func (b *billingRun) uninvoiced(ctx context.Context) ([]string, error) {
	if !b.has(StepIssue) {
		return nil, nil
	}
	what := query.Issuing{Selection: b.o.Selection, Effective: b.issuedOn(), CatchUp: b.o.CatchUp, Named: b.o.Policy.Named}
	n, err := query.Issuable(ctx, b.DB, what)
	if err != nil || n == 0 {
		return nil, err
	}
	there, err := query.SubscriptionsElsewhere(ctx, b.DB, what, b.Configured())
	if err != nil {
		return nil, err
	}
	reasons := query.ElsewhereReasons(there, "subscription", "invoiced")
	if n -= query.ElsewhereSum(there); n > 0 {
		reasons = append(reasons, text.Plural(n, "subscription")+" due and not invoiced")
	}
	return reasons, nil
}

// claimed says of the charges that other runs have claimed whose they are, and from when the next run takes over those of the dead.
func (b *billingRun) claimed(ctx context.Context, at store.Gateways) ([]string, error) {
	owners, free, err := query.Claims(ctx, b.DB, b.o.Selection, at, b.own)
	if err != nil {
		return nil, err
	}
	reasons := b.claims(owners, "charge")
	if free > 0 { // of this run, or of runs that have ended
		reasons = append(reasons, text.Plural(free, "charge")+" claimed and not settled; the next run asks the gateway")
	}
	return reasons, nil
}

func (b *billingRun) inDoubt(u query.Unsettled) []string {
	if u.InDoubt == 0 {
		return nil
	}
	return []string{text.Plural(u.InDoubt, "charge") + " in doubt, next check " + b.minute(u.NextCheck)}
}

// minute writes when something can be done, in the business time zone, rounded up to the minute.
func (d Deps) minute(at time.Time) string {
	at = leasewait.MinuteAfter(at).In(d.Zone)
	if payment.DateOf(at) != d.Today() {
		return at.Format("2 Jan 2006 15:04 MST")
	}
	return at.Format("15:04 MST")
}

// why adds to what is left which gateways were left alone, since that is a cause of it.
func (w *worker) why(reasons []string) []string {
	if len(reasons) == 0 {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(w.deps.Gateways)) {
		if reason, closed := w.deps.Gateways[name].Closed(); closed {
			reasons = append(reasons, fmt.Sprintf("gateway %s was left alone: %s", name, reason))
		}
	}
	return reasons
}
