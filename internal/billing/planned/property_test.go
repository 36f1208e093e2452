package planned_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"duly/internal/billing"
	"duly/internal/billing/planned"
	"duly/internal/payment"
	"duly/internal/test/sample"
)

// shop is a subscription with its planned changes, as a database would hold them, and what was billed.
type shop struct {
	sub     billing.Subscription
	waiting []planned.Change
	newest  billing.Newest
	billed  []string
	dues    []payment.Date
}

// keep stores what a plan makes of the subscription.
func (s *shop) keep(p planned.Plan) {
	s.sub = p.After
	s.sub.Money.Amount = p.Price()
	s.waiting = slices.DeleteFunc(slices.Clone(s.waiting), func(c planned.Change) bool {
		return slices.ContainsFunc(p.Done, func(d planned.Done) bool { return d.ID == c.ID })
	})
}

// issue is what a run does with the subscription if a walk meets it.
func (s *shop) issue(p billing.IssuePolicy) {
	plan := planned.ForIssue(s.sub, s.waiting, p, nil)
	issue := plan.Decide(plan.After, s.newest, func(due payment.Date) bool { return slices.Contains(s.dues, due) }, p)
	s.keep(plan)
	if !issue.Due.IsZero() {
		s.billed = append(s.billed, fmt.Sprintf("%s %d", issue.Due, plan.After.Money.Amount))
		s.dues = append(s.dues, issue.Due)
		s.newest = billing.Newest{Exists: true, Status: billing.Paid, Due: issue.Due, Issued: p.Effective}
	}
	if !issue.Next.IsZero() {
		s.sub.Next = issue.Next
	}
	if issue.Anchor != 0 {
		s.sub.AnchorDay = issue.Anchor
	}
}

// calendar is what a shop would do that changed its rows by hand each morning, and had a run each day.
func calendar(sub billing.Subscription, list []planned.Change, from, to payment.Date) (billed []string, active map[payment.Date]bool) {
	var once []planned.Change
	list, active = planned.Sorted(list), map[payment.Date]bool{}
	for day := from; day <= to; day++ {
		for len(list) > 0 && list[0].Effective <= day {
			c := list[0]
			list = list[1:]
			if sub.Status == billing.Cancelled {
				continue
			}
			for sub.Status == billing.Trialing && (c.Kind == planned.Pause || c.Kind == planned.Resume) && sub.Next < day {
				sub = following(sub)
			}
			switch c.Kind {
			case planned.Pause:
				sub.Status = billing.Paused
			case planned.Cancel:
				sub.Status = billing.Cancelled
			case planned.Resume:
				sub.Status = billing.Active
			case planned.Amount:
				_, _ = fmt.Sscan(c.Value, &sub.Money.Amount)
			case planned.OneOff:
				once = append(once, c)
			case planned.Interval:
				_, _ = fmt.Sscan(c.Value, &sub.Interval.Count, &sub.Interval.Unit)
			case planned.Method:
			}
		}
		active[day] = sub.Status == billing.Active
		if sub.Next > day || sub.Status == billing.Trialing {
			continue
		}
		if active[day] {
			amount := sub.Money.Amount
			if len(once) > 0 {
				_, _ = fmt.Sscan(once[0].Value, &amount)
				once = once[1:]
			}
			billed = append(billed, fmt.Sprintf("%s %d", day, amount))
		}
		sub = following(sub)
	}
	return billed, active
}

// following is the subscription at its next period.
func following(sub billing.Subscription) billing.Subscription {
	anchor := billing.Anchor(sub.Next, sub.AnchorDay, sub.Interval)
	sub.Next = billing.Following(sub.Next, anchor, sub.Interval)
	if sub.AnchorDay = anchor; !sub.Interval.ByMonth() {
		_, _, sub.AnchorDay = sub.Next.Split()
	}
	return sub
}

const horizon = 200 // days

// drawShop makes a subscription and changes of it.
func drawShop(t *rapid.T, kinds []planned.Kind, units []string) (billing.Subscription, []planned.Change, payment.Date) {
	day0 := sample.Day("2026-01-20")
	sub := sample.Subscription()
	sub.Next = day0 + payment.Date(rapid.IntRange(0, 20).Draw(t, "first"))
	sub.Interval = billing.Interval{Unit: rapid.SampledFrom(units).Draw(t, "unit"), Count: 1}
	sub.AnchorDay = 0
	sub.Status = rapid.SampledFrom([]billing.SubscriptionStatus{billing.Active, billing.Active, billing.Trialing}).Draw(t, "status")
	var list []planned.Change
	for i := range rapid.IntRange(0, 6).Draw(t, "changes") {
		c := planned.Change{ID: uint64(i + 1), Kind: rapid.SampledFrom(kinds).Draw(t, "kind")}
		c.Effective = day0 + payment.Date(rapid.IntRange(0, horizon).Draw(t, "day"))
		switch c.Kind {
		case planned.Amount, planned.OneOff:
			c.Value = fmt.Sprint(rapid.IntRange(0, 9).Draw(t, "amount") * 100)
		case planned.Interval:
			c.Value = fmt.Sprint(rapid.IntRange(1, 3).Draw(t, "count"), " ", rapid.SampledFrom(units).Draw(t, "unit"))
		case planned.Method:
			c.Value = "pm_ok:" + fmt.Sprint(i)
		case planned.Pause, planned.Resume, planned.Cancel:
		}
		list = append(list, c)
	}
	return sub, list, day0
}

