package billing_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"duly/internal/billing"
	"duly/internal/payment"
	"duly/internal/test/sample"
)

// onDate is the issue policy of a run for that business date, on the same day.
func onDate(business string) billing.IssuePolicy {
	return billing.IssuePolicy{
		Business: sample.Day(business), Effective: sample.Day(business), CatchUp: billing.CatchUpDefault, KnownGateway: sample.Known,
	}
}

func nothingInvoiced(payment.Date) bool { return false }

func invoicedOn(dates ...string) func(payment.Date) bool {
	return func(d payment.Date) bool { return slices.Contains(dates, d.String()) }
}

// newestOf is a paid invoice of a due date, issued on another.
func newestOf(due, issued string) billing.Newest {
	return billing.Newest{Exists: true, Status: billing.Paid, Due: sample.Day(due), Issued: sample.Day(issued)}
}

func TestDecideIssueDates(t *testing.T) {
	type row = billing.Subscription
	every := func(unit string, count int, next string, anchor int) func(*row) {
		return func(s *row) {
			s.Interval, s.Next, s.AnchorDay = billing.Interval{Unit: unit, Count: count}, sample.Day(next), anchor
		}
	}
	for _, c := range []struct {
		name     string
		change   func(*row)
		newest   billing.Newest
		invoiced []string
		run      func(*billing.IssuePolicy)
		business string
		due      string
		next     string
		anchor   int
	}{
		{name: "due today", business: "2026-01-31", due: "2026-01-31", next: "2026-02-28"},
		{name: "past_due is invoiced too", change: func(s *row) { s.Status = billing.PastDue }, business: "2026-01-31", due: "2026-01-31", next: "2026-02-28"},
		{name: "due tomorrow", business: "2026-01-30"},
		{name: "the first issue stores the anchor", change: func(s *row) { s.AnchorDay = 0 }, business: "2026-01-31", due: "2026-01-31", next: "2026-02-28", anchor: 31},
		{name: "a moved date takes it anew", change: every("month", 1, "2026-01-15", 31), business: "2026-01-31", due: "2026-01-15", next: "2026-02-15", anchor: 15},
		{name: "February keeps it", change: every("month", 1, "2026-02-28", 31), business: "2026-02-28", due: "2026-02-28", next: "2026-03-31"},

		{name: "missed months come one at a time", business: "2026-05-10", due: "2026-01-31", next: "2026-02-28"},
		{name: "missed years too", change: every("year", 1, "2024-02-29", 29), business: "2026-05-10", due: "2024-02-29", next: "2025-02-28"},
		{name: "missed weeks are skipped", change: every("week", 1, "2026-01-05", 12), business: "2026-01-25", due: "2026-01-19", next: "2026-01-26", anchor: 26},
		{name: "missed days are skipped", change: every("day", 1, "2026-01-05", 6), business: "2026-01-25", due: "2026-01-25", next: "2026-01-26", anchor: 26},
		{name: "ten days, just begun", change: every("day", 10, "2026-01-05", 4), business: "2026-01-25", due: "2026-01-25", next: "2026-02-04"},
		{name: "ten days, about to end", change: every("day", 10, "2026-01-05", 25), business: "2026-01-24", due: "2026-01-15", next: "2026-01-25"},
		{name: "skip, months", run: func(p *billing.IssuePolicy) { p.CatchUp = billing.CatchUpSkip }, business: "2026-05-10", due: "2026-04-30", next: "2026-05-31"},
		{name: "skip, on a begin", run: func(p *billing.IssuePolicy) { p.CatchUp = billing.CatchUpSkip }, business: "2026-04-30", due: "2026-04-30", next: "2026-05-31"},
		{name: "skip, the day before", run: func(p *billing.IssuePolicy) { p.CatchUp = billing.CatchUpSkip }, business: "2026-04-29", due: "2026-03-31", next: "2026-04-30"},
		{name: "skip, nothing missed", run: func(p *billing.IssuePolicy) { p.CatchUp = billing.CatchUpSkip }, business: "2026-01-31", due: "2026-01-31", next: "2026-02-28"},
		{name: "skip, leap years", change: every("year", 1, "2024-02-29", 29), run: func(p *billing.IssuePolicy) { p.CatchUp = billing.CatchUpSkip }, business: "2028-02-28", due: "2027-02-28", next: "2028-02-29"},
		{name: "one, weeks", change: every("week", 1, "2026-01-05", 12), run: func(p *billing.IssuePolicy) { p.CatchUp = billing.CatchUpOne }, business: "2026-01-25", due: "2026-01-05", next: "2026-01-12"},
		{name: "no catch-up named", change: every("week", 1, "2026-01-05", 12), run: func(p *billing.IssuePolicy) { p.CatchUp = "" }, business: "2026-01-18", due: "2026-01-12", next: "2026-01-19", anchor: 19},
		{name: "no catch-up named, months", run: func(p *billing.IssuePolicy) { p.CatchUp = "" }, business: "2026-05-10", due: "2026-01-31", next: "2026-02-28"},

		{name: "issued on an earlier day", newest: billing.Newest{Exists: true, Status: billing.Paid, Issued: sample.Day("2026-05-09")}, business: "2026-05-10", due: "2026-01-31", next: "2026-02-28"},
		{name: "issued on this day", newest: billing.Newest{Exists: true, Status: billing.Paid, Issued: sample.Day("2026-05-10")}, business: "2026-05-10"},
		{name: "issued on a later day", newest: billing.Newest{Exists: true, Status: billing.Paid, Issued: sample.Day("2026-05-11")}, business: "2026-05-10"},
		{
			name: "it is the effective date that counts", newest: billing.Newest{Exists: true, Status: billing.Paid, Issued: sample.Day("2026-05-11")},
			run: func(p *billing.IssuePolicy) { p.Effective = sample.Day("2026-05-12") }, business: "2026-05-10", due: "2026-01-31", next: "2026-02-28",
		},
		{
			name: "skipped days: one of an earlier day, issued on this day", change: every("day", 1, "2026-05-10", 10),
			newest: newestOf("2026-05-09", "2026-05-10"), business: "2026-05-10", due: "2026-05-10", next: "2026-05-11", anchor: 11,
		},
		{
			name: "skipped weeks: one of an earlier week, issued on this day", change: every("week", 1, "2026-05-04", 4),
			newest: newestOf("2026-04-27", "2026-05-10"), business: "2026-05-10", due: "2026-05-04", next: "2026-05-11", anchor: 11,
		},
		{
			name: "skipped months: one of an earlier month, issued on this day", newest: newestOf("2025-12-31", "2026-05-10"),
			run: func(p *billing.IssuePolicy) { p.CatchUp = billing.CatchUpSkip }, business: "2026-05-10", due: "2026-04-30", next: "2026-05-31",
		},
		{
			name: "or on a later one", change: every("day", 1, "2026-05-10", 10),
			newest: newestOf("2026-05-09", "2026-05-12"), business: "2026-05-10", due: "2026-05-10", next: "2026-05-11", anchor: 11,
		},
		{
			name: "days that are caught up: one of an earlier day, issued on this day", change: every("day", 1, "2026-05-10", 10),
			newest: newestOf("2026-05-09", "2026-05-10"), run: func(p *billing.IssuePolicy) { p.CatchUp = billing.CatchUpOne }, business: "2026-05-10",
		},
		{name: "months that are caught up too", newest: newestOf("2025-12-31", "2026-05-10"), business: "2026-05-10"},
		{
			name: "skipped days: one of the same day", change: every("day", 2, "2026-05-09", 9),
			newest: newestOf("2026-05-09", "2026-05-10"), business: "2026-05-10",
		},
		{
			name: "skipped weeks: moved back before the one of this day", change: every("week", 1, "2026-05-08", 8),
			newest: newestOf("2026-05-10", "2026-05-10"), business: "2026-05-10",
		},
		{
			name: "skipped days: an earlier one that is unpaid", change: every("day", 1, "2026-05-10", 10),
			newest: billing.Newest{Exists: true, Status: billing.Open, Due: sample.Day("2026-05-09"), Issued: sample.Day("2026-05-10")}, business: "2026-05-10",
		},
		{name: "the newest is open", newest: billing.Newest{Exists: true, Status: billing.Open}, business: "2026-01-31"},
		{name: "the newest is being charged", newest: billing.Newest{Exists: true, Status: billing.Charging}, business: "2026-01-31"},
		{name: "the newest is in review", newest: billing.Newest{Exists: true, Status: billing.Review}, business: "2026-01-31"},
		{name: "the newest is in a status that is unknown", newest: billing.Newest{Exists: true, Status: "odd"}, business: "2026-01-31"},
		{name: "the newest is paid", newest: billing.Newest{Exists: true, Status: billing.Paid}, business: "2026-01-31", due: "2026-01-31", next: "2026-02-28"},
		{name: "the newest is void", newest: billing.Newest{Exists: true, Status: billing.Void}, business: "2026-01-31", due: "2026-01-31", next: "2026-02-28"},
		{name: "the newest is uncollectible", newest: billing.Newest{Exists: true, Status: billing.Uncollectible}, business: "2026-01-31", due: "2026-01-31", next: "2026-02-28"},

		{name: "moved back onto an invoiced date", invoiced: []string{"2026-01-31"}, business: "2026-01-31", next: "2026-02-28"},
		{
			name: "also on the day of an issue", newest: billing.Newest{Exists: true, Status: billing.Paid, Issued: sample.Day("2026-01-31")},
			invoiced: []string{"2026-01-31"}, business: "2026-01-31", next: "2026-02-28",
		},
		{name: "but not before it is paid", newest: billing.Newest{Exists: true, Status: billing.Open}, invoiced: []string{"2026-01-31"}, business: "2026-01-31"},
		{
			name: "skipping onto an invoiced date", change: every("week", 1, "2026-01-05", 26), invoiced: []string{"2026-01-19"},
			business: "2026-01-25", next: "2026-01-26",
		},

		{name: "paused moves on past today", change: func(s *row) { s.Status = billing.Paused }, business: "2026-05-10", next: "2026-05-31"},
		{name: "cancelled too", change: func(s *row) { s.Status = billing.Cancelled }, business: "2026-05-31", next: "2026-06-30"},
		{
			name: "whatever the catch-up", change: func(s *row) { s.Status = billing.Paused },
			run: func(p *billing.IssuePolicy) { p.CatchUp = billing.CatchUpOne }, business: "2026-05-10", next: "2026-05-31",
		},
		{
			name: "with an unpaid invoice", change: func(s *row) { s.Status = billing.Paused },
			newest: billing.Newest{Exists: true, Status: billing.Open}, business: "2026-02-10", next: "2026-02-28",
		},
		{
			name: "on the day of an issue", change: func(s *row) { s.Status = billing.Cancelled },
			newest: billing.Newest{Exists: true, Status: billing.Paid, Issued: sample.Day("2026-02-10")}, business: "2026-02-10", next: "2026-02-28",
		},
		{name: "and when it could not be invoiced", change: func(s *row) { s.Status, s.Gateway = billing.Paused, "gone" }, business: "2026-02-10", next: "2026-02-28"},
		{name: "the last month of the calendar", change: every("month", 1, "9999-11-30", 31), business: "9999-11-30", due: "9999-11-30", next: "9999-12-31"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, p := sample.Subscription(), onDate(c.business)
			if c.change != nil {
				c.change(&s)
			}
			if c.run != nil {
				c.run(&p)
			}
			got := billing.DecideIssue(s, c.newest, invoicedOn(c.invoiced...), p)
			require.Equal(t, c.due, got.Due.String(), "due")
			require.Equal(t, c.next, got.Next.String(), "next")
			require.Equal(t, c.anchor, got.Anchor, "anchor")
			require.Equal(t, billing.Issue{Due: got.Due, Next: got.Next, Anchor: got.Anchor}, got, "and nothing else")
		})
	}
}

