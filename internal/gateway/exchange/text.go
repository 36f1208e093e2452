package exchange

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"duly/internal/redact"
)

// LongestText is the width of the columns that a gateway's texts are kept in, in characters.
const LongestText = 255

// Cleaner makes what a service wrote in free text fit to be kept and shown: its messages, and codes that are not the API's. Its zero
// value knows nothing that is private. Ids and amounts never pass through it.
type Cleaner struct {
	Secret   string
	Customer string
	Private  []string // the payment method
	Known    []string // the key, the reference and the id of the payment
	// own is the credential alone; nil: it is made of Secret.
	own *redact.Private
}

// Text returns a text without the private values and others of this payment, of valid UTF-8 without control characters, and no longer
// than its column.
func (c Cleaner) Text(s string, others ...string) string {
	values := append([]string{c.Secret, c.Customer}, c.Private...)
	s = redact.NewPrivate(append(values, others...), c.Known).String(s) // before cutting: half a value would not be found
	s = strings.Map(func(r rune) rune {                                 // a byte that is no UTF-8 comes as the replacement character
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
	return Cut(s)
}

// Storable reports whether an id can be kept as it is. An id is never changed: another one would be another payment's.
func (c Cleaner) Storable(id string) bool {
	secret := c.own
	if secret == nil {
		secret = redact.NewPrivate([]string{c.Secret}, nil)
	}
	return id != "" && utf8.ValidString(id) && utf8.RuneCountInString(id) <= LongestText && secret.String(id) == id
}

// Cut shortens a text to its column.
func Cut(s string) string {
	if utf8.RuneCountInString(s) > LongestText {
		return string([]rune(s)[:LongestText])
	}
	return s
}

// Visible is s without what an HTTP header cannot carry.
func Visible(s string) string {
	return strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return -1
		}
		return r
	}, s)
}
