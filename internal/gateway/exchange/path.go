package exchange

import (
	"net/url"
	"strings"
)

// Segment reports whether s, escaped, is one segment of a path that means itself.
func Segment(s string) bool { return s != "" && s != "." && s != ".." }

// Fill returns a template with its one {name} replaced by value, as one segment of a path.
func Fill(template, value string) string {
	before, rest, found := strings.Cut(template, "{")
	if !found {
		return template
	}
	_, after, _ := strings.Cut(rest, "}")
	return before + url.PathEscape(value) + after
}
