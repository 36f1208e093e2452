package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/billing/explain"
	"duly/internal/inspect"
	"duly/internal/test/golden"
)

// Every way in which a subscription can stand, from the rows that really led there.
func TestShow(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	paid, soft, hard, wrong := s.enrol(t, "ok", 12900), s.enrol(t, "soft", 4900), s.enrol(t, "hard", 4900), s.enrol(t, "wrong_amount", 500)
	later, unknown, cancelled, paused := s.enrol(t, "ok", 1), s.enrol(t, "ok", 2), s.enrol(t, "ok", 3), s.enrol(t, "ok", 4)
	s.exec(t, "UPDATE subscriptions SET next_billing_date = '2199-01-31', description = 'Monthly box' WHERE id = ?", later)
	strange, trial, broken := s.enrol(t, "ok", 7), s.enrol(t, "ok", 8), s.enrol(t, "ok", 9)
	s.exec(t, "UPDATE subscriptions SET gateway = 'maim' WHERE id = ?", unknown)
	s.exec(t, "UPDATE subscriptions SET status = 'grace' WHERE id = ?", strange)
	s.exec(t, "UPDATE subscriptions SET status = 'trialing', next_billing_date = '2199-01-31' WHERE id = ?", trial)
	s.exec(t, "UPDATE subscriptions SET customer_id = '' WHERE id = ?", broken)
	s.exec(t, "UPDATE subscriptions SET status = 'cancelled' WHERE id = ?", cancelled)
	s.exec(t, "UPDATE subscriptions SET status = 'paused' WHERE id = ?", paused)
	got := s.duly(t, "run", "billing", "--parallelism", "1")
	require.Equal(t, batch.ExitUnfinished, got.code)
	require.Contains(t, got.out, fmt.Sprintf("1 subscription of gateway maim is not invoiced here: gateways.maim is not configured: %d", unknown))
	require.Contains(t, got.out, fmt.Sprintf(`1 subscription due and not billed with the status "grace": %d; duly show subscription %[1]d says what to do`, strange))
	due := s.enrol(t, "ok", 5)
	gone := s.enrol(t, "ok", 6)
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing", "--step", "issue", "--subscription", fmt.Sprint(gone)).code)
	s.exec(t, "DELETE FROM subscriptions WHERE id = ?", gone)

	var text strings.Builder
	for _, c := range []struct {
		id   uint64
		want explain.Why
	}{
		{paid, explain.WhyNotDue},
		{soft, explain.WhyStage},
		{hard, explain.WhyBarred},
		{wrong, explain.WhyReview},
		{later, explain.WhyNotDue},
		{unknown, explain.WhyElsewhere},
		{strange, explain.WhyUnknownStatus},
		{trial, explain.WhyTrialing},
		{broken, explain.WhyReview},
		{cancelled, explain.WhyCancelled},
		{paused, explain.WhyPaused},
		{due, explain.WhyDue},
	} {
		doc := document[inspect.SubscriptionView](t, s.duly(t, "show", "subscription", fmt.Sprint(c.id), "--json"))
		require.Equal(t, c.want, doc.Explanation.Why)
		got := s.duly(t, "show", "subscription", fmt.Sprint(c.id))
		require.Equal(t, batch.ExitDone, got.code)
		require.Empty(t, got.err)
		fmt.Fprintf(&text, "=== %s\n%s", c.want, steady(got.out))
	}
	golden.Equal(t, "show-subscription.golden", text.String())

	text.Reset()
	for id, want := range map[uint64]explain.Why{paid: explain.WhyPaid, soft: explain.WhyStage, wrong: explain.WhyReview, gone: explain.WhyReview} {
		invoice := fmt.Sprint(s.number(t, "SELECT id FROM invoices WHERE subscription_id = ?", id))
		doc := document[inspect.SubscriptionView](t, s.duly(t, "show", "invoice", invoice, "--json"))
		require.Equal(t, want, doc.Explanation.Why)
		require.Len(t, doc.Invoices, 1)
		require.Equal(t, id == gone, doc.Subscription == nil)
		for _, e := range doc.Events {
			var payload struct {
				Subscription uint64 `json:"subscription_id"`
			}
			require.NoError(t, json.Unmarshal(e.Payload, &payload))
			require.Equal(t, id, payload.Subscription)
		}
	}
	golden.Equal(t, "show-invoice.golden", steady(s.duly(t, "show", "invoice", "1").out))
	golden.Equal(t, "show-run.golden", steady(s.duly(t, "show", "run", "1").out))
	golden.Equal(t, "status.golden", steady(s.duly(t, "status").out))
}

