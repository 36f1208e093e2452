package jobs_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/billing/network"
	"duly/internal/gateway"
	"duly/internal/payment"
	"duly/internal/preview"
	"duly/internal/test/worktest"
	"duly/jobs"
)

// networked has a run go by the rules of card networks, with small chunks.
func networked(o *jobs.BillingOptions, _ *batch.Runner) {
	o.ChunkSize = 7
	o.BrakePercent = 100
	o.Policy.Network = network.Rules{On: true, Ceilings: network.Ceilings{Visa30d: 15, Mastercard30d: 35, Mastercard24h: 10, Unknown30d: 15, Unknown24h: 10}}
}

// company enrols n subscriptions of one payment method.
func (w *town) company(n int, method string) {
	worktest.Enrol(w.t, w.plain, n, day0, func(_ int, s *worktest.Subscription) { s.Method = method })
}

// declined are the instants at which charges were declined, in order.
func (w *town) declined() []time.Time {
	return worktest.List[time.Time](w.t, w.plain, `SELECT settled_at FROM payment_attempts WHERE status = 'declined' ORDER BY settled_at`)
}

// most is how many of the instants lie in a window at most.
func most(instants []time.Time, window time.Duration) int {
	n := 0
	for i, end := range instants {
		first, _ := slices.BinarySearchFunc(instants, end.Add(-window), func(t, from time.Time) int {
			if t.After(from) {
				return 1
			}
			return -1
		})
		n = max(n, i-first+1)
	}
	return n
}

// Many subscriptions have one card, and each first try is declined: the card is tried no more often than its network allows, on any day, and every
// invoice has a day on which it goes on. A dry run says the same.
func TestCeilingOfAMethodWithManySubscriptions(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.company(40, "pm_soft:company")
	for day := range 35 {
		w.turn(worktest.Day(t, day0) + payment.Date(day))
		deps := w.deps(w.plain.DSN, w.clock(), nil)
		options := jobs.BillingOptions{ChunkSize: 7}
		options.Selection.Business = w.today
		networked(&options, nil)
		options.Policy.RetryDays = []int{1, 3, 5}
		before := len(w.declined())
		forecast, err := preview.Billing(t.Context(), deps, options, 3, 5, 0)
		require.NoError(t, err)
		result := w.run(networked)
		require.Contains(t, []int{batch.ExitDone, batch.ExitReview}, result.Exit, "day %d: %v %v", day, result.Err, result.Left)
		sent := int64(len(w.declined()) - before)
		if day > 0 { // on the first day nobody knows that the card will be declined
			will := int64(0)
			for _, c := range forecast.Charges {
				will += c.Count
			}
			require.LessOrEqual(t, sent, will, "day %d", day)
			require.Equal(t, sent == 0 && forecast.Held > 0, will == 0 && forecast.Held > 0, "day %d", day)
		}
		if day == 0 {
			require.EqualValues(t, 10, sent)
			require.Equal(t, 30, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM invoices WHERE status = 'open' AND stage = 0 AND hold_rule = 'unknown_24h' AND next_attempt_date = '2026-02-02'`))
		}
		require.Zero(t, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM invoices WHERE status NOT IN ('open', 'uncollectible')
OR status = 'open' AND (next_attempt_date IS NULL OR next_attempt_date <= ? OR next_attempt_date > ? + INTERVAL 31 DAY)`, w.today, w.today), "day %d: nothing is left without a step", day)
	}
	declined := w.declined()
	require.LessOrEqual(t, most(declined, 24*time.Hour), 10)
	require.LessOrEqual(t, most(declined, 30*24*time.Hour), 15)
	require.Greater(t, len(declined), 15, "it goes on after 30 days")
}

// A card that pays is charged for all of its subscriptions in one run.
func TestMethodOfManySubscriptionsThatPays(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.company(40, "pm_ok:company")
	require.Equal(t, batch.ExitDone, w.run(networked).Exit)
	require.Equal(t, []string{"main paid 40"}, w.byGateway())
	w.reconcile()
}

// Two workers that meet the subscriptions of one card at the same time keep its ceiling together.
func TestCeilingOfTwoWorkers(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.company(40, "pm_soft:company")
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() { w.run(networked) })
	}
	both.Wait()
	require.LessOrEqual(t, len(w.declined()), 10)
	require.GreaterOrEqual(t, len(w.declined()), 5)
}

func TestNetworkRulesSwitchedOff(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.company(40, "pm_soft:company")
	w.run(func(o *jobs.BillingOptions, _ *batch.Runner) { o.BrakePercent = 100 })
	require.Len(t, w.declined(), 40)
}

