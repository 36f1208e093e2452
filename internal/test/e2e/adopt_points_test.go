package e2e_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/billing/record"
	"duly/internal/crash"
	"duly/internal/gateway/simulator"
	"duly/internal/payment"
)

// loseHistory takes the tables back to before any charge, and writes down what the gateway lists, as a run does that finds it
// unknown.
func loseHistory(w *world) {
	w.t.Helper()
	for _, statement := range []string{
		"DELETE FROM payment_attempts", "DELETE FROM invoices", "DELETE FROM events", "DELETE FROM bookings",
		"UPDATE subscriptions SET status = 'active', next_billing_date = UTC_DATE(), cancelled_at = NULL, cancel_reason = NULL",
	} {
		w.do(statement)
	}
	for e := range w.sim.Entries() {
		document, err := record.Encode(payment.Payment{
			ID: e.ID, Status: e.Status, Key: e.Key, Reference: e.Reference, CustomerID: e.CustomerID,
			Money: payment.Money{Amount: e.Amount, Currency: e.Currency}, CreatedAt: e.CreatedAt,
		})
		require.NoError(w.t, err)
		w.do(`INSERT INTO unknown_charges (account_id, gateway, idempotency_key, reference, gateway_payment_id, record)
SELECT MAX(id), 'main', ?, ?, ?, ? FROM gateway_accounts WHERE gateway = 'main'`, e.Key, e.Reference, e.ID, string(document))
		w.do(`INSERT INTO audit_findings (kind, reference, gateway_payment_id, detail) VALUES ('unknown_here', ?, ?, '{}')`, e.Reference, e.ID)
	}
}

// TestEveryPointOfAdopt kills `duly adopt` between any two of its statements and around each commit, and types it again until
// it gets through. A charge is adopted as a whole or not at all, and nothing is charged again.
func TestEveryPointOfAdopt(t *testing.T) {
	t.Parallel()
	for _, point := range []crash.Point{crash.AdoptStatement, crash.AdoptBeforeCommit, crash.AdoptAfterCommit} {
		t.Run(string(point), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, simulator.Config{})
			w.enrol("pm_ok", "pm_soft", "pm_hard")
			w.finish(1)
			loseHistory(w)
			charges := len(w.sim.Ledger())
			p := w.typeAgain(point, adoptedAsAWhole, "adopt", "main", "--reason", "restored")
			require.Equal(t, batch.ExitDone, p.exit(), p.printed())
			require.Zero(t, w.count("SELECT COUNT(*) FROM unknown_charges WHERE adopted_at IS NULL"))
			require.Zero(t, w.count("SELECT COUNT(*) FROM audit_findings WHERE resolved_at IS NULL"))
			w.finish(1)
			require.Len(t, w.sim.Ledger(), charges)
			w.reconcile()
		})
	}
}

// adoptedAsAWhole: attempt, finding and action are there for each charge that is adopted, and for no other.
func adoptedAsAWhole(w *world) {
	w.t.Helper()
	adopted := w.count("SELECT COUNT(*) FROM unknown_charges WHERE adopted_at IS NOT NULL")
	for _, query := range []string{
		"SELECT COUNT(*) FROM payment_attempts a JOIN unknown_charges u USING (idempotency_key) WHERE a.status = IF(a.gateway_payment_id = u.gateway_payment_id, a.status, '')",
		"SELECT COUNT(*) FROM invoices WHERE attempts = 1 AND status <> 'charging'",
		"SELECT COUNT(*) FROM audit_findings WHERE resolved_at IS NOT NULL",
		"SELECT COUNT(*) FROM operator_actions WHERE action = 'adopt'",
		"SELECT COUNT(DISTINCT subject) FROM operator_actions WHERE action = 'adopt'",
	} {
		require.Equal(w.t, adopted, w.count(query), query)
	}
}
