package orders

import (
	"errors"
	"fmt"
	"time"

	"duly/internal/payment"
	"duly/internal/text"
)

// Failure codes of payments that an operator closed. They stand for the gateway's word: such a payment is not
// asked about again.
const (
	FailureNotExecuted = "not_executed"
	FailureIgnored     = "ignored"
)

// Check is duly's own bookkeeping on an order.
type Check struct {
	Checks   int
	Next     time.Time // zero: not planned
	At       time.Time // of the last one; zero: none yet
	Reason   string    // why the order is frozen for an operator; empty: it is not
	Run      uint64    // that has claimed it; 0: none
	RunLives bool
	// Patience is, by payment, what look-ups have brought that decides nothing.
	Patience map[uint64]payment.Patience

	RefundTries int
	RefundNext  time.Time // zero: not planned
	RefundSince time.Time // zero: none is due
}

// Reviewed is a payment that an operator decides about, as locked, with its order.
type Reviewed struct {
	Payment

	Order      Order
	Payments   []Payment // all of the order
	Reason     string    // why the order is frozen; empty: it is not
	Guarantees Guarantees
}

// Resolution is what an operator's word changes.
type Resolution struct {
	// Change is what becomes of the payment; no To: it stays as it is.
	Change Change
	// Reason is why the order stays frozen: another payment of it is in review. Empty: the next reconcile
	// checks the order, at once.
	Reason string
	Events []payment.Event
}

// Charge is what was charged for p, a payment of o: a gateway's record is p's only if it is of this.
func (p Payment) Charge(o Order) payment.Charge {
	return payment.Charge{Key: p.Key, Reference: o.Reference(), CustomerID: o.CustomerID, Money: p.Money}
}

// Changed names what of the payment is not any more as it was when its gateway was asked about it; empty: nothing.
func (r Reviewed) Changed(seen Payment, charge payment.Charge) string {
	switch {
	case r.Gateway != seen.Gateway:
		return "gateway"
	case r.TransactionKey != seen.TransactionKey:
		return "transaction_key"
	case !r.CreatedAt.Equal(seen.CreatedAt):
		return "created_at"
	case r.Charge(r.Order) != charge:
		return "idempotency_key, amount or customer_id"
	}
	return ""
}

// Resolve says what follows when an operator settles r in the given way, for that reason. e is what the gateway says: of
// the payment that the operator names for AsPaid, of the row's own charge for the others. The error says in one line
// why not, and what to type next.
//
//   - Only a payment in review can be resolved, or one of a frozen order that is recorded as succeeded or of which no word of
//     the gateway is recorded: what nothing controls is listed so, with this command.
//   - Paid needs a payment that succeeded, was not refunded, and is of the recorded amount and currency; for an
//     order that is still open it must be all that the order asks for. The money is kept only if the order is, or
//     can still be, completed (I9).
//   - Not executed is believed only if the gateway proves it by the charge's own key, or cannot say, and then on the
//     operator's recorded word; and not before the last request can have taken effect. So is refunded.
//   - Where the gateway is not configured nobody knows how long a request may take, so that neither is believed.
//   - Ignored closes a payment without a word on its money.
func Resolve(r Reviewed, as payment.Resolution, reason string, e payment.Evidence) (Resolution, error) {
	if err := r.Takes(as); err != nil {
		return Resolution{}, err
	}
	if !r.resolvable() {
		return Resolution{}, fmt.Errorf("payment %[1]d is %[2]s: only one in review can be resolved, or one without the gateway's word whose order is: duly show order %[3]d",
			r.ID, r.Status, r.OrderID)
	}
	out := Resolution{Reason: r.stays()}
	text := string(as) + ": " + reason
	var err error
	switch as {
	case payment.AsPaid:
		out.Change, err = r.paid(e.Named)
	case payment.AsNotExecuted:
		out.Change, err = r.notExecuted(e, text)
	case payment.AsRefunded:
		if out.Change, err = r.refunded(e, text); err == nil {
			out.Events = []payment.Event{RefundCompleted(r.Order, r.Payment, out.Change.Refunded, text)}
		}
	case payment.AsIgnored:
		if r.Status != PaymentSucceeded {
			out.Change = r.closed(PaymentFailed, FailureIgnored, text)
		}
	case payment.AsPaidOutside, payment.AsVoid, payment.AsUncollectible, payment.AsApproved, payment.AsCancelled:
	default:
		err = fmt.Errorf("%q is no way to resolve a payment", as)
	}
	if err != nil {
		return Resolution{}, err
	}
	return out, nil
}

