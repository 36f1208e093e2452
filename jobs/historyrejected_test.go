package jobs_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/gateway"
	"duly/internal/gateway/simulator"
	"duly/internal/payment"
	"duly/internal/test/worktest"
	"duly/jobs"
)

// rejecting is a gateway that takes the money of one key and answers that the request is bad.
type rejecting struct {
	gateway.Gateway

	key string
}

func (g rejecting) Charge(ctx context.Context, c payment.Charge) payment.Outcome {
	o := g.Gateway.Charge(ctx, c)
	if c.Key == g.key && o.Kind == payment.Paid {
		return payment.Outcome{Kind: payment.Rejected, Reason: "400 bad_request: no"}
	}
	return o
}

// taken is a town after a run in which the gateway took the money of subscription 1, and answered 400.
func taken(t *testing.T) *town {
	t.Helper()
	w := newRecord(t)
	w.wrap = func(g gateway.Gateway) gateway.Gateway { return rejecting{g, "sub_1_20260131-1"} }
	w.enrol("pm_ok:1", "pm_ok:2")
	result := w.run(nil)
	require.Equal(t, batch.ExitReview, result.Exit, "%v", result)
	require.Equal(t, []string{"active review 0 1", "active paid 0 1"}, w.states())
	return w
}

// more adds a subscription, and makes it due.
func (w *town) more() {
	w.t.Helper()
	worktest.Enrol(w.t, w.plain, 1, day0, nil)
}

const rejectedWords = "attempt 1 was rejected here (400 bad_request: no), and gateway main has the money: duly adopt main --key sub_1_20260131-1"

// A charge that was answered with 400 and taken all the same waits for an operator, with its own invoice and nobody else's.
func TestARejectedChargeThatTheGatewayHas(t *testing.T) {
	t.Parallel()
	w := taken(t)
	for range 2 {
		w.more()
		result := w.run(nil)
		require.Equal(t, batch.ExitReview, result.Exit, "%v", result)
		require.Contains(t, strings.Join(result.Left, "\n"), rejectedWords)
	}
	require.Equal(t, []string{"active review 0 1", "active paid 0 1", "active paid 0 1", "active paid 0 1"}, w.states(), "nobody else is held up")
	require.False(t, w.mark().IsZero(), "it is accounted for")
	require.Contains(t, worktest.Get[string](t, w.plain, `SELECT review_reason FROM invoices WHERE subscription_id = 1`), rejectedWords)
	require.Equal(t, []string{"sub_1_20260131-1"}, worktest.List[string](t, w.plain, `SELECT idempotency_key FROM unknown_charges WHERE adopted_at IS NULL`))
	require.Equal(t, []string{"unknown_here attempt:1"}, worktest.List[string](t, w.plain, `SELECT CONCAT_WS(' ', kind, JSON_UNQUOTE(JSON_EXTRACT(detail, '$.row'))) FROM audit_findings`))
	require.Equal(t, 1, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM events WHERE type = 'review.needed' AND JSON_UNQUOTE(JSON_EXTRACT(payload, '$.reason')) LIKE 'attempt 1 was rejected here%'`))

	w.adopt()
	w.more()
	result := w.run(nil)
	require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
	require.Empty(t, w.twice())
	require.Equal(t, 5, w.sims["main"].Stats().Payments)
}

// While the gateway has the money of a rejected attempt, the next one of its invoice is not sent: neither for the first time, nor again in
// recovery.
func TestNothingIsSentBesideARejectedChargeThatTheGatewayHas(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]string{
		"open again": `UPDATE invoices SET status = 'open', review_reason = NULL, next_attempt_date = '2026-01-31' WHERE subscription_id = 1`,
		"in doubt": `INSERT INTO payment_attempts (invoice_id, subscription_id, attempt_no, stage, idempotency_key, reference, customer_id, amount, currency,
gateway, payment_method, body_version, status, doubted, run_id, lease, created_at, next_check_at, account_id, key_life_ms, longest_request_ms)
SELECT invoice_id, subscription_id, 2, 0, 'sub_1_20260131-2', reference, customer_id, amount, currency, gateway, payment_method, 1, 'in_doubt', 1, run_id,
REPEAT('a', 16), created_at, created_at, account_id, key_life_ms, longest_request_ms FROM payment_attempts WHERE idempotency_key = 'sub_1_20260131-1'`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := taken(t)
			worktest.Exec(t, w.plain, set)
			if name == "in doubt" {
				worktest.Exec(t, w.plain, `UPDATE invoices SET status = 'charging', attempts = 2 WHERE subscription_id = 1`)
			}
			w.more()
			for range 2 {
				result := w.run(nil)
				require.NotEqual(t, batch.ExitDone, result.Exit, "%v", result)
				require.NotEqual(t, batch.ExitFailed, result.Exit, "%v", result)
			}
			require.Empty(t, w.twice())
			require.Equal(t, 3, w.sims["main"].Stats().Payments)
			require.Equal(t, "paid", worktest.Get[string](t, w.plain, `SELECT status FROM invoices WHERE subscription_id = 3`))
		})
	}
}

// What is no record of the rejected charge itself stops the gateway as any unknown charge does, and so does one in tables that may have
// been restored, and one of an attempt that was rejected without a request or is said to have done nothing.
func TestARejectedChargeOfSomebodyElse(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(w *town, e *simulator.Entry){
		"maybe restored":    func(*town, *simulator.Entry) {},
		"another customer":  func(_ *town, e *simulator.Entry) { e.CustomerID = "somebody" },
		"another reference": func(_ *town, e *simulator.Entry) { e.Reference = "sub_9_20260131" },
		"never sent": func(w *town, _ *simulator.Entry) {
			worktest.Exec(t, w.plain, `UPDATE payment_attempts SET proof = 'answer'`)
		},
		"proven to be absent": func(w *town, _ *simulator.Entry) {
			worktest.Exec(t, w.plain, `UPDATE payment_attempts SET proof = 'look_up'`)
		},
		"denied by an operator": func(w *town, _ *simulator.Entry) {
			worktest.Exec(t, w.plain, `UPDATE payment_attempts SET proof = 'operator'`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newRecord(t)
			w.enrol("pm_ok:1", "pm_ok:2")
			worktest.Invoice(t, w.plain)
			worktest.Exec(t, w.plain, `UPDATE invoices SET status = 'review' WHERE subscription_id = 1`)
			worktest.Exec(t, w.plain, `INSERT INTO payment_attempts (invoice_id, subscription_id, attempt_no, stage, idempotency_key, reference, customer_id,
amount, currency, gateway, payment_method, body_version, status, run_id, lease) SELECT id, 1, 1, 0, 'sub_1_20260131-1', 'sub_1_20260131', 'customer-1', 9900,
'KRW', 'main', 'pm_ok:1', 1, 'rejected', 1, REPEAT('l', 16) FROM invoices WHERE subscription_id = 1`)
			e := simulator.Entry{
				Key: "sub_1_20260131-1", Reference: "sub_1_20260131", CustomerID: "customer-1", Method: "pm_ok:1", Amount: 9900, Currency: "KRW",
				Status: payment.Succeeded, CreatedAt: w.clock()().Add(-time.Minute),
			}
			change(w, &e)
			_, err := w.sims["main"].Inject(e)
			require.NoError(t, err)
			for range 2 {
				result := w.run(func(o *jobs.BillingOptions, _ *batch.Runner) {
					o.Suspected = func() bool { return name == "maybe restored" }
				})
				require.Equal(t, batch.ExitFailed, result.Exit, "%v", result)
			}
			require.Zero(t, w.requests("main", createPayment))
		})
	}
}
