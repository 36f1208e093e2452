package notice_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"duly/internal/billing"
	"duly/internal/billing/dunning"
	"duly/internal/billing/notice"
	"duly/internal/billing/planned"
	"duly/internal/payment"
	"duly/internal/test/sample"
)

func warned(days int) billing.Policy {
	p := sample.Policy()
	p.Notice.Days = days
	p.Named = map[string]dunning.Policy{"silent": {RetryDays: []int{1}}}
	return p
}

// shop is one subscription with its newest notices.
type shop struct {
	s       billing.Subscription
	expires payment.Date
	changes []planned.Change
	newest  map[notice.Kind]map[payment.Date]notice.Newest
	events  []payment.Event
}

func newShop() *shop {
	return &shop{s: sample.Subscription(), newest: map[notice.Kind]map[payment.Date]notice.Newest{notice.Upcoming: {}, notice.Expiring: {}}}
}

// run writes the notices of a day, and keeps them.
func (x *shop) run(p billing.Policy, today payment.Date) []notice.Notice {
	list := notice.Decide(notice.Subject{
		Subscription: x.s, Expires: x.expires, Planned: x.changes, Invoiced: func(payment.Date) bool { return false },
		Newest: func(kind notice.Kind, day payment.Date) notice.Newest { return x.newest[kind][day] },
	}, p, billing.IssuePolicy{Business: today, Effective: today, KnownGateway: func(string) bool { return true }, Named: p.Named})
	for _, n := range list {
		x.newest[n.Kind][n.For] = notice.Newest{No: n.No, Money: n.Money}
		x.events = append(x.events, n.Event)
	}
	return list
}

func TestWhichNoticesAreWritten(t *testing.T) {
	due := sample.Day("2026-01-31")
	for name, c := range map[string]struct {
		change func(*shop)
		today  payment.Date
		days   int
		want   []string
	}{
		"on the first day":            {nil, due - 7, 7, []string{notice.EventUpcoming}},
		"a day too early":             {nil, due - 8, 7, nil},
		"on the due date itself":      {nil, due, 7, []string{notice.EventUpcoming}},
		"when it is overdue":          {nil, due + 3, 7, []string{notice.EventUpcoming}},
		"no policy warns":             {nil, due, 0, nil},
		"another policy":              {func(x *shop) { x.s.DunningPolicy = "silent" }, due, 7, nil},
		"an unknown policy":           {func(x *shop) { x.s.DunningPolicy = "nobody" }, due, 7, nil},
		"paused":                      {func(x *shop) { x.s.Status = billing.Paused }, due, 7, nil},
		"cancelled":                   {func(x *shop) { x.s.Status = billing.Cancelled }, due, 7, nil},
		"a trial":                     {func(x *shop) { x.s.Status = billing.Trialing }, due, 7, nil},
		"past due":                    {func(x *shop) { x.s.Status = billing.PastDue }, due, 7, []string{notice.EventUpcoming}},
		"nothing to pay":              {func(x *shop) { x.s.Money.Amount = 0 }, due, 7, nil},
		"a row that is wrong":         {func(x *shop) { x.s.Money.Currency = "xx" }, due, 7, nil},
		"a method that expires":       {func(x *shop) { x.expires = due - 1 }, due - 7, 7, []string{notice.EventUpcoming, notice.EventExpiring}},
		"a method that lasts the day": {func(x *shop) { x.expires = due }, due - 7, 7, []string{notice.EventUpcoming}},
		"a method without a date":     {func(x *shop) { require.NoError(t, x.expires.Scan("0000-00-00")) }, due - 7, 7, []string{notice.EventUpcoming}},
		"a method of the first day":   {func(x *shop) { x.expires = sample.Day("1970-01-01") }, due - 7, 7, []string{notice.EventUpcoming}},
		"to be cancelled by then":     {func(x *shop) { x.changes = []planned.Change{{ID: 1, Effective: due, Kind: planned.Cancel}} }, due - 7, 7, nil},
		"to be cancelled after it":    {func(x *shop) { x.changes = []planned.Change{{ID: 1, Effective: due + 1, Kind: planned.Cancel}} }, due - 7, 7, []string{notice.EventUpcoming}},
	} {
		t.Run(name, func(t *testing.T) {
			x := newShop()
			if c.change != nil {
				c.change(x)
			}
			x.run(warned(c.days), c.today)
			require.ElementsMatch(t, c.want, sample.EventTypes(x.events))
			require.Empty(t, x.run(warned(c.days), c.today), "it is announced once")
		})
	}
}

