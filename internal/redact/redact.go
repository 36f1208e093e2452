// Package redact keeps secrets and private data out of texts. [Private] takes a customer and a payment method out of what a gateway
// wrote in free text, where it is read. [Redactor] is the second line of defence for secrets of the configuration: they are replaced
// wherever they turn up in what a program writes, and log attributes with telling names lose their value whatever it is. The
// first line is that secrets are not handed to what writes at all. Identifiers and amounts are never edited.
package redact

import (
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Hidden stands where a secret stood.
const Hidden = "[redacted]"

// shortest is the length in bytes from which a secret is looked for: shorter ones would be found everywhere. One that is shorter
// than long counts only where it is not a part of a longer word or number, and one of digits alone must be long: it would be an
// amount or an id.
const (
	shortest = 4
	long     = 16
)

// Redactor replaces secrets. It is safe for concurrent use.
type Redactor struct {
	anywhere *strings.Replacer
	words    *regexp.Regexp // nil: there is none
}

// New returns a Redactor of the secrets, in plain and as they are escaped in addresses, quoted text and JSON. Those of
// fewer than four bytes are left out, and those of fewer than sixteen digits.
func New(secrets ...string) *Redactor {
	var forms []string
	for _, secret := range secrets {
		if len(secret) < shortest || len(secret) < long && strings.Trim(secret, "0123456789") == "" {
			continue
		}
		forms = append(forms, secret, url.QueryEscape(secret), url.PathEscape(secret), unquoted(strconv.Quote(secret)))
		if text, err := json.Marshal(secret); err == nil {
			forms = append(forms, unquoted(string(text)))
		}
	}
	slices.SortFunc(forms, func(a, b string) int { // the longest first: one secret may be part of another
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	var pairs, words []string
	for _, form := range slices.Compact(forms) {
		if len(form) >= long {
			pairs = append(pairs, form, Hidden)
			continue
		}
		words = append(words, regexp.QuoteMeta(form))
	}
	r := &Redactor{anywhere: strings.NewReplacer(pairs...)}
	if len(words) > 0 {
		r.words = regexp.MustCompile(strings.Join(words, "|"))
	}
	return r
}

func unquoted(text string) string { return text[1 : len(text)-1] }

// String is text without the secrets.
func (r *Redactor) String(text string) string {
	text = r.anywhere.Replace(text)
	if r.words == nil {
		return text
	}
	return replace(text, r.words.FindStringIndex, func(begin, end int) bool { return !within(text, begin, end) })
}

// replace puts [Hidden] in the place of each match of find, which returns where the next one begins and ends, that hide reports true for. After one that stays, the search goes on at its
// second character.
func replace(text string, find func(text string) []int, hide func(begin, end int) bool) string {
	var b strings.Builder
	written := 0
	for from := 0; from < len(text); {
		at := find(text[from:])
		if at == nil {
			break
		}
		begin, end := from+at[0], from+at[1]
		if !hide(begin, end) {
			_, size := utf8.DecodeRuneInString(text[begin:])
			from = begin + size
			continue
		}
		b.WriteString(text[written:begin] + Hidden)
		written, from = end, end
	}
	return b.String() + text[written:]
}

// within reports whether a part of a text is a part of a longer word or number.
func within(text string, begin, end int) bool {
	letter := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
	first, _ := utf8.DecodeRuneInString(text[begin:])
	before, _ := utf8.DecodeLastRuneInString(text[:begin])
	last, _ := utf8.DecodeLastRuneInString(text[:end])
	after, _ := utf8.DecodeRuneInString(text[end:])
	return letter(first) && letter(before) || letter(last) && letter(after)
}
