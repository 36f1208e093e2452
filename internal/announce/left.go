package announce

import (
	"context"
	"fmt"

	"duly/internal/billing"
	"duly/internal/billing/notice"
	"duly/internal/mysql"
	"duly/internal/query"
	"duly/internal/store"
	"duly/internal/text"
)

const (
	// unannouncedPage is how many untried invoices are read at once, and unannouncedNamed how many are named.
	unannouncedPage  = 500
	unannouncedNamed = 5
)

// Left counts the invoices that wait for a delivered notice, and returns a line about them. counted leaves out invoices that the caller counts elsewhere.
func Left(ctx context.Context, db *mysql.DB, selection store.Selection, p billing.Policy, counted func(query.WaitingInvoice) bool) (n int64, reasons []string, err error) {
	if !Requires(p) {
		return 0, nil, nil
	}
	found := make(map[notice.Lack]*lacking)
	for after, done := uint64(0), false; !done; {
		var page []query.WaitingInvoice
		if page, after, done, err = query.WaitingInvoices(ctx, db, selection, p, after, unannouncedPage); err != nil {
			return 0, nil, err
		}
		for _, w := range page {
			if !counted(w) {
				continue
			}
			n++
			why := notice.Lacks(w.Invoice, w.Newest)
			if why == notice.LackAmount {
				why = notice.LackWritten
			}
			if found[why] == nil {
				found[why] = &lacking{}
			}
			found[why].add(w)
		}
	}
	for _, why := range []notice.Lack{notice.LackWritten, notice.LackDelivery, notice.LackReceiver} {
		if l := found[why]; l != nil {
			reasons = append(reasons, fmt.Sprintf("%s not charged before the notice is delivered (%s): %s, then duly run billing", text.Plural(l.n, "invoice"), query.FirstIDs(l.ids, l.n), notice.Remedy(why, l.dead...)))
		}
	}
	return n, reasons, nil
}

// lacking are invoices that wait for the same of their notices.
type lacking struct {
	n         int64
	ids, dead []uint64 // the first ones, and the events of their notices that were given up
}

func (l *lacking) add(w query.WaitingInvoice) {
	if l.n++; len(l.ids) < unannouncedNamed {
		l.ids = append(l.ids, w.ID)
		l.dead = append(l.dead, w.Newest.Dead)
	}
}
