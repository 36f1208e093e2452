package readers

import (
	"context"

	"duly/internal/billing"
	"duly/internal/mysql"
	"duly/internal/payment"
)

// Peek reads what a run would claim, page by page and without a lock. Nothing is written, and no more than a
// page is held in memory.
type Peek struct {
	DB        *mysql.DB
	Selection Selection
	Size      int // rows of a page
}

// Due hands every due subscription of a status to each; false from it ends the walk.
func (p Peek) Due(ctx context.Context, status billing.SubscriptionStatus, each func(DueSubscription) bool) error {
	due := &Due{Selection: p.Selection, Status: status}
	for {
		candidates, err := due.candidates(ctx, p.DB, p.Size)
		if err != nil || len(candidates) == 0 {
			return mysql.Classify(ctx, err)
		}
		var rows []subscriptionRow
		ids := sortedIDs(candidates, func(c candidate) uint64 { return c.ID })
		if err := mysql.SelectIn(ctx, p.DB, &rows, dueLock, ids, string(status), p.Selection.Business); err != nil {
			return mysql.Classify(ctx, err)
		}
		page, err := withInvoices(ctx, p.DB, rows)
		if err != nil {
			return mysql.Classify(ctx, err)
		}
		for _, row := range page {
			if !each(row) {
				return nil
			}
		}
		last := candidates[len(candidates)-1]
		due.walk.date, due.walk.id = last.Date, last.ID
	}
}

// OpenInvoice is an open invoice that is due, with what the rules read beside it.
type OpenInvoice struct {
	billing.Invoice

	Subscription billing.Subscription
	Gone         bool // the subscription's row is not there
	Past         []billing.Past
}

// Open hands every open invoice of the stage that is due to each; false from it ends the walk.
func (p Peek) Open(ctx context.Context, stage int, each func(OpenInvoice) bool) error {
	open := &Stage{Selection: p.Selection, Stage: stage}
	for {
		candidates, err := open.candidates(ctx, p.DB, p.Size)
		if err != nil || len(candidates) == 0 {
			return mysql.Classify(ctx, err)
		}
		ids := sortedIDs(candidates, func(c candidate) uint64 { return c.ID })
		invoices, err := p.invoices(ctx, stage, ids)
		if err != nil {
			return mysql.Classify(ctx, err)
		}
		for _, inv := range invoices {
			if !each(inv) {
				return nil
			}
		}
		last := candidates[len(candidates)-1]
		open.walk.date, open.walk.id = last.Date, last.ID
	}
}

func (p Peek) invoices(ctx context.Context, stage int, ids []uint64) ([]OpenInvoice, error) {
	var rows []invoiceRow
	// A run takes up what earlier runs have put off: no instant is too late.
	never := "9999-12-31"
	if err := mysql.SelectIn(ctx, p.DB, &rows, stageLock, ids, stage, p.Selection.Business, never); err != nil || len(rows) == 0 {
		return nil, err
	}
	subscriptions, err := subscriptionsOf(ctx, p.DB, rows, "")
	if err != nil {
		return nil, err
	}
	past, err := pastOf(ctx, p.DB, rows)
	if err != nil {
		return nil, err
	}
	out := make([]OpenInvoice, len(rows))
	for i, r := range rows {
		sub, ok := subscriptions[r.SubscriptionID]
		out[i] = OpenInvoice{Invoice: r.invoice(), Subscription: sub, Gone: !ok, Past: past[r.ID]}
	}
	return out, nil
}

// UnsettledSum is how many unsettled attempts there are at a gateway in a currency.
type UnsettledSum struct {
	Gateway  string
	Currency string
	Count    int64
	Amount   int64 // minor units
}

const unsettledSums = `SELECT gateway, currency, COUNT(*) AS count, CAST(SUM(amount) AS SIGNED) AS amount FROM payment_attempts
WHERE status IN ('in_flight', 'in_doubt')`

// Unsettled sums up the attempts that a run would ask about first.
func (p Peek) Unsettled(ctx context.Context) ([]UnsettledSum, error) {
	only, args := p.Selection.only("subscription_id")
	var sums []UnsettledSum
	err := p.DB.SelectContext(ctx, &sums, unsettledSums+only+" GROUP BY gateway, currency ORDER BY gateway, currency", args...)
	return sums, mysql.Classify(ctx, err)
}

// IsInvoiced reports whether the subscription has an invoice of that due date.
func (s DueSubscription) IsInvoiced(due payment.Date) bool { return s.Invoiced[due] }
