package query

import (
	"context"
	"time"

	"duly/internal/billing"
	"duly/internal/mysql"
	"duly/internal/store"
	"duly/readers"
)

// Preview reads what a run would claim, page by page and without a lock. Nothing is written, and no more than a
// page is held in memory.
type Preview struct {
	DB        *mysql.DB
	Selection store.Selection
	Size      int            // rows of a page
	Policy    billing.Policy // its rules of card networks and its guards
	Now       func() time.Time
}

// Due hands every due subscription of a status to each; false from it ends the walk.
func (p Preview) Due(ctx context.Context, status billing.SubscriptionStatus, each func(readers.DueSubscription) bool) error {
	due := &readers.DueSubscriptions{Selection: p.Selection, Status: status, Policy: p.Policy, Now: p.Now}
	return handAll(each, func() ([]readers.DueSubscription, bool, error) { return due.Look(ctx, p.DB, p.Size) })
}

// Open hands every open invoice of the stage that is due to each; false from it ends the walk.
func (p Preview) Open(ctx context.Context, stage int, each func(readers.OpenInvoice) bool) error {
	open := &readers.OpenInvoices{DB: p.DB, Selection: p.Selection, Stage: stage, Policy: p.Policy, Now: p.Now}
	return handAll(each, func() ([]readers.OpenInvoice, bool, error) { return open.Look(ctx, p.Size) })
}

// handAll hands the rows of page after page to each, until it returns false or there are no more.
func handAll[T any](each func(T) bool, next func() (page []T, done bool, err error)) error {
	for {
		page, done, err := next()
		if err != nil || done {
			return err
		}
		for _, row := range page {
			if !each(row) {
				return nil
			}
		}
	}
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
func (p Preview) Unsettled(ctx context.Context) ([]UnsettledSum, error) {
	only, args := p.Selection.Only("subscription_id")
	var sums []UnsettledSum
	err := p.DB.SelectContext(ctx, &sums, unsettledSums+only+" GROUP BY gateway, currency ORDER BY gateway, currency", args...)
	return sums, mysql.Classify(ctx, err)
}
