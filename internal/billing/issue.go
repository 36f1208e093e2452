package billing

import (
	"fmt"
	"strconv"
	"time"

	"duly/internal/billing/dunning"
	"duly/internal/billing/guard"
	"duly/internal/payment"
)

// CatchUp says what becomes of periods that were missed.
type CatchUp = dunning.CatchUp

// The ways to catch up.
const (
	CatchUpDefault = dunning.CatchUpDefault
	CatchUpOne     = dunning.CatchUpOne
	CatchUpSkip    = dunning.CatchUpSkip
)

// IssuePolicy is what a run and its configuration say about issuing.
type IssuePolicy struct {
	Business     payment.Date // what is due is compared with it
	Effective    payment.Date // the later of Business and today; one issue a subscription on each where periods are caught up
	CatchUp      CatchUp      // empty is CatchUpDefault
	KnownGateway func(string) bool
	// Named are the dunning policies by name.
	Named map[string]dunning.Policy
}

// Issue is what becomes of a due subscription. The zero Issue changes nothing.
type Issue struct {
	Due         payment.Date // the invoice to make; zero: none
	Next        payment.Date // the new next_billing_date; zero: unchanged
	Anchor      int          // the anchor day to store; 0: leave it
	AmountCheck guard.Check  // of the invoice to make
	Settled     bool         // nothing is to be charged: the invoice is born paid
	Review      string       // the reason to have on the subscription; "" without ClearReview: unchanged
	ClearReview bool         // the reason that stands there is no longer true
	Elsewhere   bool         // its gateway is not configured on this host: another one invoices it
	Changed     bool         // planned changes alter the subscription
	Events      []Event
}

// Issued is a locked subscription and what was decided for it.
type Issued struct {
	*Subscription
	Issue

	// Charging: its invoice is born charging, with its first attempt in the same transaction.
	Charging bool
}

// Invoice returns the invoice that is made for i and has to be charged; false: there is none. It has no id yet.
func (i Issued) Invoice() (Invoice, bool) {
	if i.Due.IsZero() || i.Settled {
		return Invoice{}, false
	}
	return Invoice{SubscriptionID: i.ID, Due: i.Due, Money: i.Money, AmountCheck: i.AmountCheck}, true
}

// DecideIssue says what becomes of s, whose next date is not later than p.Business. invoiced reports
// whether s has an invoice for a due date.
//
//   - Paused and cancelled subscriptions move on past the business date; those periods are never charged.
//   - An unpaid newest invoice holds up the next one, and so does one issued on this effective date or later; but not where periods are
//     skipped and it is of an earlier one.
//   - A date that is invoiced already (the shop moved it back) moves on by itself.
//   - A subscription that cannot be invoiced stays as it is, with every reason at once.
//   - One whose gateway is not configured on this host is left to a host that knows it. A trial is not due.
func DecideIssue(s Subscription, newest Newest, invoiced func(payment.Date) bool, p IssuePolicy) Issue {
	switch s.Status {
	case Trialing:
		return Issue{}
	case Paused, Cancelled:
	case Active, PastDue:
		if newest.Exists && newest.Status.Unpaid() {
			return Issue{}
		}
	default:
		return issueReview(s, p, s.Status.Strange())
	}
	if s.Next > p.Business {
		return Issue{}
	}

	p, unknown := p.Of(s)
	due, next, problem := periodToIssue(s, p)
	if problem != "" {
		return issueReview(s, p, problem)
	}
	problems := invoiceProblems(s)
	if unknown != "" {
		problems = append(problems, unknown)
	}
	moved := Issue{Next: next, Anchor: anchorToStore(s, next), ClearReview: s.ReviewReason != "" && len(problems) == 0}
	switch {
	case s.Status == Paused || s.Status == Cancelled, invoiced(due):
		return moved
	case issuedToday(s, newest, p):
		return Issue{ClearReview: moved.ClearReview}
	case len(problems) > 0:
		return issueReview(s, p, problems...)
	case !p.KnownGateway(s.Gateway):
		return Issue{ClearReview: moved.ClearReview, Elsewhere: true}
	}

	issue := moved
	issue.Due = due
	if s.Money.Amount == 0 {
		issue.Settled = true
		issue.Events = []Event{invoicePaid(aboutDue(s, due))}
	}
	return issue
}

