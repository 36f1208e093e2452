package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/decide"
	"duly/internal/gateway/simulator"
	"duly/internal/payment"
	"duly/internal/test/golden"
)

// suspended is a shop of so many customers whose account at the gateway is suspended: run 1 has had them declined.
func suspended(t *testing.T, customers int) *shop {
	t.Helper()
	s := newShop(t)
	for range customers {
		s.enrol(t, "", 100)
	}
	s.exec(t, "UPDATE subscriptions SET customer_id = CONCAT('cus_', id), payment_method = CONCAT('card:', id)")
	s.suspend(true)
	return s
}

// suspend makes every charge a hard decline, or none any more.
func (s *shop) suspend(is bool) {
	s.sim.Update(func(c *simulator.Config) {
		c.Shares = simulator.Shares{}
		if is {
			c.Shares.Hard = 1
		}
	})
}

// states are subscription, invoice, stage and attempts of everybody.
func (s *shop) states(t *testing.T) []string {
	t.Helper()
	var states []string
	require.NoError(t, s.db.SelectContext(t.Context(), &states, `SELECT CONCAT_WS(' ', s.status, i.status, i.stage, i.attempts)
FROM subscriptions s JOIN invoices i ON i.subscription_id = s.id ORDER BY s.id`))
	return states
}

// endDunning lets the last stage of everybody who was declined pass.
func (s *shop) endDunning(t *testing.T) {
	t.Helper()
	s.exec(t, "UPDATE invoices SET stage = 3, next_attempt_date = UTC_DATE() - INTERVAL 1 DAY WHERE status = 'open' AND stage > 0")
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
}

// A wave is taken back once: what duly made of invoices and subscriptions is undone, and they are charged again in the same stage,
// under the next key, by the method that was declined. What somebody changed since is refused by name, and left as it is.
func TestReopen(t *testing.T) {
	t.Parallel()
	s := suspended(t, 8)
	var text strings.Builder
	types := func(code int, line string) string {
		got := s.duly(t, words(line)[1:]...)
		require.Equal(t, code, got.code, "%s: %s%s", line, got.out, got.err)
		fmt.Fprintf(&text, "$ %s\n%s%s\n", line, got.out, got.err)
		return got.out
	}
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing", "--parallelism", "1").code, "too few for the brake")
	s.suspend(false)
	s.exec(t, "UPDATE subscriptions SET status = 'paused' WHERE id = 2")
	s.exec(t, "UPDATE subscriptions SET status = 'cancelled', cancel_reason = 'moved away' WHERE id = 3")
	s.exec(t, "UPDATE invoices SET status = 'void' WHERE subscription_id = 4")
	s.exec(t, "UPDATE subscriptions SET status = 'active' WHERE id = 5")
	s.exec(t, "UPDATE payment_attempts SET decline_class = 'action' WHERE subscription_id = 6")
	before := s.tables(t)
	types(batch.ExitUsage, "duly reopen --run 1 --gateway main")
	require.Equal(t, before, s.tables(t), "it only shows")

	types(batch.ExitUsage, `duly reopen --run 1 --gateway main --class hard --reason "the account was suspended"`)
	require.Equal(t, []string{
		"active open 0 1", "paused open 1 1", "cancelled open 1 1", "past_due void 1 1", "active open 1 1", "past_due open 1 1", "active open 0 1", "active open 0 1",
	}, s.states(t))
	require.Equal(t, int64(3), s.number(t, "SELECT COUNT(*) FROM operator_actions WHERE action = 'reopen' AND reason = 'the account was suspended' AND subject LIKE 'attempt:%'"))
	require.Equal(t, int64(3), s.number(t, "SELECT COUNT(*) FROM events WHERE type = 'invoice.reopened' AND JSON_VALUE(payload, '$.subscription_status') = 'active'"))

	types(batch.ExitUsage, `duly reopen --run 1 --gateway main --class action,hard --reason "the account was suspended"`)
	require.Equal(t, int64(4), s.number(t, "SELECT COUNT(*) FROM operator_actions WHERE action = 'reopen'"))
	types(batch.ExitUsage, "duly reopen --run 1 --gateway main --json")
	require.Contains(t, s.duly(t, "show", "invoice", "1").out, "taken back")

	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	require.Equal(t, "active paid 0 2", s.states(t)[0])
	require.Equal(t, []int64{4, 4}, []int64{
		s.number(t, "SELECT COUNT(*) FROM payment_attempts WHERE status = 'succeeded' AND idempotency_key LIKE '%-2' AND stage = 0"),
		s.number(t, "SELECT COUNT(*) FROM payment_attempts WHERE status = 'succeeded'"),
	})
	types(batch.ExitUsage, "duly reopen --run 1 --gateway main")
	types(batch.ExitDone, "duly reopen --run 2 --gateway main")
	golden.Equal(t, "reopen.golden", strings.ReplaceAll(steady(text.String()), yesterday(t, s), "YYYYMMDD"))
}

// What was declined ahead of a stage is taken back ahead of it: the stage stays what it was, and so does its date, also if the next charge is declined.
func TestReopenAheadOfAStage(t *testing.T) {
	t.Parallel()
	s := suspended(t, 1)
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	s.exec(t, "UPDATE subscriptions SET payment_method = 'card:2'")
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	require.Equal(t, []string{"past_due open 1 2"}, s.states(t))
	dated := "SELECT DATEDIFF(COALESCE(stage_date, next_attempt_date), UTC_DATE()) FROM invoices"
	stage := s.number(t, dated)
	require.Positive(t, stage)

	s.does(t, "reopen --run 2 --gateway main --reason suspended")
	require.Equal(t, int64(1), s.number(t, "SELECT COUNT(*) FROM invoices WHERE next_attempt_date = DATE(UTC_TIMESTAMP() + INTERVAL 9 HOUR) AND stage_date > next_attempt_date"), "on the day in Seoul")
	require.Equal(t, stage, s.number(t, dated))
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	require.Equal(t, []string{"past_due open 1 3"}, s.states(t), "it is still declined, and used none")
	require.Equal(t, stage, s.number(t, dated))
}