// What the gateway hands on of the network decides the class and the day of the next try.
func TestNetworkCodesOfAGateway(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.enrol("pm_soft:1", "pm_advice25:2", "pm_advice03:3", "pm_renewed:4")
	require.Equal(t, batch.ExitDone, w.run(networked).Exit)
	require.Equal(t, []string{
		"past_due open 1 2026-02-01 - soft -",
		"past_due open 1 2026-02-02 mastercard_advice_25 soft mastercard",
		"past_due open 1 2026-02-01 - hard mastercard",
		"active paid 0 2026-01-31 - - -",
	}, worktest.List[string](t, w.plain, `SELECT CONCAT_WS(' ', s.status, i.status, i.stage, i.next_attempt_date, COALESCE(i.hold_rule, '-'), COALESCE(a.decline_class, '-'),
COALESCE(a.network, '-')) FROM subscriptions s JOIN invoices i ON i.subscription_id = s.id JOIN payment_attempts a ON a.invoice_id = i.id ORDER BY s.id`))

	require.Equal(t, []string{"pm_soft:1", "pm_advice25:2", "pm_advice03:3", "pm_ok:renewed"}, worktest.List[string](t, w.plain, `SELECT payment_method FROM subscriptions ORDER BY id`))
	require.Equal(t, []string{"subscription:4"}, worktest.List[string](t, w.plain, `SELECT subject FROM events WHERE type = 'payment_method.updated'`))
	require.Zero(t, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM events WHERE payload LIKE '%pm!_%' ESCAPE '!'`), "no event names a method")

	w.on("2026-02-01")
	require.Equal(t, batch.ExitDone, w.run(networked).Exit)
	require.Equal(t, []int{2, 1, 1, 1}, w.tried(), "it is not tried before the network's wait is over, nor once more at all")
	w.on("2026-02-02")
	require.Equal(t, batch.ExitDone, w.run(networked).Exit)
	require.Equal(t, []int{2, 2, 1, 1}, w.tried())
	require.Equal(t, []string{"2026-02-04 mastercard_advice_25"}, worktest.List[string](t, w.plain, `SELECT CONCAT_WS(' ', next_attempt_date, hold_rule) FROM invoices WHERE id = 2`))
	w.reconcile()
}

// tried is how often each subscription was charged.
func (w *town) tried() []int {
	return worktest.List[int](w.t, w.plain, `SELECT COUNT(a.id) FROM subscriptions s LEFT JOIN payment_attempts a ON a.subscription_id = s.id GROUP BY s.id ORDER BY s.id`)
}

// A method that the customer changes while the old one is charged stays the customer's.
func TestReplacedMethodOfTheCustomer(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.enrol("pm_renewed:1", "pm_renewed:2", "pm_renewed:3")
	changes := []string{"payment_method = 'pm_ok:customer'", "payment_method = 'PM_RENEWED:2'", "gateway = 'other'"}
	w.beforeCharge(func(n int, _ payment.Charge) {
		for i, change := range changes {
			if n == 1 {
				worktest.Exec(t, w.plain, fmt.Sprintf("UPDATE subscriptions SET %s WHERE id = %d", change, i+1))
			}
		}
	})
	require.Equal(t, batch.ExitDone, w.run(networked).Exit)
	require.Equal(t, []string{"pm_ok:customer", "PM_RENEWED:2", "pm_renewed:3"}, worktest.List[string](t, w.plain, `SELECT payment_method FROM subscriptions ORDER BY id`))
	require.Zero(t, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM events WHERE type = 'payment_method.updated'`))
}

// A table that does not take a replaced method keeps the old one, and the decline that named it is settled as any other.
func TestReplacedMethodThatTheTableRefuses(t *testing.T) {
	t.Parallel()
	for name, refuse := range map[string]string{
		"a trigger": `CREATE TRIGGER refuse BEFORE UPDATE ON subscriptions FOR EACH ROW
IF NEW.payment_method <> OLD.payment_method THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no'; END IF`,
		"a check": `ALTER TABLE subscriptions ADD CONSTRAINT known CHECK (payment_method LIKE 'pm!_soft%' ESCAPE '!')`,
		"a width": `ALTER TABLE subscriptions MODIFY COLUMN payment_method VARCHAR(9) NOT NULL`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newTown(t)
			w.enrol("pm_soft:1")
			worktest.Exec(t, w.plain, refuse)
			w.wrap = func(g gateway.Gateway) gateway.Gateway { return renewing{g} }
			result := w.run(networked)
			require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
			require.Equal(t, []string{"past_due open 1 pm_soft:1"}, worktest.List[string](t, w.plain,
				`SELECT CONCAT_WS(' ', s.status, i.status, i.stage, s.payment_method) FROM subscriptions s JOIN invoices i ON i.subscription_id = s.id`))
			require.Zero(t, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM events WHERE type = 'payment_method.updated'`))
		})
	}
}

// renewing is a gateway whose declines name another method.
type renewing struct{ gateway.Gateway }

func (r renewing) Charge(ctx context.Context, c payment.Charge) payment.Outcome {
	o := r.Gateway.Charge(ctx, c)
	o.NewMethod = "pm_ok:another"
	return o
}
