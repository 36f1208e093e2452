package billing

import (
	"fmt"
	"slices"
	"time"

	"duly/internal/payment"
)

// adopt is the adoption that writes the attempt.
func (d *drafted) adopt(as AdoptedAs, s Settlement, moves bool, detail string) Adoption {
	a := d.attempt
	if a.Charge.Money.Amount <= 0 { // nothing was asked for, and nothing taken
		return Adoption{As: AdoptedKnown, Detail: "no money is at stake"}
	}
	return Adoption{As: as, Detail: cut(detail, maxText), NewInvoice: d.issue, Attempt: &a, Settlement: s, Moves: moves}
}

// settle lets the invoice follow what the gateway says, by the rules of every attempt.
func (d *drafted) settle(p Policy, effective payment.Date, now time.Time) Adoption {
	s := Settle(d.attempt, d.answer(), d.standing(), p, effective, now)
	if d.Record.Status == payment.Pending { // the reason why it is looked up, not sent
		s.Message = "pending"
	}
	invoice := d.invoice()
	switch s.Attempt {
	case AttemptSucceeded:
		detail := invoice + " is paid"
		if d.status == Uncollectible {
			detail += fmt.Sprintf("; subscription %d stays %s", d.Charge.Subscription, d.standing())
		}
		return d.adopt(AdoptedPaid, s, true, detail)
	case AttemptInDoubt:
		return d.adopt(AdoptedInDoubt, s, true, "pending at the gateway; "+invoice+" waits for it")
	case AttemptDeclined:
		detail := invoice + " is " + inWords(s.Invoice)
		if s.Invoice == Open {
			detail = fmt.Sprintf("%s is open, stage %d", invoice, s.Stage)
			if !s.Next.IsZero() {
				detail += " on " + s.Next.String()
			}
		}
		return d.adopt(AdoptedDeclined, s, true, detail)
	case AttemptReview, AttemptRejected, AttemptReleased, AttemptInFlight:
	}
	return d.adopt(AdoptedReview, s, true, s.Message)
}

// answer is what the gateway shows, as a look-up by the key would have found it.
func (d *drafted) answer() Answer {
	o := payment.Judge(d.attempt.Charge, d.Record)
	if d.mismatch != "" {
		o.Reason = d.differs()
	}
	if !d.proven() {
		o.PaymentID = ""
	}
	return Answer{Outcome: o, Found: true}
}

// standing is the status of the subscription; empty if it is gone.
func (d *drafted) standing() SubscriptionStatus {
	if d.Subscription == nil {
		return ""
	}
	return d.Subscription.Status
}

// invoice names the invoice for people.
func (d *drafted) invoice() string {
	if d.issue != nil {
		return "a new invoice of " + d.issue.Money.String()
	}
	return fmt.Sprintf("invoice %d", d.attempt.Invoice.ID)
}

// refunded closes the period: it was charged, and all of it refunded.
func (d *drafted) refunded() Adoption {
	s := d.spent("refunded", "refunded in full at the gateway")
	s.Invoice = Void
	return d.adopt(AdoptedRefunded, s, true, d.invoice()+" is void: all of "+d.Record.Money.String()+" was refunded")
}

// recorded keeps the attempt, so that its number is passed over, and changes nothing else.
func (d *drafted) recorded(p Policy, effective payment.Date, now time.Time) Adoption {
	as, s := AdoptedDeclined, d.spent(string(d.Record.Status), string(d.Record.Status)+" at the gateway")
	switch {
	case d.Record.Status == payment.Succeeded:
		as, s = AdoptedRefunded, d.spent("refunded", "refunded in full at the gateway")
	case d.Record.Status == payment.Declined && d.mismatch == "":
		s.Decline = Settle(d.attempt, d.answer(), d.standing(), p, effective, now).Decline
	}
	return d.adopt(as, s, false, d.invoice()+" stays "+inWords(d.status))
}

// inWords is a status as the end of a sentence about an invoice.
func inWords(status InvoiceStatus) string {
	if status == Review {
		return "in review"
	}
	return string(status)
}

