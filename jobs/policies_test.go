package jobs_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/billing/dunning"
	"duly/internal/billing/network"
	"duly/internal/gateway"
	"duly/internal/operator"
	"duly/internal/payment"
	"duly/internal/preview"
	"duly/internal/query"
	"duly/internal/store"
	"duly/internal/test/worktest"
	"duly/jobs"
)

// dunningPolicies are three beside the default.
func dunningPolicies() billing.Policy {
	return billing.Policy{RetryDays: []int{1, 3, 5}, Named: map[string]dunning.Policy{
		"gentle": {RetryDays: []int{2, 5, 9, 14, 20}, AfterLast: dunning.PauseAfterLast},
		"keep":   {RetryDays: []int{1}, AfterLast: dunning.KeepAfterLast},
		"skip":   {RetryDays: []int{1}, CatchUp: billing.CatchUpSkip},
	}}
}

// byPolicies has a run go by them.
func byPolicies(o *jobs.BillingOptions, _ *batch.Runner) { o.Policy = dunningPolicies() }

// policy names the policies of the first subscriptions; "-" leaves one without.
func (w *town) policy(names ...string) {
	w.t.Helper()
	for i, name := range names {
		if name != "-" {
			worktest.Exec(w.t, w.plain, `UPDATE subscriptions SET dunning_policy = ? WHERE id = ?`, name, i+1)
		}
	}
}

