package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/test/worktest"
)

// endedByPolicies is a shop whose customers are unpaid to the end: those of policy "once" are paused, those of "none" cancelled.
func endedByPolicies(t *testing.T, policies ...string) *shop {
	t.Helper()
	s := newShop(t)
	s.env = append(s.env, "DULY_BILLING_POLICIES_ONCE_RETRY_DAYS=[]", "DULY_BILLING_POLICIES_ONCE_AFTER_LAST=pause", "DULY_BILLING_POLICIES_NONE_RETRY_DAYS=[]")
	for _, name := range policies {
		s.exec(t, "UPDATE subscriptions SET dunning_policy = ? WHERE id = ?", name, s.enrol(t, "soft", 100))
	}
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	return s
}

// A pause or a cancellation is taken back with the invoice that led to it, if it is the one that stands: nobody wrote the row since, and no planned
// change was applied. What may be the customer's own wish stays, and the screens say what makes it go on.
func TestReopenLeavesWhatMayBeTheCustomersOwn(t *testing.T) {
	t.Parallel()
	for _, form := range []string{"reopen invoice 1 2 3 4 5 6", "reopen --run 1 --gateway main --class soft"} {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			s := endedByPolicies(t, "once", "once", "once", "none", "none", "none")
			s.exec(t, "UPDATE subscriptions SET status = 'active' WHERE id IN (2, 5)")
			s.exec(t, "UPDATE subscriptions SET status = 'paused' WHERE id = 2")
			s.exec(t, "INSERT INTO subscription_changes (subscription_id, effective_date, kind, applied_at) VALUES (3, UTC_DATE(), 'pause', UTC_TIMESTAMP(6))")
			s.exec(t, "UPDATE subscriptions SET status = 'cancelled' WHERE id = 5")
			s.exec(t, "UPDATE subscriptions SET payment_method = 'pm_ok:6' WHERE id = 6")
			require.Contains(t, s.duly(t, "show", "subscription", "1").out, "Paused: its invoice 1 stayed unpaid after the last retry, and its dunning policy paused it")
			require.Contains(t, s.duly(t, "show", "subscription", "2").out, "Paused: its dunning policy paused it, when invoice 2 stayed unpaid after the last retry, or the shop did since: its row was written since.")
			require.Contains(t, s.duly(t, "show", "subscription", "3").out, "or the shop did since: a planned change was applied since.")
			require.Contains(t, s.duly(t, "show", "invoice", "2").out, "stays paused: its row was written since")
			require.Contains(t, s.duly(t, "show", "invoice", "5").out, "UPDATE subscriptions SET status = 'active', cancelled_at = NULL, cancel_reason = NULL")

			got := s.duly(t, append(words(form), "--reason", "she called", "--json")...)
			require.Equal(t, batch.ExitUsage, got.code, got.out+got.err)
			require.Contains(t, got.err, "subscription 5 stays cancelled: its row was written since, so that it may be the customer's own wish")
			require.Contains(t, got.out, "subscription 2 stays paused: its row was written since")
			require.Contains(t, got.out, "subscription 3 stays paused: a planned change was applied since")
			back := map[bool]string{true: "past_due", false: "active"}[form[:14] == "reopen invoice"]
			require.Equal(t, []string{
				back + " open 0 1", "paused open 0 1", "paused open 0 1", back + " open 0 1", "cancelled uncollectible 0 1", back + " open 0 1",
			}, s.states(t))
			require.Equal(t, int64(3), s.number(t, "SELECT COUNT(*) FROM invoices WHERE dunning REGEXP '(paused|cancelled) [0-9]{20}$'"), "what was taken back is forgotten")
			require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
			require.Equal(t, "active paid 0 2", s.states(t)[5])
			require.Equal(t, []string{"paused uncollectible 0 2", "paused uncollectible 0 2", "paused uncollectible 0 2"}, s.states(t)[:3])
			require.Contains(t, s.duly(t, "show", "subscription", "2").out, "Paused by the shop.", "it was paused when its invoice ended again")
		})
	}
}

// A view of the shop's may not say when a row was written: duly never takes a pause of its own for certain there.
func TestReopenWhereNothingSaysWhenARowWasWritten(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.env = append(s.env, "DULY_BILLING_POLICIES_ONCE_RETRY_DAYS=[]", "DULY_BILLING_POLICIES_ONCE_AFTER_LAST=pause")
	s.exec(t, "ALTER TABLE subscriptions MODIFY updated_at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)")
	s.exec(t, "UPDATE subscriptions SET dunning_policy = 'once' WHERE id = ?", s.enrol(t, "soft", 100))
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	require.Equal(t, int64(1), s.number(t, "SELECT COUNT(*) FROM invoices WHERE dunning = 'once paused'"))
	got := s.duly(t, "reopen", "invoice", "1", "--reason", "asked")
	require.Equal(t, batch.ExitDone, got.code, got.err)
	require.Contains(t, got.out, "subscription 1 stays paused: nothing shows that its row was not written since")
	require.Equal(t, []string{"paused open 0 1"}, s.states(t), "the invoice alone")
}

// What was paid outside after its dunning has ended has its subscription go on, in whatever order it is typed, where the end is still duly's.
func TestPaidOutsideHasTheSubscriptionGoOn(t *testing.T) {
	t.Parallel()
	s := endedByPolicies(t, "once", "none", "once", "none", "once")
	s.exec(t, "UPDATE subscriptions SET next_billing_date = UTC_DATE() - INTERVAL 40 DAY, updated_at = updated_at WHERE id IN (1, 5)")
	s.exec(t, "UPDATE subscriptions SET status = 'active' WHERE id IN (3, 4)")
	s.exec(t, "UPDATE subscriptions SET status = IF(id = 3, 'paused', 'cancelled') WHERE id IN (3, 4)")
	resolve := func(id, want string) {
		got := s.duly(t, "resolve", "invoice", id, "--as", "paid_outside", "--reason", "bank")
		require.Equal(t, batch.ExitDone, got.code, got.err)
		require.Contains(t, got.out, want)
	}
	resolve("1", "its subscription paused → active, next billing date ")
	resolve("2", "its subscription cancelled → active")
	resolve("3", "subscription 3 stays paused: its row was written since")
	resolve("4", "subscription 4 stays cancelled: its row was written since")
	s.does(t, "reopen invoice 5 --reason asked")
	resolve("5", "paid")
	require.Equal(t, []string{"active paid 0 1", "active paid 0 1", "paused paid 0 1", "cancelled paid 0 1", "active paid 0 1"}, s.states(t))
	require.Equal(t, int64(2), s.number(t, "SELECT COUNT(*) FROM subscriptions WHERE id IN (1, 5) AND next_billing_date > UTC_DATE()"), "what began while it was paused is not charged")
	require.Equal(t, int64(3), s.number(t, "SELECT COUNT(*) FROM subscriptions WHERE cancelled_at IS NULL AND cancel_reason IS NULL AND status = 'active'"))
	require.Equal(t, int64(5), s.number(t, "SELECT COUNT(*) FROM events WHERE type = 'invoice.paid' AND JSON_VALUE(payload, '$.customer_id') <> ''"))
	require.Contains(t, s.duly(t, "show", "invoice", "3").out, "The subscription is paused.")
	require.Contains(t, s.duly(t, "show", "invoice", "4").out, "The subscription has ended.")
	require.Contains(t, s.duly(t, "show", "subscription", "3").out, "Paused: its dunning policy paused it, when invoice 3 stayed unpaid after the last retry, or the shop did since")
	worktest.NewSchemas(t).Events(t, s.db)
}
