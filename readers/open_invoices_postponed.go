package readers

import (
	"context"
	"maps"
	"slices"

	"duly/internal/batch"
)

// maxPostponed bounds the memory that a walk takes for postponed rows.
const maxPostponed = 100_000

// postponed holds the ids of rows whose lanes had no room, in the order in which the walk met them.
type postponed struct {
	lanes  map[string][]uint64
	n      int
	single int // claims of one row that are left, because a claim of several failed
	// again: some rows that the walk met are neither claimed, decided nor held here: another walk is to meet them.
	again bool
}

// reset forgets everything, when a pass begins that meets all of it again.
func (p *postponed) reset() { *p = postponed{} }

func (p *postponed) add(lane string, id uint64) {
	if p.n >= maxPostponed {
		p.again = true
		return
	}
	if p.lanes == nil {
		p.lanes = map[string][]uint64{}
	}
	p.lanes[lane] = append(p.lanes[lane], id)
	p.n++
}

// names lists the lanes of which rows are postponed.
func (p *postponed) names() []string { return slices.Sorted(maps.Keys(p.lanes)) }

// next returns the rows of a lane that can be claimed now. The rows of lanes that are skipped are left, to be met by
// another walk once the lane is open.
func (p *postponed) next(want batch.ClaimRequest) (lane string, ids []uint64) {
	for _, name := range p.names() {
		if want.Skip(name) {
			p.drop(name, len(p.lanes[name]))
			continue
		}
		limit := min(want.Limit, len(p.lanes[name]))
		if want.Room != nil {
			limit = min(limit, want.Room(name))
		}
		if p.single > 0 {
			limit = min(limit, 1)
		}
		if limit > 0 {
			return name, p.lanes[name][:limit]
		}
	}
	return "", nil
}

// drop takes out the first n rows of a lane.
func (p *postponed) drop(lane string, n int) {
	p.n -= n
	if p.lanes[lane] = p.lanes[lane][n:]; len(p.lanes[lane]) == 0 {
		delete(p.lanes, lane)
	}
}

// readPostponed claims rows that there was no room for before.
func (s *OpenInvoices) readPostponed(ctx context.Context, want batch.ClaimRequest) (*openInvoicesClaim, error) {
	lane, ids := s.postponed.next(want)
	if len(ids) == 0 {
		return &openInvoicesClaim{}, nil
	}
	claim, err := s.claim(ctx, len(ids), want, slices.Sorted(slices.Values(ids)))
	if err != nil {
		kind, err := s.failures.classify(ctx, s.DB, err)
		switch {
		case retried(kind):
			return nil, err
		case len(ids) > 1:
			s.postponed.single = len(ids)
			return &openInvoicesClaim{}, nil
		}
		if err := s.giveUp(ctx, kind, ids[0], err); err != nil {
			return nil, err
		}
		claim = &openInvoicesClaim{met: 1}
	}
	s.postponed.single = max(0, s.postponed.single-1)
	s.again = s.again || claim.met < len(ids) // locked, or not open any more
	s.drop(lane, len(ids))
	for _, row := range claim.full { // its lane is another one by now
		s.add(row.lane, row.id)
	}
	claim.confirmed(batch.Execution(ctx))
	return claim, nil
}
