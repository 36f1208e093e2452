package readers

import "time"

// refundQueries are the statements that refunds are found and claimed by, as they are run in the middle of a walk.
func refundQueries(rows int) []claimQuery {
	n := min(rows, 500)
	ids := make([]uint64, n)
	for i := range ids {
		ids[i] = uint64(rows-n+i) + 1
	}
	now := time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
	lease := make([]byte, 16)
	return []claimQuery{
		{"refund candidates, at the head", refundWalk(""), []any{0, n}, false},
		{"refund candidates, in the middle", refundWalk(""), []any{rows / 2, n}, false},
		{"refunds that wait", refundChecks, []any{now, ids}, true},
		{"refund lock", refundLock, []any{ids, now}, false},
		{"refund lock, one row", refundLock, []any{ids[4:5], now}, false},
		{"take refunds", takeRefunds, []any{lease, 1, now, nil, ids}, false},
		{"reasons of failure", failureReasons, []any{ids}, true},
		{"refunds of a lease", refundClaims, []any{ids, lease}, true},
	}
}
