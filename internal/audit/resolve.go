package audit

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"duly/internal/payment"
	"duly/internal/text"
)

// Evidence is what an operator's word about a finding is checked by: the rows of ours that it is about, as they are now, and
// what the gateway says of each payment that Questions names, in their order.
type Evidence struct {
	Rows   []Ours
	Sights []payment.LookupResult
}

// Question is a payment that a gateway is asked about.
type Question struct {
	Gateway string
	Which   payment.Ref
}

// Questions says which payments are asked about: the one that the finding names, and of a reference that was paid more than
// once each payment that a row keeps.
func Questions(f Finding, rows []Ours) []Question {
	var all []Question
	switch {
	case f.GatewayPaymentID != "":
		all = []Question{{f.Detail.Gateway, payment.Ref{ID: f.GatewayPaymentID}}}
	case f.Kind != ChargedTwice:
		all = []Question{{f.Detail.Gateway, payment.Ref{Key: f.Detail.Key}}}
	}
	if f.Kind != ChargedTwice {
		return all
	}
	for _, o := range rows {
		all = append(all, Question{o.Gateway, o.Which()})
	}
	return all
}

// Takes says whether a way to resolve is one of a finding's; the error says what is right.
func Takes(id uint64, as payment.Resolution) error {
	if !as.OfInvoice() {
		return nil
	}
	return fmt.Errorf("finding %d is a difference, not an invoice: --as paid, not_executed or refunded if both sides say so, else ignored", id)
}

// Resolve says whether an operator's word about a finding is believed. The error says in one line why not, and what to do
// instead. To ignore a finding needs no more than a reason.
func Resolve(f Finding, as payment.Resolution, e Evidence) error {
	if as == payment.AsIgnored {
		return nil
	}
	for _, s := range e.Sights {
		switch {
		case s.Unaskable:
			return fmt.Errorf("gateway %s cannot be asked about it (%s): once the provider's own page shows it, --as ignored", f.Detail.Gateway, s.Reason)
		case s.Payment == nil && !s.Absent:
			return fmt.Errorf("gateway %s could not be asked (%s): try again", f.Detail.Gateway, s.Reason)
		}
	}
	if f.Kind == ChargedTwice && f.GatewayPaymentID == "" {
		return resolveDoubled(as, e)
	}
	if f.unconfirmed() && as == payment.AsNotExecuted && len(e.Sights) > 0 && e.Sights[0].Absent {
		return nil
	}
	if len(e.Sights) == 0 || e.Sights[0].Absent {
		return errors.New("the gateway knows no such payment, which proves nothing of it: ask the provider; --as ignored closes the finding")
	}
	p := *e.Sights[0].Payment
	if want := f.GatewayPaymentID; want != "" && p.ID != want {
		return fmt.Errorf("the gateway answers with payment %s when it is asked about %s: ask the provider", p.ID, want)
	}
	switch as {
	case payment.AsRefunded:
		if err := unlessKept(f, p, e); err != nil {
			return err
		}
		return believeRefunded(p)
	case payment.AsNotExecuted:
		return believeNotExecuted(p, e.Rows)
	case payment.AsPaid:
		return believePaid(f, p, e.Rows)
	case payment.AsIgnored, payment.AsPaidOutside, payment.AsVoid, payment.AsUncollectible, payment.AsApproved, payment.AsCancelled:
	}
	return fmt.Errorf("%q is no way to resolve a finding", as)
}

// resolveDoubled decides about a reference that several rows of ours say was paid: all but one must be refunded.
func resolveDoubled(as payment.Resolution, e Evidence) error {
	if as != payment.AsRefunded {
		return errors.New("money was taken more than once: give all but one payment back, then --as refunded")
	}
	var keep []string
	for _, s := range e.Sights {
		switch {
		case s.Absent:
			return errors.New("the gateway does not know one of the payments, which proves nothing of it: ask the provider; --as ignored closes the finding")
		case mayKeep(*s.Payment):
			keep = append(keep, s.Payment.ID)
		}
	}
	if len(keep) > 1 {
		return fmt.Errorf("the gateway keeps the money of %s: give all but one of them back first", strings.Join(keep, " and "))
	}
	return nil
}

