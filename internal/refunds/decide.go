package refunds

import (
	"fmt"
	"strings"
	"time"

	"duly/internal/payment"
)

// Step is the next step of a refund after the look-up of its payment. The zero value tries again later.
type Step uint8

// The steps.
const (
	Later    Step = iota
	Send          // send the request; from Decide alone
	Done          // refunded
	Refuse        // nothing was refunded, and nothing will be
	ToReview      // an operator must decide
	Withdraw      // it was cancelled before it was sent
)

// End is the result of working on a refund.
type End struct {
	Step   Step
	Amount int64 // minor units of this refund, with Send and Done
	Before int64 // minor units refunded at the gateway before it, with Send
	Total  int64 // minor units refunded at the gateway by now, with Done and Refuse; 0: not known
	// Unexplained: the gateway shows Total as refunded, and what is recorded nowhere of that may be this refund, with ToReview, or with Later
	// another one of the payment, which comes first then.
	Unexplained bool
	// Doubted: a request may have been executed.
	Doubted bool
	// FoundID is the gateway's id of the payment, if the row lacks it and the record is proven to be of that payment.
	FoundID string
	Reason  string // for Later, Refuse and ToReview
}

// patience is how long a refund waits for a gateway that does not answer look-ups.
const patience = 24 * time.Hour

// Decide decides about a refund by the gateway's look-up of the payment. Before the first request is sent, the amounts of Send are stored with
// the refund: later look-ups are compared with those alone.
func Decide(c Claimed, s payment.LookupResult, k Guarantees, now time.Time) End {
	end := End{Doubted: c.Sent != nil}
	switch {
	case c.Twin != "":
		return end.to(ToReview, fmt.Sprintf("%s is of the same charge: set the payment that does not stand for it to failed, and settle its refunds; then --as not_executed, and duly refund again", c.Twin))
	case c.Problem != "" && c.Sent != nil:
		return end.to(ToReview, c.Problem+", and its refund may have been executed")
	case c.Problem != "":
		return end.to(Refuse, c.Problem)
	case c.Origin == OfMark && c.Sent == nil:
		return end.to(Withdraw, "the payment is not to be refunded any more")
	case c.Wait != "" && c.Sent == nil:
		return end.to(Later, c.Wait)
	case c.Refund.Currency != "" && c.Refund.Currency != c.Paid.Currency:
		return end.to(Refuse, fmt.Sprintf("it was paid in %s, not in %s", c.Paid.Currency, c.Refund.Currency))
	case c.Refund.Amount > c.Paid.Amount:
		return end.to(Refuse, fmt.Sprintf("%s were paid, less than %s", c.Paid, c.money(c.Refund.Amount)))
	}
	switch seen := s.Payment; {
	case seen != nil:
		return end.seen(c, *seen, k, now)
	case s.Absent && now.Sub(c.Target.CreatedAt) <= k.Longest:
		return end.to(Later, "the gateway does not know the payment yet")
	case s.Absent:
		return end.to(ToReview, "the gateway does not know the payment")
	case s.Unaskable && now.Sub(c.Refund.CreatedAt) > patience:
		return end.to(ToReview, "the gateway cannot be asked about the payment")
	case s.Unaskable:
		return end.to(Later, "the gateway cannot be asked about the payment")
	}
	return end.to(Later, otherwise(s.Reason, "the gateway did not answer"))
}

// seen decides by the gateway's record.
func (e End) seen(c Claimed, seen payment.Payment, k Guarantees, now time.Time) End {
	if foreign := c.foreign(seen); foreign != "" {
		return e.to(ToReview, "it is another charge at the gateway: "+foreign+" is not ours")
	}
	if c.GatewayID == "" {
		e.FoundID = seen.ID
	}
	switch {
	case seen.Impossible() != "":
		return e.to(ToReview, fmt.Sprintf("the gateway shows payment %s with %s", seen.ID, seen.Impossible()))
	case seen.Status == payment.Pending:
		return e.to(Later, "the gateway has not decided the payment")
	case seen.Status != payment.Succeeded && !seen.RefundedInFull() && c.Sent != nil:
		return e.to(ToReview, fmt.Sprintf("the payment is %s at the gateway", seen.Status))
	case seen.Status != payment.Succeeded && !seen.RefundedInFull():
		return e.to(Refuse, fmt.Sprintf("nothing is held: the payment is %s at the gateway", seen.Status))
	case seen.Money != c.Paid:
		return e.to(ToReview, fmt.Sprintf("%s were taken, %s are recorded", seen.Money, c.Paid))
	case c.Sent != nil:
		return e.compare(c, seen, k, now)
	}
	e.Before, e.Total = seen.Refunded, seen.Refunded
	left := seen.Money.Amount - seen.Refunded
	whole := c.Refund.Amount == 0 || c.Refund.Amount == left
	if e.Amount = c.Refund.Amount; e.Amount == 0 {
		e.Amount = left
	}
	unexplained := seen.Refunded - c.Recorded
	switch {
	case left > 0 && c.Refund.Amount > 0 && unexplained >= c.Refund.Amount: // the tables may be older than it
		e.Unexplained = true
		return e.to(ToReview, fmt.Sprintf("the gateway shows %s refunded, and %s are recorded: was %s of it this refund?", c.money(seen.Refunded), c.money(c.Recorded), c.money(c.Refund.Amount)))
	case left > 0 && c.Refund.Amount > 0 && c.Waiting > 0 && unexplained >= c.Waiting:
		e.Unexplained = true
		return e.to(Later, fmt.Sprintf("another refund of the payment may be what the gateway shows: %s refunded, and %s are recorded", c.money(seen.Refunded), c.money(c.Recorded)))
	case left == 0:
		return e.to(Refuse, "nothing is left: it was refunded in full before")
	case e.Amount > left:
		return e.to(Refuse, fmt.Sprintf("%s are left of %s", c.money(left), seen.Money))
	case c.FollowUp == GivePeriodBack && !whole:
		return e.to(Refuse, "give_period_back needs a refund of the full amount")
	}
	return e.to(Send, "")
}

