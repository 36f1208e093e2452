package readers

import (
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"

	"duly/internal/explain"
)

var update = flag.Bool("update", false, "write the golden files")

// Every claim and every list of candidates must walk an index in its own order, however small the tables are: a
// claim that sorts locks every row that it looks at.
func TestExplain(t *testing.T) {
	t.Parallel()
	for _, rows := range []int{5, 100_000} {
		t.Run(fmt.Sprint(rows), func(t *testing.T) {
			explain.Plans(t, *update, rows, slices.Concat(claims(rows), orderClaims(rows), refundQueries(rows), auditWalks(rows), deliveryClaims(rows)))
		})
	}
}

// claims are the statements of the claims, as they are run for a chunk of 500 in the middle of a walk.
func claims(rows int) []explain.Query {
	n := min(rows, 500)
	ids := make([]uint64, n)
	keys := make([]string, n)
	for i := range ids {
		ids[i] = uint64(rows-n+i) + 1
		keys[i] = fmt.Sprintf("sub_%d-1", ids[i])
	}
	const business, first = "2026-01-31", "0000-00-00"
	from := uint64(rows / 2)
	now, epoch := time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC), time.Unix(0, 0)
	middle := time.Date(2026, 1, 1, 0, 0, rows/2, 0, time.UTC)
	skip := " FOR UPDATE SKIP LOCKED"
	lease := make([]byte, 16)
	return []explain.Query{
		explain.Claim("stage candidates, at the head", fmt.Sprintf(stageCandidates, ""), 0, business, first, first, 0, n),
		explain.Claim("stage candidates, in the middle", fmt.Sprintf(stageCandidates, ""), 0, business, business, business, from, n),
		explain.Claim("stage lock", stageLock+skip, ids, 0, business, now),
		explain.Claim("stage lock, waiting", stageLock+" FOR UPDATE", ids, 0, business, now),
		explain.Claim("stage lock, one row", stageLock+skip, ids[4:5], 0, business, now),
		explain.Read("attempts of a lease", readBack, lease),
		explain.Read("attempts of a lease and of the fence", readBack+readFence, lease, ids[:2]),
		explain.Claim("due candidates, at the head", fmt.Sprintf(dueCandidates, ""), "active", business, first, first, 0, n),
		explain.Claim("due candidates, in the middle", fmt.Sprintf(dueCandidates, ""), "active", business, business, business, from, n),
		explain.Claim("due lock", dueLock+skip, ids, "active", business),
		explain.Read("newest invoices", newestInvoices, ids),
		explain.Read("invoiced dates", invoicedDates, ids),
		explain.Claim("doubt candidates, at the head", fmt.Sprintf(doubtCandidates, ""), now, epoch, epoch, 0, n),
		explain.Claim("doubt candidates, in the middle", fmt.Sprintf(doubtCandidates, ""), now, middle, middle, from, n),
		explain.Claim("orphan candidates", fmt.Sprintf(orphanCandidates, ""), from, 1, n),
		explain.Claim("doubt lock", doubtLock, ids),
		explain.Read("doubt invoices", doubtInvoices, ids),
		explain.Read("kept answers", keptAnswers, keys),
	}
}