func TestDecideIssueReview(t *testing.T) {
	type row = billing.Subscription
	for _, c := range []struct {
		name   string
		change func(*row)
		want   string
	}{
		{"negative", func(s *row) { s.Money.Amount = -1 }, "amount -1 is negative"},
		{"currency", func(s *row) { s.Money.Currency = "krw" }, `currency "krw" is not a known ISO 4217 code in upper case`},
		{"withdrawn currency", func(s *row) { s.Money.Currency = "ANG" }, `currency "ANG" was withdrawn; XCG replaced it`},
		{"no currency", func(s *row) { s.Money.Currency = "" }, `currency "" is not a known ISO 4217 code in upper case`},
		{"interval", func(s *row) { s.Interval.Unit = "moon" }, `interval_unit "moon" is not one of day, week, month, year`},
		{"count", func(s *row) { s.Interval.Count = 0 }, "interval_count 0 is not between 1 and 1000"},
		{"interval of a paused one", func(s *row) { s.Status, s.Interval.Count = billing.Paused, 0 }, "interval_count 0 is not between 1 and 1000"},
		{"interval of a cancelled one", func(s *row) { s.Status, s.Interval.Count = billing.Cancelled, -3 }, "interval_count -3 is not between 1 and 1000"},
		{"gateway", func(s *row) { s.Gateway = "" }, "gateway is empty"},
		{"customer", func(s *row) { s.CustomerID = "" }, "customer_id is empty"},
		{"method", func(s *row) { s.Method = "" }, "payment_method is empty"},
		{"status", func(s *row) { s.Status = "trial" }, `status "trial" is not one of active, past_due, paused, cancelled, trialing`},
		{"no date", func(s *row) { s.Next = 0 }, "next_billing_date is missing or lies before 1970-01-02"},
		{"a date long ago", func(s *row) { s.Next = sample.Day("0001-01-01") }, "next_billing_date is missing or lies before 1970-01-02"},
		{"the first day of Unix", func(s *row) { s.Next = sample.Day("1970-01-01") }, "next_billing_date is missing or lies before 1970-01-02"},
		{"the zero date", func(s *row) { require.NoError(t, s.Next.Scan("0000-00-00")) }, "next_billing_date is missing or lies before 1970-01-02"},
		{"no day of its month", func(s *row) { require.NoError(t, s.Next.Scan("2025-02-31")) }, "next_billing_date 2025-02-31 is not a date"},
		{"no day", func(s *row) { require.NoError(t, s.Next.Scan("2025-11-00")) }, "next_billing_date 2025-11-00 is not a date"},
		{"long customer", func(s *row) { s.CustomerID = strings.Repeat("ü", 65) }, "customer_id has 65 characters, 64 are the most"},
		{"long method", func(s *row) { s.Method = strings.Repeat("m", 256) }, "payment_method has 256 characters, 255 are the most"},
		{"long gateway customer", func(s *row) { s.GatewayCustomer = strings.Repeat("ü", 301) }, "gateway_customer has 301 characters, 300 are the most"},
		{"gateway customer with a control character", func(s *row) { s.GatewayCustomer = "cus_\u0085" }, "gateway_customer has a control character"},
		{"long type", func(s *row) { s.MethodType = strings.Repeat("m", 33) }, "method_type has 33 characters, 32 are the most"},
		{"long description", func(s *row) { s.Description = strings.Repeat("가", 121) }, "description has 121 characters, 120 are the most"},
		{"as long as can be", func(s *row) {
			s.CustomerID, s.Method = strings.Repeat("ü", 64), strings.Repeat("m", 255)
			s.GatewayCustomer = strings.Repeat("ü", 300)
			s.MethodType, s.Description = strings.Repeat("m", 32), strings.Repeat("가", 120)
		}, ""},
		{
			"everything at once", func(s *row) {
				s.Money, s.CustomerID, s.Gateway, s.Method = payment.Money{Amount: -5, Currency: "X"}, "", "", ""
			},
			`amount -5 is negative; currency "X" is not a known ISO 4217 code in upper case; customer_id is empty; ` +
				`gateway is empty; payment_method is empty`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := sample.Subscription()
			c.change(&s)
			got := billing.DecideIssue(s, billing.Newest{}, nothingInvoiced, onDate("2026-01-31"))
			require.Equal(t, c.want, got.Review)
			if c.want == "" {
				require.NotZero(t, got.Due)
				return
			}
			require.Equal(t, []string{"review.needed"}, sample.EventTypes(got.Events))
			require.Equal(t, billing.Issue{Review: c.want, Events: got.Events}, got, "no invoice, and the date stays")

			s.ReviewReason = c.want
			again := billing.DecideIssue(s, billing.Newest{}, nothingInvoiced, onDate("2026-02-01"))
			require.Equal(t, billing.Issue{Review: c.want}, again, "told of once")

			s.ReviewReason = "something else"
			changed := billing.DecideIssue(s, billing.Newest{}, nothingInvoiced, onDate("2026-01-31"))
			require.Len(t, changed.Events, 1, "a new reason is told of")
		})
	}
}

