package billing

import (
	"errors"
	"fmt"

	"duly/internal/billing/dunning"
	"duly/internal/billing/guard"
	"duly/internal/payment"
)

// Closable is an invoice that an operator decides about, as locked, with everything that may have taken money for it.
type Closable struct {
	Invoice

	Status InvoiceStatus
	Past   []PastAttempt
	// Gone: the subscription's row is not there. Cancelled: it is cancelled.
	Gone, Cancelled bool
	// CustomerID is the subscription's; empty: its row is gone.
	CustomerID string
	// Subscription is that of an invoice whose dunning has ended; nil: it has not, an operator closed it, or the row is gone.
	Subscription *Subscription
	CancelReason string
	Since        dunning.Since
	Today        payment.Date // the effective date
	// Unknown is a gateway that lists a charge of the invoice's period which no attempt accounts for; empty: none does.
	Unknown string
}

// Closing is what an operator's word about an invoice changes.
type Closing struct {
	Status         InvoiceStatus
	SubscriptionTo SubscriptionStatus // Active or PastDue; empty: unchanged
	// SubscriptionFrom is the status that dunning gave to the subscription, which SubscriptionTo takes back; empty: it takes none back.
	SubscriptionFrom SubscriptionStatus
	Next             payment.Date // next_billing_date, with SubscriptionFrom; zero: unchanged
	Anchor           int          // 0: unchanged
	Stays            string       // why the subscription stays paused or cancelled, and what makes it go on; empty: it does not
	AmountCheck      guard.Check  // to be stored; empty: unchanged
	Events           []Event
}

// Close says what follows when an operator closes an invoice in the given way. The error says in one line why not, and what is
// right for this one.
//
//   - An invoice is closed as paid_outside, void or uncollectible. What a gateway did is resolved at its attempt.
//   - It is closed only while no attempt of it could take money any more, and all that took none are proven: else its
//     customer could pay twice.
//   - What is paid or void is closed already. One that was given up as uncollectible may still be paid, or become void.
//   - An invoice in review for its amount only may be approved, which does not close it: it is open again, and charged.
//   - Paid outside, the subscription goes on as if a gateway had taken the money, also one that the dunning of this invoice ended or paused. The
//     others leave it as it is.
func Close(c Closable, as payment.Resolution) (Closing, error) {
	if err := c.ended(); err != nil {
		return Closing{}, err
	}
	if !as.OfInvoice() {
		return Closing{}, c.instead(as)
	}
	if c.Status == Uncollectible && as == payment.AsUncollectible {
		return Closing{}, fmt.Errorf("invoice %d is uncollectible already; --as void or paid_outside is still possible", c.ID)
	}
	if err := c.MayTake(); err != nil {
		return Closing{}, err
	}
	switch {
	case c.Status == Charging:
		return Closing{}, fmt.Errorf("invoice %d is being charged: %s settles it first", c.ID, c.recover())
	case as == payment.AsApproved:
		return c.approve()
	case as == payment.AsPaidOutside:
		about := aboutInvoice(c.Invoice, c.CustomerID, "") // no gateway has the money
		return c.goOn(Closing{Status: Paid, SubscriptionTo: Active, Events: []Event{invoicePaid(about)}}), nil
	case as == payment.AsVoid:
		return Closing{Status: Void}, nil
	}
	return Closing{Status: Uncollectible}, nil
}

// goOn has the subscription go on that the dunning of the invoice ended or paused, as if the invoice had been reopened before.
func (c Closable) goOn(closing Closing) Closing {
	s := c.Subscription
	if s == nil {
		return closing
	}
	own, doubt := EndedBy(c.Invoice, *s, c.CancelReason, c.Past, c.Since)
	next, anchor, err := s.Missed(c.Today)
	switch {
	case own && err != nil:
		closing.Stays = fmt.Sprintf("subscription %d stays %s: %v", s.ID, s.Status, err)
	case own:
		closing.SubscriptionFrom, closing.Next, closing.Anchor = s.Status, next, anchor
		if c.Since.Declined {
			closing.SubscriptionTo = PastDue
		}
	case doubt != "":
		closing.Stays = Stays(*s, doubt, c.Today)
	case s.Status == Cancelled || s.Status == Paused:
		closing.Stays = fmt.Sprintf("subscription %d stays %s: duly did not make it so for this invoice", s.ID, s.Status)
	}
	return closing
}

