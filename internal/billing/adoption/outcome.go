package adoption

import (
	"fmt"
	"slices"
	"time"

	"duly/internal/billing"
	"duly/internal/payment"
)

// adopt is the adoption that writes the attempt.
func (d *drafted) adopt(as As, s billing.Settlement, moves bool, detail string) Adoption {
	a := d.attempt
	if a.Charge.Money.Amount <= 0 { // nothing was asked for, and nothing taken
		return Adoption{As: Known, Detail: "no money is at stake"}
	}
	return Adoption{As: as, Detail: payment.Cut(detail, billing.MaxText), NewInvoice: d.issue, Attempt: &a, Settlement: s, Moves: moves}
}

// settle lets the invoice follow what the gateway says, by the rules of every attempt.
func (d *drafted) settle(p billing.Policy, effective payment.Date, now time.Time) Adoption {
	s := billing.Settle(d.attempt, d.answer(), d.standing(), p, effective, now)
	if d.Record.Status == payment.Pending { // the reason why it is looked up, not sent
		s.Message = "pending"
	}
	invoice := d.invoice()
	switch s.Attempt {
	case billing.AttemptSucceeded:
		detail := invoice + " is paid"
		if d.status == billing.Uncollectible {
			detail += fmt.Sprintf("; subscription %d stays %s", d.Charge.Subscription, d.standing())
		}
		return d.adopt(Paid, s, true, detail)
	case billing.AttemptInDoubt:
		return d.adopt(InDoubt, s, true, "pending at the gateway; "+invoice+" waits for it")
	case billing.AttemptDeclined:
		detail := invoice + " is " + s.Invoice.Words()
		if s.Invoice == billing.Open {
			detail = fmt.Sprintf("%s is open, stage %d", invoice, s.Stage)
			if !s.Next.IsZero() {
				detail += " on " + s.Next.String()
			}
		}
		return d.adopt(Declined, s, true, detail)
	case billing.AttemptReview, billing.AttemptRejected, billing.AttemptReleased, billing.AttemptInFlight:
	}
	return d.adopt(Review, s, true, s.Message)
}

// answer is what the gateway shows, as a look-up by the key would have found it.
func (d *drafted) answer() billing.Answer {
	o := payment.Judge(d.attempt.Charge, d.Record)
	if d.mismatch != "" {
		o.Reason = d.differs()
	}
	if !d.proven() {
		o.PaymentID = ""
	}
	return billing.Answer{Outcome: o, Found: true}
}

// standing is the status of the subscription; empty if it is gone.
func (d *drafted) standing() billing.SubscriptionStatus {
	if d.Period.Subscription == nil {
		return ""
	}
	return d.Period.Subscription.Status
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
	s.Invoice = billing.Void
	return d.adopt(Refunded, s, true, d.invoice()+" is void: all of "+d.Record.Money.String()+" was refunded")
}

// recorded keeps the attempt, so that its number is passed over, and changes nothing else.
func (d *drafted) recorded(p billing.Policy, effective payment.Date, now time.Time) Adoption {
	as, s := Declined, d.spent(string(d.Record.Status), string(d.Record.Status)+" at the gateway")
	switch {
	case d.Record.Status == payment.Succeeded:
		as, s = Refunded, d.spent("refunded", "refunded in full at the gateway")
	case d.Record.Status == payment.Declined && d.mismatch == "":
		s.Decline = billing.Settle(d.attempt, d.answer(), d.standing(), p, effective, now).Decline
	}
	return d.adopt(as, s, false, d.invoice()+" stays "+d.status.Words())
}

// spent ends the attempt without money, and leaves the invoice.
func (d *drafted) spent(code, message string) billing.Settlement {
	s := billing.Unchanged(d.attempt)
	s.Attempt, s.Doubted, s.LookUp, s.Proof = billing.AttemptDeclined, false, false, billing.ProofLookUp
	s.Decline, s.Message, s.TryLaterSince = payment.Decline{Code: code}, message, time.Time{}
	return d.identified(s)
}

// aside leaves the attempt to an operator, and with it the invoice, unless that is closed or another attempt's.
func (d *drafted) aside(why string) Adoption {
	if d.status == billing.Uncollectible {
		return d.orphan(&d.attempt, "%s", why)
	}
	return d.adopt(Review, d.identified(billing.ToReview(d.attempt, why)), d.open, why)
}

// notShown leaves a charge to an operator that the gateway does not know any more, and with it the invoice, unless that is
// closed. The payment's id is not stored: nothing but a list says that there is such a payment, and who asks by it would be
// told for ever that it is unknown.
func (d *drafted) notShown() Adoption {
	why := fmt.Sprintf("gateway %s listed payment %s (%s) and does not know it now", d.Gateway, payment.Cut(d.Record.ID, billing.MaxQuoted), d.Record.Status)
	return d.adopt(NotShown, billing.ToReview(d.attempt, why), d.open, why)
}

// orphan keeps a charge that no invoice asks for: beside its invoice where it has one, so that its number is passed
// over. attempt is the one to write; nil: none.
func (d *drafted) orphan(attempt *billing.Attempt, format string, args ...any) Adoption {
	r := d.Record
	why := fmt.Sprintf(format, args...)
	a := Adoption{As: Orphan, Detail: payment.Cut(why, billing.MaxText)}
	a.ChargedTwice = d.own != nil && attempt == nil || d.status == billing.Paid || d.rival(billing.AttemptSucceeded) != nil
	if attempt == nil || attempt.Charge.Money.Amount <= 0 {
		return a
	}
	s := billing.ToReview(*attempt, fmt.Sprintf("payment %s took %s: %s", r.ID, r.Money, why))
	a.Attempt, a.Settlement = attempt, d.identified(s)
	return a
}

// proven reports whether the payment is of our charge, whatever it took. The id of one that is not is never stored as ours.
func (d *drafted) proven() bool {
	c, r := d.attempt.Charge, d.Record
	return r.Key == c.Key && r.Reference == c.Reference && r.IsOf(c.CustomerID)
}

// identified stores the payment's id with s, where none is stored and it is ours.
func (d *drafted) identified(s billing.Settlement) billing.Settlement {
	if s.PaymentID == "" && d.proven() {
		s.PaymentID = payment.Cut(d.Record.ID, billing.MaxText)
	}
	return s
}

// Events are those that tell of the adoption.
func (a Adoption) Events() []billing.Event {
	switch a.As {
	case Orphan, Review, NotShown: // an operator is told, also where the invoice stays as it is
		return a.Settlement.Events
	case Paid, Declined, InDoubt, Refunded, Known:
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
		p.Invoice = &PeriodInvoice{a.Attempt.Invoice, billing.Open}
	}
	if a.Moves {
		inv := *p.Invoice
		inv.Status, inv.Stage, inv.FirstDeclined, inv.TryLaterSince = s.Invoice, s.Stage, s.FirstDeclined, s.TryLaterSince
		if inv.Dunning = s.Dunning; len(s.RetryDays) > 0 {
			inv.RetryDays = s.RetryDays
		}
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
