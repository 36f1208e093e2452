package adoption

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"duly/internal/billing"
	"duly/internal/payment"
)

// As is what a charge that nothing here accounted for became. unknown_charges.adopted_as holds it.
type As string

// What a charge is adopted as.
const (
	// Paid: it paid its invoice.
	Paid As = "paid"
	// Declined: its attempt is recorded as declined. The gateway has no money for it.
	Declined As = "declined"
	// InDoubt: its attempt is recorded, and the gateway has not decided it yet.
	InDoubt As = "in_doubt"
	// Refunded: all of it was refunded at the gateway. Its period is closed, and not charged.
	Refunded As = "refunded"
	// Review: its attempt waits for an operator, and its period is not charged before.
	Review As = "review"
	// Orphan: the gateway has money that no invoice asks for. A finding stays open until it is refunded.
	Orphan As = "orphan"
	// Known: the tables account for it by now. Nothing is changed.
	Known As = "known"
	// NotShown: the gateway listed it once and does not know it now. Its attempt waits for an operator, and its period
	// is not charged before. If it is listed again it is unknown again.
	NotShown As = "not_shown"
)

// Unadopted is a charge that a gateway has under a key of ours, with all that the rules read of its period.
type Unadopted struct {
	Gateway string
	Terms   billing.Terms    // what its attempt is recorded under; Account is where the gateway has it
	Prefix  string           // that the gateway's keys begin with
	Charge  billing.ChargeID // what its key names
	Record  payment.Payment  // as the gateway shows it now
	// Denied: the gateway, which shows other payments, does not know it now. Record is what it listed.
	Denied bool
	Date   payment.Date // the business date on which the gateway made it; zero: not known
	Booked string       // the row that the payment is booked for, such as attempt 7; empty: none
	Period Period
}

// Period is what the tables hold of a subscription's due date.
type Period struct {
	Subscription *billing.Subscription // nil: its row is gone
	Invoice      *PeriodInvoice        // nil: none was made
	Attempts     []PeriodAttempt       // of the invoice, and the one under the charge's key
}

// PeriodInvoice is an invoice and its status.
type PeriodInvoice struct {
	billing.Invoice

	Status billing.InvoiceStatus
}

// PeriodAttempt is an attempt in any status.
type PeriodAttempt struct {
	billing.Attempt

	Status   billing.AttemptStatus
	Run      uint64
	RunLives bool // its run has not ended
}

func (a PeriodAttempt) unsettled() bool {
	return a.Status == billing.AttemptInFlight || a.Status == billing.AttemptInDoubt
}

// Adoption is what adopting a charge changes.
type Adoption struct {
	As     As
	Detail string // for people: what becomes of it, and why

	// NewInvoice is the invoice to insert first; nil: none.
	NewInvoice *NewInvoice
	// Attempt is the attempt to write, by its ID, or as a new row where it has none; nil: none is written.
	Attempt    *billing.Attempt
	Settlement billing.Settlement // of Attempt
	// Moves: the invoice follows Settlement. Else only its number of attempts changes.
	Moves bool
	// ChargedTwice: the finding that stays open is that the period was paid already; else that the charge is unknown here.
	ChargedTwice bool
}

// NewInvoice is an invoice of a period that the tables know nothing of.
type NewInvoice struct {
	Money  payment.Money
	Issued payment.Date
}

// Decide says what becomes of u. It is settled by the rules of every attempt, see [billing.Settle], as what a look-up by
// its key found; effective and now are those of the settlement. The error says in one line why it cannot be adopted
// yet, and what to do instead.
//
//   - A period is paid once. What the gateway keeps beside that, or for a period that is void, is an orphan.
//   - Where another attempt of the invoice may have taken money too, an operator decides.
//   - A decline moves the invoice only if it is the newest attempt of an open one. Every number is recorded, so that no
//     later attempt is given it again.
//   - What the gateway does not show any more may have taken money or not: an operator decides.
//   - Money, customer and reference must be those of the charge that duly makes for the period.
func Decide(u Unadopted, p billing.Policy, effective payment.Date, now time.Time) (Adoption, error) {
	d := draft(u)
	if s := u.Period.Subscription; s != nil {
		p = p.Of(s.DunningPolicy)
	}
	if own := d.own; own != nil {
		if own.Status == billing.AttemptInFlight && own.RunLives {
			return Adoption{}, fmt.Errorf("attempt %d is in flight in run %d: duly run billing --step recover takes it over if the run is dead, else type this again once it has ended", own.ID, own.Run)
		}
		if a, accounted := d.accounted(); accounted {
			return a, nil
		}
	}
	switch {
	case u.Period.Invoice == nil && u.Period.Subscription == nil && d.keeps:
		return d.orphan(nil, "there is no subscription %d", u.Charge.Subscription), nil
	case u.Period.Invoice == nil && u.Period.Subscription == nil:
		return Adoption{As: Known, Detail: fmt.Sprintf("no money was taken, and there is no subscription %d", u.Charge.Subscription)}, nil
	}
	d.begin(effective, now)
	if u.Denied {
		return d.notShown(), nil
	}
	if !d.keeps {
		return d.nothingTaken(p, effective, now), nil
	}
	return d.taken(p, effective, now), nil
}

