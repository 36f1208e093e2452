package billing

import (
	"errors"
	"fmt"
	"time"

	"duly/internal/payment"
	"duly/internal/text"
)

// Reviewed is an attempt that an operator decides about, as locked.
type Reviewed struct {
	Attempt

	Status        AttemptStatus
	Proof         Proof
	InvoiceStatus InvoiceStatus
	SettledAt     time.Time // zero: it is unsettled
	Lease         [16]byte  // of the claim that it was last worked on under
}

// Same reports whether a is still as it was when the gateway was asked about it.
func (a Reviewed) Same(seen Reviewed) bool {
	return a.Status == seen.Status && a.Lease == seen.Lease && a.Charge.Key == seen.Charge.Key && a.Gateway == seen.Gateway &&
		a.PaymentID == seen.PaymentID && a.Terms == seen.Terms && a.Checks == seen.Checks && a.Proof == seen.Proof &&
		a.CreatedAt.Equal(seen.CreatedAt) && a.SentBy.Equal(seen.SentBy) && a.SettledAt.Equal(seen.SettledAt)
}

// Word is what an operator says became of an attempt.
type Word struct {
	As     payment.Resolution
	Reason string
	// Counts: where the gateway cannot say whether the attempt was executed, the operator's word is taken for it.
	Counts bool
	// GiveUpAfter is for how long after its last request could take effect an attempt in doubt waits for the gateway,
	// before a word counts.
	GiveUpAfter time.Duration
}

// Resolution is what an operator's word changes.
type Resolution struct {
	Attempt        AttemptStatus
	Proof          Proof // what ended the attempt; empty: nothing is proven
	DeclineCode    string
	PaymentID      string
	RefundedAmount int64 // minor units of the payment that were refunded, for AttemptSucceeded
	Message        string
	// Invoice is the invoice's new status; empty: left as it is.
	Invoice        InvoiceStatus
	SubscriptionTo SubscriptionStatus // Active, for one that is past_due; else empty
	Events         []Event
}

// Resolve says what follows when an operator settles a in the given way. e is what the gateway says of the payment that the
// operator names for AsPaid, and of the attempt for the others; k is what the gateway declares, the zero Guarantees where it is
// not configured. The error says in one line why not, and what to type next.
//
//   - Attempts in review can be resolved, and those that ended without a proof. What is in flight is the gateway's to
//     decide (I5), and so is what is in doubt, until nothing can be found out about it any more.
//   - Paid needs a payment that succeeded, was not refunded in full, and is of the attempt's amount and currency.
//   - Not executed is believed only if the gateway proves it by the attempt's own key, or cannot say, and then on the
//     operator's recorded word; and not before the last request can have taken effect.
//   - Refunded needs the gateway's word where it can be asked.
func Resolve(a Reviewed, w Word, e payment.Evidence, k Guarantees) (Resolution, error) {
	if err := Resolvable(a, w.As); err != nil {
		return Resolution{}, err
	}
	r := Resolution{Attempt: a.Status, Proof: a.Proof, PaymentID: a.PaymentID, Message: cut(string(w.As)+": "+w.Reason, MaxText)}
	switch w.As {
	case payment.AsPaid:
		return r.paid(a, e.Named)
	case payment.AsNotExecuted:
		return r.notExecuted(a, w, e, k)
	case payment.AsRefunded:
		return r.refunded(a, e, k)
	case payment.AsIgnored:
		r.Attempt = AttemptRejected
		return r.ended(a), nil
	case payment.AsPaidOutside, payment.AsVoid, payment.AsUncollectible, payment.AsApproved, payment.AsCancelled:
	}
	return Resolution{}, fmt.Errorf("%q is no way to resolve an attempt", w.As)
}

// Takes says whether a way to resolve is one of an attempt's, before anybody is asked; the error says what is right.
func (a Reviewed) Takes(as payment.Resolution) error {
	if !as.OfInvoice() {
		return nil
	}
	return fmt.Errorf("attempt %d is a charge at a gateway, and ends as paid, not_executed, refunded or ignored: of its invoice type duly resolve invoice %d --as %s --reason …",
		a.ID, a.Invoice.ID, as)
}

