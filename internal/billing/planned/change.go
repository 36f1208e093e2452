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

// The kinds. Value is empty for the first three.
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

// KindOf reads the kind of a row, which is written as here, in small letters and without spaces. A word that is none stays as it is.
func KindOf(word string) Kind { return Kind(word) }

// Shown reports whether the value of such a change may be shown: that of a method, and of a kind that duly does not know, may be a secret.
func (k Kind) Shown() bool {
	switch k {
	case Amount, OneOff, Interval:
		return true
	case Pause, Resume, Cancel, Method:
	}
	return false
}

// Change is a row that was not applied yet.
type Change struct {
	ID           uint64
	Subscription uint64
	Effective    payment.Date
	Kind         Kind
	Value        string // of a method it must not be shown
	Note         string
	// Outcome is why it could not be applied when that was tried last; empty: nobody tried, or it could not be stored.
	Outcome string
}

// problemOf is what the reason of a subscription begins with that a change keeps from being invoiced.
const problemOf = "planned change "

// String names c, without its value.
func (c Change) String() string {
	return fmt.Sprintf(problemOf+"%d (%s from %s)", c.ID, payment.Cut(string(c.Kind), billing.MaxQuoted), c.Effective)
}

// Sorted returns changes in the order in which they count: by their day, and of one day by their id.
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
	case c.Value == "":
		return "", "value is empty, and should be the payment method"
	case n > mostOfMethod:
		return "", fmt.Sprintf("value has %d characters, %d are the most of a payment method", n, mostOfMethod)
	case !utf8.ValidString(c.Value) || strings.ContainsFunc(c.Value, unicode.IsControl):
		return "", "value is no payment method: it has a control character"
	}
	return c.Value, ""
}

// Words says what c does and from when on, for people. It never shows a payment method.
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
