package jobs_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/test/worktest"
	"duly/jobs"
)

// poison is something wrong with one row, and the reason that an operator is given.
type poison struct {
	name, spoil, reason string
}

// trigger makes writes of one kind fail for a row.
func trigger(event, table, condition string) string {
	return fmt.Sprintf(`CREATE TRIGGER %s_%s_%%[1]d BEFORE %s ON %s FOR EACH ROW
IF NEW.%s THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not him'; END IF`, table, event, event, table, condition)
}

// lax runs a statement as a shop does that asks its server for less.
func lax(statement string) string {
	return `SET SESSION sql_mode = 'ALLOW_INVALID_DATES'; ` + statement + `; SET SESSION sql_mode = DEFAULT`
}

// poisons are statements with the id of a subscription for %[1]d.
func poisons() []poison {
	set := func(s string) string { return `UPDATE subscriptions SET ` + s + ` WHERE id = %[1]d` }
	return []poison{
		{"unknown currency", set(`currency = 'QQQ'`), `currency "QQQ"`},
		{"currency in lower case", set(`currency = 'krw'`), `currency "krw"`},
		{"negative amount", set(`amount = -1`), "amount -1 is negative"},
		{"smallest amount", set(`amount = -9223372036854775808`), "is negative"},
		{"no gateway", set(`gateway = ''`), "gateway is empty"},
		{"no method", set(`payment_method = ''`), "payment_method is empty"},
		{"no customer", set(`customer_id = ''`), "customer_id is empty"},
		{"unknown interval", set(`interval_unit = 'fortnight'`), `interval_unit "fortnight"`},
		{"no interval", set(`interval_count = 0`), "interval_count 0"},
		{"absurd interval", set(`interval_count = 2147483647`), "interval_count 2147483647"},
		{"no date", lax(set(`next_billing_date = '0000-00-00'`)), "next_billing_date is missing"},
		{"a date before all others", set(`next_billing_date = '1000-01-01'`), "next_billing_date is missing"},
		{"the first day of Unix", set(`next_billing_date = '1970-01-01'`), "next_billing_date is missing"},
		{"no day of its month", lax(set(`next_billing_date = '2025-02-31'`)), "next_billing_date 2025-02-31 is not a date"},
		{"no day", lax(set(`next_billing_date = '2025-11-00'`)), "next_billing_date 2025-11-00 is not a date"},
		{"no month", lax(set(`next_billing_date = '2025-00-17'`)), "next_billing_date 2025-00-17 is not a date"},
		{"invoice refused by a trigger", trigger("INSERT", "invoices", "subscription_id = %[1]d"), "not him"},
		{"attempt refused by a trigger", trigger("INSERT", "payment_attempts", "subscription_id = %[1]d"), "not him"},
		{"decline refused by a trigger", set(`payment_method = 'pm_soft:1'`) + `; ` + trigger("UPDATE", "payment_attempts", "status = 'declined' AND NEW.subscription_id = %[1]d"), "not him"},
		{"key taken", `INSERT INTO payment_attempts (invoice_id, subscription_id, attempt_no, stage, idempotency_key, reference,
customer_id, amount, currency, gateway, payment_method, body_version, status, run_id)
VALUES (900000 + %[1]d, 900000, 1, 0, 'sub_%[1]d_20260131-1', 'r', 'c', 1, 'KRW', 'main', 'pm', 1, 'succeeded', 1)`, "error 1062"},
	}
}

// One poisoned row of each kind in a chunk of 500: the others are settled, it is in review with its reason.
func TestPoisonedRowsStopNoOther(t *testing.T) {
	t.Parallel()
	const n = 500
	w := newTown(t)
	worktest.Enrol(t, w.plain, n, day0, nil)
	bad := poisons()
	at := func(i int) int { return 7 + 23*i }
	expected := len(bad)
	for i, p := range bad {
		worktest.Exec(t, w.plain, fmt.Sprintf(p.spoil, at(i)))
	}
	result := w.run(func(o *jobs.BillingOptions, _ *batch.Runner) { o.ChunkSize = n })
	require.Equal(t, batch.ExitReview, result.Exit, "%v", result)
	require.EqualValues(t, expected, result.Tally.Review, "each once")
	require.Equal(t, n-expected, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM invoices WHERE status = 'paid'`))
	for i, p := range bad {
		reasons := worktest.List[string](t, w.plain, `SELECT review_reason FROM subscriptions WHERE id = ? AND review_reason IS NOT NULL
UNION ALL SELECT review_reason FROM invoices WHERE subscription_id = ? AND status = 'review'`, at(i), at(i))
		require.Len(t, reasons, 1, p.name)
		require.Contains(t, reasons[0], p.reason, p.name)
		require.Equal(t, 1, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM events WHERE type = 'review.needed' AND subject = ?`,
			fmt.Sprintf("subscription:%d", at(i))), p.name)
	}
	again := w.run(nil)
	require.Equal(t, n-expected, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM invoices WHERE status = 'paid'`))
	require.Equal(t, batch.ExitDone, again.Exit, "older ones are not this run's: %v", again)
}

// What was wrong with a subscription and is right again is invoiced, and its reason goes.
func TestAReasonGoesWithItsCause(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.enrol("pm_ok:1")
	worktest.Exec(t, w.plain, `UPDATE subscriptions SET currency = 'QQQ'`)
	require.Equal(t, batch.ExitReview, w.run(nil).Exit)
	require.Equal(t, batch.ExitDone, w.run(nil).Exit)
	require.Equal(t, 1, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM events`), "told once")
	worktest.Exec(t, w.plain, `UPDATE subscriptions SET currency = 'KRW'`)
	require.Equal(t, batch.ExitDone, w.run(nil).Exit)
	require.Equal(t, []string{"active paid 0 1"}, w.states())
	require.Equal(t, 1, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM subscriptions WHERE review_reason IS NULL`))
}

func TestASubscriptionThatCannotEvenBeSetAsideStopsNoOther(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	worktest.Enrol(t, w.plain, 30, day0, nil)
	worktest.Exec(t, w.plain, fmt.Sprintf(trigger("UPDATE", "subscriptions", "id = %[1]d"), 7))
	result := w.run(nil)
	require.Equal(t, batch.ExitFailed, result.Exit)
	require.ErrorContains(t, result.Err, "subscription 7 can neither be invoiced")
	require.Equal(t, 29, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM invoices WHERE status = 'paid'`))
}

// Dates that stand for none, on more rows than a chunk holds, whatever the status: everybody else is billed, and those who could be
// are shown to an operator.
func TestDatesThatStandForNoneStopNobody(t *testing.T) {
	t.Parallel()
	for _, date := range []string{"1970-01-01", "0000-00-00", "2025-02-31"} {
		w := newTown(t)
		worktest.Enrol(t, w.plain, 520, day0, nil)
		worktest.Exec(t, w.plain, lax(fmt.Sprintf(`UPDATE subscriptions SET next_billing_date = '%s', status = IF(id %% 2, 'cancelled', 'active') WHERE id > 20`, date)))
		result := w.run(nil)
		require.Equal(t, batch.ExitReview, result.Exit, "%v", result)
		require.Equal(t, 20, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM invoices WHERE status = 'paid'`), date)
		require.Equal(t, 20, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM invoices`))
		require.Equal(t, 500, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM subscriptions WHERE review_reason LIKE 'next_billing_date%'`))
		require.Equal(t, 500, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM subscriptions WHERE CAST(next_billing_date AS CHAR) = ?`, date), "it stays as it is")
		require.Equal(t, batch.ExitDone, w.run(nil).Exit, "older ones are not this run's")
	}
}