func TestDecideIssueReviewsThePeriodPastTheCalendar(t *testing.T) {
	s := sample.Subscription()
	s.Next = sample.Day("9999-12-31")
	got := billing.DecideIssue(s, billing.Newest{}, nothingInvoiced, onDate("9999-12-31"))
	require.Equal(t, "the period after 9999-12-31 would begin after the year 9999", got.Review)
	require.Zero(t, got.Due)
	require.Zero(t, got.Next)
}

func TestDecideIssueReviewFitsItsColumn(t *testing.T) {
	s := sample.Subscription()
	s.Gateway, s.Money.Currency, s.Interval.Unit = strings.Repeat("\xffg", 300), strings.Repeat("€", 300), strings.Repeat("x", 300)
	s.CustomerID, s.Description, s.MethodType = "", strings.Repeat("d", 300), strings.Repeat("t", 300)
	for _, unit := range []string{s.Interval.Unit, "month"} {
		s.Interval.Unit = unit
		got := billing.DecideIssue(s, billing.Newest{}, nothingInvoiced, onDate("2026-01-31"))
		require.NotEmpty(t, got.Review)
		require.LessOrEqual(t, len([]rune(got.Review)), 255)
	}
}

func TestDecideIssueClearsAReasonThatIsNoLongerTrue(t *testing.T) {
	paid := func(issued string) billing.Newest {
		return billing.Newest{Exists: true, Status: billing.Paid, Issued: sample.Day(issued)}
	}
	for _, c := range []struct {
		name     string
		status   billing.SubscriptionStatus
		gateway  string
		method   string
		newest   billing.Newest
		invoiced []string
		want     bool
	}{
		{name: "invoiced", want: true},
		{name: "held up by an issue of the same day", newest: paid("2026-01-31"), want: true},
		{name: "moved on", invoiced: []string{"2026-01-31"}, want: true},
		{name: "moved on, still wrong", method: "none", invoiced: []string{"2026-01-31"}},
		{name: "moved on, at another host's gateway", gateway: "gone", invoiced: []string{"2026-01-31"}, want: true},
		{name: "due at another host's gateway", gateway: "gone", want: true},
		{name: "paused", status: billing.Paused, want: true},
		{name: "paused, still wrong", status: billing.Paused, method: "none"},
		{name: "held up by an unpaid one", newest: billing.Newest{Exists: true, Status: billing.Open}},
		{name: "held up by an issue of the same day, still wrong", method: "none", newest: paid("2026-01-31")},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := sample.Subscription()
			s.ReviewReason = "a reason"
			if c.status != "" {
				s.Status = c.status
			}
			if c.gateway != "" {
				s.Gateway = c.gateway
			}
			if c.method != "" {
				s.Method = ""
			}
			got := billing.DecideIssue(s, c.newest, invoicedOn(c.invoiced...), onDate("2026-01-31"))
			require.Equal(t, c.want, got.ClearReview)
			require.Empty(t, got.Review)

			s.ReviewReason = ""
			got = billing.DecideIssue(s, c.newest, invoicedOn(c.invoiced...), onDate("2026-01-31"))
			require.False(t, got.ClearReview, "there is nothing to clear")
		})
	}
}

