package jobs_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/test/worktest"
	"duly/jobs"
)

// plan writes planned changes of a subscription, each as "day kind value".
func (w *town) plan(subscription int, changes ...string) {
	w.t.Helper()
	for _, c := range changes {
		words := strings.SplitN(c, " ", 3)
		var value any
		if len(words) == 3 {
			value = words[2]
		}
		worktest.Exec(w.t, w.plain, `INSERT INTO subscription_changes (subscription_id, effective_date, kind, value) VALUES (?, ?, ?, ?)`, subscription, words[0], words[1], value)
	}
}

// billed lists what was invoiced of a subscription, and what it is.
func (w *town) billed(subscription int) []string {
	w.t.Helper()
	return worktest.List[string](w.t, w.plain, `SELECT CONCAT_WS(' ', due_date, amount, status) FROM invoices WHERE subscription_id = ? ORDER BY due_date`, subscription)
}

func (w *town) stands(subscription int) string {
	w.t.Helper()
	return worktest.Get[string](w.t, w.plain, `SELECT CONCAT_WS(' ', status, next_billing_date, amount) FROM subscriptions WHERE id = ?`, subscription)
}

func (w *town) planned() []string {
	w.t.Helper()
	return worktest.List[string](w.t, w.plain, `SELECT CONCAT_WS(' ', id, kind, IF(applied_at IS NULL, 'waits', 'applied'), outcome) FROM subscription_changes ORDER BY id`)
}

// days runs once on each of the days.
func (w *town) days(days string) {
	w.t.Helper()
	for day := range strings.FieldsSeq(days) {
		require.Contains(w.t, []int{batch.ExitDone, batch.ExitUnfinished}, w.on(day).run(nil).Exit, day)
	}
}

