package billing

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"duly/internal/billing/dunning"
	"duly/internal/payment"
)

// ErrReopened says that an attempt was taken back before.
var ErrReopened = errors.New("taken back already")

// Declined is a declined attempt that is to be taken back, with everything of its invoice, as locked.
type Declined struct {
	PastAttempt

	Stage         int
	Invoice       Invoice
	InvoiceStatus InvoiceStatus
	// Subscription is nil if its row is gone.
	Subscription *Subscription
	CancelReason string
	Attempts     []PastAttempt // all of the invoice
	// Closed: an operator closed the invoice, and it is not to be charged again.
	Closed bool
}

// Reopening is what taking a decline back changes: the attempt is marked, the invoice is open again in the attempt's stage,
// and due.
type Reopening struct {
	Stage int
	Due   payment.Date
	First bool // no earlier decline of the invoice counts

	// The subscription; both empty: unchanged.
	SubscriptionFrom, SubscriptionTo SubscriptionStatus
	Next                             payment.Date // next_billing_date; zero: unchanged
	Anchor                           int          // 0: unchanged

	Detail string // for people
	Events []Event
}

// DecideReopen says what changes if the decline d, one of these classes, is taken back on a day. The error says in one line why it
// must not be, or wraps [ErrReopened].
//
//   - Only the newest attempt of an unpaid invoice that no operator closed is taken back, once. The next claim charges under the next key, so the
//     attempt must be proven to have taken nothing.
//   - What the decline, or the end that followed from it, made of the subscription is taken back with it. A status that is another
//     one by now was changed by somebody else: nothing is taken back then.
//   - Periods that began while the subscription was cancelled are not charged.
func DecideReopen(d Declined, classes []payment.Class, today payment.Date) (Reopening, error) {
	switch {
	case d.Reopened:
		return Reopening{}, ErrReopened
	case d.Status != AttemptDeclined || !slices.Contains(classes, d.Class):
		return Reopening{}, fmt.Errorf("attempt %d is %s, and not a decline of these classes any more", d.ID, d.Status)
	}
	if newest := newestOf(d.Attempts); newest.ID != d.ID {
		return Reopening{}, fmt.Errorf("attempt %d came after attempt %d, and is %s", newest.ID, d.ID, newest.Status)
	}
	if problem := blocking(d.Invoice, d.Attempts); problem != "" {
		return Reopening{}, errors.New(problem)
	}
	if _, problem := mint(d.Invoice, d.Attempts); problem != "" {
		return Reopening{}, errors.New(problem)
	}
	switch d.InvoiceStatus {
	case Open, Uncollectible:
	case Paid, Void, Charging, Review:
		return Reopening{}, fmt.Errorf("it is %s: duly show invoice %d", d.InvoiceStatus.Words(), d.Invoice.ID)
	default:
		return Reopening{}, fmt.Errorf("it has the status %q, which is none of duly's", cut(string(d.InvoiceStatus), MaxQuoted))
	}
	if d.Closed {
		return Reopening{}, fmt.Errorf("an operator closed it as %s: duly show invoice %d", d.InvoiceStatus.Words(), d.Invoice.ID)
	}
	r := Reopening{Stage: d.Stage, Due: today, First: d.Stage == 0}
	if err := d.restore(&r, today); err != nil {
		return Reopening{}, err
	}
	r.Detail = fmt.Sprintf("stage %d, due %s", r.Stage, r.Due)
	if r.SubscriptionTo != "" {
		r.Detail += fmt.Sprintf("; subscription %d %s → %s", d.Subscription.ID, r.SubscriptionFrom, r.SubscriptionTo)
	}
	if !r.Next.IsZero() {
		r.Detail += fmt.Sprintf(", next billing date %s", r.Next)
	}
	body := aboutInvoice(d.Invoice, d.Subscription.CustomerID, d.Gateway)
	body.AttemptID = d.ID
	r.Events = []Event{invoiceReopened(body, d.Key, r.SubscriptionTo)}
	return r, nil
}

// restore decides what becomes of the subscription.
func (d Declined) restore(r *Reopening, today payment.Date) error {
	s := d.Subscription
	if s == nil {
		return errors.New("the subscription's row is gone")
	}
	before := PastDue // what the decline found
	if r.First {
		before = Active
	}
	switch {
	case s.Status == PastDue && d.InvoiceStatus == Open:
		if r.First {
			r.SubscriptionFrom, r.SubscriptionTo = PastDue, Active
		}
		return nil
	case s.Status == Cancelled && d.InvoiceStatus == Uncollectible && strings.HasPrefix(d.CancelReason, UnpaidReason):
		r.SubscriptionFrom, r.SubscriptionTo = Cancelled, before
		return d.skipMissed(r, today)
	case s.Status == Paused && d.InvoiceStatus == Uncollectible && d.Invoice.Dunning.Paused:
		r.SubscriptionFrom, r.SubscriptionTo = Paused, before
		return d.skipMissed(r, today)
	case d.InvoiceStatus == Uncollectible && d.Invoice.Dunning.AfterLast == dunning.KeepAfterLast && (s.Status == PastDue || s.Status == Active):
		return nil // the end has changed nothing of it
	case s.Status == Cancelled:
		return fmt.Errorf("subscription %d was cancelled by somebody else (%s)", s.ID, reasonOr(d.CancelReason))
	}
	set := PastDue
	switch {
	case d.InvoiceStatus != Uncollectible:
	case d.Invoice.Dunning.Paused:
		set = Paused
	default:
		set = Cancelled
	}
	return fmt.Errorf("subscription %d is %s, and duly made it %s: somebody changed it since", s.ID, s.Status, set)
}

// skipMissed moves the date past the periods that began while the subscription was cancelled or paused.
func (d Declined) skipMissed(r *Reopening, today payment.Date) error {
	s := *d.Subscription
	s.Status = Cancelled
	if s.Next > today {
		return nil
	}
	_, next, problem := periodToIssue(s, IssuePolicy{Business: today})
	if problem != "" {
		return fmt.Errorf("subscription %d: %s", s.ID, problem)
	}
	r.Next, r.Anchor = next, anchorToStore(s, next)
	return nil
}

func reasonOr(reason string) string {
	if reason == "" {
		return "no reason is stored"
	}
	return reason
}
