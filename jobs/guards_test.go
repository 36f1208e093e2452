package jobs_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/billing/guard"
	"duly/internal/operator"
	"duly/internal/payment"
	"duly/internal/preview"
	"duly/internal/test/worktest"
	"duly/jobs"
)

// guards hold what is more than ten times the last paid amount, and more than a million won.
func guards(o *jobs.BillingOptions, _ *batch.Runner) {
	o.Policy.Guards = guard.Rules{Max: map[string]int64{"KRW": 1_000_000}, Factor: 1_000}
}

// priced enrols a subscription for each amount, after it has paid 9,900 won on 31 December.
func (w *town) priced(amounts ...int64) {
	w.t.Helper()
	w.on("2025-12-31")
	worktest.Enrol(w.t, w.plain, len(amounts), "2025-12-31", nil)
	require.Equal(w.t, batch.ExitDone, w.run(nil).Exit)
	for i, amount := range amounts {
		worktest.Exec(w.t, w.plain, fmt.Sprintf(`UPDATE subscriptions SET amount = %d WHERE id = %d`, amount, i+1))
	}
	w.on(day0)
}

// amounts are how the invoices of January stand, in the order of their subscriptions.
func (w *town) amounts() []string {
	return worktest.List[string](w.t, w.plain, `SELECT CONCAT_WS(' ', amount, status, COALESCE(amount_check, '-'), (SELECT COUNT(*) FROM payment_attempts a WHERE a.invoice_id = i.id))
FROM invoices i WHERE due_date = '2026-01-31' ORDER BY subscription_id`)
}

// charged is what the gateway took since December.
func (w *town) charged() (amounts []int64) {
	for _, e := range w.sims["main"].Ledger() {
		if !strings.HasSuffix(e.Reference, "_20251231") {
			amounts = append(amounts, e.Amount)
		}
	}
	return amounts
}

