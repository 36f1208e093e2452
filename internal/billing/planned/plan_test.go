package planned_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/billing"
	"duly/internal/billing/planned"
	"duly/internal/payment"
	"duly/internal/test/sample"
)

// change is "day kind value".
func change(id uint64, text string) planned.Change {
	words := append(strings.SplitN(text, " ", 3), "")
	return planned.Change{ID: id, Subscription: 42, Effective: sample.Day(words[0]), Kind: planned.KindOf(words[1]), Value: words[2]}
}

func changes(texts ...string) []planned.Change {
	list := make([]planned.Change, len(texts))
	for i, text := range texts {
		list[i] = change(uint64(i+1), text)
	}
	return list
}

func on(day string) billing.IssuePolicy {
	return billing.IssuePolicy{Business: sample.Day(day), Effective: sample.Day(day), KnownGateway: sample.Known}
}

func due(day string, status billing.SubscriptionStatus) billing.Subscription {
	s := sample.Subscription()
	s.Next, s.AnchorDay, s.Status = sample.Day(day), 0, status
	return s
}

func ids(done []planned.Done) []uint64 {
	var list []uint64
	for _, d := range done {
		list = append(list, d.ID)
	}
	return list
}

func TestWhatCannotBeApplied(t *testing.T) {
	t.Parallel()
	for text, why := range map[string]string{
		"2026-01-31 amount":                             `value "" is not a whole number of minor units such as 14900`,
		"2026-01-31 amount 12.5":                        `value "12.5" is not a whole number of minor units such as 14900`,
		"2026-01-31 amount -1":                          `value "-1" is not a whole number of minor units such as 14900`,
		"2026-01-31 amount +5":                          `value "+5" is not a whole number of minor units such as 14900`,
		"2026-01-31 amount 007":                         `value "007" is not a whole number of minor units such as 14900`,
		"2026-01-31 amount 14900	":                      `value "14900\t" is not a whole number of minor units such as 14900`,
		"2026-01-31 amount 9223372036854775807":         `value 9223372036854775807 is more than 999999999999, the most of a planned price`,
		"2026-01-31 one_off_amount x":                   `value "x" is not a whole number of minor units such as 14900`,
		"2026-01-31 interval":                           `value "" is not an interval: day, week, month or year, or 1 to 1000 of them such as 3 month`,
		"2026-01-31 interval 0 month":                   `value "0 month" is not an interval: day, week, month or year, or 1 to 1000 of them such as 3 month`,
		"2026-01-31 interval 1.5 month":                 `value "1.5 month" is not an interval: day, week, month or year, or 1 to 1000 of them such as 3 month`,
		"2026-01-31 interval MONTH":                     `value "MONTH" is not an interval: day, week, month or year, or 1 to 1000 of them such as 3 month`,
		"2026-01-31 interval 4294967297 month":          `value "4294967297 month" is not an interval: day, week, month or year, or 1 to 1000 of them such as 3 month`,
		"2026-01-31 PAUSE":                              `kind "PAUSE" is not one of pause, resume, cancel, amount, one_off_amount, interval, method`,
		"1999-12-31 cancel":                             `effective_date 1999-12-31 is not a day from 2000-01-01 on`,
		"1999-12-31 one_off_amount 5":                   `effective_date 1999-12-31 is not a day from 2000-01-01 on`,
		"2026-01-31 method":                             `value is empty, and should be the payment method`,
		"2026-01-31 method  ":                           `value is empty, and should be the payment method`,
		"2026-01-31 method pm\x00":                      `value is no payment method: it has a control character`,
		"2026-01-31 method " + strings.Repeat("x", 256): `value has 256 characters, 255 are the most of a payment method`,
		"2026-01-31 upgrade":                            `kind "upgrade" is not one of pause, resume, cancel, amount, one_off_amount, interval, method`,
	} {
		s := due("2026-01-31", billing.Active)
		plan := planned.ForIssue(s, append(changes(text), change(2, "2026-01-31 amount 1")), on("2026-01-31"), nil)
		require.Empty(t, plan.Done)
		require.Equal(t, s, plan.After)
		require.Equal(t, change(1, text).String()+": "+why+"; correct or delete its row, or duly resolve change 1 --as ignored", plan.Problem)
		require.NotContains(t, plan.Problem, "pm")
		issue := plan.Decide(plan.After, billing.Newest{}, nil, on("2026-01-31"))
		require.Equal(t, plan.Problem, issue.Review)
		require.Zero(t, issue.Due)
		require.Zero(t, issue.Next)
		require.Equal(t, []string{billing.EventReviewNeeded}, sample.EventTypes(issue.Events))
	}
}