func TestDecideIssueOfNothingIsPaidAtOnce(t *testing.T) {
	s := sample.Subscription()
	s.Money.Amount, s.Method = 0, ""
	got := billing.DecideIssue(s, billing.Newest{}, nothingInvoiced, onDate("2026-01-31"))
	require.True(t, got.Settled)
	require.Equal(t, "2026-01-31", got.Due.String())
	require.Equal(t, []string{"invoice.paid"}, sample.EventTypes(got.Events))

	got = billing.DecideIssue(s, billing.Newest{}, invoicedOn("2026-01-31"), onDate("2026-01-31"))
	require.False(t, got.Settled)
	require.Empty(t, got.Events, "no invoice, no event")
}

// A shop's subscription lives through runs on any days, for any business dates, with its date moved back
// now and then: no due date is invoiced twice, no run issues two, none are issued on one effective date where periods are caught up, nothing
// is invoiced before it is due, and what is left when runs have caught up lies in the future. Where periods are skipped, no run leaves one
// that has begun behind, whichever runs went before it on the same day.
func TestIssuingProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := sample.Subscription()
		s.Interval = billing.Interval{Unit: sample.Draw(t, "unit", "day", "week", "month", "year"), Count: rapid.IntRange(1, 4).Draw(t, "count")}
		s.Next = sample.Day("2026-01-01") + payment.Date(rapid.IntRange(0, 60).Draw(t, "first"))
		s.AnchorDay = 0
		catchUp := sample.Draw(t, "catch-up", billing.CatchUpDefault, billing.CatchUpOne, billing.CatchUpSkip)
		oneByOne := catchUp == billing.CatchUpOne || catchUp == billing.CatchUpDefault && (s.Interval.Unit == "month" || s.Interval.Unit == "year")
		moves := rapid.Bool().Draw(t, "moves")

		due, issued := map[payment.Date]bool{}, map[payment.Date]bool{}
		newest := billing.Newest{}
		run := func(business, today payment.Date) {
			p := billing.IssuePolicy{Business: business, Effective: max(business, today), CatchUp: catchUp, KnownGateway: sample.Known}
			made := 0
			for s.Next <= business {
				before := s.Next
				got := billing.DecideIssue(s, newest, func(d payment.Date) bool { return due[d] }, p)
				require.Empty(t, got.Review)
				if got.Due != 0 {
					require.LessOrEqual(t, got.Due, business, "invoiced before it is due")
					require.False(t, due[got.Due], "%s invoiced twice", got.Due)
					made++
					require.Equal(t, 1, made, "two issued in a run")
					if oneByOne {
						require.Equal(t, before, got.Due, "a period passed over")
						require.False(t, issued[p.Effective], "two issued on %s", p.Effective)
					} else {
						require.Greater(t, got.Next, business, "the newest period that has begun is the one to invoice")
					}
					due[got.Due], issued[p.Effective] = true, true
					newest = billing.Newest{Exists: true, Status: billing.Paid, Due: got.Due, Issued: p.Effective}
				}
				if got.Anchor != 0 {
					s.AnchorDay = got.Anchor
				}
				if got.Next == 0 {
					require.True(t, oneByOne || moves, "the period of %s is left to another day, on which it is skipped", s.Next)
					return
				}
				require.Greater(t, got.Next, before, "dates move on only")
				s.Next = got.Next
			}
		}

		today := sample.Day("2026-01-01")
		for range rapid.IntRange(1, 40).Draw(t, "days") {
			today += payment.Date(rapid.IntRange(0, 45).Draw(t, "gap"))
			if moves && rapid.IntRange(0, 9).Draw(t, "move") == 0 {
				s.Next -= payment.Date(rapid.IntRange(1, 70).Draw(t, "back"))
			}
			run(today-payment.Date(rapid.IntRange(0, 20).Draw(t, "late")), today)
		}
		for n, last := 0, today; s.Next <= last; n++ {
			require.Less(t, n, 3000, "runs catch up")
			today++
			run(last, today)
		}
	})
}
