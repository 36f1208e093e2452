package billing_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"duly/internal/billing"
	"duly/internal/billing/dunning"
	"duly/internal/payment"
	"duly/internal/test/sample"
)

func TestNextStage(t *testing.T) {
	for _, c := range []struct {
		name             string
		stage            int
		first, effective string
		want             string
		last             bool
		days             []int
	}{
		{name: "the first decline", stage: 0, first: "2026-01-31", effective: "2026-01-31", want: "2026-02-01"},
		{name: "the second", stage: 1, first: "2026-01-31", effective: "2026-02-01", want: "2026-02-03"},
		{name: "the third", stage: 2, first: "2026-01-31", effective: "2026-02-03", want: "2026-02-05"},
		{name: "the last", stage: 3, first: "2026-01-31", effective: "2026-02-05", last: true},
		{name: "beyond the last", stage: 9, first: "2026-01-31", effective: "2026-02-05", last: true},
		{name: "runs were missed", stage: 1, first: "2026-01-31", effective: "2026-02-10", want: "2026-02-11"},
		{name: "a day late", stage: 1, first: "2026-01-31", effective: "2026-02-02", want: "2026-02-03"},
		{name: "two days late", stage: 1, first: "2026-01-31", effective: "2026-02-03", want: "2026-02-04"},
		{name: "no first decline known", stage: 1, effective: "2026-02-01", want: "2026-02-04"},
		{name: "another policy", stage: 0, first: "2026-01-31", effective: "2026-01-31", days: []int{10}, want: "2026-02-10"},
		{name: "no retries", stage: 0, first: "2026-01-31", effective: "2026-01-31", days: []int{}, last: true},
		{name: "days of a policy that are not ascending", stage: 1, first: "2026-01-31", effective: "2026-02-09", days: []int{9, 2}, want: "2026-02-10"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := sample.Policy()
			if c.days != nil {
				p.RetryDays = c.days
			}
			next, last := billing.NextStage(p, c.stage, sample.Day(c.first), sample.Day(c.effective))
			require.Equal(t, c.want, next.String())
			require.Equal(t, c.last, last)
		})
	}
}

// dunned is one invoice, with what the tables would hold of it, and a record of what was done.
type dunned struct {
	t    *rapid.T
	p    billing.Policy
	s    billing.Subscription
	inv  billing.Invoice
	next payment.Date // of the stage
	open bool
	past []billing.PastAttempt
	used []payment.Date // the effective dates on which a stage was used up
	sent map[string]int // definite answers by key
	now  time.Time
	end  billing.InvoiceStatus
}

// run does what a billing run does with the invoice: each stage once, in their order.
func (d *dunned) run(business, today payment.Date) {
	effective := max(business, today)
	for stage := 0; stage <= len(d.p.RetryDays); stage++ {
		if d.open && d.inv.Stage == stage && d.next <= business {
			d.claim(effective)
		}
	}
}

func (d *dunned) claim(effective payment.Date) {
	claim := billing.DecideClaim(d.inv, d.s, d.past, d.p, effective, sample.Known)
	switch claim.Action {
	case billing.UseStage:
		require.Equal(d.t, d.inv.Stage+1, claim.Stage)
		d.use(effective)
		d.inv.Stage, d.next = claim.Stage, claim.Next
	case billing.EndInvoice:
		d.use(effective)
		d.finish(billing.Uncollectible, claim.SubscriptionTo)
	case billing.Charge:
		d.charge(claim, effective)
	case billing.VoidInvoice, billing.ReviewInvoice:
		require.Fail(d.t, "nobody asked for it", "%+v", claim)
	}
}