// However few days have a run, in the end each period is billed once, at the price and under the interval of its due date, as if there had been one each
// day; and none that began while the subscription was paused, on trial or cancelled.
func TestRunsThatAreMissedBillTheSame(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		sub, list, day0 := drawShop(t, planned.Kinds(), []string{"month", "week", "day"})
		last := day0 + horizon
		want, _ := calendar(sub, list, day0, last)
		s := &shop{sub: sub, waiting: list}
		runs := rapid.IntRange(1, 40).Draw(t, "runs")
		for day := day0; day < last; day += payment.Date(rapid.IntRange(1, 2*horizon/runs).Draw(t, "days to the next run")) {
			for range rapid.IntRange(1, 2).Draw(t, "times") {
				s.issue(billing.IssuePolicy{Business: day, Effective: day, CatchUp: billing.CatchUpOne, KnownGateway: sample.Known})
			}
		}
		for late := last; late <= last+2*horizon; late++ {
			s.issue(billing.IssuePolicy{Business: last, Effective: late, CatchUp: billing.CatchUpOne, KnownGateway: sample.Known})
		}
		if !slices.Equal(want, s.billed) {
			t.Fatalf("billed %v, and not %v", s.billed, want)
		}
	})
}

// Claims apply pauses, cancellations and methods before their turn, and periods may be skipped: what is billed is billed once, at the price of its day,
// while the subscription was active by its plan.
func TestClaimsBetweenRunsBillNothingElse(t *testing.T) {
	t.Parallel()
	kinds := slices.DeleteFunc(planned.Kinds(), func(k planned.Kind) bool { return k == planned.Interval || k == planned.OneOff })
	rapid.Check(t, func(t *rapid.T) {
		sub, list, day0 := drawShop(t, kinds, []string{"month", "day"})
		all := slices.Clone(list)
		_, active := calendar(sub, list, day0, day0+horizon)
		s := &shop{sub: sub, waiting: list}
		for day := day0; day <= day0+horizon; day += payment.Date(rapid.IntRange(1, 20).Draw(t, "days to the next run")) {
			if rapid.Bool().Draw(t, "claimed before") {
				s.keep(planned.ForClaim(s.sub, s.waiting, day, nil))
			}
			s.issue(billing.IssuePolicy{Business: day, Effective: day, KnownGateway: sample.Known})
			if rapid.Bool().Draw(t, "claimed behind") {
				s.keep(planned.ForClaim(s.sub, s.waiting, day, nil))
			}
		}
		require.True(t, slices.IsSorted(s.dues))
		require.Len(t, slices.Compact(slices.Clone(s.dues)), len(s.dues))
		for i, due := range s.dues {
			require.True(t, active[due], "%s is billed", due)
			price := sub.Money.Amount
			for _, c := range planned.Sorted(all) {
				if c.Kind == planned.Amount && c.Effective <= due {
					_, _ = fmt.Sscan(c.Value, &price)
				}
			}
			require.Equal(t, fmt.Sprintf("%s %d", due, price), s.billed[i])
		}
	})
}

// Whenever claims come between the runs, however many days are missed, and though an older invoice holds the next period up for a while: in the end each
// period is billed as if there had been a run each day. None that began before a pause is lost to it.
func TestClaimsSwallowNoPeriod(t *testing.T) {
	t.Parallel()
	kinds := slices.DeleteFunc(planned.Kinds(), func(k planned.Kind) bool { return k == planned.Cancel })
	rapid.Check(t, func(t *rapid.T) {
		sub, list, day0 := drawShop(t, kinds, []string{"month", "week", "day"})
		last := day0 + horizon
		want, _ := calendar(sub, list, day0, last)
		s := &shop{sub: sub, waiting: list}
		claim := func(day payment.Date, when string) {
			if rapid.Bool().Draw(t, when) {
				s.keep(planned.ForClaim(s.sub, s.waiting, day, nil))
			}
		}
		for day := day0; day < last; day += payment.Date(rapid.IntRange(1, 60).Draw(t, "days to the next run")) {
			claim(day, "claimed before")
			if len(s.dues) == 0 || rapid.IntRange(0, 2).Draw(t, "held up by an older invoice") > 0 {
				s.issue(billing.IssuePolicy{Business: day, Effective: day, CatchUp: billing.CatchUpOne, KnownGateway: sample.Known})
			}
			claim(day, "claimed behind")
		}
		for late := last; late <= last+2*horizon; late++ {
			s.issue(billing.IssuePolicy{Business: last, Effective: late, CatchUp: billing.CatchUpOne, KnownGateway: sample.Known})
		}
		require.Equal(t, want, s.billed)
	})
}