// issuedToday reports whether the newest invoice was issued on this effective date, or later, and so holds up the next one. Where
// periods are skipped, one of an earlier period does not: the next one would be passed over tomorrow. The date of such a subscription
// lies behind the business date once it is issued, so that a run issues one all the same.
func issuedToday(s Subscription, newest Newest, p IssuePolicy) bool {
	if !newest.Exists || newest.Issued < p.Effective {
		return false
	}
	return !Skips(p.CatchUp, s.Interval) || newest.Due >= s.Next
}

// periodToIssue gives the begin of the period that is s's turn and of the one after it, or says why there is
// none.
func periodToIssue(s Subscription, p IssuePolicy) (due, next payment.Date, problem string) {
	if err := s.Interval.Validate(); err != nil {
		return 0, 0, err.Error()
	}
	if problem := DateProblem(s.Next); problem != "" {
		return 0, 0, problem
	}
	anchor := Anchor(s.Next, s.AnchorDay, s.Interval)
	due = s.Next
	if s.Status == Paused || s.Status == Cancelled || Skips(p.CatchUp, s.Interval) {
		due = newestBegun(s.Next, anchor, s.Interval, p.Business)
	}
	next = Following(due, anchor, s.Interval)
	if next.IsZero() {
		return 0, 0, fmt.Sprintf("the period after %s would begin after the year %d", due, lastYear)
	}
	return due, next, ""
}

// DueOf returns the start of the period that s, which is due, is invoiced for next; zero: there is none.
func DueOf(s Subscription, p IssuePolicy) payment.Date {
	due, _, _ := periodToIssue(s, p)
	return due
}

// Unissuable is the [Issue] of a subscription that is not invoiced because of a problem.
func Unissuable(s Subscription, p IssuePolicy, problem string) Issue {
	return issueReview(s, p, problem)
}

// DateProblem says why nothing can be invoiced from a date on; empty if it can. Days up to 1970-01-01 stand for none in many a
// shop, and none is worth a charge.
func DateProblem(next payment.Date) string {
	switch first := payment.NewDate(1970, time.January, 2); {
	case next < 0 && next.String() != "0000-00-00":
		return fmt.Sprintf("next_billing_date %s is not a date", next)
	case next < first:
		return fmt.Sprintf("next_billing_date is missing or lies before %s", first)
	}
	return ""
}

// Skips reports whether the missed periods of an interval are passed over, all but the newest.
func Skips(c CatchUp, i Interval) bool {
	switch c {
	case CatchUpOne:
		return false
	case CatchUpSkip:
		return true
	case CatchUpDefault:
	}
	return i.days() > 0
}

// anchorToStore is the anchor day that goes with next, or 0 if it is stored already.
func anchorToStore(s Subscription, next payment.Date) int {
	anchor := Anchor(s.Next, s.AnchorDay, s.Interval)
	if s.Interval.days() > 0 {
		_, _, anchor = next.Split()
	}
	if anchor == s.AnchorDay {
		return 0
	}
	return anchor
}

// issueReview writes the problems on the subscription; an operator is told of a reason that is new.
func issueReview(s Subscription, p IssuePolicy, problems ...string) Issue {
	issue := Issue{Review: reason(problems...)}
	if issue.Review != s.ReviewReason {
		identity := "subscription:" + strconv.FormatUint(s.ID, 10) + ":" + p.Effective.Compact()
		about := aboutDue(s, s.Next)
		if !s.Next.Valid() {
			about.DueDate, about.Reference = 0, "sub_"+strconv.FormatUint(s.ID, 10)
		}
		issue.Events = []Event{reviewNeeded(about, identity, issue.Review)}
	}
	return issue
}