// What ends by then, as planned, is announced as early as everything else; what only seems to end is not.
func TestTheEndOfATrialIsAnnounced(t *testing.T) {
	due := sample.Day("2026-01-31")
	resume := func(id uint64, day payment.Date) planned.Change {
		return planned.Change{ID: id, Effective: day, Kind: planned.Resume}
	}
	for name, c := range map[string]struct {
		status  billing.SubscriptionStatus
		next    payment.Date
		today   payment.Date
		changes []planned.Change
		want    payment.Date // of the charge; zero: none is announced
		amount  int64
	}{
		"a trial, on the first day":               {billing.Trialing, due, due - 7, []planned.Change{resume(1, due)}, due, 12900},
		"a trial, a day too early":                {billing.Trialing, due, due - 8, []planned.Change{resume(1, due)}, 0, 0},
		"a trial without a date":                  {billing.Trialing, sample.Day("2099-12-31"), due - 7, []planned.Change{resume(1, due)}, due, 12900},
		"a trial that is over":                    {billing.Trialing, due, due + 1, []planned.Change{resume(1, due-3)}, due, 12900},
		"a pause, on the first day":               {billing.Paused, due, due - 7, []planned.Change{resume(1, due)}, due, 12900},
		"a pause that ends two days before":       {billing.Paused, due, due - 7, []planned.Change{resume(1, due-2)}, due, 12900},
		"a pause of three months":                 {billing.Paused, sample.Day("2025-10-31"), due - 5, []planned.Change{resume(1, due-2)}, due, 12900},
		"a pause that ends after the date":        {billing.Paused, due, due - 7, []planned.Change{resume(1, due+1)}, 0, 0},
		"paused again before it":                  {billing.Paused, due, due - 7, []planned.Change{resume(1, due-3), {ID: 2, Effective: due - 1, Kind: planned.Pause}}, 0, 0},
		"paused again, and resumed":               {billing.Paused, due, due - 7, []planned.Change{resume(1, due-3), {ID: 2, Effective: due - 2, Kind: planned.Pause}, resume(3, due-1)}, due, 12900},
		"cancelled before it":                     {billing.Trialing, due, due - 7, []planned.Change{resume(1, due-3), {ID: 2, Effective: due - 1, Kind: planned.Cancel}}, 0, 0},
		"with another price":                      {billing.Trialing, due, due - 7, []planned.Change{resume(1, due-3), {ID: 2, Effective: due, Kind: planned.Amount, Value: "500"}}, due, 500},
		"with a price that comes later":           {billing.Trialing, due, due - 7, []planned.Change{resume(1, due-3), {ID: 2, Effective: due + 1, Kind: planned.Amount, Value: "500"}}, due, 12900},
		"with one invoice at another price":       {billing.Paused, due, due - 7, []planned.Change{resume(1, due), {ID: 2, Effective: due, Kind: planned.OneOff, Value: "500"}}, due, 500},
		"for nothing":                             {billing.Trialing, due, due - 7, []planned.Change{resume(1, due), {ID: 2, Effective: due, Kind: planned.OneOff, Value: "0"}}, 0, 0},
		"behind a change that cannot be applied":  {billing.Trialing, due, due - 7, []planned.Change{{ID: 1, Effective: due - 3, Kind: planned.Amount, Value: "much"}, resume(2, due)}, 0, 0},
		"of what is active, a pause over the day": {billing.Active, due, due - 7, []planned.Change{{ID: 1, Effective: due - 1, Kind: planned.Pause}, resume(2, due+1)}, 0, 0},
		"of what is cancelled":                    {billing.Cancelled, due, due - 7, []planned.Change{resume(1, due)}, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			x := newShop()
			x.s.Status, x.s.Next, x.changes = c.status, c.next, c.changes
			list := x.run(warned(7), c.today)
			if c.want.IsZero() {
				require.Empty(t, list)
				return
			}
			require.Len(t, list, 1)
			require.Equal(t, c.want, list[0].For)
			require.EqualValues(t, c.amount, list[0].Money.Amount)
		})
	}
}

// Whatever is planned: if no day is missed, the last notice before a charge has its date and its amount, and nothing else is announced for that date. Days
// pass as in billing: what counts is applied day by day.
func TestWhatIsAnnouncedIsWhatIsInvoiced(t *testing.T) {
	p := warned(7)
	rapid.Check(t, func(t *rapid.T) {
		x, first := newShop(), sample.Day("2026-01-01")
		x.s.Status = sample.Draw(t, "status", billing.Trialing, billing.Paused, billing.Active)
		x.s.Next = sample.Day(sample.Draw(t, "next", "2026-01-20", "2026-01-20", "2026-01-31", "2025-12-20"))
		x.s.AnchorDay = 0
		kinds := []planned.Kind{planned.Resume, planned.Resume, planned.Resume, planned.Pause, planned.Amount, planned.OneOff, planned.Cancel}
		for id := range uint64(rapid.IntRange(1, 4).Draw(t, "changes")) {
			c := planned.Change{ID: id + 1, Kind: rapid.SampledFrom(kinds).Draw(t, "kind"), Effective: first + payment.Date(rapid.IntRange(8, 35).Draw(t, "day"))}
			if c.Kind == planned.Amount || c.Kind == planned.OneOff {
				c.Value = sample.Draw(t, "value", "500", "500", "0")
			}
			x.changes = append(x.changes, c)
		}
		known := func(string) bool { return true }
		for today := first; today < first+40; today++ {
			x.run(p, today)
			run := billing.IssuePolicy{Business: today, Effective: today, KnownGateway: known, Named: p.Named}
			plan := planned.ForIssue(x.s, x.changes, run, nil)
			issue := plan.Decide(plan.After, billing.Newest{}, func(payment.Date) bool { return false }, run)
			charged := plan.After.Money
			x.s = plan.After
			x.s.Money.Amount = plan.Price()
			if !issue.Next.IsZero() {
				x.s.Next = issue.Next
			}
			if issue.Anchor > 0 {
				x.s.AnchorDay = issue.Anchor
			}
			for _, d := range plan.Done {
				for i, c := range x.changes {
					if c.ID == d.ID {
						x.changes = append(x.changes[:i:i], x.changes[i+1:]...)
						break
					}
				}
			}
			if issue.Due.IsZero() || issue.Settled {
				continue
			}
			told := x.newest[notice.Upcoming][issue.Due]
			require.Positive(t, told.No, "%s is charged, and was not announced", issue.Due)
			require.Equal(t, charged, told.Money)
		}
	})
}

