package readers

import (
	"context"

	"github.com/jmoiron/sqlx"

	"duly/internal/amounts"
	"duly/internal/billing"
)

// guarded are those of the charges whose amounts are within the guards; the others go to review. What they are judged by is read for all of
// them at once.
func (s *OpenInvoices) guarded(ctx context.Context, tx *sqlx.Tx, chosen []charge) (within []charge, beyond []billing.Decided, _ error) {
	if !s.Policy.Guards.On() {
		return chosen, nil, nil
	}
	invoices := make([]billing.Invoice, len(chosen))
	for i, ch := range chosen {
		invoices[i] = *ch.inv
	}
	verdicts, err := amounts.Judge(ctx, tx, s.Policy.Guards, invoices)
	if err != nil {
		return nil, nil, err
	}
	for i, ch := range chosen {
		if verdicts[i].Held() {
			beyond = append(beyond, billing.Decided{Invoice: *ch.inv, Claim: billing.HoldAmount(*ch.inv, *ch.sub, verdicts[i], s.Today())})
			continue
		}
		within = append(within, ch)
	}
	return within, beyond, nil
}