// Takes says whether a way to resolve is one of a payment's, before anybody is asked; the error says what is right.
func (p Payment) Takes(as payment.Resolution) error {
	switch as {
	case payment.AsPaidOutside:
		return fmt.Errorf("payment %d is a charge at a gateway: --as not_executed, once it took nothing; order %d is completed in the shop", p.ID, p.OrderID)
	case payment.AsVoid, payment.AsUncollectible, payment.AsApproved, payment.AsCancelled:
		return fmt.Errorf("payment %d is of an order, not of an invoice: --as not_executed if nothing was taken, refunded if it was refunded, else ignored", p.ID)
	case payment.AsPaid, payment.AsNotExecuted, payment.AsRefunded, payment.AsIgnored:
	}
	return nil
}

// Waiting lists the payments of an order that an operator may settle: those that [Resolve] takes.
func Waiting(list []Payment, c Check) []Payment {
	var waiting []Payment
	for _, p := range list {
		if (Reviewed{Payment: p, Reason: c.Reason}).resolvable() {
			waiting = append(waiting, p)
		}
	}
	return waiting
}

// Through says which payment of an order an operator's word about the order settles: the only one that waits. The error says in
// one line what is right instead.
func Through(id uint64, list []Payment, c Check, as payment.Resolution) (Payment, error) {
	switch as {
	case payment.AsPaidOutside:
		return Payment{}, fmt.Errorf("order %d is the shop's: complete it there, then duly requeue order %d; its payment ends --as not_executed, once it took nothing", id, id)
	case payment.AsVoid, payment.AsUncollectible, payment.AsApproved, payment.AsCancelled:
		return Payment{}, fmt.Errorf("order %d is no invoice: --as not_executed if nothing was taken, refunded if it was refunded, else ignored", id)
	case payment.AsPaid, payment.AsNotExecuted, payment.AsRefunded, payment.AsIgnored:
	}
	waiting := Waiting(list, c)
	switch {
	case len(waiting) == 1:
		return waiting[0], nil
	case len(waiting) > 1:
		word := string(as)
		if as == payment.AsPaid {
			word += " GATEWAY_ID"
		}
		return Payment{}, fmt.Errorf("%s, each for a word of its own: duly resolve payment %d --as %s --reason … first", are(waiting, "waits", "wait"), waiting[0].ID, word)
	case c.Reason != "":
		return Payment{}, fmt.Errorf("order %d waits for no payment: fix what it says, then duly requeue order %d", id, id)
	}
	return Payment{}, fmt.Errorf("order %d is not in review: duly show order %d", id, id)
}

// resolvable reports whether an operator may settle r: it is in review, or its order is frozen and nothing final is recorded
// about it.
func (r Reviewed) resolvable() bool {
	frozen := r.Reason != "" && (r.Status == PaymentPending || r.Status == PaymentSucceeded || r.unconfirmed())
	return r.Status == PaymentReview || frozen
}

// stays is why the order stays frozen.
func (r Reviewed) stays() string {
	for _, p := range r.Payments {
		if p.ID != r.ID && p.Status == PaymentReview {
			return otherwise(r.Reason, fmt.Sprintf("payment %d is in review", p.ID))
		}
	}
	return ""
}

// closed ends r. A payment that the shop cancelled stays cancelled.
func (r Reviewed) closed(to PaymentStatus, code, text string) Change {
	if r.Status == PaymentCancelled && to == PaymentFailed {
		to = PaymentCancelled
	}
	return Change{ID: r.ID, To: to, FailureCode: code, FailureReason: cut(text)}
}

func (r Reviewed) paid(seen payment.LookupResult) (Change, error) {
	p := seen.Payment
	switch {
	case p == nil && !seen.Absent && !seen.Unaskable:
		return Change{}, fmt.Errorf("the gateway could not be asked (%s): try again", seen.Reason)
	case seen.Unaskable:
		return Change{}, errors.New("this gateway cannot be asked for that payment, so it cannot be booked")
	case p == nil:
		return Change{}, errors.New("the gateway knows no such payment: give the gateway's own id of the payment")
	case p.Status != payment.Succeeded:
		return Change{}, fmt.Errorf("the gateway says that payment %s is %s, not succeeded", p.ID, p.Status)
	case p.Impossible() != "":
		return Change{}, fmt.Errorf("the gateway shows payment %s with %s: ask the provider", p.ID, p.Impossible())
	case p.RefundedInFull():
		return Change{}, fmt.Errorf("%s of payment %s was refunded: --as refunded", payment.Money{Amount: p.Refunded, Currency: p.Money.Currency}, p.ID)
	case p.Money != r.Money:
		return Change{}, fmt.Errorf("payment %s is of %s, and %s are recorded: give it back, then --as refunded", p.ID, p.Money, r.Money)
	}
	if other := payment.OtherSubject(p.Reference, Reference(r.OrderID)); other != "" {
		return Change{}, fmt.Errorf("payment %s was made for %s, not for order %d: settle that, or give the payment back", p.ID, other, r.OrderID)
	}
	if why := r.unfit(p); r.Order.Status.Open() && why != "" {
		return Change{}, fmt.Errorf("payment %s cannot complete order %d (%s): complete the order in the shop first, or give the payment back, then --as refunded", p.ID, r.Order.ID, why)
	}
	c := Change{ID: r.ID, To: r.keeps(), Refunded: p.Refunded}
	if id := payment.Cut(p.ID, maxText); id != r.TransactionKey {
		c.TransactionKey = id
	}
	return c, nil
}

