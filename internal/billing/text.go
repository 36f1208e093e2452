package billing

import "strings"

// The widths of the columns that a rule's words and a gateway's go into, in characters.
const (
	maxText        = 255
	maxCode        = 64
	maxNetworkCode = 16
	maxQuoted      = 40 // of a shop's value that a reason repeats
)

// cut makes s valid UTF-8 of at most n characters, as a VARCHAR(n) holds it.
func cut(s string, n int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	count := 0
	for i := range s {
		if count == n {
			return s[:i]
		}
		count++
	}
	return s
}