func TestWhatIsRefusedIsAProblemOfItsOwn(t *testing.T) {
	t.Parallel()
	refused := planned.Refused{planned.Amount: "amount of subscriptions cannot be written", planned.OneOff: "no", planned.Method: "no"}
	plan := planned.ForIssue(due("2026-01-31", billing.Active), changes("2026-01-30 pause", "2026-01-31 amount 5"), on("2026-01-31"), refused)
	require.Equal(t, []uint64{1}, ids(plan.Done))
	require.Contains(t, plan.Problem, "amount of subscriptions cannot be written")
	plan = planned.ForIssue(due("2026-01-31", billing.Active), changes("2026-01-31 one_off_amount 5"), on("2026-01-31"), refused)
	require.NotEmpty(t, plan.Problem)
	plan = planned.ForClaim(due("2026-01-31", billing.Active), changes("2026-01-31 method pm_ok:2"), sample.Day("2026-01-31"), refused)
	require.Empty(t, plan.Done)
}

func TestChangesOfOneDayCountInTheOrderOfTheirIDs(t *testing.T) {
	t.Parallel()
	list := changes("2026-01-31 amount 1", "2026-01-31 amount 2", "2026-01-30 amount 3")
	plan := planned.ForIssue(due("2026-01-31", billing.Active), list, on("2026-01-31"), nil)
	require.Equal(t, []uint64{3, 1, 2}, ids(plan.Done))
	require.EqualValues(t, 2, plan.Price())
}

func TestWhatIsLikeThatAlreadyIsDone(t *testing.T) {
	t.Parallel()
	s := due("2026-02-28", billing.PastDue)
	plan := planned.ForIssue(s, changes("2026-01-30 resume"), on("2026-01-31"), nil)
	require.Equal(t, s, plan.After)
	require.Equal(t, "no change: it was active already", plan.Done[0].Outcome)
	require.Empty(t, plan.Events())
	plan = planned.ForIssue(due("2026-02-28", billing.Paused), changes("2026-01-30 pause"), on("2026-01-31"), nil)
	require.Equal(t, "no change: it was paused already", plan.Done[0].Outcome)
	require.Empty(t, plan.Events())
}

// A resumption keeps the anchor of a date that it moves over a short month.
func TestResumptionKeepsTheDayOfTheMonth(t *testing.T) {
	t.Parallel()
	plan := planned.ForIssue(due("2026-01-31", billing.Paused), changes("2026-02-10 resume"), on("2026-02-10"), nil)
	require.Equal(t, "2026-02-28", plan.After.Next.String())
	require.Equal(t, 31, plan.After.AnchorDay)
	require.Equal(t, billing.Active, plan.After.Status)

	s := due("2026-01-31", billing.Trialing)
	s.Next = 0
	plan = planned.ForIssue(s, changes("2026-02-10 resume"), on("2026-02-10"), nil)
	require.Contains(t, plan.Problem, "next_billing_date is missing")
	s = due("2026-01-31", billing.Paused)
	s.Interval.Unit = "x"
	plan = planned.ForIssue(s, changes("2026-02-10 resume"), on("2026-02-10"), nil)
	require.Contains(t, plan.Problem, "interval_unit")
	s = due("2026-01-31", billing.Paused)
	s.Interval = billing.Interval{Unit: "year", Count: 1000}
	s.Next = payment.NewDate(9500, 1, 1)
	plan = planned.ForIssue(s, changes("9501-02-10 resume"), on("9501-02-10"), nil)
	require.Contains(t, plan.Problem, "no period begins on 9501-02-10 or later")
}

