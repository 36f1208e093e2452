package payment

import "fmt"

// Impossible says why the amounts of p, as a gateway records them, can be no payment's; empty if they can. Such a record proves nothing
// about money: a refund least of all.
func (p Payment) Impossible() string {
	refunded := Money{Amount: p.Refunded, Currency: p.Money.Currency}
	switch {
	case p.Money.Amount <= 0:
		return fmt.Sprintf("an amount of %s, which cannot be", booked(p.Money))
	case p.Refunded < 0:
		return fmt.Sprintf("%s of %s refunded, which cannot be", booked(refunded), booked(p.Money))
	case p.Refunded > p.Money.Amount:
		return fmt.Sprintf("%s of %s refunded, which cannot be: more than was paid", booked(refunded), booked(p.Money))
	}
	return ""
}

// RefundedInFull reports whether the gateway took p's money and gave all of it back. Some services call such a payment canceled.
func (p Payment) RefundedInFull() bool {
	return (p.Status == Succeeded || p.Status == Canceled) && p.Refunded == p.Money.Amount && p.Impossible() == ""
}

// HoldsNothing reports whether p's record shows that the gateway holds none of the money any more: it was refunded in full, or cancelled.
func (p Payment) HoldsNothing() bool {
	return p.RefundedInFull() || p.Status == Canceled && p.Impossible() == ""
}

// RefundOf is how much of an amount that we recorded p's refund refunded: never more than was recorded.
func (p Payment) RefundOf(amount int64) int64 { return min(p.Refunded, amount) }