func TestPlannedChanges(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		is      func(*worktest.Subscription)
		plan    []string
		runs    string // the days on which there is one
		billed  []string
		stands  string
		waiting int
	}{
		{
			name: "cancelled at the end of a period", plan: []string{"2026-02-28 cancel"}, runs: "2026-01-31 2026-02-28 2026-03-01",
			billed: []string{"2026-01-31 9900 paid"}, stands: "cancelled 2026-03-31 9900",
		},
		{
			name: "a price from March on", plan: []string{"2026-03-01 amount 14900"}, runs: "2026-02-27 2026-02-28 2026-03-31",
			billed: []string{"2026-01-31 9900 paid", "2026-02-28 9900 paid", "2026-03-31 14900 paid"}, stands: "active 2026-04-30 14900",
		},
		{
			name: "missed days: each period at the price of its day", plan: []string{"2026-02-15 amount 14900"}, runs: "2026-03-01 2026-03-02",
			billed: []string{"2026-01-31 9900 paid", "2026-02-28 14900 paid"}, stands: "active 2026-03-31 14900",
		},
		{
			name: "a free month", plan: []string{"2026-02-01 one_off_amount 0"}, runs: "2026-01-31 2026-02-28 2026-03-31",
			billed: []string{"2026-01-31 9900 paid", "2026-02-28 0 paid", "2026-03-31 9900 paid"}, stands: "active 2026-04-30 9900",
		},
		{
			name: "two free months from a day on", plan: []string{"2026-02-01 one_off_amount 0", "2026-02-01 one_off_amount 0"}, runs: "2026-01-31 2026-02-28 2026-03-31 2026-04-30",
			billed: []string{"2026-01-31 9900 paid", "2026-02-28 0 paid", "2026-03-31 0 paid", "2026-04-30 9900 paid"}, stands: "active 2026-05-31 9900",
		},
		{
			name: "a pause of two months", plan: []string{"2026-02-10 pause", "2026-04-10 resume"}, runs: "2026-01-31 2026-02-28 2026-03-31 2026-04-30",
			billed: []string{"2026-01-31 9900 paid", "2026-04-30 9900 paid"}, stands: "active 2026-05-31 9900",
		},
		{
			name: "a pause whose days were all missed", plan: []string{"2026-02-10 pause", "2026-04-10 resume"}, runs: "2026-05-01 2026-05-04",
			billed: []string{"2026-01-31 9900 paid", "2026-04-30 9900 paid"}, stands: "active 2026-05-31 9900",
		},
		{
			name: "resumed on a due date", plan: []string{"2026-02-10 pause", "2026-03-31 resume"}, runs: "2026-02-10 2026-02-28 2026-03-31",
			billed: []string{"2026-01-31 9900 paid", "2026-03-31 9900 paid"}, stands: "active 2026-04-30 9900",
		},
		{
			name: "a trial", is: func(s *worktest.Subscription) { s.Status, s.Next = "trialing", "2026-02-14" }, plan: []string{"2026-02-14 resume"},
			runs: "2026-01-31 2026-02-14", billed: []string{"2026-02-14 9900 paid"}, stands: "active 2026-03-14 9900",
		},
		{
			name: "a trial that is ended before its date", is: func(s *worktest.Subscription) { s.Status, s.Next = "trialing", "2026-02-14" }, plan: []string{"2026-02-03 resume"},
			runs: "2026-02-01 2026-02-14", billed: []string{"2026-02-14 9900 paid"}, stands: "active 2026-03-14 9900",
		},
		{
			name: "a trial with a first price and another one", is: func(s *worktest.Subscription) { s.Status, s.Next = "trialing", "2026-02-14" },
			plan: []string{"2026-02-14 one_off_amount 100", "2026-02-14 resume"},
			runs: "2026-02-14 2026-02-28 2026-03-14", billed: []string{"2026-02-14 100 paid", "2026-03-14 9900 paid"}, stands: "active 2026-04-14 9900",
		},
		{
			name: "years instead of months", plan: []string{"2026-02-28 interval year", "2026-02-28 amount 99000"}, runs: "2026-01-31 2026-02-28 2026-03-31",
			billed: []string{"2026-01-31 9900 paid", "2026-02-28 99000 paid"}, stands: "active 2027-02-28 99000",
		},
		{
			name: "days are skipped, and the price is that of the day that is billed", is: func(s *worktest.Subscription) { s.Unit = "day" },
			plan: []string{"2026-02-02 amount 100", "2026-02-04 amount 200"}, runs: "2026-02-03",
			billed: []string{"2026-02-03 100 paid"}, stands: "active 2026-02-04 100", waiting: 1,
		},
		{
			name: "a new card", is: func(s *worktest.Subscription) { s.Method = "pm_hard" }, plan: []string{"2026-01-31 method pm_ok:new"}, runs: "2026-01-31",
			billed: []string{"2026-01-31 9900 paid"}, stands: "active 2026-02-28 9900",
		},
		{
			name: "a new card waits behind no unpaid invoice", is: func(s *worktest.Subscription) { s.Method = "pm_soft" }, plan: []string{"2026-03-01 method pm_ok:new"},
			runs: "2026-02-26 2026-02-27 2026-03-01 2026-03-02", billed: []string{"2026-01-31 9900 paid", "2026-02-28 9900 paid"}, stands: "active 2026-03-31 9900",
		},
		{
			name: "missed days: what was due before a pause is billed", plan: []string{"2026-03-15 pause"}, runs: "2026-03-31 2026-04-01 2026-04-30",
			billed: []string{"2026-01-31 9900 paid", "2026-02-28 9900 paid"}, stands: "paused 2026-05-31 9900",
		},
		{
			name: "and what is due after its end", plan: []string{"2026-03-15 pause", "2026-03-20 resume"}, runs: "2026-03-31 2026-04-01 2026-04-02",
			billed: []string{"2026-01-31 9900 paid", "2026-02-28 9900 paid", "2026-03-31 9900 paid"}, stands: "active 2026-04-30 9900",
		},
		{
			name: "an unpaid invoice holds up what was due before a pause, and loses none of it", is: func(s *worktest.Subscription) { s.Method = "pm_soft" },
			plan: []string{"2026-03-03 pause", "2026-03-03 method pm_ok:new"}, runs: "2026-02-26 2026-02-27 2026-03-03 2026-03-04",
			billed: []string{"2026-01-31 9900 paid", "2026-02-28 9900 paid"}, stands: "paused 2026-03-31 9900",
		},
		{
			name: "nor does an end", is: func(s *worktest.Subscription) { s.Method = "pm_soft" }, plan: []string{"2026-03-01 cancel"},
			runs: "2026-02-26 2026-02-27 2026-03-01", billed: []string{"2026-01-31 9900 void"}, stands: "cancelled 2026-02-28 9900",
		},
		{
			name: "nor does a cancellation", is: func(s *worktest.Subscription) { s.Method, s.Unit = "pm_soft", "day" }, plan: []string{"2026-02-02 cancel"}, runs: "2026-01-31 2026-02-03",
			billed: []string{"2026-01-31 9900 void"}, stands: "cancelled 2026-02-04 9900",
		},
		{
			name: "what is cancelled keeps its plans", is: func(s *worktest.Subscription) { s.Status = "cancelled" }, plan: []string{"2026-01-31 resume", "2026-01-31 amount 5"}, runs: "2026-01-31 2026-02-01",
			stands: "cancelled 2026-02-28 9900", waiting: 2,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newTown(t)
			worktest.Enrol(t, w.plain, 2, day0, func(i int, s *worktest.Subscription) {
				if c.is != nil && i == 1 {
					c.is(s)
				}
			})
			w.plan(1, c.plan...)
			w.days(c.runs)
			require.Equal(t, c.billed, w.billed(1))
			require.Equal(t, c.stands, w.stands(1))
			require.Equal(t, c.waiting, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM subscription_changes WHERE applied_at IS NULL`), "%v", w.planned())
			require.Equal(t, len(c.plan)-c.waiting, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM events WHERE type = 'subscription.changed'`))
			w.reconcile()
		})
	}
}

