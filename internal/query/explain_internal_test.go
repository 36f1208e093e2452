package query

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

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
