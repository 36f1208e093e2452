package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
)

// plan writes a planned change as the shop does, so many days from today.
func (s *shop) plan(t *testing.T, subscription uint64, days int, kind string, value any) {
	t.Helper()
	s.exec(t, "INSERT INTO subscription_changes (subscription_id, effective_date, kind, value) VALUES (?, UTC_DATE() + INTERVAL ? DAY, ?, ?)", subscription, days, kind, value)
}

// What is planned is shown, listed and forecast; what cannot be applied is named with the command that drops it.
func TestPlannedChangesAreShownListedAndForecast(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.env = append(s.env, "DULY_BUSINESS_TIMEZONE=UTC")
	priced, free, ended, paused, stuck, carded := s.enrol(t, "ok", 1000), s.enrol(t, "ok", 2000), s.enrol(t, "ok", 3000), s.enrol(t, "ok", 4000), s.enrol(t, "ok", 5000), s.enrol(t, "ok", 6000)
	s.exec(t, "UPDATE subscriptions SET next_billing_date = UTC_DATE()")
	s.exec(t, "UPDATE subscriptions SET status = 'paused' WHERE id = ?", paused)
	s.plan(t, priced, 0, "amount", "1500")
	s.plan(t, free, 0, "one_off_amount", "0")
	s.plan(t, ended, 0, "cancel", nil)
	s.plan(t, paused, 300, "resume", nil)
	s.plan(t, stuck, 0, "amount", "12,00")
	s.plan(t, carded, 400, "method", "pm_of_mine")

	got := s.duly(t, "run", "billing", "--dry-run", "--json")
	require.Equal(t, batch.ExitDone, got.code, got.err)
	var forecast struct {
		Charges []struct{ Count, Amount int64 }
		Free    int64
		Review  int64
	}
	require.NoError(t, json.Unmarshal([]byte(got.out), &forecast))
	require.Equal(t, []struct{ Count, Amount int64 }{{2, 7500}}, forecast.Charges)
	require.EqualValues(t, 1, forecast.Free)
	require.EqualValues(t, 1, forecast.Review)
	require.Zero(t, s.number(t, "SELECT COUNT(*) FROM subscription_changes WHERE applied_at IS NOT NULL OR outcome IS NOT NULL"))

	got = s.duly(t, "show", "subscription", fmt.Sprint(paused))
	require.Regexp(t, `(?s)Paused by the shop\. Periods that begin meanwhile are never charged\. It goes on with the first period from .* on, as planned\.\nPlanned: resume from \S+ · change 4\n`, got.out)
	got = s.duly(t, "show", "subscription", fmt.Sprint(carded))
	require.Regexp(t, `Planned: method from \S+ · change 6\n`, got.out)
	got = s.duly(t, "show", "subscription", fmt.Sprint(carded), "--json")
	require.NotContains(t, got.out, "pm_of_mine")
	require.Contains(t, got.out, `"change_id": 6`)
	got = s.duly(t, "show", "subscription", fmt.Sprint(priced))
	require.Regexp(t, `Planned: amount 1,500 KRW from \S+ · change 1\n`, got.out)

	require.Equal(t, batch.ExitReview, s.duly(t, "run", "billing").code)
	require.EqualValues(t, 7500, s.number(t, "SELECT SUM(amount) FROM invoices WHERE status = 'paid'"))
	got = s.duly(t, "list", "changes")
	require.Regexp(t, `resume from \S+\n`, got.out)
	require.Regexp(t, `duly resolve change 5 --as ignored`, got.out)
	got = s.duly(t, "list", "changes", "--kind", "method", "--verbose")
	require.NotContains(t, got.out, "pm_of_mine")
	require.Contains(t, got.out, "change 6")
	require.NotContains(t, got.out, "change 5")
	got = s.duly(t, "show", "subscription", fmt.Sprint(stuck))
	require.Contains(t, got.out, `value "12,00" is not a whole number of minor units`)
	require.Contains(t, got.out, "cannot be applied")
	require.Contains(t, s.duly(t, "list", "review").out, "duly resolve change 5 --as ignored")

	// Dropped, it is recorded, and the next run bills without it.
	require.Equal(t, batch.ExitUsage, s.duly(t, "resolve", "change", "5").code)
	got = s.duly(t, "resolve", "change", "5", "--as", "void", "--reason", "a slip")
	require.Equal(t, batch.ExitUsage, got.code)
	require.Contains(t, got.err, "change 5 is resolved as ignored alone")
	got = s.duly(t, "resolve", "change", "--kind", "amount", "--as", "ignored", "--reason", "a slip")
	require.Regexp(t, `change 5: amount "12,00" from \S+ of subscription \d+ would never be applied; the next run bills subscription \d+ without it\n`, got.out)
	require.NotContains(t, got.out, "change 1:", "a change that a run applied, or will apply, is not selected")
	for _, id := range []string{"4", "6"} { // planned for later
		got = s.duly(t, "resolve", "change", id, "--as", "ignored", "--reason", "a slip")
		require.Equal(t, batch.ExitUsage, got.code)
		require.Regexp(t, `change \d \((resume|method) from \S+ of subscription \d+\) is planned for a later day, and no operator has to decide about it: the shop changes or deletes its row of subscription_changes`, got.err)
	}
	got = s.duly(t, "resolve", "change", "5", "--as", "ignored", "--reason", "a slip")
	require.Equal(t, batch.ExitDone, got.code, got.err)
	require.Regexp(t, fmt.Sprintf(`^change 5 resolved as ignored: amount "12,00" from \S+ of subscription %[1]d is never applied; the next run bills subscription %[1]d without it\n$`, stuck), got.out)
	require.EqualValues(t, 1, s.number(t, "SELECT COUNT(*) FROM operator_actions WHERE subject = 'change:5' AND action = 'resolve' AND reason = 'a slip'"))
	got = s.duly(t, "resolve", "change", "5", "--as", "ignored", "--reason", "again")
	require.Equal(t, batch.ExitUsage, got.code)
	require.Regexp(t, `change 5 \(amount .*\) ended on`, got.err)
	got = s.duly(t, "resolve", "change", "99", "--as", "ignored", "--reason", "none")
	require.Equal(t, batch.ExitUsage, got.code)
	require.Contains(t, got.err, "no change 99; see duly list changes")
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	require.EqualValues(t, 12500, s.number(t, "SELECT SUM(amount) FROM invoices WHERE status = 'paid'"))
}

