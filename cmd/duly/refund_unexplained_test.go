package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/gateway/simulator"
)

// A refund that may have been made already, as after a restored backup, is not sent: an operator says what the gateway shows. An audit records
// nothing meanwhile, and what was somebody else's is recorded with the word, so that the next refund is sent.
func TestResolveARefundThatMayBeMade(t *testing.T) {
	t.Parallel()
	for _, as := range []string{"refunded", "not_executed"} {
		s := billed(t)
		require.NoError(t, s.sim.Amend(s.sim.Ledger()[0].ID, func(e *simulator.Entry) { e.Refunded = 400 }))
		s.exec(t, `INSERT INTO refunds (invoice_id, amount, reason) VALUES (1, 400, 'returned')`)
		s.duly(t, "run", "audit", "--until-now") // it may be the one that waits
		require.Equal(t, batch.ExitReview, s.duly(t, "run", "reconcile").code)
		require.Contains(t, s.duly(t, "list", "review").out, "was 400 KRW of it this refund?")
		s.duly(t, "run", "audit", "--until-now")
		require.Zero(t, s.number(t, `SELECT COUNT(*) FROM refunds WHERE origin = 'provider'`))
		require.Zero(t, s.number(t, `SELECT refunded_amount FROM invoices`))
		require.Equal(t, batch.ExitDone, s.duly(t, "resolve", "refund", "1", "--as", as, "--reason", "looked").code)
		require.Equal(t, int64(400), s.number(t, `SELECT refunded_amount FROM invoices`))
		others := map[string]int64{"refunded": 0, "not_executed": 1}[as]
		require.Equal(t, others, s.number(t, `SELECT COUNT(*) FROM refunds WHERE origin = 'provider' AND amount = 400 AND status = 'refunded'`))
		require.Equal(t, others, s.number(t, `SELECT COUNT(*) FROM events WHERE type = 'refund.recorded'`))
		require.Equal(t, batch.ExitDone, s.duly(t, "refund", "invoice", "1", "--amount", "400", "--reason", "again").code)
		require.Equal(t, batch.ExitDone, s.duly(t, "run", "reconcile").code)
		require.Equal(t, int64(800), s.sim.Ledger()[0].Refunded)
		require.Equal(t, batch.ExitDone, s.duly(t, "run", "audit", "--until-now").code)
	}
}
