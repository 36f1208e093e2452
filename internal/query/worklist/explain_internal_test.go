package worklist

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/test/queryplan"
)

// listReads are the statements of `duly list`, at the head and in the middle of their walks.
func listReads(rows int) []queryplan.Query {
	const n = 20
	ids := make([]uint64, n)
	for i := range ids {
		ids[i] = uint64(rows-n+i) + 1
	}
	const business = "2026-01-31"
	from, middle := uint64(rows/2), time.Date(2026, 1, 1, 0, 0, rows/2, 0, time.UTC)
	review := listedSubscription + fmt.Sprintf(subscriptionsByDate, " AND review_reason IS NOT NULL")
	return []queryplan.Query{
		queryplan.Read("invoices in review", invoicesInReviewIDs),
		queryplan.Read("invoices in review, a page", invoicesInReview, ids),
		queryplan.Read("attempts of invoices in review", listedAttempts, ids),
		queryplan.Claim("planned changes", plannedChanges, business, business, from, from, 5, n),
		queryplan.Read("open and due", invoicesOpenAndDue, business, 5),
		queryplan.Read("attempts in review", attemptsInReview, from, n),
		queryplan.Read("attempts in flight", attemptsInFlight, from, n),
		queryplan.Read("attempts in doubt", attemptsInDoubt, middle, middle, from, n),
		queryplan.Read("subscriptions in review", review, "active", business, business, business, from, n),
		queryplan.Read("subscriptions that planned changes hold up", listedHeldUp, business, business, business, business, from, n),
		queryplan.Read("planned changes without a subscription", ownerlessIDs, business, 5),
		queryplan.Read("subscriptions of a status", subscriptionsOfStatus, "on_hold", business, business, from, n),
		queryplan.Read("statuses of subscriptions", fmt.Sprintf(statusesThere, "")),
		queryplan.Read("orders in review", ordersWaiting, from, n),
		queryplan.Read("orders in doubt", ordersInDoubt, middle, middle, from, n),
		queryplan.Read("payments of orders", listedPayments, ids),
		queryplan.Read("open findings", findingsWaiting, from, n),
		queryplan.Read("receivers of events", eventSinks),
		queryplan.Read("dead events", eventsDead, "webhook", from, n),
		queryplan.Read("unknown charges", chargesUnknown, from, n),
	}
}

// Pages of a list come from an index in its order: none is sorted, however much waits.
func TestListsAreNotSorted(t *testing.T) {
	t.Parallel()
	const rows = 2000
	db := queryplan.Filled(t, rows)
	var sorted []string
	for _, q := range listReads(rows) {
		lines := queryplan.Plan(t, db, q, true)
		if strings.Contains(lines, "filesort") {
			sorted = append(sorted, q.Name+"\n"+lines)
		}
	}
	require.Empty(t, sorted)
}
