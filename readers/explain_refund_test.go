package readers

import (
	"time"

	"duly/internal/test/queryplan"
)

// refundQueries are the statements that refunds are found and claimed by, as they are run in the middle of a walk.
func refundQueries(rows int) []queryplan.Query {
	n := min(rows, 500)
	ids := make([]uint64, n)
	for i := range ids {
		ids[i] = uint64(rows-n+i) + 1
	}
	now := time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
	lease := make([]byte, 16)
	return []queryplan.Query{
		queryplan.Claim("refund candidates, at the head", refundWalk(""), 0, n),
		queryplan.Claim("refund candidates, in the middle", refundWalk(""), rows/2, n),
		queryplan.Read("refunds that wait", refundChecks, now, ids),
		queryplan.Claim("refund lock", refundLock, ids, now),
		queryplan.Claim("refund lock, one row", refundLock, ids[4:5], now),
		queryplan.Claim("take refunds", takeRefunds, lease, 1, now, nil, ids),
		queryplan.Read("reasons of failure", failureReasons, ids),
		queryplan.Read("refunds of a lease", refundClaims, ids, lease),
	}
}
