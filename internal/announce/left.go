package announce

import (
	"context"
	"fmt"

	"duly/internal/billing"
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
	var ids []uint64
	for after, done := uint64(0), false; !done; {
		var page []query.WaitingInvoice
		if page, after, done, err = query.WaitingInvoices(ctx, db, selection, p, after, unannouncedPage); err != nil {
			return 0, nil, err
		}
		for _, w := range page {
			if !counted(w) {
				continue
			}
			if n++; len(ids) < unannouncedNamed {
				ids = append(ids, w.ID)
			}
		}
	}
	if n == 0 {
		return 0, nil, nil
	}
	return n, []string{fmt.Sprintf("%s not charged before the notice is delivered (%s): duly run notices, then duly run outbox; duly show invoice says what is missing", text.Plural(n, "invoice"), query.FirstIDs(ids, n))}, nil
}