// spent ends the attempt without money, and leaves the invoice.
func (d *drafted) spent(code, message string) Settlement {
	s := unchanged(d.attempt)
	s.Attempt, s.Doubted, s.LookUp, s.Proof = AttemptDeclined, false, false, ProofLookUp
	s.Decline, s.Message, s.TryLaterSince = payment.Decline{Code: code}, message, time.Time{}
	return d.identified(s)
}

// aside leaves the attempt to an operator, and with it the invoice, unless that is closed or another attempt's.
func (d *drafted) aside(why string) Adoption {
	if d.status == Uncollectible {
		return d.orphan(&d.attempt, "%s", why)
	}
	return d.adopt(AdoptedReview, d.identified(ToReview(d.attempt, why)), d.open, why)
}

// notShown leaves a charge to an operator that the gateway does not know any more, and with it the invoice, unless that is
// closed. The payment's id is not stored: nothing but a list says that there is such a payment, and who asks by it would be
// told for ever that it is unknown.
func (d *drafted) notShown() Adoption {
	why := fmt.Sprintf("gateway %s listed payment %s (%s) and does not know it now", d.Gateway, cut(d.Record.ID, maxQuoted), d.Record.Status)
	return d.adopt(AdoptedNotShown, ToReview(d.attempt, why), d.open, why)
}

// orphan keeps a charge that no invoice asks for: beside its invoice where it has one, so that its number is passed
// over. attempt is the one to write; nil: none.
func (d *drafted) orphan(attempt *Attempt, format string, args ...any) Adoption {
	r := d.Record
	why := fmt.Sprintf(format, args...)
	a := Adoption{As: AdoptedOrphan, Detail: cut(why, maxText)}
	a.ChargedTwice = d.own != nil && attempt == nil || d.status == Paid || d.rival(AttemptSucceeded) != nil
	if attempt == nil || attempt.Charge.Money.Amount <= 0 {
		return a
	}
	s := ToReview(*attempt, fmt.Sprintf("payment %s took %s: %s", r.ID, r.Money, why))
	a.Attempt, a.Settlement = attempt, d.identified(s)
	return a
}

// proven reports whether the payment is of our charge, whatever it took. The id of one that is not is never stored as ours.
func (d *drafted) proven() bool {
	c, r := d.attempt.Charge, d.Record
	return r.Key == c.Key && r.Reference == c.Reference && r.CustomerID == c.CustomerID
}

// identified stores the payment's id with s, where none is stored and it is ours.
func (d *drafted) identified(s Settlement) Settlement {
	if s.PaymentID == "" && d.proven() {
		s.PaymentID = cut(d.Record.ID, maxText)
	}
	return s
}

// Events are those that tell of the adoption.
func (a Adoption) Events() []Event {
	switch a.As {
	case AdoptedOrphan, AdoptedReview, AdoptedNotShown: // an operator is told, also where the invoice stays as it is
		return a.Settlement.Events
	case AdoptedPaid, AdoptedDeclined, AdoptedInDoubt, AdoptedRefunded, AdoptedKnown:
	}
	if a.Moves {
		return a.Settlement.Events
	}
	return nil
}

// After is p once a was written, as far as the rules read it. Rows that it would insert have no id.
func (p Period) After(a Adoption) Period {
	if a.Attempt == nil {
		return p
	}
	s := a.Settlement
	if a.NewInvoice != nil {
		p.Invoice = &PeriodInvoice{a.Attempt.Invoice, Open}
	}
	if a.Moves {
		inv := *p.Invoice
		inv.Status, inv.Stage, inv.FirstDeclined, inv.TryLaterSince = s.Invoice, s.Stage, s.FirstDeclined, s.TryLaterSince
		p.Invoice = &inv
	}
	if p.Subscription != nil && a.Moves && s.SubscriptionTo != "" {
		sub := *p.Subscription
		sub.Status = s.SubscriptionTo
		p.Subscription = &sub
	}
	after := PeriodAttempt{Attempt: *a.Attempt, Status: s.Attempt}
	after.PaymentID = s.PaymentID
	p.Attempts = slices.DeleteFunc(slices.Clone(p.Attempts), func(x PeriodAttempt) bool { return x.Charge.Key == after.Charge.Key })
	p.Attempts = append(p.Attempts, after)
	return p
}
