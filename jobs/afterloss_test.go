package jobs_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/gateway"
	"duly/internal/gateway/httpapi"
	"duly/internal/gateway/simulator"
	"duly/internal/test/worktest"
	"duly/jobs"
)

// A history that was lost went on to the next number of a key, of which these tables hold the first in doubt: recovery finds
// that out before it sends again, also once the charge was adopted beside the attempt.
func TestRecoveryFindsALaterCharge(t *testing.T) {
	t.Parallel()
	w := newRecord(t)
	w.client = func(config *httpapi.Config) { config.NoList = true }
	w.enrol("pm_ok:1")
	w.recoverable()
	_, err := w.sims["main"].Inject(simulator.Entry{
		Key: "sub_1_20260131-2", Reference: "sub_1_20260131", CustomerID: "customer-1", Method: "pm_ok:1", Amount: 9900, Currency: "KRW",
	})
	require.NoError(t, err)
	w.sims["main"].ForgetKeys()
	for range 2 {
		result := w.run(nil)
		require.Equal(t, batch.ExitFailed, result.Exit, "%v", result)
		require.ErrorContains(t, result.Err, "duly adopt main")
		require.Equal(t, 1, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM unknown_charges WHERE idempotency_key = 'sub_1_20260131-2'`))
		require.Zero(t, w.requests("main", createPayment))
	}

	worktest.Exec(t, w.plain, `INSERT INTO payment_attempts (invoice_id, subscription_id, attempt_no, stage, idempotency_key, reference, customer_id, amount,
currency, gateway, payment_method, body_version, status, run_id, lease) SELECT invoice_id, subscription_id, 2, stage, 'sub_1_20260131-2', reference,
customer_id, amount, currency, gateway, payment_method, 1, 'review', run_id, REPEAT('x', 16) FROM payment_attempts`)
	worktest.Exec(t, w.plain, `UPDATE unknown_charges SET adopted_at = UTC_TIMESTAMP(6), adopted_as = 'review'`)
	result := w.run(nil)
	require.Equal(t, batch.ExitUnfinished, result.Exit, "%v", result)
	require.Zero(t, w.requests("main", createPayment))
	require.Equal(t, 1, w.attempts("in_doubt"))
}

// A run whose database server becomes another one sends nothing more, and keeps the answers that it has.
func TestARunOnAnotherServerSendsNothingMore(t *testing.T) {
	t.Parallel()
	w := newRecord(t)
	worktest.Enrol(t, w.plain, 3, day0, nil)
	result := w.run(nil)
	require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
	worktest.Enrol(t, w.plain, 3, day0, nil)
	_, w.server = worktest.Servers(t, worktest.Open(t, w.plain.DSN))
	result = w.run(nil)
	require.Equal(t, batch.ExitFailed, result.Exit, "%v", result)
	require.ErrorContains(t, result.Err, "another database server answers")
	require.Equal(t, 3, w.requests("main", createPayment))
	require.Zero(t, w.attempts("in_flight"), "the claim was rolled back")
}

// forgetful is a gateway that shows a payment for no longer than it keeps its key.
type forgetful struct{ gateway.Gateway }

func (f forgetful) Capabilities() gateway.Capabilities {
	a := f.Gateway.Capabilities()
	a.LookupOutlivesKey = false
	return a
}

// After a suspected restore a gateway that forgets is sent only what it cannot have forgotten, and the run fails.
func TestAGatewayThatForgetsAfterARestore(t *testing.T) {
	t.Parallel()
	for _, suspected := range []bool{false, true} {
		w := newRecord(t)
		w.client = func(config *httpapi.Config) { config.NoList = true }
		w.wrap = func(g gateway.Gateway) gateway.Gateway { return forgetful{g} }
		worktest.Enrol(t, w.plain, 1, "2026-01-20", nil)
		worktest.Enrol(t, w.plain, 1, day0, nil)
		result := w.run(func(o *jobs.BillingOptions, _ *batch.Runner) { o.Suspected = func() bool { return suspected } })
		if suspected {
			require.Equal(t, batch.ExitFailed, result.Exit, "%v", result)
			require.ErrorContains(t, result.Err, "duly doctor --history-confirmed")
			require.Equal(t, []string{"active open 0 1", "active paid 0 1"}, w.states())
			continue
		}
		require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
		require.Equal(t, 2, w.requests("main", createPayment))
	}
}
