package httpapi

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"duly/internal/redact"
)

// longestText is the width of the columns that a gateway's texts are kept in, in characters.
const longestText = 255

// cleaner makes what a service wrote in free text fit to be kept and shown: its messages, and codes that are not the API's. Its zero
// value knows nothing that is private. Ids and amounts never pass through it.
type cleaner struct {
	token   string
	secret  *redact.Private // the token alone; nil: there is none
	private []string        // the customer and the payment method
	known   []string        // the key, the reference and the id of the payment
}

// text returns a text without the private values and others of this payment, of valid UTF-8 without control characters, and no longer
// than its column.
func (c cleaner) text(s string, others ...string) string {
	values := append([]string{c.token}, c.private...)
	s = redact.NewPrivate(append(values, others...), c.known).String(s) // before cutting: half a value would not be found
	s = strings.Map(func(r rune) rune {                                 // a byte that is no UTF-8 comes as the replacement character
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
	return cut(s)
}

// storable reports whether an id can be kept as it is. An id is never changed: another one would be another payment's.
func (c cleaner) storable(id string) bool {
	return id != "" && utf8.ValidString(id) && utf8.RuneCountInString(id) <= longestText && (c.secret == nil || c.secret.String(id) == id)
}

func cut(s string) string {
	if utf8.RuneCountInString(s) > longestText {
		return string([]rune(s)[:longestText])
	}
	return s
}

// visible is s without what an HTTP header cannot carry.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return -1
		}
		return r
	}, s)
}
