package refundrows

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/test/queryplan"
)

// Refunds are walked, locked and found by indexes, in their order, however many are settled.
func TestExplain(t *testing.T) {
	t.Parallel()
	const rows = 2000
	db := queryplan.Filled(t, rows)
	_, err := db.ExecContext(t.Context(), `INSERT INTO refunds (payment_id, reason, status, unsettled, number, idempotency_key, lease)
SELECT id, 'why', CASE id % 20 WHEN 1 THEN 'requested' WHEN 2 THEN 'in_flight' WHEN 3 THEN 'in_doubt' ELSE 'refunded' END, IF(id % 20 IN (2, 3), 1, NULL), 1,
CONCAT('rf_', idempotency_key), UNHEX(LPAD(HEX(id), 32, '0')) FROM payments`)
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), `ANALYZE TABLE refunds`)
	require.NoError(t, err)
	ids, lease, now := []uint64{1001, 1002, 1003, 1004}, make([]byte, 16), time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
	for _, q := range []queryplan.Query{
		queryplan.Claim("asked for, at the head", fmt.Sprintf(requestedCandidates, ""), "requested", 0, 500),
		queryplan.Claim("asked for, in the middle", fmt.Sprintf(requestedCandidates, ""), "in_doubt", rows/2, 500),
		queryplan.Claim("marked, and not any more", fmt.Sprintf(unmarkedCandidates, ""), "in_flight", 0, 500),
		queryplan.Claim("lock", requestedLock, ids, now),
		queryplan.Claim("lock, one row", requestedLock, ids[:1], now),
		queryplan.Read("unsettled of payments", unsettledOfPayments, ids),
		queryplan.Read("unsettled of invoices", unsettledOfInvoices, ids),
		queryplan.Read("numbers of payments", numbersOfPayments, ids),
		queryplan.Read("numbers of invoices", numbersOfInvoices, ids),
		queryplan.Read("waiting of payments", waitingOfPayments, ids),
		queryplan.Read("waiting of invoices", waitingOfInvoices, ids),
		queryplan.Read("holders of keys", keyHolders, []string{"rf_1", "rf_2"}),
		queryplan.Read("whose charge it is", holdsCharge, 1001, "k", "k"),
		queryplan.Read("refunded of payments", refundedOfPayments, ids),
		queryplan.Read("of a lease", requestedClaims, ids, lease),
		queryplan.Read("of payments", refundsOfPayments, ids),
		queryplan.Read("wishes for a restock", restockWishes, ids),
		queryplan.Claim("products", lockProducts, ids),
		queryplan.Read("restocked before", restockedBefore, 1001),
		queryplan.Claim("restocked", markRestocks, ids),
		queryplan.Read("marked payments", markedPayments, ids, lease),
		queryplan.Claim("take marks", takeMarks, lease, 1, ids),
		queryplan.Claim("lock for settlement", lockRows, ids),
		queryplan.Claim("freeze", storeSent, 0, 1, now, "pay_1", 1001, lease),
		queryplan.Read("invoices", refundInvoices, ids),
		queryplan.Read("attempts", refundAttempts, ids),
		queryplan.Read("payments", refundPayments, ids),
		queryplan.Read("named by hand", namedByHand, []string{"attempt:1", "attempt:2"}),
	} {
		lines := queryplan.Plan(t, db, q, true)
		require.False(t, !q.Read && strings.Contains(lines, "filesort"), "%s\n%s", q.Name, lines)
	}
}