// unlessKept refuses that a payment was refunded which a row of ours is paid by, and that one of two was of which the other is not
// there: then the customer has paid nothing, and a row says that he has.
func unlessKept(f Finding, p payment.Payment, e Evidence) error {
	if f.Kind != UnknownHere && f.Kind != ChargedTwice {
		return nil // the finding is of the very row that says paid
	}
	for _, o := range e.Rows {
		if o.Kept() && o.has(f.Detail.Gateway, p.ID) {
			return fmt.Errorf("%s is paid by payment %s: it is not to be refunded; --as paid closes a finding that nobody knew it, --as ignored any", o.Row.words(), p.ID)
		}
	}
	if f.Kind != ChargedTwice || len(e.Rows) == 0 || len(e.Sights) != 1+len(e.Rows) {
		return nil
	}
	f.Detail.Text = "payment " + p.ID + " was the second one"
	if beside, _ := f.Beside(e.Rows, e.Sights[1:]); beside.Detail.Kept != "" {
		return fmt.Errorf("%s: ask the provider which of them took the money; --as ignored closes the finding", beside.Detail.Text)
	}
	return nil
}

func believeRefunded(p payment.Payment) error {
	switch {
	case p.HoldsNothing():
		return nil
	case p.Impossible() != "":
		return fmt.Errorf("the gateway shows payment %s with %s: ask the provider; --as ignored closes the finding", p.ID, p.Impossible())
	case p.Status == payment.Declined:
		return fmt.Errorf("the gateway says that payment %s was declined, so there was nothing to refund: --as not_executed", p.ID)
	}
	return fmt.Errorf("the gateway says that payment %s is %s, %s of %s refunded: refund all of it first", p.ID, p.Status,
		payment.Money{Amount: p.Refunded, Currency: p.Money.Currency}, p.Money)
}

func believeNotExecuted(p payment.Payment, rows []Ours) error {
	if p.Status != payment.Declined && p.Status != payment.Canceled {
		return fmt.Errorf("the gateway says that payment %s is %s: give it back, then --as refunded", p.ID, p.Status)
	}
	for _, o := range rows {
		if o.Standing == Paid {
			return fmt.Errorf("the gateway took nothing by payment %s, and %s says %s: fix that first, or --as ignored", p.ID, o.Row.words(), o.Status)
		}
	}
	return nil
}

// believePaid needs a payment that the gateway keeps, and a row of ours that says the same of it.
func believePaid(f Finding, p payment.Payment, rows []Ours) error {
	switch {
	case f.Kind == ChargedTwice:
		return fmt.Errorf("payment %s was taken for what is paid already: give it back, then --as refunded", p.ID)
	case p.Impossible() != "":
		return fmt.Errorf("the gateway shows payment %s with %s: ask the provider; --as ignored closes the finding", p.ID, p.Impossible())
	case p.Status != payment.Succeeded || p.Refunded != 0:
		return fmt.Errorf("the gateway says that payment %s is %s, %s of %s refunded", p.ID, p.Status,
			payment.Money{Amount: p.Refunded, Currency: p.Money.Currency}, p.Money)
	case len(rows) == 0:
		return fmt.Errorf("no row here has payment %s: settle the row that it was for as paid (duly adopt %s, duly resolve attempt ID %s --as paid), or give it back, then --as refunded",
			p.ID, text.Word(f.Detail.Gateway, "NAME"), text.Word(p.ID, "PAYMENT_ID"))
	}
	for _, o := range rows {
		if f.Kind == BookedTwice {
			if o.Standing == Paid && strings.EqualFold(o.GatewayID, p.ID) {
				return fmt.Errorf("%s still has payment %s beside the other row: fix that first, or --as ignored", o.Row.words(), p.ID)
			}
			continue
		}
		if o.Standing != Paid {
			return fmt.Errorf("%s says %s, and the gateway has the money: settle that row first, or give the payment back, then --as refunded", o.Row.words(), o.Status)
		}
		if still, differs := Compare(o, p); differs {
			return fmt.Errorf("%s and payment %s still differ: %s", o.Row.words(), p.ID, still.Detail.Text)
		}
		if still, differs := Unsettle(o); differs {
			return fmt.Errorf("%s is %s: complete the order, or give the payment back, then --as refunded", o.Row.words(), still.Detail.Text)
		}
	}
	return nil
}

