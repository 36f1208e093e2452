package billing

import (
	"errors"
	"fmt"
	"time"

	"duly/internal/payment"
)

// Reviewed is an attempt that an operator decides about, as locked.
type Reviewed struct {
	Attempt

	Status        AttemptStatus
	InvoiceStatus InvoiceStatus
	Age           time.Duration
}

// Resolution is what an operator's word changes.
type Resolution struct {
	Attempt     AttemptStatus
	DeclineCode string
	PaymentID   string
	Message     string
	// Invoice is the invoice's new status; empty: left as it is.
	Invoice        InvoiceStatus
	SubscriptionTo SubscriptionStatus // Active, for one that is past_due; else empty
	Events         []Event
}

// Resolve says what follows when an operator settles a in the given way, for that reason. seen is what the
// gateway says: of the payment that the operator names for AsPaid, of the attempt's own for the others. The
// error says in one line why not, and what to do instead.
//
//   - Only attempts in review or rejected can be resolved: what is unsettled is the gateway's to decide (I5).
//   - Paid needs a payment that succeeded, was not given back, and is of the attempt's amount and currency.
//   - Not executed is believed only once no request can take effect any more, and the gateway does not say otherwise.
//     That it does not know a payment which it gave an id for proves nothing.
//   - Refunded needs the gateway's word where it can be asked.
func Resolve(a Reviewed, as payment.As, reason string, seen payment.Sight, k Keeping) (Resolution, error) {
	if err := resolvable(a, as); err != nil {
		return Resolution{}, err
	}
	if as != payment.AsIgnored && seen.Payment == nil && !seen.Absent && !seen.Unaskable {
		return Resolution{}, fmt.Errorf("the gateway could not be asked (%s): try again", seen.Reason)
	}
	r := Resolution{Attempt: a.Status, PaymentID: a.PaymentID, Message: cut(string(as)+": "+reason, maxText)}
	switch as {
	case payment.AsPaid:
		return r.paid(a, seen)
	case payment.AsNotExecuted:
		return r.notExecuted(a, seen, k)
	case payment.AsRefunded:
		return r.refunded(a, seen)
	case payment.AsIgnored:
		r.Attempt = AttemptRejected
		return r.ended(a), nil
	}
	return Resolution{}, fmt.Errorf("%q is no way to resolve an attempt", as)
}

func resolvable(a Reviewed, as payment.As) error {
	switch a.Status {
	case AttemptReview:
		return nil
	case AttemptRejected:
		switch {
		case a.InvoiceStatus != Review:
			return fmt.Errorf("attempt %d was rejected, and its invoice %d is %s: there is nothing to resolve", a.ID, a.Invoice.ID, a.InvoiceStatus)
		case as == payment.AsNotExecuted:
			return fmt.Errorf("attempt %d was rejected, so it was not executed: duly requeue invoice %d", a.ID, a.Invoice.ID)
		}
		return nil
	case AttemptInFlight, AttemptInDoubt:
		return fmt.Errorf("attempt %d is %s: the gateway decides it, not an operator; duly run billing --subscription %d asks", a.ID, a.Status, a.Invoice.SubscriptionID)
	case AttemptSucceeded, AttemptDeclined, AttemptReleased:
	}
	return fmt.Errorf("attempt %d is %s: only one in review can be resolved", a.ID, a.Status)
}

func (r Resolution) paid(a Reviewed, seen payment.Sight) (Resolution, error) {
	p := seen.Payment
	switch {
	case seen.Unaskable:
		return r, errors.New("this gateway cannot be asked for that payment, so it cannot be booked")
	case p == nil:
		return r, errors.New("the gateway knows no such payment: give the gateway's own id of the payment")
	case p.Status != payment.Succeeded:
		return r, fmt.Errorf("the gateway says that payment %s is %s, not succeeded", p.ID, p.Status)
	case p.Refunded != 0:
		return r, fmt.Errorf("%s of payment %s was given back: --as refunded, once all of it is", payment.Money{Amount: p.Refunded, Currency: p.Money.Currency}, p.ID)
	case p.Money != a.Invoice.Money:
		return r, fmt.Errorf("payment %s is of %s, the invoice of %s: give it back, then --as refunded", p.ID, p.Money, a.Invoice.Money)
	}
	if other := payment.OtherSubject(p.Reference, a.Charge.Reference); other != "" {
		return r, fmt.Errorf("payment %s was made for %s, not for invoice %d: settle that, or give the payment back", p.ID, other, a.Invoice.ID)
	}
	r.Attempt, r.PaymentID = AttemptSucceeded, cut(p.ID, maxText)
	r.Invoice, r.SubscriptionTo = Paid, Active
	r.Events = []Event{invoicePaid(aboutInvoice(a.Invoice, a.Gateway))}
	return r, nil
}

