package orders

import (
	"fmt"
	"time"

	"duly/internal/payment"
)

// The widths of the columns that a gateway's words and ours go into, in characters.
const (
	maxText = 255
	maxCode = 64
)

// fate is what is known of a payment's money.
type fate uint8

const (
	undecided fate = iota // asked about again later
	stuck                 // only an operator can find out
	notPaid               // no money is held for it
	differs               // money was taken, and not what the order asks for
	paid                  // money was taken as the order asks for
)

// judgement is what a check found out about one payment.
type judgement struct {
	payment Checked

	fate     fate
	proven   bool // the gateway's record is of this very charge, whatever its money
	recorded bool // paid, and not asked about: the row stands as it is
	// change is what becomes of a payment that is not paid or undecided; no To: it stays as it is.
	change Change
	why    string        // for stuck and differs
	asIs   bool          // for stuck: the payment keeps its status, since the order can be checked again
	again  time.Duration // for notPaid: when it is asked about once more; 0: the no is final
}

// afterwards makes sure that an answer is of a time after the one that is waited for, not of that very instant.
const afterwards = time.Second

// stand judges c by its row and by what its gateway said.
func stand(o Order, c Checked, p Policy, now time.Time) judgement {
	s := judgement{payment: c, proven: c.Sight.Payment != nil && c.foreignTo(o, c.Sight.Payment) == ""}
	switch c.Status {
	case PaymentRefundDue, PaymentRefunded:
		return s.no()
	case PaymentReview:
		return s.stuck("is in review")
	case PaymentFailed, PaymentCancelled:
		if !c.unconfirmed() {
			return s.no()
		}
	case PaymentSucceeded:
		if o.Status.keepsRecorded() {
			s.fate, s.recorded = paid, true
			return s
		}
	case PaymentPending:
	default:
		return s.stuck(fmt.Sprintf("has the status %q, which is none of duly's", c.Status))
	}
	givenUp := now.Sub(c.CreatedAt) > p.GiveUpAfter
	switch seen := c.Sight.Payment; {
	case c.Cancelled:
		return s.cancelled("given_up", "it was pending for too long, and was cancelled at the gateway")
	case seen != nil:
		return s.seen(o, seen, givenUp)
	case c.Sight.Absent:
		return s.absent(givenUp, now.Sub(c.CreatedAt))
	case c.Sight.Unaskable || !c.Guarantees.Known && c.Asked:
		return s.unaskable(givenUp, "its gateway cannot be asked about it")
	}
	return s.hopeless(givenUp)
}

// hopeless leaves a payment to an operator that the gateway was asked about often enough, and that is not to be cancelled there any
// more. How old it is does not suffice: nobody may have asked.
func (s judgement) hopeless(givenUp bool) judgement {
	if givenUp && s.payment.Patience.Over() {
		return s.stuck("cannot be decided: " + s.payment.Patience.String())
	}
	return s
}

// seen judges by the gateway's record.
func (s judgement) seen(o Order, seen *payment.Payment, givenUp bool) judgement {
	foreign := s.payment.foreignTo(o, seen)
	whole := seen.RefundedInFull()
	if foreign != "" && (seen.Status != payment.Succeeded || whole) {
		return s.stuck("is another charge at the gateway: " + foreign + " of payment " + seen.ID + " is not ours")
	}
	switch seen.Status {
	case payment.Succeeded:
		if whole {
			s = s.no()
			s.change = Change{ID: s.payment.ID, To: PaymentRefunded, TransactionKey: s.newKey(), Refunded: seen.RefundOf(s.payment.Money.Amount)}
			return s
		}
		return s.taken(o, seen, foreign)
	case payment.Declined:
		code := payment.Cut(seen.Decline.Code, maxCode)
		if code == "" || code == FailureRequest {
			code = "declined"
		}
		return s.failed(code, seen.Decline.Message)
	case payment.Canceled:
		return s.cancelled("canceled", "it was cancelled at the gateway")
	case payment.Pending:
		if givenUp && s.payment.Status == PaymentSucceeded && s.payment.Patience.Over() {
			return s.stuck("is recorded as succeeded, and the gateway has not decided it")
		}
		if s = s.hopeless(givenUp); s.fate == stuck {
			return s
		}
		return s.pending()
	}
	if givenUp && s.payment.Patience.Over() {
		return s.stuck(fmt.Sprintf("has the status %q at the gateway, which is none of the contract's", seen.Status))
	}
	return s
}

// pending keeps the gateway's id, by which it can be asked even when it has forgotten the key, and takes up again
// what was given up.
func (s judgement) pending() judgement {
	if s.payment.Status == PaymentSucceeded {
		return s
	}
	if c, ok := s.to(PaymentPending); ok {
		s.change = c
	}
	return s
}

