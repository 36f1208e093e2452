package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
)

// A worker that may not write payment methods charges all the same, and says so in one line; one with its role's rights has them replaced.
func TestReplacedMethodNeedsARight(t *testing.T) {
	t.Parallel()
	s := newShop(t).guard(t)
	first, second := s.enrol(t, "renewed", 100), s.enrol(t, "renewed", 200)
	worker := s.as(workerRole)
	s.exec(t, "REVOKE UPDATE (payment_method) ON subscriptions FROM duly_worker")
	require.Contains(t, worker.duly(t, "doctor").out, "UPDATE (payment_method) on subscriptions")
	got := worker.duly(t, "run", "billing")
	require.Equal(t, batch.ExitDone, got.code, got.out+got.err)
	require.Equal(t, 1, strings.Count(got.err, "payment methods that a gateway replaced stay as they are"), got.err)
	require.NotContains(t, got.out+got.err, "pm_ok:renewed")
	require.EqualValues(t, 2, s.number(t, "SELECT COUNT(*) FROM payment_attempts WHERE status = 'succeeded'"))
	require.Zero(t, s.number(t, "SELECT COUNT(*) FROM subscriptions WHERE payment_method = 'pm_ok:renewed'"))

	s.guard(t)
	s.exec(t, "UPDATE subscriptions SET next_billing_date = CURRENT_DATE - INTERVAL 1 DAY, interval_unit = 'day'")
	s.exec(t, "UPDATE invoices SET issued_date = issued_date - INTERVAL 5 DAY, due_date = due_date - INTERVAL 5 DAY")
	got = worker.duly(t, "run", "billing")
	require.Equal(t, batch.ExitDone, got.code, got.out+got.err)
	require.EqualValues(t, 2, s.number(t, "SELECT COUNT(*) FROM subscriptions WHERE payment_method = 'pm_ok:renewed'"))
	require.EqualValues(t, 2, s.number(t, "SELECT COUNT(*) FROM events WHERE type = 'payment_method.updated' AND subject IN (?, ?)", fmt.Sprintf("subscription:%d", first), fmt.Sprintf("subscription:%d", second)))
}

// People and programs are told which rule of a card network puts an invoice off, and until when.
func TestShowSaysWhatANetworkPutsOff(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	id := s.enrol(t, "advice25", 12900)
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	date := time.Time{}
	require.NoError(t, s.db.GetContext(t.Context(), &date, "SELECT next_attempt_date FROM invoices"))
	for _, args := range [][]string{{"show", "subscription", fmt.Sprint(id)}, {"show", "invoice", "1"}} {
		got := s.duly(t, args...)
		require.Contains(t, strings.Join(strings.Fields(got.out), " "), " card network's rule puts it off: Mastercard advice 25: try again after 24 hours", args)
		require.Contains(t, strings.Join(strings.Fields(got.out), " "), "etry 1 of 3 is on "+date.Format("2006-01-02"), args)
		got = s.duly(t, append(args, "--json")...)
		require.Contains(t, got.out, `"why": "network_rule"`)
		require.Contains(t, got.out, `"hold_rule": "mastercard_advice_25"`)
		require.Contains(t, got.out, `"network": "mastercard"`)
	}
}
