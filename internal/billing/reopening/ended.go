package reopening

import (
	"errors"
	"fmt"

	"duly/internal/billing"
	"duly/internal/billing/dunning"
	"duly/internal/payment"
)

// Invoice is a locked invoice that an operator wants to be charged again, with its subscription and attempts.
type Invoice struct {
	billing.Invoice

	Status billing.InvoiceStatus
	Past   []billing.PastAttempt
	// Subscription is nil if its row is gone.
	Subscription *billing.Subscription
	CancelReason string
	// Closed: an operator closed the invoice, so that it is not charged again.
	Closed bool
	// Unknown is a gateway that lists a charge of the invoice's period without an attempt; empty: none does.
	Unknown string
	Since   dunning.Since
}

// DecideEnded says what changes if an invoice whose dunning has ended is charged again on a day. The error says in one line why not,
// and what to do instead.
//
//   - Only an uncollectible invoice that no operator closed is reopened: in its last stage, and due. A decline ends it again.
//   - No attempt of it is unsettled or unproven, and its method was not declined for good.
//   - A subscription that duly ended or paused since the invoice stayed unpaid is past_due again, and its date moves past the periods that have begun
//     meanwhile. One that somebody else ended stays so, and is not charged. Where nobody knows, a pause stays and the invoice alone is charged, and a
//     cancelled one is refused; see [billing.EndedBy]. Any other status is left as it is.
func DecideEnded(d Invoice, p billing.Policy, today payment.Date, knownGateway func(string) bool) (billing.Reopening, error) {
	if err := d.over(); err != nil {
		return billing.Reopening{}, err
	}
	if d.Closed {
		return billing.Reopening{}, fmt.Errorf("an operator closed invoice %d as uncollectible: duly show invoice %d", d.ID, d.ID)
	}
	if err := d.mayTake(); err != nil {
		return billing.Reopening{}, err
	}
	if d.Subscription == nil {
		return billing.Reopening{}, fmt.Errorf("the row of subscription %d is gone: duly resolve invoice %d --as void or paid_outside", d.SubscriptionID, d.ID)
	}
	r := billing.Reopening{Stage: d.Stage, Due: today}
	s := *d.Subscription
	own, doubt := billing.EndedBy(d.Invoice, s, d.CancelReason, d.Past, d.Since)
	switch {
	case own:
		var err error
		if r.Next, r.Anchor, err = s.Missed(today); err != nil {
			return billing.Reopening{}, err
		}
		r.SubscriptionFrom, r.SubscriptionTo = s.Status, billing.PastDue
		s.Status = billing.PastDue
	case doubt != "" && s.Status == billing.Paused:
		r.Stays = billing.Stays(s, doubt, today)
	case doubt != "":
		return billing.Reopening{}, errors.New(billing.Stays(s, doubt, today))
	case s.Status == billing.Active, s.Status == billing.PastDue, s.Status == billing.Paused:
	case s.Status != billing.Cancelled:
		return billing.Reopening{}, fmt.Errorf("subscription %d is %s, and nothing is charged for it: make it active first", s.ID, payment.Cut(string(s.Status), 20))
	default:
		return billing.Reopening{}, fmt.Errorf("subscription %d was cancelled by somebody else, and nothing is charged for it: make it active first", s.ID)
	}
	if err := d.chargeable(s, p, today, knownGateway); err != nil {
		return billing.Reopening{}, err
	}
	r.Detail = fmt.Sprintf("stage %d, due %s", r.Stage, r.Due)
	if r.SubscriptionTo != "" {
		r.Detail += fmt.Sprintf("; subscription %d %s → %s", s.ID, r.SubscriptionFrom, r.SubscriptionTo)
	}
	if !r.Next.IsZero() {
		r.Detail += fmt.Sprintf(", next billing date %s", r.Next)
	}
	if r.Stays != "" {
		r.Detail += "; " + r.Stays
	}
	r.Events = []billing.Event{billing.OpenAgain(d.Invoice, s.CustomerID, billing.PastAttempt{Gateway: s.Gateway}, r.SubscriptionTo)}
	return r, nil
}

// over returns what to do about an invoice whose dunning has not ended.
func (d Invoice) over() error {
	switch d.Status {
	case billing.Uncollectible:
		return nil
	case billing.Open:
		return fmt.Errorf("invoice %d is open: duly run billing --subscription %d charges it when its date has come", d.ID, d.SubscriptionID)
	case billing.Charging:
		return fmt.Errorf("invoice %d is being charged: duly run billing --subscription %d settles it first", d.ID, d.SubscriptionID)
	case billing.Review:
		return fmt.Errorf("invoice %d is in review: duly show invoice %d says what ends that", d.ID, d.ID)
	case billing.Void:
		return fmt.Errorf("invoice %d is void: nothing more is charged for it", d.ID)
	case billing.Paid:
		return fmt.Errorf("invoice %d is paid", d.ID)
	}
	return fmt.Errorf("invoice %d has a status that is none of duly's", d.ID)
}

func (d Invoice) mayTake() error {
	c := billing.Closable{Invoice: d.Invoice, Status: d.Status, Past: d.Past, Gone: d.Subscription == nil, Unknown: d.Unknown}
	return c.MayTake()
}

// chargeable returns why the next claim of the invoice would not charge it.
func (d Invoice) chargeable(s billing.Subscription, p billing.Policy, today payment.Date, knownGateway func(string) bool) error {
	claim := billing.DecideClaim(d.Invoice, s, d.Past, p, today, knownGateway)
	switch claim.Action {
	case billing.Charge, billing.HoldInvoice, billing.LeaveInvoice:
		return nil
	case billing.ReviewInvoice:
		return fmt.Errorf("invoice %d cannot be charged: %s", d.ID, claim.Reason)
	case billing.UseStage, billing.EndInvoice:
		return fmt.Errorf("the payment method of subscription %d was declined for good: set another one first, or clear the decline: duly reopen --run ID --gateway %s --class hard,action", s.ID, s.Gateway)
	case billing.VoidInvoice: // of a subscription that is cancelled
	}
	return fmt.Errorf("nothing is charged for subscription %d", s.ID)
}