// Customers whom the wave has cancelled in the end are back, and their date is past the periods that they missed. If they are
// declined to the end again, they are told again.
func TestReopenAfterTheEnd(t *testing.T) {
	t.Parallel()
	s := suspended(t, 3)
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	s.endDunning(t)
	s.exec(t, "UPDATE subscriptions SET next_billing_date = UTC_DATE() - INTERVAL 40 DAY, anchor_day = NULL, updated_at = updated_at WHERE id > 1")
	s.exec(t, "UPDATE subscriptions SET interval_unit = 'moon', updated_at = updated_at WHERE id = 3")
	require.Equal(t, "cancelled uncollectible 3 1", s.states(t)[0])

	got := s.duly(t, "reopen", "--run", "1", "--gateway", "main", "--reason", "the account was suspended", "--json")
	require.Equal(t, batch.ExitUsage, got.code, got.err)
	doc := document[decide.ReopenView](t, got)
	require.Equal(t, []int{2, 1}, []int{doc.Reopened, doc.Refused})
	require.Equal(t, []string{"duly run billing"}, doc.Next)
	require.Equal(t, []string{"active open 0 1", "active open 0 1", "cancelled uncollectible 3 1"}, s.states(t))
	require.Equal(t, int64(2), s.number(t, "SELECT COUNT(*) FROM subscriptions WHERE cancelled_at IS NULL AND cancel_reason IS NULL"))
	require.Equal(t, int64(1), s.number(t, "SELECT COUNT(*) FROM subscriptions WHERE id = 2 AND next_billing_date > UTC_DATE() AND next_billing_date <= UTC_DATE() + INTERVAL 31 DAY"))

	s.exec(t, "UPDATE subscriptions SET interval_unit = 'month' WHERE id = 3")
	cancelled := "SELECT COUNT(*) FROM events WHERE type = 'subscription.cancelled'"
	require.Equal(t, int64(3), s.number(t, cancelled))
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	require.Equal(t, "past_due open 1 2", s.states(t)[0], "the account is still suspended")
	s.endDunning(t)
	require.Equal(t, int64(5), s.number(t, cancelled), "the end is told of again")
	require.Equal(t, int64(5), s.number(t, "SELECT COUNT(*) FROM events WHERE type = 'payment.failed' AND payload LIKE '%after the last retry%'"))

	s.suspend(false)
	require.Equal(t, batch.ExitDone, s.duly(t, "reopen", "--run", "3", "--gateway", "main", "--reason", "again").code)
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	require.Equal(t, []string{"active paid 0 3", "active paid 0 3", "cancelled uncollectible 3 1"}, s.states(t))
	require.Equal(t, int64(2), s.number(t, "SELECT COUNT(*) FROM payment_attempts WHERE status = 'succeeded' AND idempotency_key LIKE '%-3'"))
}

// What stopped the gateway and what is taken back does not count any more: the wave is charged to its end.
func TestReopenAfterTheBrake(t *testing.T) {
	t.Parallel()
	s := suspended(t, 60)
	require.Equal(t, batch.ExitFailed, s.duly(t, "run", "billing", "--parallelism", "2").code)
	s.suspend(false)
	got := s.duly(t, "reopen", "--run", "1", "--gateway", "main", "--reason", "the account was suspended", "--json")
	require.Equal(t, batch.ExitDone, got.code, got.err)
	require.Equal(t, []string{"duly resume gateway main", "duly run billing"}, document[decide.ReopenView](t, got).Next)
	require.Equal(t, batch.ExitDone, s.duly(t, "resume", "gateway", "main").code)
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	require.Equal(t, int64(60), s.number(t, "SELECT COUNT(*) FROM invoices WHERE status = 'paid' AND stage = 0"))
	require.Equal(t, int64(60), s.number(t, "SELECT COUNT(*) FROM subscriptions WHERE status = 'active'"))
	payments := map[payment.Status]int{}
	for e := range s.sim.Entries() {
		payments[e.Status]++
	}
	require.Equal(t, 60, payments[payment.Succeeded])
}

func TestMistakesOfReopen(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for line, want := range map[string]string{
		"reopen": "duly: --run: say which run had them declined; duly runs lists them\n" +
			"duly: --gateway: say which gateway declined them; there are: main\n",
		"reopen --run 1 --gateway man":               "duly: --gateway: \"man\" is not configured on this host; there are: main\n",
		"reopen --run 1 --gateway main":              "duly: --run: no run 1; see duly runs\n",
		"reopen --run 1 --gateway main --class weak": "duly: --class: unknown value \"weak\": it is hard, action or soft\n",
		"reopen --run 1 --gateway main --reason=":    "duly: --reason: say why, for those who ask later\n",
		"reopen 1":                      "duly: duly reopen takes no argument, and was given \"1\"\n",
		"reopen --run x --gateway main": "duly: --run: \"x\" is not an id such as 42: declines of the run of this ID (repeat, or separate by commas; needed)\n",
	} {
		got := s.duly(t, strings.Fields(line)...)
		require.Equal(t, batch.ExitUsage, got.code, line)
		require.Equal(t, want, got.err, line)
	}
}
