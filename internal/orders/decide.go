package orders

import "time"

// NeedsStock reports whether the decision on the order depends on its stock: there is a success that may
// complete it.
func NeedsStock(o Order, checked []Checked) bool { return false }

// Decide says what becomes of a checked order: the first line of the table that holds. enough says whether the
// stock suffices for all its items; it is read only if NeedsStock. checks counts the checks, this one included.
func Decide(o Order, checked []Checked, enough bool, p Policy, checks int, now time.Time) Decision {
	return Decision{}
}

// MustAsk reports whether the payment's gateway is to be asked about it at a check of its order.
func MustAsk(p Payment) bool { return false }

// MustCancel reports whether a payment that was found pending is to be cancelled at the gateway.
func MustCancel(c Checked, p Policy, now time.Time) bool { return false }

// NeverArrived reports whether the answer about c is "never arrived", for the brake; ok is false for a payment
// that nothing definite is known of.
func NeverArrived(c Checked, now time.Time) (never, ok bool) { return false, false }

// Stale reports whether the order and its payments have been left alone for as long as p says.
func Stale(o Order, payments []Payment, p Policy, now time.Time) bool { return false }

// Same reports whether the order and its payments are as they were claimed.
func Same(claimed Claimed, o Order, payments []Payment) bool { return false }

// Stock is what is left of the products that a chunk of orders needs; a product that is gone is not in it.
type Stock map[uint64]int64

// Allot takes the items of an order out of s, all or nothing, and reports whether they sufficed.
func (s Stock) Allot(items []Item) bool { return false }

// DecideRefund says what to do about a payment in refund_due from what the gateway says of it.
func DecideRefund(c Checked, now time.Time) RefundEnd { return RefundEnd{} }
