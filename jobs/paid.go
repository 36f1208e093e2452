package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/failedrows"
	"duly/internal/query"
	"duly/internal/store"
	"duly/internal/text"
	"duly/writers"
)

// mostPaid is how many attempts are completed in a step.
const mostPaid = 1000

// complete marks invoices as paid whose attempts were recorded as succeeded alone, because more could not be written.
func (b *billingRun) complete(ctx context.Context, x *batch.StepExecution) error {
	var list []query.PaidAttempt
	err := x.Retry(ctx, func(ctx context.Context) (err error) {
		list, err = query.PaidAttempts(ctx, b.DB, b.o.Selection, mostPaid)
		return err
	})
	for _, a := range list {
		if err != nil {
			break
		}
		err = x.Retry(ctx, func(ctx context.Context) error { return b.settler().Complete(ctx, a.ID) })
		if err != nil && batch.FromDatabase(err) && !errors.Is(err, batch.ErrLeaseLost) && !errors.Is(err, batch.ErrStopped) {
			b.unwritten.Note(x.Work, b.DB, store.FailedRow{Kind: failedrows.KindInvoice, ID: a.Invoice}, "marked as paid", err)
			err = nil
		}
	}
	if errors.Is(err, batch.ErrStopped) {
		return nil
	}
	return err
}

// paidLeft names the invoices that are still to be marked as paid.
func (b *billingRun) paidLeft(ctx context.Context) ([]string, error) {
	list, err := query.PaidAttempts(ctx, b.DB, b.o.Selection, mostPaid)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	ids := make([]uint64, len(list))
	for i, a := range list {
		ids[i] = a.Invoice
	}
	return []string{fmt.Sprintf("%s paid at the gateway and not yet marked as paid here: %s; a later run does it", text.Plural(int64(len(ids)), failedrows.KindInvoice), failedrows.IDList(ids))}, nil
}

// settler writes the results of charges.
func (b *billingRun) settler() *writers.OpenInvoices {
	return &writers.OpenInvoices{DB: b.DB, Server: b.Server, Policy: b.o.Policy, Accounts: b.Accounts, Today: b.effective, Now: b.Business}
}

// errNoPlace means that answers can be saved nowhere on this host.
var errNoPlace = errors.New("run.witness names no folder to save them in")

// spill saves definite answers on this host that the database does not take. Each answer that cannot be saved either is logged,
// so that nothing is lost that somebody could look up.
func (b *billingRun) spill(ctx context.Context, results []billing.Result) (where string, err error) {
	answers := store.DefiniteAnswers(batch.Execution(ctx).Run.ID, results, b.Business())
	if len(answers) == 0 {
		return "", nil
	}
	lines := make([][]byte, len(answers))
	for i, a := range answers {
		if lines[i], err = json.Marshal(a); err != nil {
			return "", fmt.Errorf("answer for %s: %w", a.Key, err)
		}
	}
	err = errNoPlace
	if b.Save != nil {
		where, err = b.Save(lines)
	}
	if err != nil {
		for _, a := range answers {
			batch.Execution(ctx).Log.ErrorContext(ctx, "an answer of a gateway could be saved nowhere", slog.String("idempotency_key", a.Key),
				slog.String("outcome", a.Answer.Outcome.Kind.String()), slog.String("payment_id", a.Answer.Outcome.PaymentID))
		}
	}
	return where, err
}
