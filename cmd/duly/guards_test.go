package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/session"
	"duly/internal/test/golden"
)

// Prices that were multiplied by 100,000: what a dry run, the run, the lists and each row say, and how an operator has one charged and closes the other.
func TestAmountsThatAreHeld(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.env = append(s.env, "DULY_BILLING_MAX_FACTOR=10", "DULY_BILLING_MAX_AMOUNT=KRW: 2000000000")
	right := s.enrol(t, "ok", 12_900)
	for _, amount := range []int64{1_290_000_000, 990_000_000, 2_290_000_000} {
		s.enrol(t, "ok", amount)
	}
	s.exec(t, `INSERT INTO invoices (subscription_id, due_date, amount, currency, status, issued_date, paid_at)
SELECT id, next_billing_date - INTERVAL 1 MONTH, IF(id = ?, amount, amount DIV 100000), 'KRW', 'paid', next_billing_date - INTERVAL 1 MONTH, UTC_TIMESTAMP(6) FROM subscriptions`, right)

	var text strings.Builder
	show := func(code int, args ...string) {
		t.Helper()
		got := s.duly(t, args...)
		require.Equal(t, code, got.code, "%s %s", got.out, got.err)
		fmt.Fprintf(&text, "$ duly %s\n%s", strings.Join(args, " "), got.out)
		if code == batch.ExitUsage {
			text.WriteString(got.err)
		}
	}
	show(batch.ExitDone, "show", "subscription", "2")
	show(batch.ExitDone, "run", "billing", "--dry-run")
	show(batch.ExitDone, "run", "billing", "--dry-run", "--json")
	show(batch.ExitReview, "run", "billing")
	require.Len(t, s.sim.Ledger(), 1)
	show(batch.ExitDone, "list", "review")
	invoice := func(subscription int) string {
		return fmt.Sprint(s.number(t, `SELECT MAX(id) FROM invoices WHERE subscription_id = ?`, subscription))
	}
	paid, wrong, large := invoice(1), invoice(2), invoice(3)
	show(batch.ExitDone, "show", "invoice", large)
	show(batch.ExitUsage, "resolve", "invoice", large, "--as", "not_executed", "--reason", "x")
	show(batch.ExitUsage, "resolve", "invoice", paid, "--as", "approved", "--reason", "x")
	show(batch.ExitDone, "resolve", "invoice", "--matching", "billing.max_amount", "--as", "void", "--reason", "the price was wrong")
	show(batch.ExitDone, "resolve", "invoice", "--matching", "billing.max_amount", "--as", "void", "--reason", "the price was wrong", "--yes")
	show(batch.ExitDone, "resolve", "invoice", large, "--as", "approved", "--reason", "a contract for ten years")
	show(batch.ExitUsage, "resolve", "invoice", large, "--as", "approved", "--reason", "again")
	show(batch.ExitDone, "run", "billing")
	show(batch.ExitDone, "show", "invoice", large)
	show(batch.ExitDone, "requeue", "invoice", wrong)
	show(batch.ExitReview, "run", "billing", "--json")
	require.Len(t, s.sim.Ledger(), 2)
	golden.Equal(t, "guards.golden", strings.ReplaceAll(noNumbers(steady(text.String())), session.OperatorName(), "OPERATOR"))
}