// drafted is an adoption that is being decided.
type drafted struct {
	Unadopted

	own    *PeriodAttempt  // under the charge's key
	others []PeriodAttempt // of the invoice
	keeps  bool            // the gateway has money for it, or may yet get some

	attempt  billing.Attempt       // to be settled
	status   billing.InvoiceStatus // Open for an invoice that is to be made
	open     bool                  // the invoice waits for this attempt, or for the next one
	mismatch string                // the field in which the record is not the charge
	asked    payment.Money         // what the charge was to take
	issue    *NewInvoice
}

func draft(u Unadopted) *drafted {
	d := &drafted{Unadopted: u}
	for i, a := range u.Period.Attempts {
		if a.Charge.Key == u.Record.Key {
			d.own = &u.Period.Attempts[i]
		} else {
			d.others = append(d.others, a)
		}
	}
	r := u.Record
	d.keeps = r.Status == payment.Pending || r.Status == payment.Succeeded && !r.RefundedInFull()
	return d
}

// accounted says what becomes of a charge that the attempt under its key speaks of already.
func (d *drafted) accounted() (Adoption, bool) {
	own, same := d.own, d.own.PaymentID == d.Record.ID
	switch own.Status {
	case billing.AttemptSucceeded:
		if d.keeps && !same && own.PaymentID != "" {
			return d.orphan(nil, "attempt %d succeeded as payment %s under the same key", own.ID, own.PaymentID), true
		}
		return Adoption{As: Known, Detail: fmt.Sprintf("attempt %d succeeded", own.ID)}, true
	case billing.AttemptReview:
		if d.keeps && !same && own.PaymentID != "" {
			return d.orphan(nil, "attempt %d waits for an operator as payment %s under the same key", own.ID, own.PaymentID), true
		}
		return Adoption{As: Review, Detail: fmt.Sprintf("attempt %d waits for an operator already", own.ID)}, true
	case billing.AttemptDeclined:
		if !d.keeps {
			return Adoption{As: Known, Detail: fmt.Sprintf("attempt %d was declined", own.ID)}, true
		}
	case billing.AttemptInFlight, billing.AttemptInDoubt, billing.AttemptReleased, billing.AttemptRejected:
	}
	return Adoption{}, false
}

// begin makes the attempt that is settled: the one under the key, or else one as duly makes it for the period.
func (d *drafted) begin(effective payment.Date, now time.Time) {
	inv := billing.Invoice{SubscriptionID: d.Charge.Subscription, Due: d.Charge.Due}
	d.status = billing.Open
	if d.Period.Invoice != nil {
		inv, d.status = d.Period.Invoice.Invoice, d.Period.Invoice.Status
	} else {
		inv.Money = d.Period.Subscription.Money
		inv.Money.Amount = max(inv.Money.Amount, 0)
		d.issue = &NewInvoice{Money: inv.Money, Issued: d.issued(effective)}
	}
	d.open = d.status == billing.Open || d.status == billing.Charging && d.own != nil && d.own.unsettled()
	charge := payment.Charge{
		Key: d.Record.Key, Reference: billing.Reference(d.Charge.Subscription, d.Charge.Due), Money: inv.Money,
		CustomerID: d.Record.CustomerID, GatewayCustomer: d.Record.GatewayCustomer,
	}
	if s := d.Period.Subscription; s != nil {
		charge.CustomerID, charge.Method, charge.MethodType, charge.Description = s.CustomerID, s.Method, s.MethodType, s.Description
		charge.GatewayCustomer = cmp.Or(d.Record.GatewayCustomer, s.GatewayCustomer)
	}
	charge.BodyVersion = payment.BodyVersion(charge.GatewayCustomer)
	made := now
	if at := d.Record.CreatedAt; !at.IsZero() && at.Before(now) {
		made = at
	}
	d.attempt = billing.Attempt{No: d.number(), Charge: charge, CreatedAt: made, SentBy: made, Terms: d.Terms}
	if d.own != nil {
		d.attempt = d.own.Attempt
		if d.own.Status == billing.AttemptReleased { // nothing of it was executed: it is taken up as it would be now
			d.attempt.Charge = charge
		}
		d.attempt.Terms.Account = d.Terms.Account
	}
	d.attempt.Gateway, d.attempt.Stage, d.attempt.Invoice = d.Gateway, inv.Stage, inv
	d.mismatch = d.attempt.Charge.Mismatch(d.Record)
	d.asked = d.attempt.Charge.Money
	if d.asked.Amount <= 0 { // an invoice that asks for nothing: the attempt is of what was taken
		d.attempt.Charge.Money = d.Record.Money
	}
}

