package readers

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/testdb"
	"duly/internal/worktest"
)

// listReads are the statements of `duly list`, at the head and in the middle of their walks.
func listReads(rows int) []claimQuery {
	const n = 20
	ids := make([]uint64, n)
	for i := range ids {
		ids[i] = uint64(rows-n+i) + 1
	}
	const business = "2026-01-31"
	from, middle := uint64(rows/2), time.Date(2026, 1, 1, 0, 0, rows/2, 0, time.UTC)
	review := listedSubscription + fmt.Sprintf(subscriptionsByDate, " AND review_reason IS NOT NULL")
	return []claimQuery{
		{"invoices in review", invoicesInReviewIDs, nil, true},
		{"invoices in review, a page", invoicesInReview, []any{ids}, true},
		{"attempts of invoices in review", listedAttempts, []any{ids}, true},
		{"open and due", openAndDue, []any{business, 5}, true},
		{"attempts in review", attemptsInReview, []any{from, n}, true},
		{"attempts in flight", attemptsInFlight, []any{from, n}, true},
		{"attempts in doubt", attemptsInDoubt, []any{middle, middle, from, n}, true},
		{"subscriptions in review", review, []any{"active", business, business, business, from, n}, true},
		{"subscriptions of a status", subscriptionsOfStatus, []any{"on_hold", business, business, from, n}, true},
		{"statuses of subscriptions", fmt.Sprintf(statusesThere, ""), nil, true},
		{"orders in review", ordersWaiting, []any{from, n}, true},
		{"orders in doubt", ordersInDoubt, []any{middle, middle, from, n}, true},
		{"payments of orders", listedPayments, []any{ids}, true},
		{"open findings", findingsWaiting, []any{from, n}, true},
		{"receivers of events", eventSinks, nil, true},
		{"dead events", eventsDead, []any{"webhook", from, n}, true},
		{"unknown charges", chargesUnknown, []any{from, n}, true},
	}
}

// Pages of a list come from an index in its order: none is sorted, however much waits.
func TestListsAreNotSorted(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	const rows = 2000
	fill(t, plain, rows)
	fillOrders(t, plain, rows)
	fillAudit(t, plain)
	fillDeliveries(t, plain, rows)
	db := worktest.Open(t, plain.DSN)
	var sorted []string
	for _, q := range listReads(rows) {
		lines := explain(t, db, q, true)
		if strings.Contains(lines, "filesort") {
			sorted = append(sorted, q.name+"\n"+lines)
		}
	}
	require.Empty(t, sorted)
}
