package payment

import (
	"fmt"
	"slices"
	"strings"
)

// Resolution is what an operator says became of something that only he can know.
type Resolution string

// The ways out of review.
const (
	AsPaid        Resolution = "paid"         // the money was taken, by the payment that he names
	AsNotExecuted Resolution = "not_executed" // nothing was taken, and nothing will be
	AsRefunded    Resolution = "refunded"     // the money was taken and refunded
	AsIgnored     Resolution = "ignored"      // nothing more is to be done about it

	// Of a refund alone, that nothing was done about yet.
	AsCancelled Resolution = "cancelled" // it is not wanted any more

	// Of an invoice alone, whose attempts have all ended.
	AsPaidOutside   Resolution = "paid_outside"  // the money came another way than by a gateway
	AsVoid          Resolution = "void"          // it is not asked for any more
	AsUncollectible Resolution = "uncollectible" // it is owed, and given up
	AsApproved      Resolution = "approved"      // its amount is right, however large it is, and is charged
)

// ParseAs reads s, or says what is right.
func ParseAs(s string) (Resolution, error) {
	if as := Resolution(s); slices.Contains(Resolutions(), as) {
		return as, nil
	}
	var all []string
	for _, as := range Resolutions() {
		all = append(all, string(as))
	}
	return "", fmt.Errorf("%q is not one of %s", s, strings.Join(all, ", "))
}

// Resolutions lists every way to resolve.
func Resolutions() []Resolution {
	return []Resolution{AsPaid, AsPaidOutside, AsNotExecuted, AsRefunded, AsVoid, AsUncollectible, AsApproved, AsCancelled, AsIgnored}
}

// OfInvoice reports whether a says what becomes of an invoice, and of nothing else.
func (a Resolution) OfInvoice() bool {
	return a == AsPaidOutside || a == AsVoid || a == AsUncollectible || a == AsApproved
}
