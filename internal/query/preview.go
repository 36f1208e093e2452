package query

import (
	"context"
	"time"

	"duly/internal/billing"
	"duly/internal/billing/planned"
	"duly/internal/changes"
	"duly/internal/mysql"
	"duly/internal/payment"
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
	Effective payment.Date
	// Changes are planned ones, which are applied to what is read; nil: none is due.
	Changes *changes.Source
}

// Due hands every due subscription of a status to each; false from it ends the walk.
func (p Preview) Due(ctx context.Context, status billing.SubscriptionStatus, each func(readers.DueSubscription) bool) error {
	due := &readers.DueSubscriptions{Selection: p.Selection, Status: status, Policy: p.Policy, Now: p.Now, Changes: p.Changes}
	return handAll(each, func() ([]readers.DueSubscription, bool, error) {
		page, done, err := due.Look(ctx, p.DB, p.Size)
		if err != nil {
			return page, done, err
		}
		of, err := p.Changes.Of(ctx, p.DB, store.SortedIDs(page, func(s readers.DueSubscription) uint64 { return s.ID }))
		for i, row := range page {
			if list := of[row.ID]; len(list) > 0 {
				plan := planned.ForIssue(row.Subscription, list, p.Changes.Policy(), p.Changes.Refused())
				page[i].Plan, page[i].Subscription = &plan, plan.After
			}
		}
		return page, done, err
	})
}

// Open hands every open invoice of the stage that is due to each; false from it ends the walk.
func (p Preview) Open(ctx context.Context, stage int, each func(readers.OpenInvoice) bool) error {
	open := &readers.OpenInvoices{DB: p.DB, Selection: p.Selection, Stage: stage, Policy: p.Policy, Now: p.Now, Today: func() payment.Date { return p.Effective }}
	return handAll(each, func() ([]readers.OpenInvoice, bool, error) {
		page, done, err := open.Look(ctx, p.Size)
		if err != nil {
			return page, done, err
		}
		of, err := p.Changes.Of(ctx, p.DB, store.SortedIDs(page, func(i readers.OpenInvoice) uint64 { return i.SubscriptionID }))
		for i, row := range page {
			if list := of[row.SubscriptionID]; len(list) > 0 && !row.Gone {
				page[i].Subscription = planned.ForClaim(row.Subscription, list, p.Changes.Policy().Effective, p.Changes.Refused()).After
			}
		}
		return page, done, err
	})
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
