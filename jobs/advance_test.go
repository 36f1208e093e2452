package jobs_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/billing/dunning"
	"duly/internal/billing/guard"
	"duly/internal/gateway"
	"duly/internal/operator"
	"duly/internal/preview"
	"duly/internal/test/worktest"
	"duly/jobs"
)

// newMethods has changed payment methods charged before the dates of their stages.
func newMethods(o *jobs.BillingOptions, _ *batch.Runner) {
	o.Policy.RetryOnNewMethod, o.BrakePercent = true, 100
}

// writes is a method that the shop writes to a subscription.
func (w *town) writes(subscription int, method string) {
	worktest.Exec(w.t, w.plain, `UPDATE subscriptions SET payment_method = ? WHERE id = ?`, method, subscription)
}

// next are the stages, their dates, and what each invoice is charged ahead of.
func (w *town) next() []string {
	return worktest.List[string](w.t, w.plain, `SELECT CONCAT_WS(' ', stage, next_attempt_date, COALESCE(stage_date, '-'), COALESCE(advanced_date, '-'), COALESCE(first_declined_date, '-')) FROM invoices ORDER BY id`)
}

func TestANewMethodIsChargedByTheNextRun(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]string{
		"method":  `payment_method = 'pm_ok:new'`,
		"gateway": `gateway = 'other', payment_method = 'pm_ok:new'`,
	} {
		t.Run(name, func(t *testing.T) {
			w := newTown(t)
			w.enrol("pm_hard:1", "pm_soft:2", "pm_soft:3")
			w.run(newMethods)
			worktest.Exec(t, w.plain, `UPDATE subscriptions SET `+change+` WHERE id <= 2`)
			require.Equal(t, batch.ExitDone, w.run(newMethods).Exit)
			require.Equal(t, []string{"active paid 1 2", "active paid 1 2", "past_due open 1 1"}, w.states())
			require.Equal(t, "1 2026-02-01 - - 2026-01-31", w.next()[2], "nothing is written for those who have their old one")
			require.Zero(t, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM invoices WHERE stage_date IS NOT NULL`))
			w.reconcile()
		})
	}
}

// Before the date of a stage a decline uses none; on it, it is the stage. One new method a day is charged, whichever of the two it was.
func TestADeclineAheadOfAStageUsesNone(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.enrol("pm_soft:a")
	for _, step := range []struct{ date, method, state, next string }{
		{"2026-01-31", "pm_soft:a", "past_due open 1 1", "1 2026-02-01 - - 2026-01-31"},
		{"2026-01-31", "pm_soft:b", "past_due open 1 2", "1 2026-02-01 - 2026-01-31 2026-01-31"},
		{"2026-01-31", "pm_soft:b", "past_due open 1 2", "1 2026-02-01 - 2026-01-31 2026-01-31"},
		{"2026-01-31", "pm_soft:c", "past_due open 1 2", "1 2026-02-01 - 2026-01-31 2026-01-31"}, // once a day
		{"2026-02-01", "pm_soft:c", "past_due open 2 3", "2 2026-02-03 - 2026-02-01 2026-01-31"}, // it is the stage
		{"2026-02-01", "pm_ok:d", "past_due open 2 3", "2 2026-02-03 - 2026-02-01 2026-01-31"},   // once a day
		{"2026-02-02", "pm_soft:d", "past_due open 2 4", "2 2026-02-03 - 2026-02-02 2026-01-31"},
		{"2026-02-03", "pm_soft:d", "past_due open 3 5", "3 2026-02-05 - 2026-02-02 2026-01-31"}, // the same method, at its stage
		{"2026-02-04", "pm_hard:e", "past_due open 3 6", "3 2026-02-05 - 2026-02-04 2026-01-31"}, // not even the last one ends
		{"2026-02-04", "pm_hard:e", "past_due open 3 6", "3 2026-02-05 - 2026-02-04 2026-01-31"},
		{"2026-02-05", "pm_hard:e", "cancelled uncollectible 3 6", "3 2026-02-05 - 2026-02-04 2026-01-31"}, // barred: it passes
	} {
		w.writes(1, step.method)
		require.Equal(t, batch.ExitDone, w.on(step.date).run(newMethods).Exit)
		require.Equal(t, []string{step.state}, w.states(), "%+v", step)
		require.Equal(t, []string{step.next}, w.next(), "%+v", step)
	}
	require.Equal(t, []string{"2026-02-01", "2026-02-01", "2026-02-03", "2026-02-03", "2026-02-05", "2026-02-05", "-"}, worktest.List[string](t, w.plain,
		`SELECT COALESCE(JSON_VALUE(payload, '$.next_date'), '-') FROM events WHERE type = 'payment.failed' ORDER BY id`))
	w.reconcile()
}

func TestANewMethodWaitsForItsStage(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		old, change string
		run         func(*jobs.BillingOptions, *batch.Runner)
	}{
		"where that is switched off":     {"pm_soft:1", "payment_method = 'pm_ok:new'", nil},
		"the same method":                {"pm_soft:1", "payment_method = 'pm_soft:1'", newMethods},
		"its second identifier alone":    {"pm_soft:1", "gateway_customer = 'cus_2'", newMethods},
		"none at all":                    {"pm_soft:1", "payment_method = ''", newMethods},
		"of a subscription that ended":   {"pm_soft:1", "payment_method = 'pm_ok:new', status = 'cancelled'", newMethods},
		"at a gateway that nobody knows": {"pm_soft:1", "payment_method = 'pm_ok:new', gateway = 'nobodys'", newMethods},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newTown(t)
			w.enrol(c.old)
			w.run(newMethods)
			worktest.Exec(t, w.plain, `UPDATE subscriptions SET `+c.change)
			require.Equal(t, batch.ExitDone, w.run(c.run).Exit)
			require.Equal(t, []int{1}, w.tried())
			require.Equal(t, []string{"1 2026-02-01 - - 2026-01-31"}, w.next())
		})
	}
}

// A method that a gateway's answer puts in place is not the customer's word; one that the shop writes after it is.
func TestAReplacedMethodWaitsForItsStage(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.enrol("pm_action:1")
	w.wrap = func(g gateway.Gateway) gateway.Gateway { return renewing{g} }
	w.run(newMethods)
	require.Equal(t, []string{"pm_ok:another"}, worktest.List[string](t, w.plain, `SELECT payment_method FROM subscriptions`))
	w.wrap = nil
	require.Equal(t, batch.ExitDone, w.run(newMethods).Exit)
	require.Equal(t, []int{1}, w.tried())
	w.writes(1, "pm_ok:customer")
	require.Equal(t, batch.ExitDone, w.run(newMethods).Exit)
	require.Equal(t, []string{"active paid 1 2"}, w.states())
}

// What a card network asks for is asked for the old card: a new one neither waits for its advice nor for its ceiling.
func TestANewMethodDoesNotWaitForTheOldOnesNetwork(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.enrol("pm_advice25:1", "pm_advice03:2", "pm_advice25:3")
	both := func(o *jobs.BillingOptions, r *batch.Runner) {
		networked(o, r)
		newMethods(o, r)
	}
	w.run(both)
	require.Equal(t, "1 2026-02-02 - - 2026-01-31", w.next()[0])
	w.writes(3, "pm_ok:three")
	require.Equal(t, batch.ExitDone, w.run(both).Exit)
	require.Equal(t, []string{"past_due open 1 1", "past_due open 1 1", "active paid 1 2"}, w.states())
	w.writes(1, "pm_advice25:new")
	w.writes(2, "pm_ok:new")
	require.Equal(t, batch.ExitDone, w.on("2026-02-01").run(both).Exit)
	require.Equal(t, []string{"past_due open 1 2", "active paid 1 2", "active paid 1 2"}, w.states())
	require.Equal(t, "1 2026-02-03 - 2026-02-01 2026-01-31", w.next()[0], "the new one has an advice of its own")
	require.Equal(t, batch.ExitDone, w.on("2026-02-02").run(both).Exit)
	require.Equal(t, []int{2, 2, 2}, w.tried())

	crowd := newTown(t)
	crowd.company(40, "pm_soft:company")
	crowd.run(both)
	require.Equal(t, 10, worktest.Get[int](t, crowd.plain, `SELECT COUNT(*) FROM invoices WHERE stage = 1`))
	worktest.Exec(t, crowd.plain, `UPDATE subscriptions SET payment_method = 'pm_ok:company'`)
	crowd.run(both)
	require.Equal(t, 40, worktest.Get[int](t, crowd.plain, `SELECT COUNT(*) FROM invoices WHERE status = 'paid'`), "those that were declined, and those that the old card's ceiling put off")
}

// A new method that its own network has wait goes on waiting ahead of the stage, which keeps its date.
func TestANewMethodThatItsNetworkHoldsUsesNone(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.enrol("pm_soft:1", "pm_soft:2")
	once := func(o *jobs.BillingOptions, r *batch.Runner) {
		networked(o, r)
		newMethods(o, r)
		o.Policy.Network.Ceilings.Unknown24h, o.Policy.RetryDays = 1, []int{1, 5, 9}
	}
	w.run(once)
	w.on("2026-02-01").run(once)
	require.Equal(t, []string{"past_due open 2 2", "past_due open 2 2"}, w.states())
	w.writes(1, "pm_soft:2") // which was tried today
	for _, step := range []struct{ date, state, next string }{
		{"2026-02-01", "past_due open 2 2", "2 2026-02-03 2026-02-05 2026-02-01 2026-01-31"},
		{"2026-02-03", "past_due open 2 3", "2 2026-02-05 - 2026-02-03 2026-01-31"},
	} {
		require.Equal(t, batch.ExitDone, w.on(step.date).run(once).Exit)
		require.Equal(t, []string{step.state, step.next}, []string{w.states()[0], w.next()[0]}, "%+v", step)
	}
	w.reconcile()
}

// A charge ahead of a stage that nobody knows the end of uses none either, whenever it is found declined.
func TestAnUnsettledChargeAheadOfAStageUsesNone(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.enrol("pm_soft:1", "pm_ok:2") // the second is what the gateway is checked by
	w.run(newMethods)
	w.writes(1, "pm_garbage_after_then_soft:new")
	w.run(func(o *jobs.BillingOptions, r *batch.Runner) {
		newMethods(o, r)
		o.Steps = []string{jobs.StepRetry + "1"}
	})
	require.Equal(t, []string{"past_due charging 1 2", "active paid 0 1"}, w.states())
	require.Equal(t, "1 2026-01-31 2026-02-01 2026-01-31 2026-01-31", w.next()[0])
	w.on("2026-02-02").run(func(o *jobs.BillingOptions, r *batch.Runner) {
		newMethods(o, r)
		o.Steps = []string{jobs.StepRecover}
	})
	require.Equal(t, "past_due open 1 2", w.states()[0])
	require.Equal(t, "1 2026-02-01 - 2026-01-31 2026-01-31", w.next()[0])
	w.run(newMethods)
	require.Equal(t, "past_due open 2 3", w.states()[0], "its date has come")
}

// What was made due ahead of a stage and not charged by its date is charged as the stage.
func TestTheDateOfAStageComesFirst(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.enrol("pm_soft:1")
	w.run(newMethods)
	worktest.Exec(t, w.plain, `UPDATE invoices SET stage_date = next_attempt_date, next_attempt_date = '2026-01-31'`)
	w.on("2026-02-01").run(newMethods)
	require.Equal(t, []string{"past_due open 2 2"}, w.states())
	require.Equal(t, []string{"2 2026-02-03 - - 2026-01-31"}, w.next())
}

// A method that is barred by the time of the claim neither is charged nor uses a stage ahead of its date.
func TestABarredMethodAheadOfAStage(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.enrol("pm_hard:1")
	w.run(newMethods)
	worktest.Exec(t, w.plain, `UPDATE invoices SET stage_date = next_attempt_date, next_attempt_date = '2026-01-31'`)
	require.Equal(t, batch.ExitDone, w.run(newMethods).Exit)
	require.Equal(t, []string{"past_due open 1 1"}, w.states())
	require.Equal(t, []string{"1 2026-02-01 - - 2026-01-31"}, w.next())
}

// An outage uses neither a stage nor the day: the next run charges the new method.
func TestANewMethodInAnOutage(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.enrol("pm_soft:1")
	w.run(newMethods)
	w.writes(1, "pm_not_executed:new")
	w.run(newMethods)
	require.Equal(t, []string{"past_due open 1 2"}, w.states())
	require.Equal(t, []string{"released"}, worktest.List[string](t, w.plain, `SELECT status FROM payment_attempts WHERE attempt_no = 2`))
	require.Equal(t, []string{"1 2026-01-31 2026-02-01 2026-01-31 2026-01-31"}, w.next())
	w.writes(1, "pm_ok:new")
	require.Equal(t, batch.ExitDone, w.run(newMethods).Exit)
	require.Equal(t, []string{"active paid 1 2"}, w.states())
	require.Equal(t, []string{"sub_1_20260131-1", "sub_1_20260131-2"}, worktest.List[string](t, w.plain, `SELECT idempotency_key FROM payment_attempts ORDER BY id`))
	w.reconcile()
}

// A dry run says what is charged ahead of a stage, and writes nothing.
func TestADryRunOfNewMethods(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.enrol("pm_soft:1", "pm_soft:2", "pm_soft:3")
	w.run(newMethods)
	w.writes(2, "pm_ok:new")
	before := w.next()
	options := jobs.BillingOptions{ChunkSize: 2}
	options.Selection.Business = w.today
	options.Policy.RetryDays = []int{1, 3, 5}
	newMethods(&options, nil)
	forecast, err := preview.Billing(t.Context(), w.deps(w.plain.DSN, w.clock(), nil), options, 3, 5, 0)
	require.NoError(t, err)
	require.Len(t, forecast.Charges, 1)
	require.Equal(t, []any{"retry-1", int64(1)}, []any{forecast.Charges[0].Step, forecast.Charges[0].Count})
	require.Equal(t, before, w.next())
}

// A dry run judges what is charged ahead of a stage as the run does: by its amount, and by the method that is planned for today.
func TestADryRunOfChargesAheadOfAStage(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.enrol("pm_soft:1", "pm_soft:2", "pm_soft:3", "pm_soft:4", "pm_soft:5", "pm_soft:6")
	w.run(newMethods)
	w.writes(1, "pm_ok:new")
	w.writes(2, "pm_ok:new")
	worktest.Exec(t, w.plain, `INSERT INTO subscription_changes (subscription_id, effective_date, kind, value) VALUES
(3, '2026-01-31', 'method', 'pm_ok:planned'), (4, '2026-02-01', 'method', 'pm_ok:later'), (5, '2026-01-31', 'method', 'pm_ok:planned'), (5, '2026-01-31', 'cancel', NULL), (6, '2026-01-31', 'method', '')`)
	low := func(steps ...string) func(*jobs.BillingOptions, *batch.Runner) {
		return func(o *jobs.BillingOptions, r *batch.Runner) {
			newMethods(o, r)
			o.Policy.Guards, o.Steps = guard.Rules{Max: map[string]int64{"KRW": 9_899}}, steps
		}
	}
	worktest.Exec(t, w.plain, `UPDATE invoices SET amount = 9000 WHERE id <> 1`)
	for _, steps := range [][]string{{jobs.StepRetry + "1"}, nil} {
		forecast := w.forecast(low(steps...))
		before := len(w.sims["main"].Ledger())
		w.run(low(steps...))
		sent := len(w.sims["main"].Ledger()) - before
		var foreseen int64
		for _, c := range forecast.Charges {
			foreseen += c.Count
		}
		require.EqualValues(t, sent, foreseen, "%v", steps)
		require.EqualValues(t, 1, sent, "the second, then the third")
		if len(steps) > 0 {
			require.Equal(t, "[{KRW 1 9900}]", sums(forecast))
		}
	}
	require.Equal(t, []string{"past_due review 1 1", "active paid 1 2", "active paid 1 2", "past_due open 1 1", "cancelled open 1 1", "past_due open 1 1"}, w.states())
}

// At once charges an unpaid invoice by the method that it has, ahead of its date, unless that is barred or told to wait; each is recorded, and a
// decline uses no stage.
func TestAtOnce(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.enrol("pm_soft_1_then_ok:1", "pm_hard:2", "pm_soft:3", "pm_soft_1_then_ok:4")
	w.run(nil)
	atOnce := func(o *jobs.BillingOptions, _ *batch.Runner) {
		o.Selection.Subscriptions = []uint64{1, 2, 3}
		o.AtOnce = func(ctx context.Context, tx *sqlx.Tx, invoices []uint64) error {
			for _, id := range invoices {
				action := operator.Action{Action: "charge_now", Subject: fmt.Sprintf("invoice:%d", id), Who: "kim", Host: "vm-1", Reason: "she called"}
				if err := action.Write(ctx, tx); err != nil {
					return err
				}
			}
			return nil
		}
	}
	result := w.run(atOnce)
	require.Equal(t, batch.ExitUnfinished, result.Exit)
	require.Contains(t, fmt.Sprint(result.Left), "invoice 2 is not charged at once: its payment method was declined for good")
	require.Equal(t, []string{"active paid 1 2", "past_due open 1 1", "past_due open 1 2", "past_due open 1 1"}, w.states())
	require.Equal(t, []string{"1 2026-02-01 - - 2026-01-31", "1 2026-02-01 - - 2026-01-31"}, w.next()[1:3])
	require.Equal(t, []string{"invoice:1 kim she called", "invoice:3 kim she called"}, worktest.List[string](t, w.plain,
		`SELECT CONCAT_WS(' ', subject, who, reason) FROM operator_actions WHERE action = 'charge_now' ORDER BY id`))
	require.Equal(t, batch.ExitUnfinished, w.run(atOnce).Exit, "again, as often as somebody says so")
	require.Equal(t, []int{2, 1, 3, 1}, w.tried())
	require.Equal(t, batch.ExitDone, w.on("2026-02-01").run(nil).Exit)
	require.Equal(t, []string{"active paid 1 2", "past_due open 2 1", "past_due open 2 4", "active paid 1 2"}, w.states())
	w.reconcile()
}

// What a run declined on its date is not charged once more by the same run, ahead of the next stage.
func TestAtOnceIsOnce(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.enrol("pm_soft:1")
	w.run(func(o *jobs.BillingOptions, _ *batch.Runner) {
		o.Selection.Subscriptions = []uint64{1}
		o.AtOnce = func(context.Context, *sqlx.Tx, []uint64) error { return nil }
	})
	require.Equal(t, []int{1}, w.tried())
	require.Equal(t, []string{"1 2026-02-01 - - 2026-01-31"}, w.next())
}

// A ceiling counts for its card alone: with another card a first charge that it put off is made by the next run or at once, and where the other card is
// declined too, its retry has the date of the stage.
func TestANewMethodIsJudgedByItsOwnDeclines(t *testing.T) {
	t.Parallel()
	few := func(o *jobs.BillingOptions, r *batch.Runner) {
		networked(o, r)
		newMethods(o, r)
		o.Policy.Named = map[string]dunning.Policy{"few": {RetryDays: []int{1, 3, 5}, MaxTries: 3}}
		o.Policy.Network.Lowest = 3
	}
	now := func(o *jobs.BillingOptions, r *batch.Runner) {
		few(o, r)
		o.AtOnce = func(context.Context, *sqlx.Tx, []uint64) error { return nil }
	}
	w := newTown(t)
	w.enrol("pm_soft:t", "pm_soft:t", "pm_soft:t")
	w.policy("few", "few", "few")
	w.run(few)
	w.enrol("pm_soft:t", "pm_soft:t", "pm_soft:t", "pm_soft:t")
	w.policy("few", "few", "few", "few", "few", "few", "few")
	w.run(few)
	held := func() int {
		return worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM invoices WHERE status = 'open' AND stage = 0 AND attempts = 0 AND hold_rule = 'policy_30d' AND next_attempt_date >= '2026-03-01'`)
	}
	require.Equal(t, 4, held())
	w.writes(4, "pm_ok:new")
	w.writes(5, "pm_soft:new")
	w.run(few)
	require.Equal(t, 2, held(), "the old card waits")
	require.Equal(t, "active paid 0 1", w.states()[3])
	require.Equal(t, "1 2026-02-01 - 2026-01-31 2026-01-31", w.next()[4], "it is the first charge: declined, it is the first decline")

	w.writes(6, "pm_ok:other")
	w.run(now)
	require.Equal(t, "active paid 0 1", w.states()[5])
	require.Equal(t, 1, held(), "at once, and not the old card")

	w.on("2026-02-01").run(few) // a retry of the first one is put off
	require.Contains(t, w.next()[0], "1 2026-03-0")
	w.writes(1, "pm_soft:better")
	w.run(few)
	require.Equal(t, "1 2026-02-02 - 2026-02-01 2026-01-31", w.next()[0], "and not the day on which the old card may be tried again")
	w.on("2026-02-02").run(few)
	require.Equal(t, "2 2026-02-03 - 2026-02-01 2026-01-31", w.next()[0], "the retry, by the same card")
	w.reconcile()
}
