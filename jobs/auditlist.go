package jobs

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"time"

	"duly/internal/audit"
	"duly/internal/batch"
	"duly/internal/payment"
	"duly/steps"
)

// AuditBounds limits how much of one gateway's list an audit reads; beyond that the list counts as endless. The zero value
// means [defaultAuditBounds].
type AuditBounds struct {
	Pages int           // of one list
	Still int           // pages in a row without a payment that is older or newer than all before
	Time  time.Duration // the sum of the response times
}

// defaultAuditBounds lets ten million payments through at a hundred a page.
func defaultAuditBounds() AuditBounds {
	return AuditBounds{Pages: 100_000, Still: 1000, Time: 4 * time.Hour}
}

// auditLists holds the state of each gateway's list.
type auditLists struct {
	failed map[string]bool
	// until is the time from which on a list may lag behind the charges, for gateways whose list was read to its end.
	until map[string]time.Time
	// unmatched are the listed payments without a row, by gateway and id.
	unmatched map[string]map[string]bool
}

func newAuditLists() auditLists {
	return auditLists{failed: map[string]bool{}, until: map[string]time.Time{}, unmatched: map[string]map[string]bool{}}
}

// addUnmatched records that a gateway lists a payment without a row.
func (l auditLists) addUnmatched(gateway, id string) {
	if l.unmatched[gateway] == nil {
		l.unmatched[gateway] = map[string]bool{}
	}
	l.unmatched[gateway][id] = true
}

// lacks reports whether a gateway's list, which was read to its end, lacks a payment.
func (l auditLists) lacks(gateway, id string) bool {
	return l.ended(gateway) && !l.unmatched[gateway][id]
}

// ended reports whether the list of a gateway was read to its end.
func (l auditLists) ended(gateway string) bool { return !l.until[gateway].IsZero() }

// errList says that a gateway could not be listed.
var errList = errors.New("not audited")

// readList goes through what one gateway lists, page by page, and ends with an error that wraps errList where the list does
// not come to an end.
func (a *auditRun) readList(ctx context.Context, x *batch.StepExecution, m *steps.Audit, name string) error {
	listing := &audit.Listing{Gateway: name, Met: &a.met}
	around := payment.Window{From: a.window.From.Add(-auditMargin), To: a.window.To.Add(auditMargin)}
	until := a.Business().Add(-a.Gateways[name].Capabilities().ListLag)
	pages := newPageCount(a.o.Bounds)
	for cursor := ""; ; {
		asked := a.Clock()
		page, err := m.List(x.Work, name, around, cursor)
		if err != nil {
			return fmt.Errorf("%w: %w", errList, err)
		}
		if err := a.join(ctx, x, m, listing, page.Payments); err != nil {
			return err
		}
		if page.Cursor == "" {
			a.list.until[name] = until
			return nil
		}
		if why := pages.endless(page, a.Clock().Sub(asked)); why != "" {
			return fmt.Errorf("%w: gateway %s lists without end: %s", errList, name, why)
		}
		if cursor = page.Cursor; ctx.Err() != nil || x.Lease.Left() <= 0 {
			return ctx.Err()
		}
	}
}

// pageCount finds out whether a list has no end.
type pageCount struct {
	bounds  AuditBounds
	pages   int
	still   int
	took    time.Duration
	first   time.Time
	last    time.Time
	earlier string // the cursor of an earlier page; a cycle of any length returns to it
}

func newPageCount(b AuditBounds) *pageCount {
	if b == (AuditBounds{}) {
		b = defaultAuditBounds()
	}
	return &pageCount{bounds: b}
}

// endless counts a page that is not the last. It returns the reason if the list has no end, else an empty text.
func (c *pageCount) endless(page payment.Listing, took time.Duration) string {
	c.pages++
	c.still++
	c.took += took
	for _, p := range page.Payments {
		if c.first.IsZero() || p.CreatedAt.Before(c.first) {
			c.first, c.still = p.CreatedAt, 0
		}
		if p.CreatedAt.After(c.last) {
			c.last, c.still = p.CreatedAt, 0
		}
	}
	switch {
	case page.Cursor == c.earlier:
		return fmt.Sprintf("page %d has a cursor that came before", c.pages)
	case c.still >= c.bounds.Still:
		return fmt.Sprintf("%d pages in a row brought no payment of another time", c.still)
	case c.pages >= c.bounds.Pages:
		return fmt.Sprintf("more than %d pages; a part of the time has fewer: --from and --to", c.pages)
	case c.took >= c.bounds.Time:
		return fmt.Sprintf("%d pages took %s; a part of the time has fewer: --from and --to", c.pages, c.took.Round(time.Second))
	}
	if bits.OnesCount(uint(c.pages)) == 1 {
		c.earlier = page.Cursor
	}
	return ""
}