func (d *dunned) charge(claim billing.Claim, effective payment.Date) {
	for _, a := range d.past {
		barred := a.Class == payment.Hard || a.Class == payment.Action
		require.False(d.t, barred && a.Method == d.s.Method && a.Gateway == d.s.Gateway, "charged a method that was declined for good")
	}
	require.Zero(d.t, d.sent[claim.Key], "a key that was answered is used again")
	a := billing.Attempt{
		ID: uint64(claim.No), No: claim.No, Stage: d.inv.Stage, Gateway: d.s.Gateway, Invoice: d.inv,
		Charge: payment.Charge{Key: claim.Key, Method: d.s.Method},
	}
	var got billing.Settlement
	for {
		ans := sample.Draw(d.t, "answer", everyAnswer()...)
		if k := ans.Outcome.Kind; k == payment.Differs || k == payment.Rejected {
			continue // an operator's
		}
		got = billing.Settle(a, ans, d.s.Status, d.p, effective, d.now)
		require.Contains(d.t, []int{a.Invoice.Stage, a.Invoice.Stage + 1}, got.Stage)
		if got.Stage != a.Invoice.Stage || got.Invoice == billing.Uncollectible {
			require.Contains(d.t, []payment.Kind{payment.Refused, payment.TryLater}, ans.Outcome.Kind, "an outage used a stage")
		}
		if got.Attempt != billing.AttemptInDoubt {
			break
		}
		a.Doubted, a.LookUp, a.Checks = got.Doubted, got.LookUp, got.Checks
	}

	past := billing.PastAttempt{ID: a.ID, No: a.No, Key: claim.Key, Status: got.Attempt, Class: got.Decline.Class, Gateway: a.Gateway, Method: a.Charge.Method, Account: 1, Proof: got.Proof}
	if claim.Reuse != 0 {
		d.past = d.past[:len(d.past)-1]
	}
	d.past = append(d.past, past)
	if got.Attempt != billing.AttemptReleased {
		d.sent[claim.Key]++
	}
	if got.Attempt == billing.AttemptDeclined && got.Decline.Class != "" {
		d.use(effective)
	}
	d.inv.Stage, d.inv.FirstDeclined, d.inv.TryLaterSince = got.Stage, got.FirstDeclined, got.TryLaterSince
	if got.Next != 0 {
		d.next = got.Next
	}
	if got.SubscriptionTo != "" {
		d.s.Status = got.SubscriptionTo
	}
	if got.Invoice != billing.Open {
		d.finish(got.Invoice, got.SubscriptionTo)
	}
}

func (d *dunned) finish(status billing.InvoiceStatus, sub billing.SubscriptionStatus) {
	d.open, d.end = false, status
	if status == billing.Uncollectible {
		require.Equal(d.t, billing.Cancelled, sub)
		require.Len(d.t, d.used, len(d.p.RetryDays)+1, "ended before its last stage")
	}
}

// use records that a stage was used up: never two on one day, never before its day, never more than there are.
func (d *dunned) use(effective payment.Date) {
	if n := len(d.used); n > 0 {
		require.Greater(d.t, effective, d.used[n-1], "two stages on one day")
		require.GreaterOrEqual(d.t, effective, d.used[0]+payment.Date(d.p.RetryDays[n-1]), "a stage before its day")
	}
	require.Equal(d.t, len(d.used), d.inv.Stage)
	require.LessOrEqual(d.t, len(d.used), len(d.p.RetryDays), "more stages than the schedule has")
	d.used = append(d.used, effective)
}

// Runs are missed, repeated, and made for any date up to today, the gateway answers as it likes, and the
// customer changes the method at times.
func TestDunningProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := &dunned{t: t, s: sample.Subscription(), inv: sample.Invoice(), open: true, sent: map[string]int{}}
		d.next = d.inv.Due
		offset := 0
		for range rapid.IntRange(0, 4).Draw(t, "retries") {
			offset += rapid.IntRange(1, 4).Draw(t, "days")
			d.p.RetryDays = append(d.p.RetryDays, offset)
		}
		today := d.inv.Due
		for range rapid.IntRange(1, 30).Draw(t, "days with runs") {
			today += payment.Date(rapid.IntRange(1, 4).Draw(t, "gap"))
			d.now = today.Time()
			if rapid.IntRange(0, 4).Draw(t, "change") == 0 {
				d.s.Method = sample.Draw(t, "method", "pm_secret_1", "pm_secret_2", "pm_secret_3")
			}
			for range rapid.IntRange(1, 3).Draw(t, "runs") {
				d.now = d.now.Add(time.Hour)
				d.run(today-payment.Date(sample.Draw(t, "for", 0, 0, 1, 5)), today)
			}
		}
	})
}

