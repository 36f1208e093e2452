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
