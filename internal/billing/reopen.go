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
	Since  dunning.Since
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

	Stays  string // why the subscription stays paused, and what makes it go on; empty: it does not
	Detail string // for people
	Events []Event
}

// DecideReopen says what changes if the decline d, one of these classes, is taken back on a day. The error says in one line why it
// must not be, or wraps [ErrReopened].
//
//   - Only the newest attempt of an unpaid invoice that no operator closed is taken back, once. The next claim charges under the next key, so the
//     attempt must be proven to have taken nothing.
//   - What the decline, or the end that followed from it, made of the subscription is taken back with it. A status that is another
//     one by now was changed by somebody else: nothing is taken back then. Where nobody knows whether a pause is still duly's, it stays, and
//     the invoice alone is charged; of a cancelled subscription nothing is taken back.
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
	if r.Stays != "" {
		r.Detail += "; " + r.Stays
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
	if r.First && !d.Since.Declined {
		before = Active
	}
	own, doubt := false, ""
	if d.InvoiceStatus == Uncollectible {
		own, doubt = EndedBy(d.Invoice, *s, d.CancelReason, d.Attempts, d.Since)
	}
	switch {
	case s.Status == PastDue && (d.InvoiceStatus == Open || d.kept()):
		if before == Active {
			r.SubscriptionFrom, r.SubscriptionTo = PastDue, Active
		}
		return nil
	case own:
		r.SubscriptionFrom, r.SubscriptionTo = s.Status, before
		var err error
		r.Next, r.Anchor, err = s.Missed(today)
		return err
	case doubt != "" && s.Status == Paused: // it is charged nevertheless
		r.Stays = Stays(*s, doubt, today)
		return nil
	case doubt != "":
		return errors.New(Stays(*s, doubt, today))
	case d.kept() && s.Status == Active:
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

// kept reports whether the invoice has ended, and its subscription went on.
func (d Declined) kept() bool {
	return d.InvoiceStatus == Uncollectible && d.Invoice.Dunning.AfterLast == dunning.KeepAfterLast
}

// EndedBy reports whether the dunning of inv made s paused or cancelled, and nobody else since. doubt says why that cannot be known where it may
// have; it is empty where somebody else did, or where s is neither.
func EndedBy(inv Invoice, s Subscription, cancelReason string, past []PastAttempt, since dunning.Since) (own bool, doubt string) {
	switch {
	case s.Status == Paused && inv.Dunning.Paused:
	case s.Status == Cancelled && strings.HasPrefix(cancelReason, UnpaidReason):
	default:
		return false, ""
	}
	last := newestOf(past)
	doubt = inv.Dunning.Doubt(since, last.ID != 0 && (last.Gateway != s.Gateway || last.Method != s.Method))
	return doubt == "", doubt
}

// Stays says that duly leaves s paused or cancelled, why, and what makes it go on.
func Stays(s Subscription, doubt string, today payment.Date) string {
	set := "status = 'active'"
	if s.Status == Cancelled {
		set += ", cancelled_at = NULL, cancel_reason = NULL"
	}
	if next, _, err := s.Missed(today); err == nil && !next.IsZero() {
		set += fmt.Sprintf(", next_billing_date = '%s'", next)
	}
	return fmt.Sprintf("subscription %d stays %s: %s, so that it may be the customer's own wish. If it is to go on: UPDATE subscriptions SET %s WHERE id = %d AND status = '%s'",
		s.ID, s.Status, doubt, set, s.ID, s.Status)
}

// Missed gives the date that follows the periods which began while s was cancelled or paused; zero: none did. The error says why there is none.
func (s Subscription) Missed(today payment.Date) (next payment.Date, anchor int, err error) {
	if s.Next > today {
		return 0, 0, nil
	}
	s.Status = Cancelled
	_, next, problem := periodToIssue(s, IssuePolicy{Business: today})
	if problem != "" {
		return 0, 0, fmt.Errorf("subscription %d: %s", s.ID, problem)
	}
	return next, anchorToStore(s, next), nil
}

func reasonOr(reason string) string {
	if reason == "" {
		return "no reason is stored"
	}
	return reason
}