// A login without a right on the table sees no plan, and bills as before; one that may read it and not write prices names the role that lacks.
func TestPlannedChangesWithoutRights(t *testing.T) {
	t.Parallel()
	s := newShop(t).guard(t)
	worker := s.as(workerRole)
	id := s.enrol(t, "ok", 1000)
	s.plan(t, id, -1, "amount", "1500")
	s.exec(t, "REVOKE SELECT, UPDATE (applied_at, outcome) ON subscription_changes FROM "+workerRole)
	got := worker.duly(t, "run", "billing", "--no-progress")
	require.Equal(t, batch.ExitDone, got.code, got.err)
	require.Contains(t, got.err, "planned changes are not applied")
	require.EqualValues(t, 1000, s.number(t, "SELECT SUM(amount) FROM invoices WHERE status = 'paid'"))
	require.Contains(t, worker.duly(t, "show", "subscription", fmt.Sprint(id)).out, "1,000 KRW")
	s.exec(t, "GRANT SELECT, UPDATE (applied_at, outcome) ON subscription_changes TO "+workerRole)
	id = s.enrol(t, "ok", 2000)
	s.plan(t, id, -1, "amount", "2500")
	got = worker.duly(t, "run", "billing", "--no-progress", "--subscription", fmt.Sprint(id))
	require.Equal(t, batch.ExitReview, got.code, got.err)
	require.EqualValues(t, 1, s.number(t, "SELECT COUNT(*) FROM subscriptions WHERE review_reason LIKE '%amount of subscriptions cannot be written: GRANT duly_changes TO duly_worker; %--as ignored'"))
	require.NotContains(t, strings.ToLower(got.out), "panic")

	got = worker.duly(t, "doctor")
	require.Equal(t, batch.ExitDone, got.code, got.out+got.err)
	require.Regexp(t, `! planned changes +2 planned amount changes would go to review: amount of subscriptions cannot be written · GRANT duly_changes TO duly_worker\n`, got.out)
	s.exec(t, "GRANT UPDATE (amount) ON subscriptions TO "+workerRole)
	require.NotContains(t, worker.duly(t, "doctor").out, "planned amount")
}

