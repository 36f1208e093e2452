package redact

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// How long a private value must be, in characters, to be looked for in a free text as a whole word, and anywhere. A shorter one
// identifies nobody, and stands in every sentence and amount.
const (
	shortestWord = 4
	shortestPart = 8
)

// Private takes private values, such as a customer and a payment method, out of what others wrote in free text. It is never asked
// about identifiers and amounts: those are fields, and stay as they are.
type Private struct {
	values []privateValue
	forms  []string // of the values, the longest first: one may be a part of another
	known  []string
}

type privateValue struct {
	form string
	word bool // only as a whole word
}

// NewPrivate returns a Private of values, in plain and as they are escaped in addresses. One of four to seven characters counts as a
// whole word alone, and so does any that has no letter: it would be found within amounts and ids. The known identifiers, of four
// characters or more, are left as they are wherever they stand in a text.
func NewPrivate(values, known []string) *Private {
	p := &Private{known: slices.DeleteFunc(slices.Clone(known), func(id string) bool { return len(id) < shortestWord })}
	for _, value := range values {
		n := utf8.RuneCountInString(value)
		if n < shortestWord {
			continue
		}
		word := n < shortestPart || !strings.ContainsFunc(value, unicode.IsLetter)
		for _, form := range []string{value, url.QueryEscape(value), url.PathEscape(value)} {
			p.values = append(p.values, privateValue{form, word})
			if !slices.Contains(p.forms, form) {
				p.forms = append(p.forms, form)
			}
		}
	}
	slices.SortStableFunc(p.forms, func(a, b string) int { return len(b) - len(a) })
	return p
}

// String returns text without the values.
func (p *Private) String(text string) string {
	var kept [][2]int
	looked := false
	return replace(text, p.find, func(begin, end int) bool {
		if !looked {
			kept, looked = p.ranges(text), true
		}
		return p.counts(text, begin, end) && !slices.ContainsFunc(kept, func(r [2]int) bool { return begin < r[1] && r[0] < end })
	})
}

// find returns where the first of the values stands, in any letter case; nil: there is none. Values differ from answer to answer, so that
// a regular expression of them would cost more to make than to use.
func (p *Private) find(text string) []int {
	for begin := range text {
		for _, form := range p.forms {
			if n, ok := foldedPrefix(text[begin:], form); ok {
				return []int{begin, begin + n}
			}
		}
	}
	return nil
}

// foldedPrefix reports whether text begins with a form in any letter case, and how many bytes of it that takes.
func foldedPrefix(text, form string) (n int, ok bool) {
	for _, want := range form {
		have, size := utf8.DecodeRuneInString(text[n:])
		if size == 0 || have != want && !foldsTo(have, want) {
			return 0, false
		}
		n += size
	}
	return n, true
}

// foldsTo reports whether two different characters are one in different letter cases.
func foldsTo(a, b rune) bool {
	for r := unicode.SimpleFold(a); r != a; r = unicode.SimpleFold(r) {
		if r == b {
			return true
		}
	}
	return false
}

// ranges lists where the known identifiers stand.
func (p *Private) ranges(text string) [][2]int {
	var out [][2]int
	for _, id := range p.known {
		for from := 0; ; {
			at := strings.Index(text[from:], id)
			if at < 0 {
				break
			}
			out = append(out, [2]int{from + at, from + at + len(id)})
			from += at + len(id)
		}
	}
	return out
}

var (
	currencyAfter  = regexp.MustCompile(`^ ?([A-Z]{3}\b|[€$£¥₩%])`)
	currencyBefore = regexp.MustCompile(`(\b[A-Z]{3} ?|[€$£¥₩] ?)$`)
)

// counts reports whether a match is one of the values, and not a part of another word or an amount.
func (p *Private) counts(text string, begin, end int) bool {
	before, found, after := text[:begin], text[begin:end], text[end:]
	for _, v := range p.values {
		if !strings.EqualFold(v.form, found) {
			continue
		}
		if !v.word {
			return true
		}
		amount := !strings.ContainsFunc(found, unicode.IsLetter) && (currencyAfter.MatchString(after) || currencyBefore.MatchString(before))
		if !amount && wordEnds(before, true) && wordEnds(after, false) {
			return true
		}
	}
	return false
}

// wordEnds reports whether a word ends at the border of what stands before it, or after it.
func wordEnds(beside string, before bool) bool {
	next := utf8.DecodeRuneInString
	if before {
		next = utf8.DecodeLastRuneInString
	}
	r, size := next(beside)
	switch {
	case size == 0:
		return true
	case r == '_', r == '-', unicode.IsLetter(r), unicode.IsDigit(r):
		return false
	case r != '.' && r != ',' && r != ':':
		return true
	}
	// Within a number it goes on: 9.99, 12:30. At the end of a sentence, and after a name, it does not.
	if before {
		r, size = next(beside[:len(beside)-size])
	} else {
		r, size = next(beside[size:])
	}
	return size == 0 || !unicode.IsDigit(r)
}