// Policies of different lengths and ends are walked to their last stage side by side, and a dry run foresees each day. The configuration, the column and
// the policy itself change in the middle: every invoice keeps what it began with.
func TestPoliciesOverDays(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.enrol("pm_soft:1", "pm_soft:2", "pm_soft:3", "pm_soft:4", "pm_hard:5")
	w.policy("-", "gentle", "keep", "gentle", "gentle")
	today := byPolicies
	for _, day := range []struct {
		date string
		want []string
	}{
		{"2026-01-31", []string{"past_due open 1 1", "past_due open 1 1", "past_due open 1 1", "past_due open 1 1", "past_due open 1 1"}},
		{"2026-02-01", []string{"past_due open 2 2", "past_due open 1 1", "past_due uncollectible 1 2", "past_due open 1 1", "past_due open 1 1"}},
		{"2026-02-02", []string{"past_due open 2 2", "past_due open 2 2", "past_due uncollectible 1 2", "past_due open 2 2", "past_due open 2 1"}},
		{"2026-02-05", []string{"past_due open 3 3", "past_due open 3 3", "past_due uncollectible 1 2", "past_due open 3 3", "past_due open 3 1"}},
		{"2026-02-09", []string{"cancelled uncollectible 3 4", "past_due open 4 4", "past_due uncollectible 1 2", "past_due open 4 4", "past_due open 4 1"}},
		{"2026-02-14", []string{"cancelled uncollectible 3 4", "past_due open 5 5", "past_due uncollectible 1 2", "past_due open 5 5", "past_due open 5 1"}},
		{"2026-02-20", []string{"cancelled uncollectible 3 4", "paused uncollectible 5 6", "past_due uncollectible 1 2", "paused uncollectible 5 6", "paused uncollectible 5 1"}},
		// What was kept is billed again, what was paused is not.
		{"2026-02-28", []string{"cancelled uncollectible 3 4", "paused uncollectible 5 6", "past_due open 1 1", "paused uncollectible 5 6", "paused uncollectible 5 1"}},
	} {
		switch day.date {
		case "2026-02-02":
			worktest.Exec(t, w.plain, `UPDATE subscriptions SET dunning_policy = 'keep' WHERE id = 4`)
		case "2026-02-05":
			worktest.Exec(t, w.plain, `UPDATE subscriptions SET dunning_policy = 'nobody' WHERE id = 2`)
			today = func(o *jobs.BillingOptions, _ *batch.Runner) { // "gentle" is gone, and "keep" is another one
				o.Policy = billing.Policy{RetryDays: []int{30}, Named: map[string]dunning.Policy{"keep": {RetryDays: []int{9}, AfterLast: dunning.CancelAfterLast}}}
			}
		case "2026-02-28":
			today = byPolicies
		}
		w.on(day.date)
		options := jobs.BillingOptions{Selection: store.Selection{Business: w.today}, ChunkSize: 100, CatchUp: billing.CatchUpDefault}
		today(&options, nil)
		deps := w.deps(w.plain.DSN, w.clock(), nil)
		open, err := query.MaxOpenStage(t.Context(), deps.DB)
		require.NoError(t, err)
		forecast, err := preview.Billing(t.Context(), deps, options, max(open, options.Policy.MostStages()), 100, 0)
		require.NoError(t, err)
		var before, after int
		count := func() int { return worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM payment_attempts`) }
		before = count()
		for again := range 2 {
			result := w.run(today)
			require.Equal(t, batch.ExitDone, result.Exit, "%s: %v", day.date, result)
			require.Equal(t, day.want, w.states(), "%s, run %d", day.date, again+1)
		}
		after = count()
		require.Len(t, forecast.First, after-before, day.date)
		w.reconcile()
	}
	require.Equal(t, []string{"1 1,3,5 default cancelled AT", "2 2,5,9,14,20 gentle paused AT", "3 1 keep keep", "3 1 keep keep", "4 2,5,9,14,20 gentle paused AT", "5 2,5,9,14,20 gentle paused AT"},
		worktest.List[string](t, w.plain, `SELECT CONCAT_WS(' ', subscription_id, retry_days, REGEXP_REPLACE(COALESCE(dunning, '-'), '[0-9]{20}$', 'AT')) FROM invoices ORDER BY subscription_id, id`))
	require.Equal(t, []string{"subscription.cancelled 1", "subscription.paused 2", "subscription.paused 4", "subscription.paused 5"}, worktest.List[string](t, w.plain,
		`SELECT CONCAT(type, ' ', SUBSTRING_INDEX(subject, ':', -1)) FROM events WHERE type LIKE 'subscription.%' ORDER BY subject`))
	require.Equal(t, []string{"2026-03-31", "2026-03-31"}, worktest.List[string](t, w.plain,
		`SELECT CAST(next_billing_date AS CHAR) FROM subscriptions WHERE id IN (2, 4)`), "paused ones move on without an invoice")
}

// A subscription with a policy that is not configured is charged nothing, and named; once the policy is configured, it is charged at once. An invoice that was issued
// before goes to review too, and the other rows go on.
func TestUnknownPolicies(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.enrol("pm_ok:1", "pm_ok:2", "pm_ok:3", "pm_ok:4")
	w.policy("gentel", "gentle", "Gentle")
	worktest.Exec(t, w.plain, `INSERT INTO invoices (subscription_id, due_date, amount, currency, status, attempts, next_attempt_date, issued_date)
VALUES (3, '2026-01-30', 100, 'KRW', 'open', 0, '2026-01-30', '2026-01-30')`)
	require.Equal(t, batch.ExitReview, w.run(byPolicies).Exit)
	require.Equal(t, batch.ExitDone, w.run(byPolicies).Exit, "nothing is new")
	const why = `dunning_policy "%s" is not configured: set it to NULL or to a name below billing.policies`
	require.Equal(t, []string{"2 paid", "3 review", "4 paid"}, worktest.List[string](t, w.plain, `SELECT CONCAT(subscription_id, ' ', status) FROM invoices ORDER BY subscription_id`))
	require.Equal(t, fmt.Sprintf(why, "gentel"), worktest.Get[string](t, w.plain, `SELECT review_reason FROM subscriptions WHERE id = 1`))
	require.Equal(t, fmt.Sprintf(why, "Gentle"), worktest.Get[string](t, w.plain, `SELECT review_reason FROM invoices WHERE subscription_id = 3`))
	require.Equal(t, 2, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM events WHERE type = 'review.needed'`), "once each")
	require.Equal(t, 2, w.sims["main"].Stats().Payments)

	worktest.Exec(t, w.plain, `UPDATE subscriptions SET dunning_policy = 'gentle' WHERE id = 1`)
	w.run(byPolicies)
	require.Equal(t, "active paid 0 1", w.states()[0])
	require.Zero(t, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM subscriptions WHERE review_reason IS NOT NULL`))
}

// A run counts what is due, and what is left, by the way to catch up of each policy, also where a view of the shop's has no policies.
func TestCatchUpByPolicies(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	worktest.Enrol(t, w.plain, 2, "2025-11-30", func(i int, s *worktest.Subscription) { s.Method = fmt.Sprintf("pm_ok:%d", i) })
	w.policy("-", "skip")
	due := func() int64 {
		deps := w.deps(w.plain.DSN, w.clock(), nil)
		n, err := query.Issuable(t.Context(), deps.DB, query.Issuing{
			Selection: store.Selection{Business: w.today}, Effective: w.today, CatchUp: billing.CatchUpDefault, Named: dunningPolicies().Named,
		})
		require.NoError(t, err)
		return n
	}
	require.EqualValues(t, 2, due())
	require.Equal(t, batch.ExitDone, w.run(byPolicies).Exit)
	require.Equal(t, []string{"2025-11-30", "next 2025-12-30"}, w.dues(1))
	require.Equal(t, []string{"2026-01-30", "next 2026-02-28"}, w.dues(2))
	require.Zero(t, due())

	worktest.Exec(t, w.plain, `ALTER TABLE subscriptions DROP COLUMN dunning_policy`)
	require.Zero(t, due())
	require.Equal(t, batch.ExitDone, w.on("2026-02-01").run(byPolicies).Exit)
	require.Equal(t, []string{"2025-11-30", "2025-12-30", "next 2026-01-30"}, w.dues(1))
	worktest.Exec(t, w.plain, `ALTER TABLE subscriptions DROP COLUMN gateway_customer`)
	require.Equal(t, batch.ExitDone, w.on("2026-02-02").run(byPolicies).Exit)
	require.Equal(t, []string{"2025-11-30", "2025-12-30", "2026-01-30", "next 2026-02-28"}, w.dues(1))
}

// A policy's ceiling puts the charges of one card off, those of other policies go on, and nothing is left without a step.
func TestCeilingOfAPolicy(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	worktest.Enrol(t, w.plain, 8, day0, func(i int, s *worktest.Subscription) { s.Method = "pm_soft:company" })
	w.policy("few", "few", "few", "few")
	few := func(o *jobs.BillingOptions, r *batch.Runner) {
		networked(o, r)
		o.Policy.Named = map[string]dunning.Policy{"few": {RetryDays: []int{1, 3, 5}, MaxTries: 3}}
		o.Policy.Network.Lowest = 3
	}
	for day := range 40 {
		w.turn(worktest.Day(t, day0) + payment.Date(day))
		result := w.run(few)
		require.Contains(t, []int{batch.ExitDone, batch.ExitReview}, result.Exit, "day %d: %v", day, result)
		require.Zero(t, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM invoices WHERE status NOT IN ('open', 'uncollectible')
OR status = 'open' AND (next_attempt_date IS NULL OR next_attempt_date <= ? OR next_attempt_date > ? + INTERVAL 31 DAY)`, w.today, w.today), "day %d: nothing is left without a step", day)
	}
	require.Positive(t, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM invoices WHERE hold_rule = 'policy_30d'`))
	require.LessOrEqual(t, most(w.declined(), network.Window), 15)
	// A try under the policy is made only if fewer than three were declined in the 30 days before it.
	require.Zero(t, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM payment_attempts a JOIN subscriptions s ON s.id = a.subscription_id AND s.dunning_policy = 'few'
WHERE (SELECT COUNT(*) FROM payment_attempts b WHERE b.status = 'declined' AND b.settled_at < a.created_at AND b.settled_at > a.created_at - INTERVAL 30 DAY) >= 3`))
}

