package readers

import (
	"flag"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"duly/internal/amounts"
	"duly/internal/billable"
	"duly/internal/changes"
	"duly/internal/claims"
	"duly/internal/methods"
	"duly/internal/mysql/sqltext"
	"duly/internal/test/queryplan"
)

var update = flag.Bool("update", false, "write the golden files")

// Every claim and every list of candidates must walk an index in its own order, however small the tables are: a
// claim that sorts locks every row that it looks at.
func TestExplain(t *testing.T) {
	t.Parallel()
	for _, rows := range []int{5, 100_000} {
		t.Run(fmt.Sprint(rows), func(t *testing.T) {
			queryplan.Plans(t, *update, rows, slices.Concat(claimQueries(rows), orderClaims(rows), refundQueries(rows), auditWalks(rows), deliveryClaims(rows)))
		})
	}
}

// claimQueries are the statements of the claims, as they are run for a chunk of 500 in the middle of a walk.
func claimQueries(rows int) []queryplan.Query {
	n := min(rows, 500)
	ids := make([]uint64, n)
	keys, names := make([]string, n), make([]string, n)
	for i := range ids {
		ids[i] = uint64(rows-n+i) + 1
		keys[i], names[i] = fmt.Sprintf("sub_%d-1", ids[i]), fmt.Sprintf("pm:%d", ids[i])
	}
	apart := make([]uint64, n)
	for i := range apart {
		apart[i] = 1 + uint64(i*(rows/n))
	}
	const business, first = "2026-01-31", "0000-00-00"
	from := uint64(rows / 2)
	now, epoch := time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC), time.Unix(0, 0)
	middle := time.Date(2026, 1, 1, 0, 0, rows/2, 0, time.UTC)
	skip := " FOR UPDATE SKIP LOCKED"
	lease := make([]byte, 16)
	return []queryplan.Query{
		queryplan.Claim("stage candidates, at the head", fmt.Sprintf(stageCandidates, ""), 0, business, first, first, 0, n),
		queryplan.Claim("stage candidates, in the middle", fmt.Sprintf(stageCandidates, ""), 0, business, business, business, from, n),
		queryplan.Claim("stage lock", stageLock+skip, ids, 0, business, now),
		queryplan.Claim("stage lock, waiting", stageLock+" FOR UPDATE", ids, 0, business, now),
		queryplan.Claim("stage lock, one row", stageLock+skip, ids[4:5], 0, business, now),
		queryplan.Read("attempts of a lease", readBack, lease),
		queryplan.Read("attempts of a lease and of the fence", readBack+readFence, lease, ids[:2]),
		queryplan.Read("what is known of charges", readKnown, keys[0], keys[n-1]),
		queryplan.Read("what is known of charges, and attempts of the fence", readKnown+readFence, keys[0], keys[n-1], ids[:3]),
		queryplan.Claim("due candidates, at the head", fmt.Sprintf(dueCandidates, ""), "active", business, first, first, 0, n),
		queryplan.Claim("due candidates, in the middle", fmt.Sprintf(dueCandidates, ""), "active", business, business, business, from, n),
		queryplan.Claim("due lock", fmt.Sprintf(dueLock, sqltext.Among("id", ids))+skip, "active", business),
		queryplan.Claim("changed lock", changedLock+skip, ids),
		queryplan.Claim("subscriptions with due changes, at the head", fmt.Sprintf(changes.Candidates, ""), business, first, first, 0, n),
		queryplan.Claim("subscriptions with due changes, in the middle", fmt.Sprintf(changes.Candidates, ""), business, business, business, from, n),
		queryplan.Claim("resumptions to come, at the head", fmt.Sprintf(changes.Resumptions, ""), business, first, first, 0, n),
		queryplan.Read("any due change", changes.AnyDue, business),
		queryplan.Read("ids of due changes", changes.DueOf, ids, business),
		queryplan.Read("due changes, without a lock", changes.LookDue, ids, business),
		queryplan.Claim("due changes, locked", changes.LockDue+" FOR UPDATE", ids),
		queryplan.Read("newest invoices", fmt.Sprintf(billable.NewestInvoices, sqltext.Among("s.id", ids))),
		queryplan.Read("newest invoices and crowded methods", fmt.Sprintf(billable.NewestInvoices, sqltext.Among("s.id", apart))+methods.Crowded, names, middle, 5),
		queryplan.Claim("crowded methods", strings.TrimPrefix(methods.Crowded, " UNION ALL "), names, middle, 5),
		queryplan.Read("tries of methods", methods.Tries, names, middle),
		queryplan.Read("ids of tries of methods", methods.IDs, names, middle),
		queryplan.Claim("tries of methods, locked", methods.LockIDs, ids),
		queryplan.Claim("candidates ahead of a stage, at the head", fmt.Sprintf(methods.AheadCandidates, ""), 1, business, business, int64(math.MaxInt64), n),
		queryplan.Claim("candidates ahead of a stage, in the middle", fmt.Sprintf(methods.AheadCandidates, ""), 0, "2025-01-01", "2025-01-01", from, n),
		queryplan.Claim("invoices ahead of a stage", methods.AheadRows+skip, ids, 0, "2025-01-01"),
		queryplan.Read("changed methods", methods.ChangedMethods, ids, business),
		queryplan.Read("replaced methods", methods.ReplacedMethods, ids),
		queryplan.Read("invoiced dates", billable.InvoicedDates, ids),
		queryplan.Read("last paid amounts of subscriptions", amounts.PaidOfSubscriptions, ids),
		queryplan.Read("last paid amounts of invoices", amounts.PaidOfInvoices, ids),
		queryplan.Read("currencies that subscriptions were billed in", amounts.BilledIn, ids),
		queryplan.Read("a claim's attempts after a lost commit", claimWritten, lease),
		queryplan.Claim("doubt candidates, at the head", fmt.Sprintf(doubtCandidates, ""), now, epoch, epoch, 0, n),
		queryplan.Claim("doubt candidates, in the middle", fmt.Sprintf(doubtCandidates, ""), now, middle, middle, from, n),
		queryplan.Claim("orphan candidates", fmt.Sprintf(orphanCandidates, ""), from, 1, n),
		queryplan.Claim("doubt lock", doubtLock, ids),
		queryplan.Read("doubt invoices", doubtInvoices, ids),
		queryplan.Read("kept answers", claims.KeptAnswers, keys),
	}
}
