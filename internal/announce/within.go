package announce

import (
	"context"
	"log/slog"

	"duly/internal/amounts"
	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/billing/guard"
	"duly/internal/billing/notice"
	"duly/internal/mysql"
)

// Held is a notice that is not written, and why.
type Held struct {
	notice.Notice
	guard.Verdict
}

// Within splits notices, all of invoices that are issued or all of such that are not, into those whose amounts are within the guards, and the others: what is sent to
// review on its day is announced to nobody, unless an operator has approved it.
func (o Options) Within(ctx context.Context, db *mysql.DB, list []notice.Notice) (within []notice.Notice, held []Held, _ error) {
	if !o.Policy.Guards.On() || len(list) == 0 {
		return list, nil, nil
	}
	type charge struct{ subscription, invoice uint64 }
	of := func(n notice.Notice) charge { return charge{n.Subscription, n.Invoice.ID} }
	at, invoices := map[charge]int{}, make([]billing.Invoice, 0, len(list)) // a charge may have two notices
	for _, n := range list {
		if _, ok := at[of(n)]; !ok {
			at[of(n)] = len(invoices)
			invoices = append(invoices, n.Invoice)
		}
	}
	verdicts, err := amounts.Forecast(ctx, db, o.Policy.Guards, invoices)
	if err != nil {
		return nil, nil, mysql.Classify(ctx, err)
	}
	for _, n := range list {
		if v := verdicts[at[of(n)]]; v.Held() {
			held = append(held, Held{n, v})
			continue
		}
		within = append(within, n)
	}
	return within, held, nil
}

// within is [Options.Within] with a line of the log for each notice that is not written.
func (r *Run) within(ctx context.Context, x *batch.StepExecution, list []notice.Notice) ([]notice.Notice, error) {
	list, held, err := r.Options.Within(ctx, r.DB, list)
	for _, h := range held {
		x.Log.WarnContext(ctx, "a charge is not announced", slog.Uint64("subscription_id", h.Subscription), slog.String("for_date", h.For.String()), slog.String("reason", h.Words))
	}
	return list, err
}