// An interval that is wrong can be corrected by a change.
func TestAChangePutsAWrongIntervalRight(t *testing.T) {
	t.Parallel()
	s := due("2026-01-31", billing.Active)
	s.Interval.Unit = "moon"
	plan := planned.ForIssue(s, changes("2026-01-31 interval 3 month"), on("2026-02-05"), nil)
	require.Empty(t, plan.Problem)
	require.Equal(t, billing.Interval{Unit: "month", Count: 3}, plan.After.Interval)
}

func TestOneOffAmountIsUsedByAnInvoice(t *testing.T) {
	t.Parallel()
	s := due("2026-01-31", billing.Active)
	list := changes("2026-01-15 one_off_amount 0", "2026-01-20 one_off_amount 7", "2026-01-31 amount 500")
	held := billing.Newest{Exists: true, Status: billing.Open, Due: sample.Day("2025-12-31"), Issued: sample.Day("2025-12-31")}
	plan := planned.ForIssue(s, list, on("2026-01-31"), nil)
	require.Zero(t, plan.Decide(plan.After, held, nil, on("2026-01-31")).Due)
	require.Equal(t, []uint64{3}, ids(plan.Done), "an unpaid invoice holds it up")
	require.EqualValues(t, 500, plan.Price())

	plan = planned.ForIssue(s, list, on("2026-01-31"), nil)
	issue := plan.Decide(plan.After, billing.Newest{}, func(payment.Date) bool { return false }, on("2026-01-31"))
	require.True(t, issue.Settled)
	require.Equal(t, []uint64{3, 1}, ids(plan.Done))
	require.EqualValues(t, 500, plan.Price())
	require.Zero(t, plan.After.Money.Amount)

	plan = planned.ForIssue(due("2026-02-28", billing.Active), list[:1], on("2026-01-31"), nil)
	require.Equal(t, plan.Price(), plan.After.Money.Amount, "it is not due")
	plan = planned.ForIssue(due("2026-01-31", billing.Paused), list[:1], on("2026-01-31"), nil)
	plan.Use(plan.Decide(plan.After, billing.Newest{}, nil, on("2026-01-31")).Due)
	require.Empty(t, plan.Done, "a period that is not billed uses none")
}

func TestForClaim(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		status billing.SubscriptionStatus
		plan   []string
		done   []uint64
		is     billing.SubscriptionStatus
		method string
	}{
		{"what counts for a charge", billing.PastDue, []string{"2026-01-10 method pm_ok:2", "2026-01-10 amount 5", "2026-01-10 cancel"}, []uint64{1, 3}, billing.Cancelled, "pm_ok:2"},
		{"not before its day", billing.PastDue, []string{"2026-01-11 method pm_ok:2", "2026-01-11 cancel"}, nil, billing.PastDue, ""},
		{"a pause", billing.Active, []string{"2026-01-10 pause"}, []uint64{1}, billing.Paused, ""},
		{"nothing overtakes a resumption", billing.Paused, []string{"2026-01-09 resume", "2026-01-10 pause", "2026-01-10 cancel", "2026-01-10 method pm_ok:2"}, []uint64{4}, billing.Paused, "pm_ok:2"},
		{"one that changes nothing is done", billing.Active, []string{"2026-01-09 resume", "2026-01-10 pause"}, []uint64{1, 2}, billing.Paused, ""},
		{"pause, resume, cancel", billing.Active, []string{"2026-01-08 pause", "2026-01-09 resume", "2026-01-10 cancel"}, []uint64{1}, billing.Paused, ""},
		{"no method overtakes another", billing.Active, []string{"2026-01-08 method", "2026-01-09 method pm_ok:2", "2026-01-09 pause"}, []uint64{3}, billing.Paused, ""},
		{"what is cancelled stays as it is", billing.Cancelled, []string{"2026-01-08 method pm_ok:2", "2026-01-08 pause"}, nil, billing.Cancelled, ""},
		{"nor what has a status of the shop's", "frozen", []string{"2026-01-08 method pm_ok:2"}, nil, "frozen", ""},
	} {
		s := due("2026-02-28", c.status)
		if c.method == "" {
			c.method = s.Method
		}
		plan := planned.ForClaim(s, changes(c.plan...), sample.Day("2026-01-10"), nil)
		require.Equal(t, c.done, ids(plan.Done), c.name)
		require.Equal(t, c.is, plan.After.Status, c.name)
		require.Equal(t, c.method, plan.After.Method, c.name)
		require.Equal(t, s.Next, plan.After.Next, c.name)
		require.Empty(t, plan.Problem, c.name)
	}
}