func TestAChangeThatCannotBeAppliedHoldsUpItsSubscriptionAlone(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	worktest.Enrol(t, w.plain, 3, day0, nil)
	w.plan(1, "2026-01-31 amount 99.00", "2026-01-31 amount 5000")
	require.Equal(t, batch.ExitReview, w.run(nil).Exit)
	require.Empty(t, w.billed(1))
	require.Equal(t, []string{"2026-01-31 9900 paid"}, w.billed(2))
	const why = `planned change 1 (amount from 2026-01-31): value "99.00" is not a whole number of minor units such as 14900; correct or delete its row, or duly resolve change 1 --as ignored`
	require.Equal(t, why, worktest.Get[string](t, w.plain, `SELECT review_reason FROM subscriptions WHERE id = 1`))
	require.Equal(t, []string{"1 amount waits " + why, "2 amount waits"}, w.planned())

	worktest.Exec(t, w.plain, `UPDATE subscription_changes SET value = '9900' WHERE id = 1`)
	require.Equal(t, batch.ExitDone, w.run(nil).Exit)
	require.Equal(t, []string{"2026-01-31 5000 paid"}, w.billed(1))
	require.Equal(t, 1, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM subscriptions WHERE id = 1 AND review_reason IS NULL`))
	require.Equal(t, []string{"1 amount applied applied", "2 amount applied applied"}, w.planned())
	w.reconcile()
}

// A new card that cannot be applied holds its invoice: the old one is not tried in its place, no stage is used, and dunning does not end.
func TestANewCardThatCannotBeAppliedHoldsItsInvoice(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	worktest.Enrol(t, w.plain, 3, day0, func(i int, s *worktest.Subscription) {
		if i < 3 {
			s.Method = "pm_soft"
		}
	})
	require.Equal(t, batch.ExitDone, w.run(nil).Exit)
	dunned := func(id int) string {
		return worktest.Get[string](t, w.plain, `SELECT CONCAT_WS(' ', status, stage, attempts, next_attempt_date) FROM invoices WHERE subscription_id = ?`, id)
	}
	require.Equal(t, "open 1 1 2026-02-01", dunned(1))
	w.plan(1, "2026-02-01 method", "2026-02-01 method pm_ok:new")
	for _, day := range []string{"2026-02-01", "2026-02-05", "2026-02-09"} {
		got := w.on(day).run(nil)
		require.Equal(t, batch.ExitReview, got.Exit, "%v", got)
		require.Equal(t, []string{"1 invoice not charged, and no retry used, until a planned change of the payment method is fixed (1): duly list changes --kind method; duly show invoice 1 says what is wrong"}, got.Left)
		require.Len(t, got.Waits, 1)
		require.Equal(t, "open 1 1 2026-02-01", dunned(1))
	}
	require.Equal(t, "uncollectible 3 4 2026-02-06", dunned(2))
	require.Equal(t, "past_due 2026-02-28 9900", w.stands(1))

	worktest.Exec(t, w.plain, `DELETE FROM subscription_changes WHERE id = 1`)
	require.Equal(t, batch.ExitDone, w.on("2026-02-09").run(nil).Exit)
	require.Equal(t, []string{"2026-01-31 9900 paid"}, w.billed(1))
	w.reconcile()
}

// A run that is late issues what was due, and charges nothing of a subscription that is cancelled by then; a new card is the one that is charged.
func TestACancellationByTodayEndsWhatIsIssuedLate(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	worktest.Enrol(t, w.plain, 3, day0, func(i int, s *worktest.Subscription) {
		if i == 2 {
			s.Method = "pm_hard"
		}
	})
	w.plan(1, "2026-02-03 cancel")
	w.plan(2, "2026-02-03 method pm_ok:new")
	require.Equal(t, batch.ExitDone, w.on("2026-02-03").run(nil).Exit)
	require.Equal(t, []string{"2026-01-31 9900 void"}, w.billed(1))
	require.Equal(t, "cancelled 2026-02-28 9900", w.stands(1))
	require.Equal(t, []string{"2026-01-31 9900 paid"}, w.billed(2))
	require.Equal(t, 2, w.sims["main"].Stats().Payments)
	w.reconcile()
}

// A run at whose begin no change is due asks for none again: the table may as well be gone.
func TestARunWithoutPlansAsksOnce(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	worktest.Enrol(t, w.plain, 20, day0, nil)
	w.plan(1, "2026-02-01 amount 1")
	gone := false
	result := w.run(func(o *jobs.BillingOptions, r *batch.Runner) {
		small(o, r)
		r.OnStep = func(x *batch.StepExecution) {
			if x.Step == jobs.StepIssue {
				worktest.Exec(t, w.plain, `RENAME TABLE subscription_changes TO elsewhere`)
				gone = true
			}
		}
	})
	require.True(t, gone)
	require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
	require.Equal(t, 20, w.sims["main"].Stats().Payments)
	worktest.Exec(t, w.plain, `RENAME TABLE elsewhere TO subscription_changes`)
	w.reconcile()
}

// Issuing alone, and collecting alone, apply what is theirs.
func TestStepsByThemselvesApplyTheirChanges(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	worktest.Enrol(t, w.plain, 2, day0, func(_ int, s *worktest.Subscription) { s.Method = "pm_hard" })
	only := func(steps ...string) func(*jobs.BillingOptions, *batch.Runner) {
		return func(o *jobs.BillingOptions, _ *batch.Runner) { o.Steps = steps }
	}
	w.plan(1, "2026-01-31 amount 500")
	require.Equal(t, batch.ExitDone, w.run(only(jobs.StepIssue)).Exit)
	require.Equal(t, []string{"2026-01-31 500 open"}, w.billed(1))
	w.plan(1, "2026-02-01 method pm_ok:new", "2026-02-01 amount 700")
	w.plan(2, "2026-02-01 cancel")
	require.Equal(t, batch.ExitDone, w.on("2026-02-01").run(only(jobs.StepCollect)).Exit)
	require.Equal(t, []string{"2026-01-31 500 paid"}, w.billed(1))
	require.Equal(t, []string{"2026-01-31 9900 void"}, w.billed(2))
	require.Equal(t, []string{"1 amount applied applied", "2 method applied applied", "3 amount waits", "4 cancel applied applied"}, w.planned())
	w.reconcile()
}

// A planned change that another transaction has locked leaves its own subscription alone for a later run: at the issue, and at the claim of an open invoice.
func TestALockedChangeHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	worktest.Enrol(t, w.plain, 30, day0, func(_ int, s *worktest.Subscription) { s.Method = "pm_soft" })
	w.plan(3, day0+" amount 500")
	w.plan(4, day0+" amount 500")
	attempts := 0
	for _, day := range []string{day0, "2026-02-01"} {
		tx, err := w.plain.BeginTxx(t.Context(), nil)
		require.NoError(t, err)
		defer func() { _ = tx.Rollback() }()
		_, err = tx.ExecContext(t.Context(), `SELECT id FROM subscription_changes WHERE subscription_id = 3 FOR UPDATE`)
		require.NoError(t, err)
		result := w.on(day).run(small)
		require.Equal(t, batch.ExitUnfinished, result.Exit, "%v", result)
		require.Contains(t, result.Left, "a row stayed locked by another transaction")
		attempts += 29
		require.Equal(t, attempts, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM payment_attempts`), day)
		require.NoError(t, tx.Rollback())
		require.Equal(t, batch.ExitDone, w.run(small).Exit)
		attempts++
		require.Equal(t, attempts, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM payment_attempts`), day)
		w.plan(3, "2026-02-01 method pm_ok:new")
	}
	require.Equal(t, []string{"2026-01-31 500 paid"}, w.billed(3))
	w.reconcile()
}
