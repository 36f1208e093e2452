package httpapi

import (
	"net/url"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// longestText is the width of the columns that a gateway's texts are kept in, in characters.
const longestText = 255

const hidden = "[hidden]"

// cleaner returns a function that makes a text of the gateway's fit to be kept and shown: valid UTF-8
// without control characters, none of the secrets, and no longer than its column.
func cleaner(secrets ...string) func(string) string {
	var pairs []string
	for _, s := range secrets {
		if s != "" {
			pairs = append(pairs, s, hidden)
		}
	}
	hide := strings.NewReplacer(pairs...)
	return func(s string) string {
		s = hide.Replace(s)                 // before cutting: half a secret would not be found
		s = strings.Map(func(r rune) rune { // a byte that is no UTF-8 comes as the replacement character
			if unicode.IsControl(r) {
				return ' '
			}
			return r
		}, s)
		if utf8.RuneCountInString(s) > longestText {
			s = string([]rune(s)[:longestText])
		}
		return s
	}
}

// shortest is the length in characters from which words are looked for in a text: shorter ones would be found in every
// code.
const shortest = 4

// without is a text without the words, in any case and as they are escaped in addresses.
func without(text string, words ...string) string {
	for _, word := range words {
		if utf8.RuneCountInString(word) < shortest {
			continue
		}
		forms := regexp.QuoteMeta(word) + "|" + regexp.QuoteMeta(url.QueryEscape(word)) + "|" + regexp.QuoteMeta(url.PathEscape(word))
		text = regexp.MustCompile("(?i)"+forms).ReplaceAllLiteralString(text, hidden)
	}
	return text
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
