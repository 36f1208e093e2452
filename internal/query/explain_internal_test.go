package query

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/explain"
)

// What a dashboard asks again and again comes from an index in its order: nothing is sorted, however much there is.
func TestCountsAreNotSorted(t *testing.T) {
	t.Parallel()
	const rows = 2000
	db := explain.Filled(t, rows)
	for _, q := range []explain.Query{
		explain.Read("next check", fmt.Sprintf(earliestCheck, "")),
		explain.Read("orders in doubt that are left", inDoubtOrders, time.Date(2026, 1, 1, 0, 0, rows/2, 0, time.UTC)),
		explain.Read("open findings", openFindings, 10),
		explain.Read("new findings", newFindings, 1),
	} {
		lines := explain.Plan(t, db, q, true)
		require.False(t, strings.Contains(lines, "filesort"), "%s\n%s", q.Name, lines)
	}
}
