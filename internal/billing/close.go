package billing

import (
	"errors"
	"fmt"

	"duly/internal/payment"
)

// Closable is an invoice that an operator decides about, as locked, with everything that may have taken money for it.
type Closable struct {
	Invoice

	Status InvoiceStatus
	Past   []Past
	// Gone: the subscription's row is not there.
	Gone bool
	// Unknown is a gateway that lists a charge of the invoice's period which no attempt accounts for; empty: none does.
	Unknown string
}

// Closing is what an operator's word about an invoice changes.
type Closing struct {
	Status         InvoiceStatus
	SubscriptionTo SubscriptionStatus // Active, for one that is past_due; else empty
	Events         []Event
}

// Close says what follows when an operator closes an invoice in the given way. The error says in one line why not, and what is
// right for this one.
//
//   - An invoice is closed as paid_outside, void or uncollectible. What a gateway did is resolved at its attempt.
//   - It is closed only while no attempt of it could take money any more, and all that took none are proven: else its
//     customer could pay twice.
//   - What is paid or void is closed already. One that was given up as uncollectible may still be paid, or become void.
//   - Paid outside, the subscription goes on as if a gateway had taken the money. The others leave it as it is.
func Close(c Closable, as payment.As) (Closing, error) {
	if err := c.Takes(as); err != nil {
		return Closing{}, err
	}
	if err := c.closable(as); err != nil {
		return Closing{}, err
	}
	switch as {
	case payment.AsPaidOutside:
		about := aboutInvoice(c.Invoice, "") // no gateway has the money
		return Closing{Status: Paid, SubscriptionTo: Active, Events: []Event{invoicePaid(about)}}, nil
	case payment.AsVoid:
		return Closing{Status: Void}, nil
	case payment.AsUncollectible:
		return Closing{Status: Uncollectible}, nil
	case payment.AsPaid, payment.AsNotExecuted, payment.AsRefunded, payment.AsIgnored:
	}
	return Closing{}, fmt.Errorf("%q is no way to resolve an invoice", as)
}

// Takes says whether a way to resolve is one of an invoice's; the error says what is right for c.
func (c Closable) Takes(as payment.As) error {
	last := newestOf(c.Past).ID
	switch as {
	case payment.AsPaidOutside, payment.AsVoid, payment.AsUncollectible:
		return nil
	case payment.AsPaid:
		if last != 0 {
			return fmt.Errorf("invoice %d: --as paid is said of a gateway's payment: duly resolve attempt %d --as paid GATEWAY_ID --reason …, or --as paid_outside if the money came another way", c.ID, last)
		}
		return fmt.Errorf("invoice %d was never sent to a gateway: --as paid_outside if the money came another way", c.ID)
	case payment.AsNotExecuted, payment.AsRefunded:
		if last != 0 {
			return fmt.Errorf("invoice %d: --as %s is said of a charge: duly resolve attempt %d --as %s --reason …", c.ID, as, last, as)
		}
		return fmt.Errorf("invoice %d was never sent to a gateway: --as void, uncollectible or paid_outside; or duly requeue invoice %d", c.ID, c.ID)
	case payment.AsIgnored:
		return fmt.Errorf("invoice %d: --as void closes an invoice that nothing more is to be done about", c.ID)
	}
	return fmt.Errorf("%q is no way to resolve an invoice", as)
}

func (c Closable) closable(as payment.As) error {
	switch c.Status {
	case Paid:
		return fmt.Errorf("invoice %d is paid: what is to be given back is given back at the gateway", c.ID)
	case Void:
		return fmt.Errorf("invoice %d is void: nothing more is charged for it", c.ID)
	case Uncollectible:
		if as == payment.AsUncollectible {
			return fmt.Errorf("invoice %d is uncollectible already; --as void or paid_outside is still possible", c.ID)
		}
	case Open, Review, Charging:
	default:
		return fmt.Errorf("invoice %d has the status %q, which is none of duly's", c.ID, cut(string(c.Status), maxQuoted))
	}
	if err := c.mayTake(); err != nil {
		return err
	}
	if c.Status == Charging {
		return fmt.Errorf("invoice %d is being charged: %s settles it first", c.ID, c.recover())
	}
	return nil
}

// mayTake says what may have taken money for the invoice, or may yet.
func (c Closable) mayTake() error {
	for _, a := range c.Past {
		switch a.Status {
		case AttemptInFlight, AttemptInDoubt:
			return fmt.Errorf("attempt %d of invoice %d is %s and may still take money: %s settles it first", a.ID, c.ID, a.Status, c.recover())
		case AttemptReview:
			return fmt.Errorf("attempt %d of invoice %d may have taken money: duly resolve attempt %d --as … --reason … first", a.ID, c.ID, a.ID)
		case AttemptSucceeded:
			return fmt.Errorf("attempt %d of invoice %d took the money: %s marks it as paid", a.ID, c.ID, c.recover())
		case AttemptDeclined, AttemptReleased, AttemptRejected:
		}
	}
	if last := newestOf(c.Past); last.unproven() {
		return fmt.Errorf("attempt %d of invoice %d is %s, which does not prove that no money was taken: duly resolve attempt %d --as not_executed --reason … first", last.ID, c.ID, last.Status, last.ID)
	}
	if c.Unknown != "" {
		return errors.New("gateway " + c.Unknown + " lists a charge for its period that is unknown here: duly adopt " + c.Unknown + " first")
	}
	return nil
}

// recover is the command that asks what became of the invoice's charge.
func (c Closable) recover() string {
	if c.Gone {
		return "duly run billing --step recover"
	}
	return fmt.Sprintf("duly run billing --subscription %d", c.SubscriptionID)
}
