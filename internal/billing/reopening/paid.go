package reopening

import (
	"errors"
	"fmt"

	"duly/internal/billing"
	"duly/internal/payment"
)

// PaidReopening is what changes if a paid invoice is charged again because its charge took no money.
type PaidReopening struct {
	billing.Reopening

	Attempt uint64 // which becomes declined, proven by the gateway's record
	Decline payment.Decline
}

// PayingAttempt returns the only attempt that paid the invoice. The error says in one line why the invoice stays paid.
func (d Invoice) PayingAttempt() (billing.PastAttempt, error) {
	if d.Status != billing.Paid {
		return billing.PastAttempt{}, d.over()
	}
	var paying billing.PastAttempt
	for _, a := range d.Past {
		switch a.Status {
		case billing.AttemptSucceeded:
			if paying.ID != 0 {
				return paying, fmt.Errorf("attempts %d and %d of invoice %d took its money: duly list findings", paying.ID, a.ID, d.ID)
			}
			paying = a
		case billing.AttemptInFlight, billing.AttemptInDoubt, billing.AttemptReview:
			return paying, fmt.Errorf("attempt %d of invoice %d is %s, and may have taken money: it is settled first", a.ID, d.ID, a.Status)
		case billing.AttemptDeclined, billing.AttemptReleased, billing.AttemptRejected:
		}
	}
	switch {
	case paying.ID == 0:
		return paying, fmt.Errorf("invoice %d is paid, and by no charge at a gateway: it stays paid", d.ID)
	case paying.Proof == billing.ProofOperator:
		return paying, fmt.Errorf("invoice %d is paid by a payment that an operator named (attempt %d): it stays paid", d.ID, paying.ID)
	}
	return paying, nil
}

// DecidePaid says what changes if a paid invoice is charged again on a day. e is what the gateway says of the charge that paid it, the attempt a.
// The error says in one line why it stays paid.
//
//   - Only the gateway's record of that charge counts: declined, with our key, reference, customer and money and the stored id, from an account
//     that shows another payment of ours. That the gateway does not know the charge proves nothing. A charge that was cancelled or refunded was paid
//     before.
//   - The attempt becomes declined, and the invoice is open in its stage and due. The next charge has the next key. The subscription is left as
//     it is.
func DecidePaid(d Invoice, a billing.Reviewed, e payment.Evidence, p billing.Policy, today payment.Date) (PaidReopening, error) {
	paying, err := d.PayingAttempt()
	switch {
	case err != nil:
		return PaidReopening{}, err
	case paying.ID != a.ID:
		return PaidReopening{}, fmt.Errorf("invoice %d is paid by attempt %d, and the gateway was asked about attempt %d: try again", d.ID, paying.ID, a.ID)
	case d.Subscription == nil:
		return PaidReopening{}, fmt.Errorf("the row of subscription %d is gone: nobody can be charged again", d.SubscriptionID)
	case d.Unknown != "":
		return PaidReopening{}, errors.New("gateway " + d.Unknown + " lists a charge for its period that is unknown here: duly adopt " + d.Unknown + " first")
	}
	inferred, record, why := e.NotExecuted(a.Charge, a.PaymentID)
	switch inferred {
	case payment.InferEnded:
	case payment.InferAgain:
		return PaidReopening{}, fmt.Errorf("%s: try again", why)
	case payment.InferTaken, payment.InferNothing, payment.InferAbsent:
		return PaidReopening{}, fmt.Errorf("invoice %d stays paid: %s", d.ID, why)
	}
	switch {
	case record.Status != payment.Declined:
		return PaidReopening{}, fmt.Errorf("invoice %d stays paid: payment %s was paid, and is %s now", d.ID, record.ID, record.Status)
	case a.PaymentID != "" && record.ID != a.PaymentID:
		return PaidReopening{}, fmt.Errorf("invoice %d stays paid by payment %s: the gateway shows payment %s under its key", d.ID, a.PaymentID, record.ID)
	case !e.Vetting.Shown():
		return PaidReopening{}, fmt.Errorf("%s: duly doctor --control %s PAYMENT_ID names one", e.Vetting.Distrust(e.Gateway), e.Gateway)
	}
	u := PaidReopening{Attempt: a.ID, Decline: record.Decline, Reopening: billing.Reopening{Stage: d.Stage, Due: today}}
	if u.Decline.Class = p.Network.Judge(record.Decline).Class; u.Decline.Class == "" {
		u.Decline.Class = payment.Soft
	}
	u.Detail = fmt.Sprintf("attempt %d is declined; stage %d, due %s", a.ID, u.Stage, u.Due)
	if d.Subscription.Status == billing.Cancelled {
		u.Detail += fmt.Sprintf("; subscription %d is cancelled, so that the next run makes it void", d.SubscriptionID)
	}
	u.Events = []billing.Event{billing.OpenAgain(d.Invoice, d.Subscription.CustomerID, paying, "")}
	return u, nil
}
