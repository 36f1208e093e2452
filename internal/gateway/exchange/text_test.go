package exchange

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestTextsOfTheGatewayAreCutAndCleaned(t *testing.T) {
	const method = "billing-key-secret"
	long := strings.Repeat("커", 300)
	for name, tc := range map[string]struct{ in, want string }{
		"short":            {"fine", "fine"},
		"long":             {long, long[:3*LongestText]},
		"not UTF-8":        {"a\xffb", "a\uFFFDb"},
		"control":          {"a\x00\n\x1bb", "a   b"},
		"token":            {"Bearer tok-5ecret!", "Bearer [redacted]!"},
		"method":           {method, "[redacted]"},
		"across the cut":   {strings.Repeat("x", 250) + method, strings.Repeat("x", 250) + "[reda"},
		"at its own seams": {method + method, "[redacted][redacted]"},
	} {
		t.Run(name, func(t *testing.T) {
			got := Cleaner{Secret: "tok-5ecret", Private: []string{method}}.Text(tc.in)
			require.Equal(t, tc.want, got)
			require.True(t, utf8.ValidString(got))
		})
	}
}