// unfit says why p is not all that the order asks for; the next reconcile would find the same.
func (r Reviewed) unfit(p *payment.Payment) string {
	switch foreign := (Checked{Payment: r.Payment}).foreign(p); {
	case foreign != "":
		return foreign + " is not ours"
	case !p.IsOf(r.Order.CustomerID):
		return "customer_id is not ours"
	case p.Refunded != 0:
		return "a part of it was refunded"
	case p.Money != r.Order.Money:
		return "the order is " + r.Order.Money.String()
	}
	return ""
}

// keeps is what becomes of a payment that was taken: a reconcile does not come by an order that has ended.
func (r Reviewed) keeps() PaymentStatus {
	switch r.Order.Status {
	case OrderFailed, OrderCancelled:
		return PaymentRefundDue
	case OrderCompleted:
		for _, p := range r.Payments {
			if p.ID != r.ID && p.Status == PaymentSucceeded {
				return PaymentRefundDue
			}
		}
	case OrderPending, OrderInProgress:
	}
	return PaymentSucceeded
}

func (r Reviewed) notExecuted(e payment.Evidence, note string) (Change, error) {
	c := r.closed(PaymentFailed, FailureNotExecuted, note)
	inferred, p, why := e.NotExecuted(r.Charge(r.Order), r.TransactionKey)
	switch inferred {
	case payment.InferTaken:
		return Change{}, fmt.Errorf("%s: duly resolve payment %d --as paid %s --reason …, or give it back and --as refunded", why, r.ID, text.Word(p.ID, "PAYMENT_ID"))
	case payment.InferAgain:
		return Change{}, fmt.Errorf("%s: try again, or duly resolve payment %d --as ignored --reason …, which closes it", why, r.ID)
	case payment.InferEnded:
		c.FailureCode = RefundCode(payment.LookupResult{Payment: p})
		return c, nil
	case payment.InferAbsent, payment.InferNothing:
	}
	return c, r.over(e, payment.AsNotExecuted)
}

// over makes sure that no request for r could take effect any more when the gateway was asked.
func (r Reviewed) over(e payment.Evidence, as payment.Resolution) error {
	if !r.Guarantees.Known {
		return fmt.Errorf("how long a request for payment %d may be on its way is not configured here: type it where gateways.%s is configured", r.ID, r.Gateway)
	}
	if left := r.CreatedAt.Add(r.Guarantees.KeyLife + r.Guarantees.Longest).Sub(e.Begun); left >= 0 {
		return fmt.Errorf("a request for payment %d may still arrive: try again in %s: duly resolve payment %d --as %s --reason …", r.ID, payment.Wait(left), r.ID, as)
	}
	return nil
}

func (r Reviewed) refunded(e payment.Evidence, text string) (Change, error) {
	c := r.closed(PaymentRefunded, "", text)
	c.Refunded = r.Money.Amount
	p, unknown, why := e.Given(r.Charge(r.Order), r.TransactionKey)
	switch {
	case unknown:
		return c, r.over(e, payment.AsRefunded)
	case p == nil:
		return Change{}, errors.New(why)
	case p.Refunded < p.Money.Amount:
		return Change{}, fmt.Errorf("the gateway says that payment %s is %s, and nothing was taken: duly resolve payment %d --as not_executed --reason …", p.ID, p.Status, r.ID)
	}
	c.Refunded = p.RefundOf(r.Money.Amount)
	if r.TransactionKey == "" && (Checked{Payment: r.Payment}).foreignTo(r.Order, p) == "" {
		c.TransactionKey = payment.Cut(p.ID, maxText)
	}
	return c, nil
}

// Requeue says whether an order can be made due again: checked, and its refunds tried, at once. An order that was
// frozen for a reason of its own is so released, once what was wrong is fixed. The error says in one line
// why not, and what to do instead.
func Requeue(o Order, payments []Payment, c Check) error {
	if c.Run != 0 && c.RunLives {
		return fmt.Errorf("order %d is in the hands of run %d: requeue it once that has ended", o.ID, c.Run)
	}
	open := o.Status.Open() || c.Reason != ""
	for _, p := range payments {
		if p.Status == PaymentReview {
			return fmt.Errorf("payment %d of order %d is in review: duly resolve payment %d --as … first", p.ID, o.ID, p.ID)
		}
		open = open || p.Status == PaymentPending || p.Status == PaymentRefundDue || p.unconfirmed()
	}
	if !open {
		return fmt.Errorf("order %d is %s, and nothing of it is open: there is nothing to check", o.ID, o.Status)
	}
	return nil
}
