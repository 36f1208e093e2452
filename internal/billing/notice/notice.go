package notice

import (
	"fmt"
	"strconv"
	"strings"

	"duly/internal/billing"
	"duly/internal/billing/guard"
	"duly/internal/billing/planned"
	"duly/internal/payment"
)

// Kind is what a notice is about.
type Kind string

// The kinds of notices.
const (
	// Upcoming announces a charge.
	Upcoming Kind = "upcoming"
	// Expiring warns of a payment method that expires before the next charge.
	Expiring Kind = "expiring"
)

// Newest is the newest notice of a kind for a date. The zero Newest: there is none.
type Newest struct {
	No    int
	Money payment.Money
	// Delivered: the shop's webhook has accepted it.
	Delivered bool
	// Dead is the id of its event if the delivery was given up, else 0.
	Dead uint64
	// Gone: its event was deleted.
	Gone bool
}

// Subject is a subscription whose next charge may be near, with its newest notices.
type Subject struct {
	billing.Subscription

	// Expires is the last day of its payment method; zero, or up to 1970-01-01: unknown.
	Expires payment.Date
	// Invoiced reports whether a due date has an invoice.
	Invoiced func(payment.Date) bool
	Newest   func(Kind, payment.Date) Newest
	// Planned are its changes up to the horizon that are not applied yet.
	Planned []planned.Change
}

// Notice is a notice to write, with its event.
type Notice struct {
	Subscription uint64
	Kind         Kind
	For          payment.Date // the due date, or the last day of the method
	No           int          // from 1; above 1: a repeated notice, since the amount changed
	Money        payment.Money
	Event        payment.Event

	// Invoice is what it announces; without an id: it is yet to be issued.
	Invoice billing.Invoice
}

// Decide returns the notices of x to write. p and run are those of the default policy; run.Business is today.
//
//   - A charge is announced once, when its due date is at most the policy's days away, and again if its amount changes. Planned changes of the
//     subscription up to the due date count: the first charge after a trial or a pause that ends by then is announced.
//   - No notice is written if there will be no charge: the subscription is paused, a trial or cancelled, its amount is 0, its period has an invoice,
//     or it cannot be invoiced.
//   - A method that expires before the charge has one notice, which names its last day.
func Decide(x Subject, p billing.Policy, run billing.IssuePolicy) []Notice {
	p = p.Of(x.DunningPolicy)
	if p.Notice.Days == 0 || p.Unknown != "" {
		return nil
	}
	today := run.Business
	last := today + payment.Date(p.Notice.Days) //nolint:gosec // a number of days, far below the limit
	plan := x.issued(today, last, run)
	if plan == nil {
		return nil
	}
	s := plan.After
	run.Business = max(today, s.Next)
	run.Effective = run.Business
	issue := billing.DecideIssue(s, billing.Newest{}, x.Invoiced, run)
	if issue.Due.IsZero() || issue.Settled || issue.Due > last {
		return nil
	}
	inv := billing.Invoice{SubscriptionID: s.ID, Due: issue.Due, Money: s.Money}
	if plan.Use(issue.Due) {
		inv.AmountCheck = guard.OneOff
	}
	var list []Notice
	charge := max(issue.Due, today)
	if newest := x.Newest(Upcoming, issue.Due); newest.No == 0 || newest.Money != s.Money {
		list = append(list, upcomingNotice(s, issue.Due, charge, newest.No+1, plan.Done))
	}
	if billing.DateProblem(x.Expires) == "" && x.Expires < charge && x.Newest(Expiring, x.Expires).No == 0 {
		list = append(list, expiryNotice(s, issue.Due, charge, x.Expires))
	}
	for i := range list {
		list[i].Invoice = inv
	}
	return list
}

