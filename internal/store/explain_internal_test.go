package store

import (
	"flag"
	"fmt"
	"testing"

	"duly/internal/explain"
)

var writeShared = flag.Bool("update", false, "write the golden files")

// The statements that several share go by an index, and what locks rows in the order of one.
func TestExplainShared(t *testing.T) {
	t.Parallel()
	for _, rows := range []int{5, 10_000} {
		t.Run(fmt.Sprint(rows), func(t *testing.T) { explain.Plans(t, *writeShared, rows, shared(rows)) })
	}
}

// shared are the statements, as they are run for a chunk of 500 in the middle of a walk.
func shared(rows int) []explain.Query {
	n := min(rows, 500)
	ids, keys := make([]uint64, n), make([]string, n)
	for i := range ids {
		ids[i] = uint64(rows-n+i) + 1
		keys[i] = fmt.Sprintf("ord_%d-1", ids[i])
	}
	return []explain.Query{
		explain.Read("attempts of the fence", fmt.Sprintf(fenceRows, "NULL"), ids[:3]),
		explain.Claim("subscription lock", subscriptionLock+" FOR UPDATE SKIP LOCKED", ids),
		explain.Read("past attempts", PastAttempts, ids),
		explain.Read("checks that are there", presentChecks, ids),
		explain.Read("order rows", orderRows, ids),
		explain.Read("payment rows", paymentRows, ids),
		explain.Read("item rows", itemRows, ids),
		explain.Claim("order lock", orderLock, ids),
		explain.Claim("order lock, one row", orderLock, ids[4:5]),
		explain.Claim("payment lock", paymentLock, ids),
		explain.Claim("payment lock, one row", paymentLock, ids[4:5]),
		explain.Read("attempts that a gateway lists", attemptsByKey, keys),
		explain.Read("payments that a gateway lists, by key", paymentsByKey, keys),
		explain.Read("payments that a gateway lists, by its id", paymentsByTheirs, keys),
		explain.Read("attempts that were paid", AttemptsPaid, ids),
		explain.Read("payments that were paid", PaymentsPaid, ids),
		explain.Read("an attempt again", attemptsByID, ids[:1]),
		explain.Read("a payment again", paymentsByID, ids[:1]),
		explain.Read("an invoice by its reference", invoiceOf, 7, "2026-01-31"),
	}
}