// A new card that cannot be applied leaves its invoice uncharged, and every screen says so.
func TestANewCardThatCannotBeAppliedIsTold(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.env = append(s.env, "DULY_BUSINESS_TIMEZONE=UTC")
	id := s.enrol(t, "soft", 1000)
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	s.exec(t, "UPDATE invoices SET next_attempt_date = UTC_DATE()")
	s.plan(t, id, 0, "method", nil)

	got := s.duly(t, "run", "billing", "--dry-run")
	require.Equal(t, batch.ExitDone, got.code, got.err)
	require.Regexp(t, `Won't charge +1 will go to review · 1 waiting for a planned payment method that cannot be applied\n`, got.out)
	got = s.duly(t, "run", "billing", "--dry-run", "--json")
	require.Contains(t, got.out, `"waiting_for_method": 1`)
	got = s.duly(t, "show", "invoice", "1")
	require.Contains(t, got.out, "not charged, and no stage passes: planned change 1 (method from ")
	got = s.duly(t, "run", "billing")
	require.Equal(t, batch.ExitReview, got.code, got.out)
	require.Contains(t, got.out, "duly list changes --kind method")
	require.EqualValues(t, 1, s.number(t, "SELECT COUNT(*) FROM payment_attempts"))
	require.EqualValues(t, 1, s.number(t, "SELECT stage FROM invoices"))
	require.Contains(t, got.out, "Then       duly list changes\n")
}

// A change of a subscription that does not exist is named by every run, the dry run and the status until somebody ends it.
func TestAChangeOfNoSubscriptionIsTold(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.env = append(s.env, "DULY_BUSINESS_TIMEZONE=UTC")
	id := s.enrol(t, "ok", 1000)
	s.plan(t, id+4711, 1, "cancel", nil)
	require.NotContains(t, s.duly(t, "status").out, "does not exist")
	s.exec(t, "UPDATE subscription_changes SET effective_date = UTC_DATE()")

	require.Contains(t, s.duly(t, "status").out, "Planned   1 change due for a subscription that does not exist · duly list changes\n")
	require.Regexp(t, `"changes_without_subscription": \{\s+"count": 1,\s+"ids": \[\s+1\s+\]`, s.duly(t, "status", "--json").out)
	require.Contains(t, s.duly(t, "run", "billing", "--dry-run").out, "1 planned change will be skipped: there is no such subscription (1)")
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing", "--subscription", fmt.Sprint(id)).code)
	got := s.duly(t, "run", "billing")
	require.Equal(t, batch.ExitReview, got.code, got.out)
	require.Contains(t, got.out, "1 planned change not applied, since there is no such subscription (1): correct or delete the rows; duly list changes names them\n")
	require.Contains(t, got.out, "Then       duly list changes\n")
	require.Contains(t, s.duly(t, "list", "changes").out, "duly resolve change 1 --as ignored")

	require.Equal(t, batch.ExitDone, s.duly(t, "resolve", "change", "1", "--as", "ignored", "--reason", "mistyped").code)
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	require.Contains(t, s.duly(t, "status").out, "nothing is due")
}

// A run counts what it applied, cancellations first, and a step that only applied changes has done its work.
func TestARunCountsTheChangesThatItApplied(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.env = append(s.env, "DULY_BUSINESS_TIMEZONE=UTC")
	ended, paused, free, active := s.enrol(t, "ok", 1000), s.enrol(t, "ok", 2000), s.enrol(t, "ok", 3000), s.enrol(t, "ok", 4000)
	s.exec(t, "UPDATE subscriptions SET next_billing_date = UTC_DATE()")
	s.plan(t, ended, 0, "cancel", nil)
	s.plan(t, paused, 0, "pause", nil)
	got := s.duly(t, "run", "billing", "--subscription", fmt.Sprintf("%d,%d", ended, paused))
	require.Equal(t, batch.ExitDone, got.code, got.err)
	require.Regexp(t, `✓ issue +2 changed as planned · [0-9]`, got.out)
	require.NotContains(t, got.out, "none of")
	require.Contains(t, got.out, "Changes    2 applied: cancel 1, pause 1\n")

	s.plan(t, free, 0, "one_off_amount", "0")
	s.plan(t, active, 0, "resume", nil) // changes nothing
	s.plan(t, ended, 0, "resume", nil)  // of what is cancelled
	require.Regexp(t, `"changes_applied": \{\s+"one_off_amount": 1\s+\}`, s.duly(t, "run", "billing", "--json").out)
	require.NotContains(t, s.duly(t, "run", "billing", "--json").out, "changes_applied")
}