// ended says that the invoice is closed for good.
func (c Closable) ended() error {
	switch c.Status {
	case Open, Charging, Review, Uncollectible:
		return nil
	case Paid:
		return c.paid()
	case Void:
		return fmt.Errorf("invoice %d is void: nothing more is charged for it", c.ID)
	}
	return fmt.Errorf("invoice %d has the status %q, which is none of duly's", c.ID, cut(string(c.Status), MaxQuoted))
}

// paid says how the money of an invoice that is paid is refunded.
func (c Closable) paid() error {
	for _, a := range c.Past {
		if a.Status == AttemptSucceeded {
			return fmt.Errorf("invoice %d is paid: duly refund invoice %d --reason … refunds it", c.ID, c.ID)
		}
	}
	if c.Money.Amount == 0 {
		return fmt.Errorf("invoice %d is paid, since its amount is 0", c.ID)
	}
	return fmt.Errorf("invoice %d is paid outside the gateways: what is to be refunded is refunded there", c.ID)
}

// instead says what is right where a word is said of the invoice that is one of a charge.
func (c Closable) instead(as payment.Resolution) error {
	if err := c.unsettled(); err != nil {
		return err
	}
	if waits := Waits(c.Past); waits != 0 && c.Status == Review {
		word := string(as)
		if as == payment.AsPaid {
			word += " GATEWAY_ID"
		}
		return fmt.Errorf("invoice %d waits for a word about its charge: duly resolve attempt %d --as %s --reason …", c.ID, waits, word)
	}
	switch as {
	case payment.AsPaid:
		return fmt.Errorf("no charge of invoice %d may have taken money: --as paid_outside if it came another way", c.ID)
	case payment.AsIgnored:
		return fmt.Errorf("no charge of invoice %d waits for a word: --as void closes the invoice", c.ID)
	case payment.AsNotExecuted, payment.AsRefunded, payment.AsPaidOutside, payment.AsVoid, payment.AsUncollectible, payment.AsApproved, payment.AsCancelled:
	}
	again := ""
	if c.Status == Review && c.AmountCheck.Holds() {
		again = "; or --as approved if its amount is right"
	} else if c.Status == Review {
		again = fmt.Sprintf("; or duly requeue invoice %d, which is charged again", c.ID)
	}
	return fmt.Errorf("no charge of invoice %d waits for a word: --as void, uncollectible or paid_outside%s", c.ID, again)
}

// MayTake says what may have taken money for the invoice, or may yet.
func (c Closable) MayTake() error {
	if err := c.unsettled(); err != nil {
		return err
	}
	for _, a := range c.Past {
		if a.Status == AttemptReview {
			return fmt.Errorf("attempt %d of invoice %d may have taken money: duly resolve attempt %d --as … --reason … first", a.ID, c.ID, a.ID)
		}
	}
	if last := newestOf(c.Past); last.unproven() {
		first := fmt.Sprintf("duly resolve attempt %d --as not_executed --reason … first", last.ID)
		if c.Status == Open {
			first = c.recover() + " sends it to review first"
		}
		return fmt.Errorf("attempt %d of invoice %d is %s, which does not prove that no money was taken: %s", last.ID, c.ID, last.Status, first)
	}
	if c.Unknown != "" {
		return errors.New("gateway " + c.Unknown + " lists a charge for its period that is unknown here: duly adopt " + c.Unknown + " first")
	}
	return nil
}

// unsettled says which attempt has not ended, or has the money.
func (c Closable) unsettled() error {
	for _, a := range c.Past {
		switch a.Status {
		case AttemptInFlight, AttemptInDoubt:
			return fmt.Errorf("attempt %d of invoice %d is %s and may still take money: %s settles it first", a.ID, c.ID, a.Status, c.recover())
		case AttemptSucceeded:
			return fmt.Errorf("attempt %d of invoice %d took the money: %s marks it as paid", a.ID, c.ID, c.recover())
		case AttemptReview, AttemptDeclined, AttemptReleased, AttemptRejected:
		}
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
