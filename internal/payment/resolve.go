package payment

import (
	"fmt"
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
)

// ParseAs reads s, or says what is right.
func ParseAs(s string) (As, error) {
	switch as := As(s); as {
	case AsPaid, AsNotExecuted, AsRefunded, AsIgnored:
		return as, nil
	}
	all := []string{string(AsPaid), string(AsNotExecuted), string(AsRefunded), string(AsIgnored)}
	return "", fmt.Errorf("%q is not one of %s", s, strings.Join(all, ", "))
}
