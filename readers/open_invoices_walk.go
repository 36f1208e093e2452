package readers

import (
	"context"
	"fmt"

	"github.com/jmoiron/sqlx"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/claims"
	"duly/internal/mysql"
	"duly/internal/store"
)

// Read implements batch.Reader.
func (s *OpenInvoices) Read(ctx context.Context, want batch.ClaimRequest) (batch.Claim[billing.Claimed], error) {
	if s.walked && !want.Postponed {
		s.walked = false
		s.later.Reset()
	}
	for {
		read := s.readNext
		if want.Postponed {
			read = s.readPostponed
		}
		claim, err := read(ctx, want)
		if err != nil {
			return batch.Claim[billing.Claimed]{}, store.Breached(ctx, err)
		}
		if s.walked && s.later.Again && s.later.N == 0 {
			s.walked = false
			s.later.Reset()
		}
		if len(claim.items) > 0 || s.walked || want.Postponed {
			return batch.Claim[billing.Claimed]{Items: claim.items, Done: s.walked, Postponed: s.later.Names()}, nil
		}
	}
}

// readNext makes the next claim of the walk.
func (s *OpenInvoices) readNext(ctx context.Context, want batch.ClaimRequest) (*openInvoicesClaim, error) {
	limit, phase := s.walk.Limit(want.Limit), s.walk.Phase
	claim, err := s.claim(ctx, limit, want, nil)
	if err != nil {
		if err := s.fail(ctx, claim, err, limit); err != nil {
			return nil, err
		}
		claim = &openInvoicesClaim{}
	} else {
		s.failures.Succeeded()
		s.walk.Took()
		claim.confirmed(batch.Execution(ctx))
		for _, row := range claim.full {
			s.later.Add(row.Lane, row.ID)
		}
		s.waiting.Add(claim.waiting)
		if claim.seen < limit {
			s.walked = s.end(ctx)
		} else {
			s.walk.Date, s.walk.ID = claim.date, claim.id
		}
	}
	switch {
	case s.walked:
		s.waiting.Follow(&s.later)
	case s.walk.Phase != phase: // another pass begins at the head
		s.later.Reset()
		s.waiting.Reset()
	}
	return claim, nil
}

// end is called when a pass has come to its end; it reports whether that was the last one.
func (s *OpenInvoices) end(ctx context.Context) bool {
	locked := s.walk.Locked
	done := s.walk.End()
	if done && locked {
		batch.Execution(ctx).Leave("a row stayed locked by another transaction")
	}
	return done
}

// fail answers a claim that failed: the same rows are claimed in another way, or one that fails by itself is
// set aside or left.
func (s *OpenInvoices) fail(ctx context.Context, c *openInvoicesClaim, err error, limit int) error {
	kind, err := s.failures.KindOf(ctx, s.DB, err)
	if err = s.walk.Failed(kind, err, limit); err == nil || limit > 1 || c.seen != 1 || claims.Retried(kind) {
		return err
	}
	s.walk.Took()
	s.walk.Date, s.walk.ID = c.date, c.id
	return s.giveUp(ctx, kind, c.id, err)
}

// giveUp deals with an invoice that cannot be claimed: one at fault is set aside, any other is left.
func (s *OpenInvoices) giveUp(ctx context.Context, kind batch.FailureKind, id uint64, cause error) error {
	if kind == batch.FailureData {
		failed := s.setAside(ctx, id, cause)
		if failed == nil {
			return nil
		}
		if kind, failed = s.failures.KindOf(ctx, s.DB, failed); claims.Retried(kind) {
			return failed
		}
		cause = fmt.Errorf("%w, and it cannot be set aside: %w", cause, failed)
	}
	return s.failures.Pass(ctx, kind, s.Left, id, fmt.Sprintf("invoice %d cannot be charged", id), cause)
}

func (s *OpenInvoices) setAside(ctx context.Context, id uint64, cause error) error {
	var tally batch.Tally
	err := mysql.Tx(ctx, s.DB, "claim", func(tx *sqlx.Tx) error {
		var rows []store.InvoiceRow
		if err := mysql.SelectIn(ctx, tx, &rows, stageLock+" FOR UPDATE", []uint64{id}, s.Stage, s.Selection.Business, s.Now()); err != nil || len(rows) == 0 {
			return err
		}
		claim := billing.Unclaimable(rows[0].Invoice(), "the attempt could not be written: "+mysql.Reason(cause))
		var err error
		tally, err = s.Decided(ctx, tx, []billing.Decided{{Invoice: rows[0].Invoice(), Claim: claim}})
		return err
	})
	if err == nil {
		batch.Execution(ctx).Count(tally)
	}
	return err
}