// Resolvable says whether an operator may settle a in the given way, whatever the gateway says; the error says why not.
func Resolvable(a Reviewed, as payment.Resolution) error {
	if err := a.Takes(as); err != nil {
		return err
	}
	switch a.Status {
	case AttemptReview:
		return nil
	case AttemptRejected, AttemptDeclined:
		switch {
		case a.Status == AttemptDeclined && (a.past().ended() || a.InvoiceStatus != Review):
		case a.InvoiceStatus != Review:
			return fmt.Errorf("attempt %d was rejected, and its invoice %d is %s: there is nothing to resolve", a.ID, a.Invoice.ID, a.InvoiceStatus)
		default:
			return nil
		}
	case AttemptInDoubt:
		if as == payment.AsNotExecuted {
			return nil
		}
		return unsettled(a)
	case AttemptInFlight:
		return unsettled(a)
	case AttemptSucceeded, AttemptReleased:
	}
	return fmt.Errorf("attempt %d is %s, and its invoice %d is %s: only what is in review can be resolved; duly show invoice %d", a.ID, a.Status, a.Invoice.ID, a.InvoiceStatus, a.Invoice.ID)
}

func unsettled(a Reviewed) error {
	return fmt.Errorf("attempt %d is %s: the gateway decides it, not an operator; duly run billing --subscription %d asks", a.ID, a.Status, a.Invoice.SubscriptionID)
}

// past is a as the rules of keys read it.
func (a Reviewed) past() PastAttempt {
	return PastAttempt{ID: a.ID, No: a.No, Key: a.Charge.Key, Status: a.Status, Gateway: a.Gateway, Account: a.Terms.Account, Proof: a.Proof}
}

func (r Resolution) paid(a Reviewed, seen payment.LookupResult) (Resolution, error) {
	p := seen.Payment
	switch {
	case p == nil && !seen.Absent && !seen.Unaskable:
		return r, fmt.Errorf("the gateway could not be asked (%s): try again", seen.Reason)
	case seen.Unaskable:
		return r, errors.New("this gateway cannot be asked for that payment, so it cannot be booked")
	case p == nil:
		return r, errors.New("the gateway knows no such payment: give the gateway's own id of the payment")
	case p.Status != payment.Succeeded:
		return r, fmt.Errorf("the gateway says that payment %s is %s, not succeeded", p.ID, p.Status)
	case p.Impossible() != "":
		return r, fmt.Errorf("the gateway shows payment %s with %s: ask the provider", p.ID, p.Impossible())
	case p.RefundedInFull():
		return r, fmt.Errorf("%s of payment %s was refunded: --as refunded", payment.Money{Amount: p.Refunded, Currency: p.Money.Currency}, p.ID)
	case p.Money != a.Invoice.Money:
		return r, fmt.Errorf("payment %s is of %s, the invoice of %s: give it back, then --as refunded", p.ID, p.Money, a.Invoice.Money)
	}
	if other := payment.OtherSubject(p.Reference, a.Charge.Reference); other != "" {
		return r, fmt.Errorf("payment %s was made for %s, not for invoice %d: settle that, or give the payment back", p.ID, other, a.Invoice.ID)
	}
	r.Attempt, r.Proof, r.PaymentID, r.RefundedAmount = AttemptSucceeded, ProofOperator, cut(p.ID, MaxText), p.Refunded
	r.Invoice, r.SubscriptionTo = Paid, Active
	r.Events = []Event{invoicePaid(aboutAttempt(a.Attempt, r.PaymentID))}
	return r, nil
}