// A method that only ever says no is charged on the days of the schedule, and then no more.
func TestDunningBySchedule(t *testing.T) {
	a, used := sample.Attempt(), []string{}
	next, sub := a.Invoice.Due, billing.Active
	for today := a.Invoice.Due; today < a.Invoice.Due+30; today++ {
		if next > today {
			continue
		}
		got := billing.Settle(a, sample.Answered(payment.Refused, payment.Soft), sub, sample.Policy(), today, today.Time())
		used = append(used, today.String())
		if got.SubscriptionTo != "" {
			sub = got.SubscriptionTo
		}
		if got.Invoice == billing.Uncollectible {
			break
		}
		a.Invoice.Stage, a.Invoice.FirstDeclined, next = got.Stage, got.FirstDeclined, got.Next
	}
	require.Equal(t, []string{"2026-01-31", "2026-02-01", "2026-02-03", "2026-02-05"}, used)
	require.Equal(t, billing.Cancelled, sub)
}

// The days of an invoice are those of its first decline: a list that is shortened or lengthened later moves none of its stages.
func TestTheDaysOfAnInvoiceAreThoseOfItsFirstDecline(t *testing.T) {
	refused := billing.Answer{Outcome: payment.Outcome{Kind: payment.Refused, Decline: payment.Decline{Class: payment.Soft, Code: "no_funds"}}}
	a := sample.Attempt()
	first := billing.Settle(a, refused, billing.Active, billing.Policy{RetryDays: []int{1, 3, 5}}, sample.Day("2026-02-01"), sample.Noon)
	require.Equal(t, []int{1, 3, 5}, first.RetryDays)

	a.Invoice.Stage, a.Invoice.FirstDeclined, a.Invoice.RetryDays = 1, first.FirstDeclined, dunning.ParseDays(dunning.DaysText(first.RetryDays))
	shortened := billing.Policy{RetryDays: []int{1}}
	second := billing.Settle(a, refused, billing.PastDue, shortened, sample.Day("2026-02-02"), sample.Noon)
	require.Equal(t, billing.Open, second.Invoice)
	require.Equal(t, 2, second.Stage)
	require.Equal(t, sample.Day("2026-02-04"), second.Next)
	require.Empty(t, second.RetryDays, "they are stored once")

	hard := tried(2, billing.AttemptDeclined, payment.Hard)
	claim := billing.DecideClaim(a.Invoice, sample.Subscription(), []billing.PastAttempt{hard}, shortened, sample.Day("2026-02-02"), func(string) bool { return true })
	require.Equal(t, billing.UseStage, claim.Action)

	a.Invoice.RetryDays = nil // declined before the days were stored
	require.Equal(t, billing.Uncollectible, billing.Settle(a, refused, billing.PastDue, shortened, sample.Day("2026-02-02"), sample.Noon).Invoice)

	a.Invoice.Stage, a.Invoice.FirstDeclined, a.Invoice.RetryDays = 0, 0, []int{1, 3, 5} // its decline was taken back
	require.Equal(t, []int{1}, billing.Settle(a, refused, billing.Active, shortened, sample.Day("2026-02-02"), sample.Noon).RetryDays)

	require.Nil(t, dunning.ParseDays("1,x"))
	require.Nil(t, dunning.ParseDays("1,-3"))
}

func TestStatusOf(t *testing.T) {
	for word, status := range map[string]billing.SubscriptionStatus{
		"active": billing.Active, "Past_Due": billing.PastDue, "paused  ": billing.Paused, "CANCELLED ": billing.Cancelled, "trialing": billing.Trialing,
		"": "", "trial": "trial", "Canceled ": "Canceled ", " active": " active",
	} {
		require.Equal(t, status, billing.StatusOf(word), word)
	}
}

func TestATrialIsNotDue(t *testing.T) {
	s := sample.Subscription()
	s.Status = billing.Trialing
	require.Equal(t, billing.Issue{}, billing.DecideIssue(s, billing.Newest{}, nothingInvoiced, onDate("2026-01-31")))
}

// One that is due at a gateway that this host does not know is left to a host that knows it.
func TestDueAtAnotherHostsGateway(t *testing.T) {
	s := sample.Subscription()
	s.Gateway = "gone"
	require.Equal(t, billing.Issue{Elsewhere: true}, billing.DecideIssue(s, billing.Newest{}, nothingInvoiced, onDate("2026-01-31")))
}
