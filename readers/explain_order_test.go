package readers

import (
	"time"

	"duly/internal/test/queryplan"
)

// orderClaims are the statements that orders are found and claimed by, as they are run in the middle of a walk.
func orderClaims(rows int) []queryplan.Query {
	n := min(rows, 500)
	ids := make([]uint64, n)
	for i := range ids {
		ids[i] = uint64(rows-n+i) + 1
	}
	from := uint64(rows / 2)
	now, epoch := time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC), time.Unix(0, 0)
	middle := time.Date(2026, 1, 1, 0, 0, rows/2, 0, time.UTC)
	return []queryplan.Query{
		queryplan.Claim("scheduled checks, at the head", scheduledWalk, now, epoch, epoch, 0, walkPage),
		queryplan.Claim("scheduled checks, in the middle", scheduledWalk, now, middle, middle, from, walkPage),
		queryplan.Claim("stale orders, at the head", staleWalk, "pending", now, epoch, epoch, 0, walkPage),
		queryplan.Claim("stale orders, in the middle", staleWalk, "payment_in_progress", now, middle, middle, from, walkPage),
		queryplan.Claim("pending payments, at the head", pendingWalk, 0, walkPage),
		queryplan.Claim("pending payments, in the middle", pendingWalk, from, walkPage),
		queryplan.Claim("failed payments", failedNullWalk, from, walkPage),
		queryplan.Claim("failed payments by code", failedWalk, "request_failed", from, walkPage),
		queryplan.Read("orders not due", notDueOrders, ids, now),
		queryplan.Read("orders of payments", ordersOfPayments, ids, now, now, now),
		queryplan.Claim("check lock", checkLock, ids),
		queryplan.Claim("check lock, one row", checkLock, ids[4:5]),
		queryplan.Claim("take checks", takeChecks, make([]byte, 16), 1, ids),
	}
}
