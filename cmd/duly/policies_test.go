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

// Notices are a part of the night where some policy has days for them, and of no other night. A charge that waits for one says what is missing.
func TestNoticesInTheNight(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	soon, now := s.enrol(t, "ok", 100), s.enrol(t, "ok", 200)
	s.exec(t, "UPDATE subscriptions SET next_billing_date = next_billing_date + INTERVAL 3 DAY, dunning_policy = 'asked' WHERE id = ?", soon)
	s.exec(t, "UPDATE subscriptions SET dunning_policy = 'asked' WHERE id = ?", now)
	require.NotContains(t, s.duly(t, "run", "nightly", "--dry-run").out, "notice")
	require.Contains(t, s.duly(t, "run", "notices", "--dry-run").out, "no notice will be written: no dunning policy has notice_days")

	s.env = append(s.env, "DULY_BILLING_POLICIES_ASKED_NOTICE_DAYS=5")
	got := s.duly(t, "run", "notices", "--dry-run")
	require.Contains(t, got.out, "2 notices of upcoming charges, 0 of expiring methods, 0 of due charges that wait for a notice", got.err)
	s.env = append(s.env, "DULY_BILLING_POLICIES_ASKED_REQUIRE_NOTICE=true")
	require.Contains(t, s.duly(t, "run", "notices", "--dry-run").err, "billing.policies.asked.require_notice: needs outbox.url: without a webhook no notice is delivered, and nothing would be charged")
	s.env = append(s.env, "DULY_OUTBOX_URL=http://127.0.0.1:1/hook", "DULY_OUTBOX_SECRET=whsec_Y2hhbmdlLW1lLWNoYW5nZS1tZS1jaGFuZ2UtbWU=")
	got = s.duly(t, "run", "billing", "--dry-run")
	require.Contains(t, got.out, "1 waiting for a delivered notice")
	require.Contains(t, got.out, "it waits for its notice, which is not written yet")

	got = s.duly(t, "run", "nightly")
	require.Equal(t, batch.ExitUnfinished, got.code, got.out+got.err)
	require.Regexp(t, `(?m)^. notices +2 `, got.out)
	require.EqualValues(t, 2, s.number(t, "SELECT COUNT(*) FROM notices"))
	require.Zero(t, s.number(t, "SELECT COUNT(*) FROM payment_attempts"))
	got = s.duly(t, "show", "subscription", fmt.Sprint(now))
	require.Contains(t, got.out, "it waits for its notice, which is not delivered yet")
	require.Contains(t, got.out, "uly run outbox; the next run of billing charges it then")
	require.Contains(t, s.duly(t, "show", "subscription", fmt.Sprint(now), "--json").out, `"why": "waits_for_notice"`)

	s.exec(t, "UPDATE event_deliveries SET status = 'delivered' WHERE event_id IN (SELECT id FROM events WHERE type = 'invoice.upcoming')")
	got = s.duly(t, "run", "billing")
	require.Equal(t, batch.ExitDone, got.code, got.out+got.err)
	require.EqualValues(t, 1, s.number(t, "SELECT COUNT(*) FROM payment_attempts WHERE status = 'succeeded'"))
}