func (r Resolution) notExecuted(a Reviewed, seen payment.Sight, k Keeping) (Resolution, error) {
	if p := seen.Payment; p != nil {
		switch p.Status {
		case payment.Declined, payment.Canceled:
			// The gateway may keep that answer under the key: the next attempt has another.
			r.Attempt, r.DeclineCode = AttemptDeclined, cut(p.Decline.Code, maxCode)
			return r.reopened(a), nil
		case payment.Succeeded, payment.Pending:
		}
		return r, fmt.Errorf("the gateway says that payment %s is %s: --as paid %s, or give it back and --as refunded", p.ID, p.Status, p.ID)
	}
	if seen.Absent && a.PaymentID != "" {
		return r, fmt.Errorf("the gateway gave attempt %d the id %s and does not know it now, which proves nothing: ask the provider; --as ignored charges no more", a.ID, a.PaymentID)
	}
	if until := k.KeyLife + k.Longest; a.Age <= until {
		return r, fmt.Errorf("a request for attempt %d may still arrive: try again in %s", a.ID, (until-a.Age).Round(time.Minute)+time.Minute)
	}
	r.Attempt = AttemptReleased
	return r.reopened(a), nil
}

func (r Resolution) refunded(a Reviewed, seen payment.Sight) (Resolution, error) {
	switch p := seen.Payment; {
	case a.Status == AttemptRejected:
		return r, fmt.Errorf("attempt %d was rejected, so there was nothing to give back: --as ignored", a.ID)
	case p != nil && p.Status != payment.Canceled && (p.Status != payment.Succeeded || p.Refunded < p.Money.Amount):
		return r, fmt.Errorf("the gateway says that payment %s is %s, %s of %s given back", p.ID, p.Status,
			payment.Money{Amount: p.Refunded, Currency: p.Money.Currency}, p.Money)
	case seen.Absent && a.PaymentID != "":
		return r, fmt.Errorf("the gateway does not know payment %s now, which proves nothing: ask the provider; --as ignored charges no more", a.PaymentID)
	case seen.Absent:
		return r, errors.New("the gateway knows no such payment, so nothing was given back: --as not_executed")
	case p != nil:
		r.PaymentID = cut(p.ID, maxText)
	}
	r.Attempt, r.DeclineCode = AttemptDeclined, "refunded"
	return r.ended(a), nil
}

// reopened lets the next run charge the invoice again.
func (r Resolution) reopened(a Reviewed) Resolution {
	if a.InvoiceStatus == Review {
		r.Invoice = Open
	}
	return r
}

// ended closes the invoice: its period is not charged again.
func (r Resolution) ended(a Reviewed) Resolution {
	if a.InvoiceStatus == Review {
		r.Invoice = Void
	}
	return r
}

// Requeue says whether an invoice can be made due again, with the attempts that were made on it. The error
// says in one line why not, and what to do instead.
func Requeue(id uint64, status InvoiceStatus, past []Past) error {
	switch status {
	case Review:
	case Open:
		return fmt.Errorf("invoice %d is open already: the next run charges it when its date has come", id)
	case Charging:
		return fmt.Errorf("invoice %d is being charged, or in doubt: the next run of billing settles it first", id)
	case Paid, Uncollectible, Void:
		return fmt.Errorf("invoice %d is %s: only one in review can be requeued", id, status)
	default:
		return fmt.Errorf("invoice %d has the status %q, which is none of duly's", id, cut(string(status), maxQuoted))
	}
	for _, a := range past {
		switch a.Status {
		case AttemptInFlight, AttemptInDoubt:
			return fmt.Errorf("attempt %d of invoice %d is %s: the next run of billing settles it first", a.ID, id, a.Status)
		case AttemptReview:
			return fmt.Errorf("attempt %d of invoice %d may have taken money: duly resolve attempt %d --as … first", a.ID, id, a.ID)
		case AttemptSucceeded:
			return fmt.Errorf("attempt %d of invoice %d succeeded", a.ID, id)
		case AttemptDeclined, AttemptReleased, AttemptRejected:
		}
	}
	return nil
}
