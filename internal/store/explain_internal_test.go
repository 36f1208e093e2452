package store

import (
	"flag"
	"fmt"
	"testing"

	"duly/internal/test/queryplan"
)

var writeShared = flag.Bool("update", false, "write the golden files")

// The statements that several share go by an index, and what locks rows in the order of one.
func TestExplainShared(t *testing.T) {
	t.Parallel()
	for _, rows := range []int{5, 10_000} {
		t.Run(fmt.Sprint(rows), func(t *testing.T) { queryplan.Plans(t, *writeShared, rows, shared(rows)) })
	}
}

// shared are the statements, as they are run for a chunk of 500 in the middle of a walk.
func shared(rows int) []queryplan.Query {
	n := min(rows, 500)
	ids, keys := make([]uint64, n), make([]string, n)
	for i := range ids {
		ids[i] = uint64(rows-n+i) + 1
		keys[i] = fmt.Sprintf("ord_%d-1", ids[i])
	}
	return []queryplan.Query{
		queryplan.Read("attempts of the fence", fmt.Sprintf(fenceRows, "NULL"), ids[:3]),
		queryplan.Claim("subscription lock", subscriptionLock+" FOR UPDATE SKIP LOCKED", ids),
		queryplan.Read("past attempts", PastAttempts, ids),
		queryplan.Read("checks that are there", presentChecks, ids),
		queryplan.Read("order rows", orderRows, ids),
		queryplan.Read("payment rows", paymentRows, ids),
		queryplan.Read("item rows", itemRows, ids),
		queryplan.Claim("order lock", orderLock, ids),
		queryplan.Claim("order lock, one row", orderLock, ids[4:5]),
		queryplan.Claim("payment lock", paymentLock, ids),
		queryplan.Claim("payment lock, one row", paymentLock, ids[4:5]),
		queryplan.Read("attempts that a gateway lists", attemptsByKey, keys),
		queryplan.Read("payments that a gateway lists, by key", paymentsByKey, keys),
		queryplan.Read("payments that a gateway lists, by its id", paymentsByTheirs, keys),
		queryplan.Read("attempts that were paid", AttemptsPaid, ids),
		queryplan.Read("payments that were paid", PaymentsPaid, ids),
		queryplan.Read("an attempt again", attemptsByID, ids[:1]),
		queryplan.Read("a payment again", paymentsByID, ids[:1]),
		queryplan.Read("an invoice by its reference", invoiceOf, 7, "2026-01-31"),
	}
}
