package main

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
)

// Dunning policies as an operator meets them: in the environment, in a dry run, on the screens, and where a name is wrong.
func TestDunningPolicies(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.env = append(s.env, "DULY_BILLING_POLICIES_GENTLE_RETRY_DAYS=2,5,9,14", "DULY_BILLING_POLICIES_GENTLE_AFTER_LAST=pause",
		"DULY_BILLING_POLICIES_ONCE_RETRY_DAYS=[]", "DULY_BILLING_POLICIES_ONCE_AFTER_LAST=pause")
	usual, gentle, once, wrong := s.enrol(t, "soft", 100), s.enrol(t, "soft", 100), s.enrol(t, "soft", 100), s.enrol(t, "ok", 100)
	for id, name := range map[uint64]string{gentle: "gentle", once: "once", wrong: "gentel"} {
		s.exec(t, "UPDATE subscriptions SET dunning_policy = ? WHERE id = ?", name, id)
	}
	show := func(what string, id uint64) string { return s.duly(t, "show", what, fmt.Sprint(id)).out }
	const unknown = `dunning_policy "gentel" is not configured: set it to NULL or to a name below billing.policies`

	got := s.duly(t, "run", "billing", "--dry-run")
	require.Equal(t, batch.ExitDone, got.code, got.out+got.err)
	require.Contains(t, got.out, `dunning_policy "gentel" is not`)
	require.Contains(t, show("subscription", gentle), "Dunning policy gentle: retries on days 2, 5, 9, 14 after the first decline, then paused.\n")
	require.NotContains(t, show("subscription", usual), "Dunning policy")

	got = s.duly(t, "run", "billing")
	require.Equal(t, batch.ExitReview, got.code, got.out+got.err)
	require.Contains(t, s.duly(t, "list", "review").out, `dunning_policy "gentel" is not configured`)
	require.Contains(t, show("subscription", wrong), "In review: "+unknown)
	require.Contains(t, show("subscription", once), "Paused: its invoice 3 stayed unpaid after the last retry, and its dunning policy paused it: declined: do_not_honor. Periods that begin")
	require.Contains(t, show("subscription", once), "Dunning policy once: no retries, then paused.")
	require.Contains(t, show("subscription", gentle), "retry 1 of 4 on")
	require.Contains(t, s.duly(t, "show", "subscription", fmt.Sprint(gentle), "--json").out, `"dunning": {
        "policy": "gentle",
        "retry_days": [
          2,
          5,
          9,
          14
        ],
        "after_last": "pause"
      }`)
	require.EqualValues(t, 1, s.number(t, "SELECT COUNT(*) FROM subscriptions WHERE status = 'paused'"))

	got = s.duly(t, "run", "billing", "--step", "retry-4", "--dry-run")
	require.Equal(t, batch.ExitDone, got.code, got.out+got.err)

	// Gone from the configuration, it still is what the invoice goes by; a new subscription cannot name it.
	s.env = append(s.env[:len(s.env)-4], "DULY_BILLING_RETRY_DAYS=1")
	require.Contains(t, show("subscription", gentle), "Dunning policy gentle: retries on days 2, 5, 9, 14 after the first decline, then paused.\n")
	require.Contains(t, show("subscription", usual), "retry 1 of 3 on")
	require.Contains(t, show("subscription", once), "Paused: its invoice")

	s.env = append(s.env, "DULY_BILLING_POLICIES_GENTLE_AFTER_LAST=stop")
	got = s.duly(t, "run", "billing", "--dry-run")
	require.Equal(t, batch.ExitUsage, got.code)
	require.Contains(t, got.err, `billing.policies.gentle.after_last: "stop" is none of cancel, pause, keep`)
}
