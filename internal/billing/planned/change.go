package planned

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"duly/internal/billing"
	"duly/internal/payment"
)

// Kind is what a change does.
type Kind string

// The kinds. The first three have no value.
const (
	Pause    Kind = "pause"
	Resume   Kind = "resume" // also ends a trial
	Cancel   Kind = "cancel"
	Amount   Kind = "amount"         // Value: the price from then on, in minor units
	OneOff   Kind = "one_off_amount" // Value: the price of one period, in minor units
	Interval Kind = "interval"       // Value: "month", "3 month", "2 week"
	Method   Kind = "method"         // Value: the payment method
)

// Kinds lists every kind.
func Kinds() []Kind { return []Kind{Pause, Resume, Cancel, Amount, OneOff, Interval, Method} }

// KindOf reads the kind of a row, which is spelled exactly like the constants. An unknown word stays as it is.
func KindOf(word string) Kind { return Kind(word) }

// Shown reports whether values of this kind may be shown: that of a method or of an unknown kind may be a secret.
func (k Kind) Shown() bool {
	switch k {
	case Amount, OneOff, Interval:
		return true
	case Pause, Resume, Cancel, Method:
	}
	return false
}

// Change is a row of subscription_changes.
type Change struct {
	ID           uint64
	Subscription uint64
	Effective    payment.Date
	Kind         Kind
	Value        string // of a method it must not be shown
	Note         string
	// Outcome is why the last try to apply it failed; empty: no run tried, or the reason could not be stored. Once it has ended, it is the result.
	Outcome string
	Ended   bool // applied, or ignored by an operator
}

// problemOf is the prefix of the review reason of a subscription that cannot be invoiced because of a change.
const problemOf = "planned change "

// String names c, without its value.
func (c Change) String() string {
	return fmt.Sprintf(problemOf+"%d (%s from %s)", c.ID, payment.Cut(string(c.Kind), billing.MaxQuoted), c.Effective)
}

// Sorted returns changes in the order in which they are applied: by day, then by id.
func Sorted(list []Change) []Change {
	return slices.SortedFunc(slices.Values(list), func(a, b Change) int {
		return cmp.Or(cmp.Compare(a.Effective, b.Effective), cmp.Compare(a.ID, b.ID))
	})
}

// mostOfMethod is the width of subscriptions.payment_method, in characters.
const mostOfMethod = 255

// method is the value as a payment method. The problem never shows it.
func (c Change) method() (method, problem string) {
	switch n := utf8.RuneCountInString(c.Value); {
	case strings.TrimSpace(c.Value) == "":
		return "", "value is empty, and should be the payment method"
	case n > mostOfMethod:
		return "", fmt.Sprintf("value has %d characters, %d are the most of a payment method", n, mostOfMethod)
	case !utf8.ValidString(c.Value) || strings.ContainsFunc(c.Value, unicode.IsControl):
		return "", "value is no payment method: it has a control character"
	}
	return c.Value, ""
}

// Words describes c and its first day, for people. It never shows a payment method.
func (c Change) Words(currency string) string {
	text := payment.Cut(strings.ReplaceAll(string(c.Kind), "_", "-"), billing.MaxQuoted)
	switch c.Kind {
	case Amount, OneOff:
		if text += " "; c.Kind == OneOff {
			text = "one invoice of "
		}
		if amount, problem := c.amount(); problem == "" {
			text += payment.Money{Amount: amount, Currency: currency}.String()
		} else {
			text += strconv.Quote(payment.Cut(c.Value, billing.MaxQuoted))
		}
	case Interval:
		text += " " + payment.Cut(c.Value, billing.MaxQuoted)
	case Pause, Resume, Cancel, Method:
	}
	return text + " from " + c.Effective.String()
}