// What is too large goes to review before anything is charged, whether its invoice is born with its attempt or is claimed later, and in a retry. An operator's
// word has it charged, once, and then it is the history of the next period.
func TestAmountGuards(t *testing.T) {
	t.Parallel()
	want := []string{"9900 paid - 1", "99000 paid - 1", "99001 review max_factor 0", "1290000000 review max_amount 0"}
	for name, begin := range map[string]func(*town){
		"born charging": func(*town) {},
		"born open": func(w *town) {
			require.Equal(t, batch.ExitDone, w.run(func(o *jobs.BillingOptions, r *batch.Runner) { guards(o, r); o.Steps = []string{jobs.StepIssue} }).Exit)
			require.Equal(t, []string{"9900 open - 0", "99000 open - 0", "99001 open - 0", "1290000000 open - 0"}, w.amounts())
		},
		"in a retry": func(w *town) {
			worktest.Exec(w.t, w.plain, `INSERT INTO invoices (subscription_id, due_date, amount, currency, status, stage, next_attempt_date, issued_date, first_declined_date)
SELECT id, '2026-01-31', amount, currency, 'open', 2, '2026-01-31', '2026-01-28', '2026-01-28' FROM subscriptions`)
			worktest.Exec(w.t, w.plain, `UPDATE subscriptions SET next_billing_date = '2026-02-28'`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newTown(t)
			w.priced(9_900, 99_000, 99_001, 1_290_000_000)
			begin(w)
			forecast := w.forecast(guards)
			require.EqualValues(t, 2, forecast.Review, forecast)
			require.Equal(t, "[{KRW 2 1290099001}]", sums(forecast))
			require.Equal(t, batch.ExitReview, w.run(guards).Exit)
			require.Equal(t, want, w.amounts())
			require.ElementsMatch(t, []int64{9_900, 99_000}, w.charged())
			require.Equal(t, []string{
				"amount 99,001 KRW is more than 10 times the last paid 9,900 KRW (billing.max_factor)",
				"amount 1,290,000,000 KRW is more than 1,000,000 KRW (billing.max_amount)",
			}, worktest.List[string](t, w.plain, `SELECT review_reason FROM invoices WHERE status = 'review' ORDER BY id`))
			require.Equal(t, 2, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM events WHERE type = 'review.needed'`))

			require.Equal(t, batch.ExitDone, w.run(guards).Exit)
			require.Equal(t, want, w.amounts(), "another run changes nothing")

			w.approve(4)
			require.Equal(t, "1290000000 open approved 0", w.amounts()[3])
			require.Equal(t, batch.ExitDone, w.run(guards).Exit)
			require.Equal(t, "1290000000 paid approved 1", w.amounts()[3])
			require.ElementsMatch(t, []int64{9_900, 99_000, 1_290_000_000}, w.charged())
			w.reconcile()

			w.on("2026-02-28")
			require.Equal(t, batch.ExitReview, w.run(guards).Exit)
			require.Equal(t, []string{"9900 paid -", "99000 paid -", "1290000000 review max_amount"}, worktest.List[string](t, w.plain,
				`SELECT CONCAT_WS(' ', amount, status, COALESCE(amount_check, '-')) FROM invoices WHERE due_date = '2026-02-28' ORDER BY subscription_id`),
				"what was paid is the history, and the approval counts for its invoice alone")
		})
	}
}

// forecast is what a dry run says before the run.
func (w *town) forecast(change func(*jobs.BillingOptions, *batch.Runner)) preview.BillingForecast {
	w.t.Helper()
	deps := w.deps(w.plain.DSN, w.clock(), nil)
	options := jobs.BillingOptions{ChunkSize: 100, Policy: billing.Policy{RetryDays: []int{1, 3, 5}}}
	options.Selection.Business = w.today
	change(&options, nil)
	forecast, err := preview.Billing(w.t.Context(), deps, options, 3, 5, 0)
	require.NoError(w.t, err)
	return forecast
}

func sums(f preview.BillingForecast) string { return fmt.Sprint(f.Guarded) }

// approve is an operator's word about the amount of the invoice of January of a subscription.
func (w *town) approve(subscription int) {
	w.t.Helper()
	db := worktest.Open(w.t, w.plain.DSN)
	id := worktest.Get[uint64](w.t, w.plain, fmt.Sprintf(`SELECT id FROM invoices WHERE subscription_id = %d AND due_date = '2026-01-31'`, subscription))
	action := operator.Action{Action: "resolve", Subject: fmt.Sprintf("invoice:%d", id), Who: "kim", Host: "vm-1", Reason: "a year at once"}
	closing, err := operator.CloseInvoice(w.t.Context(), db, id, payment.AsApproved, w.today, w.clock()(), action)
	require.NoError(w.t, err)
	require.Equal(w.t, billing.Open, closing.Status)
	require.Equal(w.t, 1, worktest.Get[int](w.t, w.plain, fmt.Sprintf(`SELECT COUNT(*) FROM operator_actions WHERE subject = 'invoice:%d' AND who = 'kim'`, id)))
}

// What would go to review for its amount is announced to nobody, and goes there before its notice is waited for. Approved, it is announced, and charged once
// the notice is delivered. What the shop planned is announced at once.
func TestNoNoticeBeyondAGuard(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.priced(9_900, 99_001, 99_001, 9_900)
	w.policy("asked", "asked", "warned", "asked")
	worktest.Exec(t, w.plain, `UPDATE subscriptions SET method_expires_on = '2026-01-01' WHERE id = 3`)
	worktest.Exec(t, w.plain, `INSERT INTO subscription_changes (subscription_id, effective_date, kind, value) VALUES (4, '2026-01-31', 'one_off_amount', '500000')`)
	policy := noticed()
	both := func(o *jobs.BillingOptions, r *batch.Runner) { guards(o, r); o.Policy.Named = policy.Named }
	policy.Guards = guard.Rules{Max: map[string]int64{"KRW": 1_000_000}, Factor: 1_000}
	w.on("2026-01-28").notices(policy, nil)
	first, approved := "1 upcoming 2026-01-31 1 9900 9900 2026-01-31", "2 upcoming 2026-01-31 1 99001 99001 2026-01-31"
	fourth := "4 upcoming 2026-01-31 1 500000 500000 2026-01-31"
	require.Equal(t, []string{first, fourth}, w.written())
	require.Equal(t, "one_off_amount", worktest.Get[string](t, w.plain, `SELECT JSON_VALUE(payload, '$.planned[0].change') FROM events WHERE subject = 'subscription:4' AND type = 'invoice.upcoming'`))
	w.deliver()
	w.on("2026-01-31")
	forecast := w.forecast(both)
	require.Equal(t, "[{KRW 2 198002}]", sums(forecast))
	require.Zero(t, forecast.Unnoticed)
	require.Equal(t, batch.ExitReview, w.run(both).Exit)
	require.Equal(t, []string{"9900 paid - 1", "99001 review max_factor 0", "99001 review max_factor 0", "500000 paid one_off 1"}, w.amounts())
	w.notices(policy, nil)
	require.Equal(t, []string{first, fourth}, w.written())

	w.approve(2)
	require.Equal(t, batch.ExitUnfinished, w.run(both).Exit)
	w.notices(policy, nil)
	require.Equal(t, []string{first, approved, fourth}, w.written())
	w.deliver()
	require.Equal(t, batch.ExitDone, w.run(both).Exit)
	require.Equal(t, "99001 paid approved 1", w.amounts()[1])
	w.reconcile()
}

// Guards that are set after a worker died keep what it had claimed from being sent: the gateway is asked, and once it is proven that nothing was executed the
// invoice is judged as any other.
func TestGuardsSetAfterACrash(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.priced(9_900, 1_290_000_000)
	w.leave(2)
	step := func(name string) batch.Result {
		return w.run(func(o *jobs.BillingOptions, r *batch.Runner) { guards(o, r); o.Steps = []string{name} })
	}
	step(jobs.StepRecover)
	require.Equal(t, []string{"9900 paid - 1", "1290000000 charging - 1"}, w.amounts())
	require.Equal(t, []int64{9_900}, w.charged())

	w.on("2026-02-03")
	worktest.Enrol(t, w.plain, 1, "2026-02-03", nil)
	w.collect(3)
	step(jobs.StepRecover)
	require.Equal(t, []string{"9900 paid - 1", "1290000000 open - 1"}, w.amounts())
	require.Equal(t, batch.ExitReview, step(jobs.StepCollect).Exit)
	require.Equal(t, []string{"9900 paid - 1", "1290000000 review max_amount 1"}, w.amounts())
	require.Equal(t, []int64{9_900, 9_900}, w.charged())
}

// What the shop planned is charged however large it is: a price by the due date, applied before or at the issue, and a one-off amount, which is no history of the
// next period. A price that it wrote into the row is held.
func TestPlannedAmountsAreApproved(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.priced(9_900, 9_900, 9_900, 2_000_000)
	worktest.Exec(t, w.plain, `INSERT INTO subscription_changes (subscription_id, effective_date, kind, value) VALUES
(1, '2026-01-15', 'amount', '2000000'), (2, '2026-01-31', 'amount', '2000000'), (3, '2026-01-01', 'one_off_amount', '2000000')`)
	w.on("2026-01-15")
	require.Equal(t, batch.ExitDone, w.run(guards).Exit)
	require.Equal(t, 2_000_000, worktest.Get[int](t, w.plain, `SELECT amount FROM subscriptions WHERE id = 1`), "it is applied before the period is due")
	w.on(day0)
	require.Equal(t, batch.ExitReview, w.run(guards).Exit)
	require.Equal(t, []string{"2000000 paid - 1", "2000000 paid - 1", "2000000 paid one_off 1", "2000000 review max_amount 0"}, w.amounts())

	worktest.Exec(t, w.plain, `UPDATE subscriptions SET amount = 900000 WHERE id = 3`)
	w.on("2026-02-28")
	require.Equal(t, batch.ExitReview, w.run(guards).Exit)
	require.Equal(t, []string{
		"amount 2,000,000 KRW is more than 1,000,000 KRW (billing.max_amount)",
		"amount 900,000 KRW is more than 10 times the last paid 9,900 KRW (billing.max_factor)",
	}, worktest.List[string](t, w.plain, `SELECT review_reason FROM invoices WHERE status = 'review' ORDER BY subscription_id DESC`))
}

// A planned amount that an operator has ignored approves nothing, and neither does one that was planned in another currency, nor a one-off amount.
func TestPlannedAmountsThatApproveNothing(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.priced(9_900, 9_900, 9_900, 9_900)
	worktest.Exec(t, w.plain, `INSERT INTO subscription_changes (subscription_id, effective_date, kind, value) VALUES
(1, '2026-02-01', 'amount', '2000000'), (2, '2026-01-31', 'amount', '90000'), (3, '2026-02-01', 'one_off_amount', '90000')`)
	require.Equal(t, batch.ExitDone, w.run(guards).Exit)
	worktest.Exec(t, w.plain, `UPDATE subscription_changes SET applied_at = '2026-02-01 02:00:00', outcome = 'ignored by ops: three zeros too many' WHERE subscription_id = 1`)
	worktest.Exec(t, w.plain, `UPDATE subscriptions SET amount = 2000000 WHERE id = 1`)
	worktest.Exec(t, w.plain, `UPDATE subscriptions SET currency = 'USD' WHERE id IN (2, 3)`)
	w.on("2026-02-28")
	require.Equal(t, batch.ExitReview, w.run(func(o *jobs.BillingOptions, r *batch.Runner) {
		guards(o, r)
		o.Policy.Guards.Max["USD"] = 5_000
	}).Exit)
	require.Equal(t, []string{
		"1 amount 2,000,000 KRW is more than 1,000,000 KRW (billing.max_amount)",
		"2 amount 900.00 USD is more than 50.00 USD (billing.max_amount)",
		"3 amount 900.00 USD is more than 50.00 USD (billing.max_amount)",
	}, worktest.List[string](t, w.plain, `SELECT CONCAT(subscription_id, ' ', review_reason) FROM invoices WHERE status = 'review' ORDER BY subscription_id`))
}
