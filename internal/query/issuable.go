package query

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"duly/internal/billing"
	"duly/internal/billing/dunning"
	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/store"
)

// Issuing is what a run may invoice: the selected subscriptions, on an effective date, in a way to catch up.
type Issuing struct {
	Selection store.Selection
	Effective payment.Date
	CatchUp   billing.CatchUp
	// Named are the dunning policies by name.
	Named map[string]dunning.Policy
}

// canBeIssued are the subscriptions s that are due and held up by no invoice, as [billing.DecideIssue] says it. Any status that is none of
// the three is unpaid. The condition that is put in is true where missed periods are caught up.
const canBeIssued = `FROM subscriptions s LEFT JOIN invoices i ON i.id =
(SELECT x.id FROM invoices x WHERE x.subscription_id = s.id ORDER BY x.issued_date DESC, x.id DESC LIMIT 1)
WHERE s.status IN ('active', 'past_due') AND s.next_billing_date <= ? AND s.review_reason IS NULL
AND (i.id IS NULL OR i.status IN ('paid', 'uncollectible', 'void') AND NOT (i.issued_date >= ? AND (%s OR i.due_date >= s.next_billing_date)))%s`

// isCaughtUp is true for subscriptions whose missed periods are caught up.
func isCaughtUp(c billing.CatchUp) string {
	switch c {
	case billing.CatchUpOne:
		return "TRUE"
	case billing.CatchUpSkip:
		return "FALSE"
	case billing.CatchUpDefault:
	}
	return "s.interval_unit NOT IN ('day', 'week')"
}

// differing lists the policies whose catch-up differs from the default.
func (i Issuing) differing() []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(i.Named)) {
		if isCaughtUp(i.Named[name].CatchUp) != isCaughtUp(i.CatchUp) {
			names = append(names, name)
		}
	}
	return names
}

// from is the FROM and the WHERE of a query over what can be invoiced, with their arguments. Only where policies catch up in different ways it
// names the column of the policy.
func (i Issuing) from(policies []string) (string, []any) {
	caughtUp, args := isCaughtUp(i.CatchUp), []any{i.Selection.Business, i.Effective}
	if len(policies) > 0 {
		var cases strings.Builder
		for _, name := range policies {
			fmt.Fprintf(&cases, " WHEN %s = ? THEN %s", store.Exactly("s.dunning_policy"), isCaughtUp(i.Named[name].CatchUp))
			args = append(args, name)
		}
		caughtUp = "CASE" + cases.String() + " ELSE " + caughtUp + " END"
	}
	only, selected := i.Selection.Only("s.id")
	return fmt.Sprintf(canBeIssued, caughtUp, only), append(args, selected...)
}

// ask asks a query with from. A view of the shop's that lacks the column of the policy has no policy in any row.
func (i Issuing) ask(query func(from string, args []any) error) error {
	policies := i.differing()
	err := query(i.from(policies))
	if len(policies) > 0 && mysql.IsUnknown(err, "dunning_policy") {
		err = query(i.from(nil))
	}
	return err
}

// dueIDs reads only the index due_walk. MySQL may read the whole index if it estimates the range to be nearly as long; the hint prevents that. MariaDB and
// a shop's view ignore it.
const (
	dueIDs = `SELECT /*+ INDEX(s due_walk) */ s.id FROM subscriptions s WHERE s.status IN ('active', 'past_due') AND s.next_billing_date <= ? LIMIT ?`
	fewDue = 1000
)

// ifFew narrows the selection to the due subscriptions if there are fewer than [fewDue], as after a run. Otherwise the server, whose estimate of the range
// includes entries that it has not purged yet, may read all subscriptions. none: no subscription is due.
func (i Issuing) ifFew(ctx context.Context, db *mysql.DB) (_ Issuing, none bool, _ error) {
	if len(i.Selection.Subscriptions) > 0 {
		return i, false, nil
	}
	var ids []uint64
	if err := db.SelectContext(ctx, &ids, dueIDs, i.Selection.Business, fewDue); err != nil {
		return i, false, mysql.Classify(ctx, err)
	}
	if len(ids) < fewDue {
		i.Selection.Subscriptions = ids
	}
	return i, len(ids) == 0, nil
}

// Issuable counts the selected subscriptions that are due and could be invoiced on this effective date.
func Issuable(ctx context.Context, db *mysql.DB, i Issuing) (n int64, err error) {
	i, none, err := i.ifFew(ctx, db)
	if none || err != nil {
		return 0, err
	}
	err = i.ask(func(from string, args []any) error {
		n, err = store.Count(ctx, db, "SELECT COUNT(*) "+from, args...)
		return err
	})
	return n, err
}

const selectIssuableSums = `SELECT COALESCE(s.currency, '') AS currency, COUNT(*) AS count, CAST(COALESCE(SUM(s.amount), 0) AS SIGNED) AS amount %s
GROUP BY 1 ORDER BY 1`

// IssuableSums sums up by currency what the subscriptions cost that [Issuable] counts. The stage is 0.
func IssuableSums(ctx context.Context, db *mysql.DB, i Issuing) ([]StageSum, error) {
	list := []StageSum{}
	err := i.ask(func(from string, args []any) error {
		return db.SelectContext(ctx, &list, fmt.Sprintf(selectIssuableSums, from), args...)
	})
	return list, mysql.Classify(ctx, err)
}

// SubscriptionsElsewhere counts those of [Issuable] that are due at gateways other than those.
func SubscriptionsElsewhere(ctx context.Context, db *mysql.DB, i Issuing, configured []string) (list []Elsewhere, err error) {
	err = i.ask(func(from string, args []any) error {
		list, err = countElsewhere(ctx, db, "s.gateway", "s.id", from, args, configured)
		return err
	})
	return list, err
}
