package readers

import (
	"context"
	"slices"

	"duly/internal/batch"
	"duly/internal/claims"
)

// readPostponed claims rows that there was no room for before.
func (s *OpenInvoices) readPostponed(ctx context.Context, want batch.ClaimRequest) (*openInvoicesClaim, error) {
	lane, ids := s.later.Next(want)
	if len(ids) == 0 {
		return &openInvoicesClaim{}, nil
	}
	claim, err := s.claim(ctx, len(ids), want, slices.Sorted(slices.Values(ids)))
	if err != nil {
		kind, err := s.failures.KindOf(ctx, s.DB, err)
		switch {
		case s.later.Single.Split(kind, len(ids)):
			return &openInvoicesClaim{}, nil
		case claims.Retried(kind):
			return nil, err
		}
		if err := s.giveUp(ctx, kind, ids[0], err); err != nil {
			return nil, err
		}
		claim = &openInvoicesClaim{met: 1}
	}
	s.later.Single.Took()
	s.later.Again = s.later.Again || claim.met < len(ids) // locked, or not open any more
	s.later.Drop(lane, len(ids))
	for _, row := range claim.full { // its lane is another one by now
		s.later.Add(row.Lane, row.ID)
	}
	for _, row := range claim.waiting {
		s.later.Add(row.Lane, row.ID)
	}
	claim.confirmed(batch.Execution(ctx))
	s.waiting.Await(ctx, len(claim.items), len(claim.waiting), s.Clock())
	return claim, nil
}
