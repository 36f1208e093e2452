package query

import (
	"context"
	"fmt"

	"duly/internal/billing"
	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/store"
)

// Issuing is what a run may invoice: the selected subscriptions, on an effective date, in a way to catch up.
type Issuing struct {
	Selection store.Selection
	Effective payment.Date
	CatchUp   billing.CatchUp
}

// canBeIssued are the subscriptions s that are due and held up by no invoice, as [billing.DecideIssue] says it. Any status that is none of
// the three is unpaid. The condition that is put in is true where missed periods are caught up.
const canBeIssued = `FROM subscriptions s LEFT JOIN invoices i ON i.id =
(SELECT x.id FROM invoices x WHERE x.subscription_id = s.id ORDER BY x.issued_date DESC, x.id DESC LIMIT 1)
WHERE s.status IN ('active', 'past_due') AND s.next_billing_date <= ? AND s.review_reason IS NULL
AND (i.id IS NULL OR i.status IN ('paid', 'uncollectible', 'void') AND NOT (i.issued_date >= ? AND (%s OR i.due_date >= s.next_billing_date)))%s`

// from is the FROM and the WHERE of a query over what can be invoiced, with their arguments.
func (i Issuing) from() (string, []any) {
	caughtUp := "s.interval_unit NOT IN ('day', 'week')"
	switch i.CatchUp {
	case billing.CatchUpOne:
		caughtUp = "TRUE"
	case billing.CatchUpSkip:
		caughtUp = "FALSE"
	case billing.CatchUpDefault:
	}
	only, args := i.Selection.Only("s.id")
	return fmt.Sprintf(canBeIssued, caughtUp, only), append([]any{i.Selection.Business, i.Effective}, args...)
}

// Issuable counts the selected subscriptions that are due and could be invoiced on this effective date.
func Issuable(ctx context.Context, db *mysql.DB, i Issuing) (int64, error) {
	from, args := i.from()
	return store.Count(ctx, db, "SELECT COUNT(*) "+from, args...)
}

const selectIssuableSums = `SELECT COALESCE(s.currency, '') AS currency, COUNT(*) AS count, CAST(COALESCE(SUM(s.amount), 0) AS SIGNED) AS amount %s
GROUP BY 1 ORDER BY 1`

// IssuableSums sums up by currency what the subscriptions cost that [Issuable] counts. The stage is 0.
func IssuableSums(ctx context.Context, db *mysql.DB, i Issuing) ([]StageSum, error) {
	from, args := i.from()
	list := []StageSum{}
	err := db.SelectContext(ctx, &list, fmt.Sprintf(selectIssuableSums, from), args...)
	return list, mysql.Classify(ctx, err)
}

// SubscriptionsElsewhere counts those of [Issuable] that are due at gateways other than those.
func SubscriptionsElsewhere(ctx context.Context, db *mysql.DB, i Issuing, configured []string) ([]Elsewhere, error) {
	from, args := i.from()
	return countElsewhere(ctx, db, "s.gateway", "s.id", from, args, configured)
}
