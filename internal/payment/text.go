package payment

import "strings"

// Cut makes s valid UTF-8 of at most n characters, as a VARCHAR(n) holds it.
func Cut(s string, n int) string {
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