// issued is the effective date on which the lost invoice was made, as far as it is known.
func (d *drafted) issued(effective payment.Date) payment.Date {
	if d.Date.IsZero() {
		return effective
	}
	return min(effective, max(d.Date, d.Charge.Due))
}

// number is that of a new attempt: the key's own, unless another attempt has it.
func (d *drafted) number() int {
	last, taken := 0, false
	for _, a := range d.others {
		last = max(last, a.No)
		taken = taken || a.No == d.Charge.N
	}
	if taken {
		return last + 1
	}
	return d.Charge.N
}

// newest reports whether no other attempt of the invoice has a later key.
func (d *drafted) newest() bool {
	for _, a := range d.others {
		if id, ok := billing.ParseKey(d.Prefix, a.Charge.Key); !ok || id.N > d.Charge.N {
			return false
		}
	}
	return true
}

// rival is another attempt of the invoice in one of the statuses; nil: none.
func (d *drafted) rival(statuses ...billing.AttemptStatus) *PeriodAttempt {
	for i, a := range d.others {
		if slices.Contains(statuses, a.Status) {
			return &d.others[i]
		}
	}
	return nil
}

// nothingTaken adopts a charge for which the gateway has no money: declined, cancelled, or refunded in full.
func (d *drafted) nothingTaken(p billing.Policy, effective payment.Date, now time.Time) Adoption {
	alone := d.rival(billing.AttemptInFlight, billing.AttemptInDoubt, billing.AttemptSucceeded, billing.AttemptReview) == nil
	full := d.Record.Status == payment.Succeeded && d.mismatch == ""
	switch {
	case full && alone && (d.open || d.status == billing.Review):
		return d.refunded()
	case full || !d.open || !alone || !d.newest():
		return d.recorded(p, effective, now)
	}
	return d.settle(p, effective, now)
}

// taken adopts a charge for which the gateway has money, or may yet get some.
func (d *drafted) taken(p billing.Policy, effective payment.Date, now time.Time) Adoption {
	r := d.Record
	if paid := d.rival(billing.AttemptSucceeded); paid != nil {
		return d.orphan(&d.attempt, "attempt %d paid invoice %d already", paid.ID, d.attempt.Invoice.ID)
	}
	if d.status == billing.Paid || d.status == billing.Void {
		return d.orphan(&d.attempt, "invoice %d is %s already", d.attempt.Invoice.ID, d.status)
	}
	if rival := d.rival(billing.AttemptInFlight, billing.AttemptInDoubt, billing.AttemptReview); rival != nil {
		return d.aside(fmt.Sprintf("attempt %d of the same invoice may have taken money too (%s)", rival.ID, rival.Status))
	}
	own := ""
	if d.own != nil {
		own = fmt.Sprintf("attempt %d", d.own.ID)
	}
	switch {
	case d.Booked != "" && d.Booked != own:
		return d.aside(fmt.Sprintf("payment %s is booked for %s", r.ID, d.Booked))
	case d.own != nil && d.own.unsettled() && d.own.PaymentID != "" && d.own.PaymentID != r.ID:
		return d.aside(fmt.Sprintf("the gateway gave the id %s for this key before, and has payment %s under it now", d.own.PaymentID, r.ID))
	case d.Period.Subscription == nil:
		return d.aside(fmt.Sprintf("payment %s took %s, and there is no subscription %d", r.ID, r.Money, d.Charge.Subscription))
	case d.mismatch != "":
		return d.aside(d.differs())
	case r.Refunded != 0 && r.Impossible() != "":
		return d.aside(fmt.Sprintf("the gateway shows payment %s with %s", r.ID, r.Impossible()))
	case r.Refunded != 0:
		return d.aside(fmt.Sprintf("payment %s: %s of %s was refunded at the gateway", r.ID, payment.Money{Amount: r.Refunded, Currency: r.Money.Currency}, r.Money))
	case r.Status == payment.Pending && !d.open:
		return d.aside(fmt.Sprintf("payment %s is pending, and invoice %d is %s", r.ID, d.attempt.Invoice.ID, d.status.Words()))
	}
	return d.settle(p, effective, now)
}

// differs says in which field the record is not the charge, with both values where they are money.
func (d *drafted) differs() string {
	r := d.Record
	switch d.mismatch {
	case "amount", "currency":
		return fmt.Sprintf("payment %s is %s, the invoice is %s", r.ID, r.Money, d.asked)
	case "reference":
		return fmt.Sprintf("payment %s has the reference %s, the key is of %s", r.ID, payment.Cut(r.Reference, billing.MaxQuoted), d.attempt.Charge.Reference)
	}
	return fmt.Sprintf("payment %s has another %s than the subscription", r.ID, d.mismatch)
}