// A subscription is past_due while an invoice of it was declined and is unpaid, also where the first decline was the last and the policy keeps it.
func TestASubscriptionIsActiveAgainWithItsLastInvoice(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.enrol("pm_soft:1", "pm_soft:2", "pm_soft:3")
	w.policy("keep", "keep", "keep")
	once := func(o *jobs.BillingOptions, r *batch.Runner) {
		newMethods(o, r)
		o.Policy.Named = map[string]dunning.Policy{"keep": {AfterLast: dunning.KeepAfterLast}}
	}
	retried := func(o *jobs.BillingOptions, r *batch.Runner) {
		newMethods(o, r)
		o.Policy.Named = map[string]dunning.Policy{"keep": {RetryDays: []int{9}, AfterLast: dunning.KeepAfterLast}}
	}
	require.Equal(t, batch.ExitDone, w.run(once).Exit)
	require.Equal(t, []string{"past_due uncollectible 0 1", "past_due uncollectible 0 1", "past_due uncollectible 0 1"}, w.states())
	require.Equal(t, batch.ExitDone, w.on("2026-02-28").run(retried).Exit)
	statuses := func() []string {
		return worktest.List[string](t, w.plain, `SELECT status FROM subscriptions ORDER BY id`)
	}
	due := func(which string) string {
		return `UPDATE invoices SET status = 'open', next_attempt_date = '2026-02-28' WHERE due_date ` + which + ` '2026-02-28'`
	}
	require.Equal(t, 3, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM invoices WHERE status = 'open' AND stage = 1`))

	// The older invoice is paid, by a gateway or outside, and the newer one is declined and open.
	db := w.deps(w.plain.DSN, w.clock(), nil).DB
	outside := func(id uint64) {
		action := operator.Action{Action: "resolve", Subject: fmt.Sprintf("invoice:%d", id), Who: "kim", Host: "h", Reason: "bank"}
		_, err := operator.CloseInvoice(t.Context(), db, id, payment.AsPaidOutside, w.today, w.clock()(), action)
		require.NoError(t, err)
	}
	older := worktest.List[uint64](t, w.plain, `SELECT id FROM invoices WHERE due_date < '2026-02-28' ORDER BY subscription_id`)
	newer := worktest.List[uint64](t, w.plain, `SELECT id FROM invoices WHERE due_date = '2026-02-28' ORDER BY subscription_id`)
	outside(older[0])
	worktest.Exec(t, w.plain, due("<")+` AND subscription_id = 2`)
	w.writes(2, "pm_ok:2")
	worktest.Exec(t, w.plain, `UPDATE invoices SET advanced_date = '2026-02-28' WHERE id = ?`, newer[1])
	require.Equal(t, batch.ExitDone, w.run(retried).Exit)
	require.Equal(t, "paid", worktest.Get[string](t, w.plain, `SELECT status FROM invoices WHERE id = ?`, older[1]))
	require.Equal(t, []string{"past_due", "past_due", "past_due"}, statuses())
	outside(newer[0])
	worktest.Exec(t, w.plain, due("=")+` AND subscription_id = 2`)
	require.Equal(t, batch.ExitDone, w.run(retried).Exit)
	require.Equal(t, []string{"active", "active", "past_due"}, statuses())
}

// renaming is a gateway during whose charges something else happens.
type renaming struct {
	gateway.Gateway

	meanwhile func()
}

func (g renaming) Charge(ctx context.Context, c payment.Charge) payment.Outcome {
	g.meanwhile()
	return g.Gateway.Charge(ctx, c)
}

// A charge that is declined when the policy of its subscription is not configured any more goes to review: the run says so, and counts it once.
func TestADeclineThatGoesToReviewIsCountedSo(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.enrol("pm_soft:1", "pm_ok:2")
	w.policy("gentle")
	w.wrap = func(g gateway.Gateway) gateway.Gateway {
		return renaming{g, func() { worktest.Exec(t, w.plain, `UPDATE subscriptions SET dunning_policy = 'nobody' WHERE id = 1`) }}
	}
	result := w.run(byPolicies)
	require.Equal(t, batch.ExitReview, result.Exit)
	require.Equal(t, []string{"active review 0 1", "active paid 0 1"}, w.states())
	require.Equal(t, []int64{1, 0, 1}, []int64{result.Tally.Review, result.Tally.Declined, worktest.Get[int64](t, w.plain, `SELECT COUNT(*) FROM payment_attempts WHERE status = 'declined'`)})
}
