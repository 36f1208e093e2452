package query

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/payment"
	"duly/internal/test/queryplan"
)

// What a dashboard asks again and again comes from an index in its order: nothing is sorted, however much there is.
func TestCountsAreNotSorted(t *testing.T) {
	t.Parallel()
	const rows = 2000
	db := queryplan.Filled(t, rows)
	for _, q := range []queryplan.Query{
		queryplan.Read("next check", fmt.Sprintf(earliestCheck, "")),
		queryplan.Read("orders in doubt that are left", inDoubtOrders, time.Date(2026, 1, 1, 0, 0, rows/2, 0, time.UTC)),
		queryplan.Read("open findings", selectOpenFindings, 10),
		queryplan.Read("new findings", selectNewFindings, 1),
	} {
		lines := queryplan.Plan(t, db, q, true)
		require.False(t, strings.Contains(lines, "filesort"), "%s\n%s", q.Name, lines)
	}
}

// Invoices that a planned payment method blocks are found by their subscriptions: the walk of a stage is not read, however many invoices are due.
func TestBlockedInvoicesAreFoundByChanges(t *testing.T) {
	t.Parallel()
	const rows = 2000
	db := queryplan.Filled(t, rows)
	day := payment.NewDate(2026, time.January, 31)
	_, err := db.ExecContext(t.Context(), `INSERT INTO subscription_changes (subscription_id, effective_date, kind, value, applied_at)
SELECT id, '2026-01-31', 'method', 'pm', IF(id % 50 = 0, NULL, '2026-01-31') FROM subscriptions`)
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), `ANALYZE TABLE subscription_changes`)
	require.NoError(t, err)
	require.Contains(t, queryplan.Plan(t, db, queryplan.Read("due payment methods", fmt.Sprintf(methodsDue, ""), day), true), " by due,")
	invoices := queryplan.Plan(t, db, queryplan.Read("their invoices", blockedCandidates, []uint64{1, 2, 3}, 0, day), true)
	require.NotContains(t, invoices, "stage_walk")
}