// taken judges a success: it must be all that the order asks for, and nothing of it refunded.
func (s judgement) taken(o Order, seen *payment.Payment, foreign string) judgement {
	switch {
	case foreign != "":
		s.why = foreign + " of payment " + seen.ID + " is not ours"
	case seen.Impossible() != "":
		s.why = "the gateway shows " + seen.Impossible()
	case seen.Money.Currency != s.payment.Money.Currency || seen.Money.Amount != s.payment.Money.Amount:
		s.why = fmt.Sprintf("%s were taken, %s are recorded", seen.Money, s.payment.Money)
	case seen.Money != o.Money:
		s.why = fmt.Sprintf("%s were taken, the order is %s", seen.Money, o.Money)
	case seen.Refunded != 0:
		s.why = fmt.Sprintf("%s of %s were refunded", payment.Money{Amount: seen.Refunded, Currency: seen.Money.Currency}, seen.Money)
	default:
		s.fate = paid
		return s
	}
	s.fate, s.why = differs, "succeeded at the gateway and differs: "+s.why
	return s
}

// absent judges by the gateway's word that it knows no such payment.
//
// With L the key's life and R the longest request, a charge that was sent once has arrived by created_at + R or
// never will; that is enough to give the order up. A request that was repeated can arrive until L + R, so that
// the payment is asked about once more after that.
//
// A look-up that does not last knows a charge for L after it arrived. What was given up is asked about twice in
// that time, so that only a gateway that cannot be reached for half of it can hide a charge; its last no is final,
// as nothing could be found out later. A row that is still pending after L cannot be decided by it at all.
func (s judgement) absent(givenUp bool, age time.Duration) judgement {
	k := s.payment.Guarantees
	switch {
	case age <= k.Longest:
		return s
	case s.payment.TransactionKey != "":
		return s.stuck("has an id that its gateway does not know")
	case s.payment.Status == PaymentSucceeded:
		return s.stuck("is recorded as succeeded, and the gateway does not know it")
	case !k.Known || !k.FindByKey || s.payment.Key == "":
		return s.unaskable(givenUp, "its gateway cannot be asked about it")
	case !k.LookupOutlivesKey && age > k.KeyLife && !s.payment.unconfirmed():
		return s.unaskable(givenUp, "its gateway may have forgotten it")
	case !s.payment.Vetting.Proves():
		return s.unproven(givenUp)
	}
	s = s.failed(FailureRequest, "the charge never arrived at the gateway")
	if horizon := k.KeyLife + k.Longest; age <= horizon {
		wait := horizon - age
		if !k.LookupOutlivesKey {
			wait = min(wait, k.KeyLife/2)
		}
		s.again = wait + afterwards
	}
	return s
}

// unproven is absent as far as the gateway says, and nothing shows that it would know the payment. It is asked about again,
// and after a while the order is left to an operator: with a payment that he names it is checked again, or he closes this
// one by his own word.
func (s judgement) unproven(givenUp bool) judgement {
	if !givenUp || s.payment.Vetting.Missing() == "" || s.payment.Vetting.Unknown() {
		return s
	}
	s.fate, s.asIs = stuck, true
	s.why = fmt.Sprintf("cannot be decided: gateway %[1]s does not know it and shows no payment from %[2]s. Look at the provider's page, "+
		"then duly doctor --control %[1]s PAYMENT_ID, duly requeue order %[3]d; or duly resolve payment %[4]d --as not_executed --reason …", s.payment.Gateway, s.payment.Vetting.Missing(), s.payment.OrderID, s.payment.ID)
	return s
}

// unaskable waits for the shop to find out by itself, and then for an operator.
func (s judgement) unaskable(givenUp bool, why string) judgement {
	if givenUp {
		return s.stuck("cannot be decided: " + why)
	}
	return s
}

func (s judgement) stuck(why string) judgement {
	s.fate, s.why = stuck, why
	return s
}

func (s judgement) no() judgement {
	s.fate = notPaid
	return s
}

func (s judgement) failed(code, reason string) judgement {
	return s.ended(PaymentFailed, code, reason)
}

func (s judgement) cancelled(code, reason string) judgement {
	return s.ended(PaymentCancelled, code, reason)
}

// ended is a definite no. A payment that the shop cancelled stays cancelled.
func (s judgement) ended(to PaymentStatus, code, reason string) judgement {
	s = s.no()
	if s.payment.Status == PaymentCancelled {
		to = PaymentCancelled
	}
	if to != s.payment.Status || code != s.payment.FailureCode {
		s.change = Change{ID: s.payment.ID, To: to, TransactionKey: s.newKey(), FailureCode: code, FailureReason: payment.Cut(reason, maxText)}
	}
	return s
}

// to is the change to another status; ok is false if there is nothing to change.
func (s judgement) to(status PaymentStatus) (c Change, ok bool) {
	c = Change{ID: s.payment.ID, To: status, TransactionKey: s.newKey()}
	return c, status != s.payment.Status || c.TransactionKey != ""
}

// newKey is the gateway's id if it was learnt at this check, from a record that is proven to be of this charge.
func (s judgement) newKey() string {
	if s.payment.TransactionKey != "" || !s.proven || s.payment.Sight.Payment == nil {
		return ""
	}
	return payment.Cut(s.payment.Sight.Payment.ID, maxText)
}

func (s judgement) label() string { return fmt.Sprintf("payment %d", s.payment.ID) }