// The fields of the documents are what programs rely on.
func TestFieldsOfDocuments(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	id := s.enrol(t, "soft", 12900)
	var text strings.Builder
	for _, args := range []string{
		"run billing --dry-run --json", "run billing --json", "runs --json", "status --json", "show run 1 --json",
		"show invoice 1 --json", fmt.Sprintf("show subscription %d --json", id), "migrate status --json", "migrate up --json",
	} {
		got := s.duly(t, strings.Fields(args)...)
		require.Equal(t, batch.ExitDone, got.code, got.err)
		// The engines keep the keys of a JSON column in different orders.
		sorted, err := json.MarshalIndent(document[any](t, got), "", " ")
		require.NoError(t, err)
		fmt.Fprintf(&text, "=== duly %s\n%s\n", args, noNumbers(steady(string(sorted))))
	}
	golden.Equal(t, "documents.golden", text.String())
}

// A run that died, one that lives and one that failed each say what to do next.
func TestShowRun(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.live(t, 1)
	s.exec(t, "INSERT INTO step_runs (run_id, step, status, read_count, succeeded, amounts) VALUES (1, 'collect', 'running', 7, 5, '{\"KRW\": 64500}')")
	require.Contains(t, s.duly(t, "show", "run", "1").out, "next: it is under way: duly status")
	got := s.duly(t, "status")
	require.Contains(t, got.out, "> run 1   billing · heartbeat ")
	require.Contains(t, s.duly(t, "status", "--verbose").out, "64,500 KRW")

	s.exec(t, "UPDATE job_runs SET heartbeat_at = UTC_TIMESTAMP(6) - INTERVAL 1 HOUR")
	got = s.duly(t, "show", "run", "1")
	require.Regexp(t, `^run 1 · billing · \S+ \S+ · died `, got.out)
	require.Contains(t, got.out, "duly run billing --rerun 1")
	require.NotContains(t, s.duly(t, "status").out, "> run")
	require.Contains(t, s.duly(t, "status").out, "Last run  1 billing, died ")

	s.exec(t, "UPDATE job_runs SET status = 'failed', exit_code = 1, error = 'brake', finished_at = UTC_TIMESTAMP(6)")
	got = s.duly(t, "show", "run", "1")
	require.Contains(t, got.out, "failed: brake")
	require.Contains(t, got.out, "fix what failed, then: duly run billing --rerun 1")
}