func (r Resolution) notExecuted(a Reviewed, w Word, e payment.Evidence, k Guarantees) (Resolution, error) {
	inferred, p, why := e.NotExecuted(a.Charge, a.PaymentID)
	switch inferred {
	case payment.InferTaken:
		return r, fmt.Errorf("%s: %s", why, a.instead(p.ID))
	case payment.InferAgain:
		if a.Status == AttemptInDoubt {
			return r, fmt.Errorf("%s: try again; duly run billing --subscription %d asks too", why, a.Invoice.SubscriptionID)
		}
		return r, fmt.Errorf("%s: try again, or duly resolve attempt %d --as ignored --reason …, which charges the period no more", why, a.ID)
	case payment.InferEnded:
		if a.Status == AttemptInDoubt {
			return r, fmt.Errorf("%s: duly run billing --subscription %d settles it", why, a.Invoice.SubscriptionID)
		}
		// The gateway may keep that answer under the key: the next attempt has another.
		r.Attempt, r.Proof, r.DeclineCode, r.PaymentID = AttemptDeclined, ProofLookUp, cut(p.Decline.Code, maxCode), cut(p.ID, MaxText)
		return r.reopened(a), nil
	case payment.InferAbsent:
		r.Proof = ProofLookUp
	case payment.InferNothing:
		if !w.Counts {
			return r, fmt.Errorf("attempt %d is not proven not executed (%s): look whether the customer was charged, then duly resolve attempt %d --as not_executed --reason …", a.ID, why, a.ID)
		}
		r.Proof = ProofOperator
	}
	if err := a.over(w, e, k, r.Proof, why); err != nil {
		return r, err
	}
	if e.ByID.Payment != nil { // the stored id is another charge's
		r.PaymentID = ""
	}
	switch {
	case a.Status != AttemptReview && a.Status != AttemptInDoubt:
	case r.Proof == ProofOperator:
		r.Attempt = AttemptRejected // the gateway may have an answer under the key that he did not mean
	default:
		r.Attempt = AttemptReleased
	}
	return r.reopened(a), nil
}

// instead says what to type about an attempt that has a payment.
func (a Reviewed) instead(paymentID string) string {
	if a.Status == AttemptInDoubt {
		return fmt.Sprintf("duly run billing --subscription %d settles it", a.Invoice.SubscriptionID)
	}
	return fmt.Sprintf("duly resolve attempt %d --as paid %s --reason …, or give it back and --as refunded", a.ID, text.Word(paymentID, "PAYMENT_ID"))
}

// over makes sure that no request of a could take effect any more when the gateway was asked, and that a word about an
// attempt in doubt comes only after the gateway has had its time.
func (a Reviewed) over(w Word, e payment.Evidence, k Guarantees, proof Proof, why string) error {
	at, ok := a.horizon(k)
	if !ok {
		if k.longestUnder(a.Terms) == 0 {
			return fmt.Errorf("how long a request for attempt %d may be on its way is neither stored nor configured here: type it where gateways.%s is configured", a.ID, a.Gateway)
		}
		return fmt.Errorf("no run has taken attempt %d over yet: duly run billing --subscription %d, then try again", a.ID, a.Invoice.SubscriptionID)
	}
	what := fmt.Sprintf("a request for attempt %d may still arrive", a.ID)
	if proof == ProofOperator && a.Status == AttemptInDoubt {
		at, what = at.Add(w.GiveUpAfter), fmt.Sprintf("attempt %d is in doubt, and the gateway may still say what became of it (%s)", a.ID, why)
	}
	if left := at.Sub(e.Begun); left >= 0 {
		return fmt.Errorf("%s: try again in %s: duly resolve attempt %d --as not_executed --reason …", what, payment.Wait(left), a.ID)
	}
	return nil
}

func (r Resolution) refunded(a Reviewed, e payment.Evidence, k Guarantees) (Resolution, error) {
	p, unknown, why := e.Given(a.Charge, a.PaymentID)
	switch {
	case p != nil && a.Charge.Proven(*p):
		r.Proof, r.PaymentID = ProofLookUp, cut(p.ID, MaxText)
	case p != nil:
		r.Proof = ProofLookUp
	case a.Status != AttemptReview && (unknown || e.ByKey.Absent):
		return r, fmt.Errorf("attempt %d is %s, so there was nothing to refund: duly resolve attempt %d --as ignored --reason …", a.ID, a.Status, a.ID)
	case !unknown:
		return r, errors.New(why)
	default:
		r.Proof = ProofOperator
		if err := a.over(Word{}, e, k, r.Proof, why); err != nil {
			return r, err
		}
	}
	r.Attempt, r.DeclineCode = AttemptDeclined, "refunded"
	return r.ended(a), nil
}

// reopened lets the next run charge the invoice again.
func (r Resolution) reopened(a Reviewed) Resolution {
	if a.InvoiceStatus == Review || a.Status == AttemptInDoubt && a.InvoiceStatus == Charging {
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
