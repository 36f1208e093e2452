package query

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/test/queryplan"
)

// Who holds what is left is found by the rows that are left, and not by reading tables that grow for ever.
func TestHoldersAreFoundByAnIndex(t *testing.T) {
	t.Parallel()
	db := queryplan.Filled(t, 2000)
	for _, q := range []queryplan.Query{
		queryplan.Read("holders of refunds", fmt.Sprintf(selectRefundHolders, ""), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), 7),
		queryplan.Read("holders of requested refunds", fmt.Sprintf(selectRequestedHolders, ""), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), 7),
		queryplan.Read("holders of deliveries", fmt.Sprintf(selectDeliveryHolders, ""), []string{"webhook", "slack"}, 7),
		queryplan.Read("runs that left charges behind", fmt.Sprintf(selectLeftBehind, " AND a.subscription_id IN (1)")),
		queryplan.Read("runs that have not ended", selectNotEnded, []uint64{3, 4}),
	} {
		lines := queryplan.Plan(t, db, q, false)
		require.NotContains(t, lines, ": ALL by", "%s\n%s", q.Name, lines)
	}
}