func TestMigrate(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	got := s.duly(t, "migrate", "up")
	require.Equal(t, "nothing to do: the schema is up to date\n", got.out)

	s.exec(t, "INSERT INTO invoices (subscription_id, due_date, amount, currency, status, issued_date) VALUES (1, '2026-01-31', 1, 'KRW', 'paid', '2026-01-31')")
	s.exec(t, "INSERT INTO refunds (invoice_id, reason) VALUES (1, 'returned')")
	require.Equal(t, "took back 00014_refund_checks.sql\n", s.duly(t, "migrate", "down").out)
	require.Contains(t, s.duly(t, "migrate", "down").err, "invoices has rows, and would lose them or columns of them; empty it first")
	s.exec(t, "DELETE FROM invoices")
	s.exec(t, "DELETE FROM refunds")
	require.Equal(t, "took back 00013_new_method.sql\n", s.duly(t, "migrate", "down").out)
	require.Equal(t, "took back 00012_notices.sql\n", s.duly(t, "migrate", "down").out)
	require.Equal(t, "took back 00011_amount_check.sql\n", s.duly(t, "migrate", "down").out)
	require.Equal(t, "took back 00010_refunds.sql\n", s.duly(t, "migrate", "down").out)
	require.Equal(t, "took back 00009_dunning.sql\n", s.duly(t, "migrate", "down").out)
	s.exec(t, "INSERT INTO subscription_changes (subscription_id, effective_date, kind) VALUES (1, '2026-01-31', 'cancel')")
	require.Contains(t, s.duly(t, "migrate", "down").err, "subscription_changes has rows, and would lose them or columns of them; empty it first")
	s.exec(t, "DELETE FROM subscription_changes")
	require.Equal(t, "took back 00008_changes.sql\n", s.duly(t, "migrate", "down").out)
	require.Equal(t, "took back 00007_network.sql\n", s.duly(t, "migrate", "down").out)
	require.Equal(t, "took back 00006_all_answered.sql\n", s.duly(t, "migrate", "down").out)
	s.enrol(t, "ok", 1)
	s.exec(t, "INSERT INTO gateway_controls SELECT 1, 'pay_1', 'k', 'r', 'c', 1, 'KRW', UTC_TIMESTAMP(6), UTC_TIMESTAMP(6)")
	got = s.duly(t, "migrate", "down")
	require.Equal(t, batch.ExitUsage, got.code)
	require.Contains(t, got.err, "subscriptions has rows, and would lose them or columns of them; empty it first")
	s.exec(t, "DELETE FROM subscriptions")
	require.Equal(t, "took back 00005_gateway_customer.sql\n", s.duly(t, "migrate", "down").out)
	s.exec(t, "INSERT INTO job_runs (job, business_date, params, status, lease, lease_ms, host, pid, version) VALUES ('billing', '2026-01-31', '{}', 'completed', '1234567890123456', 1, 'h', 1, 'v')")
	require.Contains(t, s.duly(t, "migrate", "down").err, "job_runs has rows, and would lose them or columns of them; empty it first")
	s.exec(t, "DELETE FROM job_runs")
	require.Equal(t, "took back 00004_restart.sql\n", s.duly(t, "migrate", "down").out)
	s.enrol(t, "ok", 1)
	require.Equal(t, "took back 00003_bookings.go\n", s.duly(t, "migrate", "down").out)
	got = s.duly(t, "migrate", "down")
	require.Equal(t, batch.ExitUsage, got.code)
	require.Contains(t, got.err, "gateway_controls has rows, and would lose them or columns of them; empty it first")
	s.exec(t, "DELETE FROM gateway_controls")
	require.Equal(t, "took back 00002_history.sql\n", s.duly(t, "migrate", "down").out)
	got = s.duly(t, "migrate", "down")
	require.Equal(t, batch.ExitUsage, got.code)
	require.Contains(t, got.err, "subscriptions has rows")
	s.exec(t, "DELETE FROM subscriptions")
	require.Equal(t, "took back 00001_schema.sql\n", s.duly(t, "migrate", "down").out)
	require.Contains(t, s.duly(t, "migrate", "status").out, "pending")
	require.Equal(t, batch.ExitUsage, s.duly(t, "migrate", "down").code)
	require.Equal(t, "applied 00001_schema.sql\napplied 00002_history.sql\napplied 00003_bookings.go\napplied 00004_restart.sql\napplied 00005_gateway_customer.sql\napplied 00006_all_answered.sql\napplied 00007_network.sql\napplied 00008_changes.sql\napplied 00009_dunning.sql\napplied 00010_refunds.sql\napplied 00011_amount_check.sql\napplied 00012_notices.sql\napplied 00013_new_method.sql\napplied 00014_refund_checks.sql\n", s.duly(t, "migrate", "up").out)
	require.Contains(t, s.duly(t, "migrate", "status").out, "applied")

	s.exec(t, "INSERT INTO duly_migrations (version_id, is_applied) VALUES (99, TRUE)")
	got = s.duly(t, "migrate", "up")
	require.Equal(t, batch.ExitUsage, got.code)
	require.Contains(t, got.err, "99 is newer than this program's")
}
