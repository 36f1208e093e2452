package advance

import (
	"fmt"
	"slices"
	"time"

	"duly/internal/billing"
	"duly/internal/billing/network"
	"duly/internal/payment"
)

// Invoice is a locked open invoice whose date has not come yet, with its subscription and attempts.
type Invoice struct {
	billing.Invoice

	Next      payment.Date // its date
	NextTryAt time.Time    // runs that began earlier leave it; zero: none does
	// Advanced is the effective date on which a changed method was last charged for it; zero: none was.
	Advanced     payment.Date
	Subscription billing.Subscription
	Past         []billing.PastAttempt
	// HoldRule is the rule that moved the date behind that of its stage; empty: none did.
	HoldRule string
	// Hold is what forbids the method of the subscription now, by its own declines, if Judged.
	Hold   network.Hold
	Judged bool
	// Replaced are the fingerprints of methods that answers of gateways put in place of the subscription's.
	Replaced [][32]byte
}

// On is inv on an effective date: from the date of its stage on a charge is that of the stage.
func On(inv billing.Invoice, effective payment.Date) billing.Invoice {
	if inv.AheadOf <= effective {
		inv.AheadOf = 0
	}
	return inv
}

// Changed reports whether s has another method, or another gateway, than the newest attempt that was declined for a reason of the method's. An
// answer that only puts a charge off declines no method.
func Changed(s billing.Subscription, past []billing.PastAttempt) bool {
	newest, last := 0, billing.PastAttempt{}
	for _, a := range past {
		if n, ok := billing.KeyNumber(a.Key); ok && n > newest && a.Status == billing.AttemptDeclined && a.Class != "" {
			newest, last = n, a
		}
	}
	return newest > 0 && (last.Gateway != s.Gateway || last.Method != s.Method)
}

// StageDate is the date of i's own stage, for a charge on an effective date; zero: it has come. A rule that holds a method moves only the day of the
// next try, and another method does not wait for it. A stage after a decline never has the date of the effective day: the one before it may have had.
func (i Invoice) StageDate(p billing.Policy, effective payment.Date) payment.Date {
	switch days := p.Of(i.Subscription.DunningPolicy).For(i.Invoice).RetryDays; {
	case i.HoldRule == "", i.AheadOf > i.Next:
		return max(i.AheadOf, i.Next)
	case i.Stage == 0:
		return 0
	case i.FirstDeclined.IsZero(), i.Stage > len(days):
		return i.Next
	default:
		return max(i.FirstDeclined+payment.Date(days[i.Stage-1]), effective+1) //nolint:gosec // a number of days, far below the limit
	}
}

// free reports whether i was put off before any method of it was declined, and the method that it has now may be tried.
func (i Invoice) free() bool {
	return i.HoldRule != "" && i.Judged && !i.Hold.Held() && !slices.ContainsFunc(i.Past, func(a billing.PastAttempt) bool {
		return a.Status == billing.AttemptDeclined && a.Class != ""
	})
}

// ByShop reports whether the shop wrote the method of s: it does not come from a gateway's answer.
func ByShop(s billing.Subscription, replaced [][32]byte) bool {
	return len(replaced) == 0 || !slices.Contains(replaced, payment.Fingerprint(s.Method))
}

// OnNewMethod reports whether i is charged before its date because its method changed.
//
//   - The shop changed it: a method from a gateway's answer does not count. Where a ceiling put i off before any method was declined, there is none to
//     compare with: the method that it has now counts if its own declines allow a try.
//   - At most one changed method is charged on an effective date, ahead of a stage or at its stage.
//   - The next claim would charge it. What waits for a card network's rule waited for the old method: the claim asks about the new one.
func OnNewMethod(i Invoice, p billing.Policy, effective payment.Date, knownGateway func(string) bool) bool {
	if !p.RetryOnNewMethod || i.Advanced >= effective || !Changed(i.Subscription, i.Past) && !i.free() || !ByShop(i.Subscription, i.Replaced) {
		return false
	}
	return i.claim(p, effective, knownGateway).Action == billing.Charge
}

// AtOnce returns why i is not charged at once with --now, whatever its method; nil: it is charged.
//
//   - A method that was declined for good is not charged, and uses up no stage before its date.
//   - A wait that the gateway or a card network requires after the last decline of this method is kept, and so is what its own declines forbid.
func AtOnce(i Invoice, p billing.Policy, effective payment.Date, now time.Time, knownGateway func(string) bool) error {
	claim := i.claim(p, effective, knownGateway)
	switch claim.Action {
	case billing.Charge:
	case billing.ReviewInvoice:
		return fmt.Errorf("it cannot be charged: %s", claim.Reason)
	case billing.VoidInvoice:
		return fmt.Errorf("subscription %d is cancelled", i.SubscriptionID)
	case billing.LeaveInvoice:
		if claim.Reason != "" {
			return fmt.Errorf("it cannot be charged: %s", claim.Reason)
		}
		return fmt.Errorf("gateway %q is not configured here", i.Subscription.Gateway)
	case billing.UseStage, billing.EndInvoice, billing.HoldInvoice:
		return fmt.Errorf("its payment method was declined for good, and is still the same: another one on subscription %d is charged", i.SubscriptionID)
	}
	if i.Judged && i.Hold.Held() {
		return fmt.Errorf("its payment method was declined too often: %s; it may be tried again at %s", network.Explain(i.Hold.Rule, p.Network), i.Hold.Until.UTC().Format("2006-01-02 15:04 UTC"))
	}
	if i.Judged && network.CountsDeclines(i.HoldRule) { // it waited for that alone
		return nil
	}
	if i.NextTryAt.After(now) && !Changed(i.Subscription, i.Past) {
		return fmt.Errorf("the last decline asks to wait until %s", i.NextTryAt.UTC().Format("2006-01-02 15:04 UTC"))
	}
	return nil
}

// claim is the decision of the next claim if i were due.
func (i Invoice) claim(p billing.Policy, effective payment.Date, knownGateway func(string) bool) billing.Claim {
	return billing.DecideClaim(i.Invoice, i.Subscription, i.Past, p, effective, knownGateway)
}