// issued is the plan of x at its next issue; nil: there is none by the last day. An issue applies changes day by day: the days that matter are today,
// those of resumptions, and the next date that they lead to.
func (x Subject) issued(today, last payment.Date, run billing.IssuePolicy) *planned.Plan {
	for day := x.turn(x.Subscription, today-1, today); !day.IsZero() && day <= last; {
		run.Business, run.Effective = day, day
		plan := planned.ForIssue(x.Subscription, x.Planned, run, nil)
		switch {
		case plan.Problem != "":
			return nil
		case planned.Billed(plan.After.Status) && plan.After.Next <= day:
			return &plan
		}
		day = x.turn(plan.After, day, today)
	}
	return nil
}

// turn is the first day after a day on which s may be invoiced: its next date if it is billed, else the day of a resumption; zero: there is none.
func (x Subject) turn(s billing.Subscription, after, today payment.Date) payment.Date {
	if planned.Billed(s.Status) {
		return max(today, s.Next)
	}
	for _, c := range planned.Sorted(x.Planned) {
		if day := max(today, c.Effective); c.Kind == planned.Resume && day > after {
			return day
		}
	}
	return 0
}

// ForInvoice returns the notice to write for an invoice that waits for one; none if a notice with this amount exists.
func ForInvoice(inv billing.Invoice, s billing.Subscription, newest Newest, today payment.Date) []Notice {
	if newest.No > 0 && newest.Money == inv.Money && !newest.Gone {
		return nil
	}
	s.Money = inv.Money
	n := upcomingNotice(s, inv.Due, max(inv.Due, today), newest.No+1, nil)
	n.Invoice = inv
	return []Notice{n}
}

// Needed reports whether the first charge of an invoice waits for a delivered notice: p is the policy of its subscription.
func Needed(inv billing.Invoice, attempts int, p billing.Policy) bool {
	return p.Notice.Required && attempts == 0 && inv.FirstDeclined.IsZero() && inv.Stage == 0
}

// Lack is what keeps the notice of an invoice from counting; empty: nothing does.
type Lack string

// The lacks.
const (
	LackWritten  Lack = "written"  // it is not written
	LackAmount   Lack = "amount"   // the newest one is of another amount
	LackReceiver Lack = "receiver" // its delivery was given up
	LackDelivery Lack = "delivery" // it is not delivered yet
)

// Lacks says what keeps the newest notice of an invoice from counting.
func Lacks(inv billing.Invoice, newest Newest) Lack {
	switch {
	case newest.No == 0, newest.Gone:
		return LackWritten
	case newest.Money != inv.Money:
		return LackAmount
	case newest.Dead != 0:
		return LackReceiver
	case !newest.Delivered:
		return LackDelivery
	}
	return ""
}

// Remedy is what to type about a lack. dead are the events whose deliveries were given up.
func Remedy(l Lack, dead ...uint64) string {
	switch l {
	case LackWritten, LackAmount:
		return "duly run notices, then duly run outbox"
	case LackReceiver:
		return "duly requeue event " + strings.Trim(fmt.Sprint(dead), "[]") + ", then duly run outbox"
	case LackDelivery:
	}
	return "duly run outbox"
}

// Missing says why an invoice must not be charged yet, and what to type; empty: its notice was delivered.
func Missing(inv billing.Invoice, newest Newest) string {
	why := ""
	lack := Lacks(inv, newest)
	switch lack {
	case "":
		return ""
	case LackWritten:
		why = "its notice, which is not written yet"
	case LackAmount:
		why = fmt.Sprintf("a notice of %s, and the last notice is of %s", inv.Money, newest.Money)
	case LackReceiver:
		why = "its notice, whose delivery was given up"
	case LackDelivery:
		why = "its notice, which is not delivered yet"
	}
	return fmt.Sprintf("it waits for %s: %s", why, Remedy(lack, newest.Dead))
}

// identity of a notice: a subscription's date, and its number if it is not the first.
func identity(kind string, subscription uint64, day payment.Date, no int) string {
	key := kind + ":" + billing.Reference(subscription, day)
	if no > 1 {
		key += "#" + strconv.Itoa(no)
	}
	return key
}
