package payment

import (
	"fmt"
	"slices"
	"strings"
)

// As is what an operator says became of something that only he can know.
type As string

// The ways out of review.
const (
	AsPaid        As = "paid"         // the money was taken, by the payment that he names
	AsNotExecuted As = "not_executed" // nothing was taken, and nothing will be
	AsRefunded    As = "refunded"     // the money was taken and given back
	AsIgnored     As = "ignored"      // nothing more is to be done about it

	// Of an invoice alone, whose attempts have all ended.
	AsPaidOutside   As = "paid_outside"  // the money came another way than by a gateway
	AsVoid          As = "void"          // it is not asked for any more
	AsUncollectible As = "uncollectible" // it is owed, and given up
)

// ParseAs reads s, or says what is right.
func ParseAs(s string) (As, error) {
	if as := As(s); slices.Contains(Resolutions(), as) {
		return as, nil
	}
	var all []string
	for _, as := range Resolutions() {
		all = append(all, string(as))
	}
	return "", fmt.Errorf("%q is not one of %s", s, strings.Join(all, ", "))
}

// Resolutions lists every way to resolve.
func Resolutions() []As {
	return []As{AsPaid, AsPaidOutside, AsNotExecuted, AsRefunded, AsVoid, AsUncollectible, AsIgnored}
}

// OfInvoice reports whether a says what becomes of an invoice, and of nothing else.
func (a As) OfInvoice() bool { return a == AsPaidOutside || a == AsVoid || a == AsUncollectible }
