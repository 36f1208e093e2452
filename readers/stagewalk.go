package readers

import (
	"context"
	"errors"
	"fmt"

	"github.com/jmoiron/sqlx"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/mysql"
)

// Read implements batch.Reader.
func (s *Stage) Read(ctx context.Context, want batch.Want) (batch.Page[billing.Claimed], error) {
	if s.walked && !want.Postponed {
		s.walked = false
		s.reset()
	}
	for {
		read := s.readNext
		if want.Postponed {
			read = s.readPostponed
		}
		claim, err := read(ctx, want)
		if err != nil {
			return batch.Page[billing.Claimed]{}, breached(ctx, err)
		}
		if s.walked && s.again && s.n == 0 {
			s.walked = false
			s.reset()
		}
		if len(claim.items) > 0 || s.walked || want.Postponed {
			return batch.Page[billing.Claimed]{Items: claim.items, Done: s.walked, Postponed: s.names()}, nil
		}
	}
}

// readNext makes the next claim of the walk.
func (s *Stage) readNext(ctx context.Context, want batch.Want) (*stageClaim, error) {
	limit, phase := s.walk.limit(want.Limit), s.walk.phase
	claim, err := s.claim(ctx, limit, want, nil)
	if err != nil {
		if err := s.fail(ctx, claim, err, limit); err != nil {
			return nil, err
		}
		claim = &stageClaim{}
	} else {
		s.walk.took()
		claim.confirmed(batch.Execution(ctx))
		for _, row := range claim.full {
			s.add(row.lane, row.id)
		}
		if claim.seen < limit {
			s.walked = s.end(ctx)
		} else {
			s.walk.date, s.walk.id = claim.date, claim.id
		}
	}
	if s.walk.phase != phase && !s.walked { // another pass begins at the head
		s.reset()
	}
	return claim, nil
}

// end is called when a pass has come to its end; it reports whether that was the last one.
func (s *Stage) end(ctx context.Context) bool {
	locked := s.walk.locked
	done := s.walk.end()
	if done && locked {
		batch.Execution(ctx).Leave("a row stayed locked by another transaction")
	}
	return done
}

// fail answers a claim that failed: the same rows are claimed in another way, or one that fails by itself is
// set aside.
func (s *Stage) fail(ctx context.Context, c *stageClaim, err error, limit int) error {
	if err = s.walk.failed(err, limit); err == nil || limit > 1 || c.seen != 1 || setAsideNever(err) {
		return err
	}
	s.walk.took()
	s.walk.date, s.walk.id = c.date, c.id
	failed := s.setAside(ctx, c.id, err)
	if failed == nil || setAsideNever(failed) {
		return failed
	}
	batch.Execution(ctx).Fail(fmt.Errorf("invoice %d can neither be charged (%w) nor set aside: %w", c.id, err, failed))
	return nil
}

func setAsideNever(err error) bool {
	return errors.Is(err, batch.ErrUnavailable) || errors.Is(err, batch.ErrLocked) || errors.Is(err, batch.ErrLeaseLost) ||
		errors.Is(err, batch.ErrHistoryLost) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

func (s *Stage) setAside(ctx context.Context, id uint64, cause error) error {
	var tally batch.Tally
	err := mysql.Tx(ctx, s.DB, "claim", func(tx *sqlx.Tx) error {
		var rows []invoiceRow
		if err := mysql.SelectIn(ctx, tx, &rows, stageLock+" FOR UPDATE", []uint64{id}, s.Stage, s.Selection.Business, s.Now()); err != nil || len(rows) == 0 {
			return err
		}
		claim := billing.Unclaimable(rows[0].invoice(), "the attempt could not be written: "+mysql.Reason(cause))
		var err error
		tally, err = s.Decided(ctx, tx, []billing.Decided{{Invoice: rows[0].invoice(), Claim: claim}})
		return err
	})
	if err == nil {
		batch.Execution(ctx).Count(tally)
	}
	return err
}