// compare settles a refund that may have been executed by what the gateway shows as refunded: exactly so much more as was asked for means
// that it was. What shows it unexecuted does so for good only once no request can be on its way; it is sent again while its key is kept, or
// where a second execution is more than is left to be refunded.
func (e End) compare(c Claimed, seen payment.Payment, k Guarantees, now time.Time) End {
	before, amount, age := c.Sent.Before, c.Sent.Amount, now.Sub(c.Sent.At)
	e.Before, e.Amount, e.Total = before, amount, seen.Refunded
	switch kept := age < k.KeyLife-k.Longest; {
	case seen.Refunded == before+amount:
		return e.to(Done, "")
	case seen.Refunded < before:
		return e.to(ToReview, fmt.Sprintf("%s were refunded before it was sent, and %s are now", c.money(before), c.money(seen.Refunded)))
	case kept:
		return e.to(Send, "") // the key shows the result, or executes it now
	case seen.Refunded == before && c.Rest() && (k.KeyLife > 0 || age > k.Longest):
		return e.to(Send, "") // all that is left: the gateway refunds it once
	case age <= max(k.KeyLife, 0)+k.Longest:
		return e.to(Later, "a request may still be on its way")
	case seen.Refunded == before:
		return e.to(ToReview, fmt.Sprintf("its answer was lost, and the gateway shows no refund of %s", c.money(amount)))
	}
	return e.to(ToReview, fmt.Sprintf("its answer was lost; %s of %s are refunded, %s were before %s were asked for",
		c.money(seen.Refunded), seen.Money, c.money(before), c.money(amount)))
}

// foreign names the first field in which a record differs from the payment that the refund is of. Ids come back after a restore, so that an id
// alone proves nothing; what an operator named is known by nothing else.
func (t Target) foreign(p payment.Payment) string {
	switch {
	case t.GatewayID != "" && !strings.EqualFold(p.ID, t.GatewayID):
		return "id"
	case p.ForeignChannel != "":
		return p.ChannelField()
	case t.ByHand:
		return ""
	case t.ChargeKey != "" && p.Key != t.ChargeKey:
		return "idempotency_key"
	case p.Reference != t.Reference:
		return "reference"
	case (t.AttemptID != 0 || t.GatewayID == "") && !p.IsOf(t.CustomerID):
		return "customer_id"
	}
	return ""
}

// After returns the result of a refund that was sent as in end, by this reply. Only a reply that shows the total as refunded ends it; the next
// look-up decides anything else.
func (c Claimed) After(end End, r payment.Reply) End {
	end.Reason = cut(otherwise(r.Reason, r.Effect.String()))
	switch r.Effect {
	case payment.EffectDone:
		if p := r.Payment; p != nil && p.Impossible() == "" && p.Money == c.Paid && p.Refunded >= end.Before+end.Amount {
			end.Total = p.Refunded
			return end.to(Done, "")
		}
		end.Doubted = true
		return end.to(Later, "refunded, and the gateway does not show it")
	case payment.EffectRejected:
		if end.Doubted {
			return end.to(ToReview, "in doubt before, then refused by the gateway: "+end.Reason)
		}
		return end.to(ToReview, "the gateway refuses the refund: "+end.Reason)
	case payment.EffectUnknown:
		end.Doubted = true
	case payment.EffectRefused, payment.EffectNone, payment.EffectMisconfigured:
	}
	end.Step = Later
	return end
}

func (t Target) money(amount int64) payment.Money {
	return payment.Money{Amount: amount, Currency: t.Paid.Currency}
}

func (e End) to(step Step, why string) End {
	e.Step, e.Reason = step, cut(why)
	return e
}

// cut fits a text into its column.
func cut(s string) string { return payment.Cut(s, 255) }

func otherwise(s, instead string) string {
	if s == "" {
		return instead
	}
	return s
}