// A claim leaves a pause to the issue while a period that began before it is not invoiced, and the resumption behind it as well: the issue invoices the period first.
// A cancellation counts, and so does a new card.
func TestAClaimLeavesAPauseUntilWhatWasDueBeforeIsInvoiced(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		next string
		plan []string
		done []uint64
		is   billing.SubscriptionStatus
	}{
		{"2026-01-09", []string{"2026-01-10 pause"}, nil, billing.PastDue},
		{"2026-01-10", []string{"2026-01-10 pause"}, []uint64{1}, billing.Paused},
		{"2026-01-09", []string{"2026-01-09 pause"}, []uint64{1}, billing.Paused},
		{"2026-01-05", []string{"2026-01-07 pause", "2026-01-08 resume"}, nil, billing.PastDue},
		{"2026-01-05", []string{"2026-01-04 resume", "2026-01-07 pause", "2026-01-08 resume"}, []uint64{1}, billing.PastDue},
		{"2026-01-05", []string{"2026-01-07 pause", "2026-01-08 method pm_ok:2", "2026-01-09 pause"}, []uint64{2}, billing.PastDue},
		{"2026-01-05", []string{"2026-01-07 pause", "2026-01-09 cancel"}, []uint64{2}, billing.Cancelled},
		{"2026-01-05", []string{"2026-01-07 pause", "2026-01-08 resume", "2026-01-09 cancel"}, []uint64{3}, billing.Cancelled},
	} {
		plan := planned.ForClaim(due(c.next, billing.PastDue), changes(c.plan...), sample.Day("2026-01-10"), nil)
		require.Equal(t, c.done, ids(plan.Done), c.plan)
		require.Equal(t, c.is, plan.After.Status, c.plan)
	}
}

// A method that cannot be applied is told to the claim, whatever is planned behind it.
func TestAMethodThatCannotBeAppliedIsTold(t *testing.T) {
	t.Parallel()
	const why = "planned change 1 (method from 2026-01-08): value is empty, and should be the payment method; correct or delete its row, or duly resolve change 1 --as ignored"
	for plan, want := range map[string]string{
		"2026-01-08 method":                                               why,
		"2026-01-08 method\n2026-01-08 method pm_ok:2":                    why,
		"2026-01-08 method\n2026-01-09 method\n2026-01-09 pause":          why,
		"2026-01-11 method":                                               "",
		"2026-01-08 method pm_ok:2":                                       "",
		"2026-01-08 amount x\n2026-01-09 method pm_ok:2\n2026-01-09 noon": "",
	} {
		list := strings.Split(plan, "\n")
		got := planned.ForClaim(due("2026-02-28", billing.PastDue), changes(list...), sample.Day("2026-01-10"), nil)
		require.Equal(t, want, got.After.MethodProblem, plan)
	}
	got := planned.ForClaim(due("2026-02-28", billing.PastDue), changes("2026-01-08 method pm_ok:2"), sample.Day("2026-01-10"), planned.Refused{planned.Method: "payment_method cannot be written"})
	require.Contains(t, got.After.MethodProblem, "payment_method cannot be written")
}