// Planned changes count in a notice.
func TestANoticeTellsWhatIsPlanned(t *testing.T) {
	x, due := newShop(), sample.Day("2026-01-31")
	x.changes = []planned.Change{{ID: 8, Effective: due, Kind: planned.Amount, Value: "500"}, {ID: 9, Effective: due, Kind: planned.Method, Value: "pm_secret_2"}}
	list := x.run(warned(7), due-7)
	require.Len(t, list, 1)
	require.EqualValues(t, 500, list[0].Money.Amount)
	text, err := json.Marshal(list[0].Event.Payload)
	require.NoError(t, err)
	require.JSONEq(t, `{"schema_version":1,"subscription_id":42,"customer_id":"cus_7","due_date":"2026-01-31","reference":"sub_42_20260131","amount":500,"currency":"KRW",
"gateway":"main","charge_date":"2026-01-31","planned":[{"change_id":8,"change":"amount","effective_date":"2026-01-31"},{"change_id":9,"change":"method","effective_date":"2026-01-31"}]}`, string(text))
}

// Whatever runs are missed or repeated, and whatever the price does: the last word before a charge is what it takes, no two notices are the same, and
// none comes earlier than its days.
func TestTheLastNoticeIsRight(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, due := newShop(), sample.Day("2026-01-31")
		days := rapid.IntRange(1, 30).Draw(t, "days")
		for today := due - 40; today <= due; today++ {
			x.s.Money.Amount = sample.Draw(t, "price", int64(100), 100, 100, 200)
			if today < due && rapid.Bool().Draw(t, "no run") {
				continue
			}
			list := x.run(warned(days), today)
			require.True(t, len(list) == 0 || today >= due-payment.Date(days), "too early")
		}
		require.Equal(t, x.s.Money, x.newest[notice.Upcoming][due].Money)
		seen := map[string]bool{}
		for _, e := range x.events {
			require.False(t, seen[e.Dedupe], e.Dedupe)
			seen[e.Dedupe] = true
		}
	})
}

func TestMissing(t *testing.T) {
	inv := sample.Invoice()
	written := notice.Newest{No: 1, Money: inv.Money, Delivered: true}
	p := warned(3)
	require.False(t, notice.Needed(inv, 0, p))
	p.Notice.Required = true
	require.True(t, notice.Needed(inv, 0, p))
	require.False(t, notice.Needed(inv, 1, p), "the decline announced the retry")
	require.Empty(t, notice.Missing(inv, written))
	for want, change := range map[string]func(*notice.Newest){
		"it waits for its notice, which is not written yet: duly run notices, then duly run outbox":                    func(x *notice.Newest) { *x = notice.Newest{} },
		"it waits for its notice, which is not delivered yet: duly run outbox":                                         func(x *notice.Newest) { x.Delivered = false },
		"it waits for its notice, whose delivery was given up: duly requeue event 7, then duly run outbox":             func(x *notice.Newest) { x.Delivered, x.Dead = false, 7 },
		"it waits for a notice of 12,900 KRW, and the last notice is of 5 KRW: duly run notices, then duly run outbox": func(x *notice.Newest) { x.Money.Amount = 5 },
	} {
		changed := written
		change(&changed)
		require.Equal(t, want, notice.Missing(inv, changed))
	}
	gone := written
	gone.Gone = true
	require.Contains(t, notice.Missing(inv, gone), "not written yet")
	require.Len(t, notice.ForInvoice(inv, sample.Subscription(), gone, inv.Due), 1)
	require.Equal(t, 2, notice.ForInvoice(inv, sample.Subscription(), gone, inv.Due)[0].No)
	require.Empty(t, notice.ForInvoice(inv, sample.Subscription(), written, inv.Due))
}
