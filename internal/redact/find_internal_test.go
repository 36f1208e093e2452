package redact

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Values are found where a regular expression that ignores the letter case would find them, also those whose letters take another
// number of bytes in the other case.
func TestValuesAreFoundAsByARegularExpression(t *testing.T) {
	letters := []rune("aAbBkKK1%üÜßſs한_ ")
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringOfN(rapid.SampledFrom(letters), 4, 6, -1)
		values := rapid.SliceOfN(word, 1, 2).Draw(t, "values")
		text := rapid.StringOfN(rapid.SampledFrom(letters), 0, 30, -1).Draw(t, "text")
		if rapid.Bool().Draw(t, "holds one") {
			text += strings.ToUpper(values[0]) + text
		}
		p := NewPrivate(values, nil)
		quoted := make([]string, len(p.forms))
		for i, form := range p.forms {
			quoted[i] = regexp.QuoteMeta(form)
		}
		require.True(t, slices.IsSortedFunc(p.forms, func(a, b string) int { return len(b) - len(a) }))
		require.Equal(t, regexp.MustCompile("(?i)"+strings.Join(quoted, "|")).FindStringIndex(text), p.find(text))
	})
}