// words is what people call the row.
func (r Row) words() string { return strings.Replace(r.String(), ":", " ", 1) }

// ParseRow reads what Row.String wrote; false: it names no row.
func ParseRow(name string) (Row, bool) {
	kind, number, _ := strings.Cut(name, ":")
	id, err := strconv.ParseUint(number, 10, 64)
	switch {
	case err != nil || id == 0:
		return Row{}, false
	case kind == "attempt":
		return Row{Attempts, id}, true
	case kind == "payment":
		return Row{Payments, id}, true
	}
	return Row{}, false
}

// declinedAtGateway reports whether an attempt is succeeded here, and declined at its gateway.
func (f Finding) declinedAtGateway() bool {
	row, ok := ParseRow(f.Detail.Row)
	return ok && row.Table == Attempts && f.Kind == StatusDiffers && f.Detail.Here == "succeeded" && f.Detail.There == string(payment.Declined)
}

// Command is what an operator types to close an open finding, once what Next says is done.
func Command(id uint64, f Finding) string {
	as := payment.AsIgnored
	if f.unconfirmed() || f.declinedAtGateway() {
		return fmt.Sprintf("duly resolve finding %d --as %s --reason …", id, payment.AsNotExecuted)
	}
	switch f.Kind {
	case ChargedTwice:
		if f.Detail.Kept != keptMissing {
			as = payment.AsRefunded
		}
	case UnknownHere:
		as = payment.AsRefunded
	case AmountDiffers, StatusDiffers, OrderUnsettled, BookedTwice, NotListed:
		as = payment.AsPaid
	case UnknownThere:
	}
	return fmt.Sprintf("duly resolve finding %d --as %s --reason …", id, as)
}

// Next is the command that closes an open finding, and what must be done before.
func Next(id uint64, f Finding) string {
	command := Command(id, f)
	if f.unconfirmed() {
		return fmt.Sprintf("%s, once the provider has said that there is no such payment; or --as refunded, once gateway %s knows it by its id and has given it back", command, text.Line(f.Detail.Gateway))
	}
	if f.declinedAtGateway() {
		return command + ", once duly reopen invoice ID has its invoice charged again; the gateway is asked first"
	}
	switch f.Kind {
	case ChargedTwice:
		switch f.Detail.Kept {
		case keptMissing:
			return command + ", once the provider has said which of them took the money: what gateway " + text.Line(f.Detail.Gateway) + " has may be all that was paid, so give nothing back before"
		case keptUnchecked:
			return fmt.Sprintf("%s, once the provider's page shows both payments and the second one is refunded at gateway %s", command, text.Line(f.Detail.Gateway))
		}
		return fmt.Sprintf("%s, once the second payment is refunded at gateway %s", command, text.Line(f.Detail.Gateway))
	case UnknownHere:
		return fmt.Sprintf("%s, once it is refunded at gateway %s; or, if its key is one of duly's, duly adopt %s", command, text.Line(f.Detail.Gateway), text.Word(f.Detail.Gateway, "NAME"))
	case OrderUnsettled:
		return command + ", once the order is completed; or --as refunded, once the payment is refunded"
	case AmountDiffers, StatusDiffers:
		return command + ", once both sides agree; or --as refunded, once the payment is refunded"
	case BookedTwice:
		return command + ", once only one row has the payment"
	case NotListed:
		return command + ", once the provider has said why its list lacks the payment"
	case UnknownThere:
	}
	return command + ", once the provider has said what became of it"
}
