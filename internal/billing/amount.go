package billing

import (
	"fmt"

	"duly/internal/billing/guard"
	"duly/internal/payment"
)

// HoldAmount sends inv, an invoice of s that is about to be charged, to review if its amount is beyond a guard.
func HoldAmount(inv Invoice, s Subscription, v guard.Verdict, effective payment.Date) Claim {
	held := claimReview(aboutInvoice(inv, s.CustomerID, s.Gateway), effective, v.Words)
	held.AmountCheck = v.Beyond
	return held
}

// approve approves the amount of an invoice that is in review for its amount only. The approval counts for this invoice alone: once it is paid, its
// amount is the last paid amount of the next.
func (c Closable) approve() (Closing, error) {
	switch {
	case c.Status == Open && c.AmountCheck.Approves():
		return Closing{}, fmt.Errorf("invoice %d is approved already, and open: a run charges it when its date has come", c.ID)
	case c.Status == Open:
		return Closing{}, fmt.Errorf("invoice %d is open, and its amount is not held: when its date has come, a run charges it or sends it to review", c.ID)
	case c.Status == Uncollectible:
		return Closing{}, fmt.Errorf("invoice %d is uncollectible: only what is in review for its amount is approved", c.ID)
	case !c.AmountCheck.Holds():
		return Closing{}, fmt.Errorf("invoice %d is not in review for its amount: duly show invoice %d says what it waits for", c.ID, c.ID)
	case c.Gone:
		return Closing{}, fmt.Errorf("the subscription of invoice %d is gone, so that nobody can be charged: --as %s, %s or %s", c.ID, payment.AsVoid, payment.AsUncollectible, payment.AsPaidOutside)
	case c.Cancelled:
		return Closing{}, fmt.Errorf("the subscription of invoice %d is cancelled, so that it is not charged: --as %s, %s or %s", c.ID, payment.AsVoid, payment.AsUncollectible, payment.AsPaidOutside)
	}
	return Closing{Status: Open, AmountCheck: guard.Approved}, nil
}
