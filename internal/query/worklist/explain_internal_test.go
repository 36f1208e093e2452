package worklist

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/explain"
)

// listReads are the statements of `duly list`, at the head and in the middle of their walks.
func listReads(rows int) []explain.Query {
	const n = 20
	ids := make([]uint64, n)
	for i := range ids {
		ids[i] = uint64(rows-n+i) + 1
	}
	const business = "2026-01-31"
	from, middle := uint64(rows/2), time.Date(2026, 1, 1, 0, 0, rows/2, 0, time.UTC)
	review := listedSubscription + fmt.Sprintf(subscriptionsByDate, " AND review_reason IS NOT NULL")
	return []explain.Query{
		explain.Read("invoices in review", invoicesInReviewIDs),
		explain.Read("invoices in review, a page", invoicesInReview, ids),
		explain.Read("attempts of invoices in review", listedAttempts, ids),
		explain.Read("open and due", invoicesOpenAndDue, business, 5),
		explain.Read("attempts in review", attemptsInReview, from, n),
		explain.Read("attempts in flight", attemptsInFlight, from, n),
		explain.Read("attempts in doubt", attemptsInDoubt, middle, middle, from, n),
		explain.Read("subscriptions in review", review, "active", business, business, business, from, n),
		explain.Read("subscriptions of a status", subscriptionsOfStatus, "on_hold", business, business, from, n),
		explain.Read("statuses of subscriptions", fmt.Sprintf(statusesThere, "")),
		explain.Read("orders in review", ordersWaiting, from, n),
		explain.Read("orders in doubt", ordersInDoubt, middle, middle, from, n),
		explain.Read("payments of orders", listedPayments, ids),
		explain.Read("open findings", findingsWaiting, from, n),
		explain.Read("receivers of events", eventSinks),
		explain.Read("dead events", eventsDead, "webhook", from, n),
		explain.Read("unknown charges", chargesUnknown, from, n),
	}
}

// Pages of a list come from an index in its order: none is sorted, however much waits.
func TestListsAreNotSorted(t *testing.T) {
	t.Parallel()
	const rows = 2000
	db := explain.Filled(t, rows)
	var sorted []string
	for _, q := range listReads(rows) {
		lines := explain.Plan(t, db, q, true)
		if strings.Contains(lines, "filesort") {
			sorted = append(sorted, q.Name+"\n"+lines)
		}
	}
	require.Empty(t, sorted)
}