// A charge is left to a claim, which applies what is effective by today and not by the due date.
func TestAChargeWaitsForTheClaim(t *testing.T) {
	t.Parallel()
	s := due("2026-01-31", billing.Active)
	for text, waits := range map[string]bool{
		"2026-02-02 cancel": true, "2026-02-02 method pm_ok:2": true, "2026-02-02 pause": true, "2026-02-02 amount 5": false, "2026-02-04 cancel": false, "2026-01-31 method pm_ok:2": false,
	} {
		plan := planned.ForIssue(s, changes(text), on("2026-02-03"), nil)
		require.Equal(t, waits, plan.Waits(sample.Day("2026-02-03")), text)
	}
	require.False(t, (*planned.Plan)(nil).Waits(sample.Day("2026-02-03")))
}

func TestAnEventTellsOfAChange(t *testing.T) {
	t.Parallel()
	s := due("2026-01-31", billing.Paused)
	plan := planned.ForIssue(s, changes("2026-02-10 method pm_ok:secret", "2026-02-10 resume", "2026-02-20 amount 9"), on("2026-02-28"), nil)
	plan.Use(0)
	events := plan.Events()
	require.Equal(t, []string{planned.EventChanged, planned.EventChanged, planned.EventChanged}, sample.EventTypes(events))
	text, err := json.Marshal(events)
	require.NoError(t, err)
	require.NotContains(t, string(text), "secret")
	text, err = json.Marshal(events[1].Payload)
	require.NoError(t, err)
	require.JSONEq(t, `{"schema_version":1,"subscription_id":42,"customer_id":"cus_7","change_id":2,"change":"resume","effective_date":"2026-02-10","due_date":null,
"subscription_status":"active","amount":9,"currency":"KRW","interval_unit":"month","interval_count":1,"next_billing_date":"2026-02-28"}`, string(text))
}

// What a change could not be applied for is news once, and its reason goes once it can.
func TestAProblemIsNewsOnce(t *testing.T) {
	t.Parallel()
	list := changes("2026-01-31 amount x")
	s := due("2026-01-31", billing.Active)
	plan := planned.ForIssue(s, list, on("2026-01-31"), nil)
	require.True(t, plan.ProblemChanged())
	list[0].Outcome = plan.StoredProblem()
	s.ReviewReason = plan.Decide(s, billing.Newest{}, nil, on("2026-01-31")).Review
	plan = planned.ForIssue(s, list, on("2026-01-31"), nil)
	require.False(t, plan.ProblemChanged())
	require.Empty(t, plan.Decide(s, billing.Newest{}, nil, on("2026-01-31")).Events)
	s.Next = sample.Day("2026-02-28")
	plan = planned.ForIssue(s, changes("2026-01-31 amount 7"), on("2026-01-31"), nil)
	require.True(t, plan.Decide(plan.After, billing.Newest{}, nil, on("2026-01-31")).ClearReview)
}

// What a plan alters is said beside the decision, whether there is an invoice or not; a resumption of what is active alters nothing.
func TestDecideSaysWhetherChangesWereApplied(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"2026-01-31 pause": true, "2026-01-31 cancel": true, "2026-01-31 one_off_amount 0": true, "2026-01-31 resume": false, "2026-02-01 pause": false,
	} {
		plan := planned.ForIssue(due("2026-01-31", billing.Active), changes(text), on("2026-01-31"), nil)
		require.Equal(t, want, plan.Decide(plan.After, billing.Newest{}, func(payment.Date) bool { return false }, on("2026-01-31")).Changed, text)
	}
	var none *planned.Plan
	require.False(t, none.Decide(due("2026-01-31", billing.Active), billing.Newest{}, func(payment.Date) bool { return false }, on("2026-01-31")).Changed)
}
