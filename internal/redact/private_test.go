package redact_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"duly/internal/redact"
)

func TestPrivateValuesLeaveAFreeText(t *testing.T) {
	private := redact.NewPrivate([]string{"Jane@Example.com", "cus_7", "20260131", "1", "9", "a", "", "abc"}, []string{"sub_42_20260131-1", "pay_cus_7", "k"})
	for in, want := range map[string]string{
		"not for Jane@Example.com":                             "not for [redacted]",
		"no_jane@example.COM_":                                 "no_[redacted]_",
		"at jane%40example.com!":                               "at [redacted]!",
		"no cus_7, customer:cus_7, (cus_7). cus_7":             "no [redacted], customer:[redacted], ([redacted]). [redacted]",
		"/customers/cus_7":                                     "/customers/[redacted]",
		"cus_71 xcus_7 cus_7-1":                                "cus_71 xcus_7 cus_7-1",
		"payment pay_cus_7 and key sub_42_20260131-1 of cus_7": "payment pay_cus_7 and key sub_42_20260131-1 of [redacted]",
		"id 20260131 of 2,20260131.20":                         "id [redacted] of 2,20260131.20",
		"limit 20260131 KRW, KRW 20260131, ₩20260131":          "limit 20260131 KRW, KRW 20260131, ₩20260131",
		"a limit of 9 EUR, 1 of 9, abc":                        "a limit of 9 EUR, 1 of 9, abc",
		"":                                                     "",
	} {
		require.Equal(t, want, private.String(in))
	}
	require.Equal(t, "x", redact.NewPrivate(nil, nil).String("x"))
}

// What is not a private value stays, byte for byte; and a long one is never left.
func TestPrivateValuesAndNothingElse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.StringMatching(`[a-z0-9]{1,12}`).Draw(t, "value")
		text := rapid.StringMatching(`([a-z0-9_]{1,6}[ .,:-]){0,8}`).Draw(t, "text")
		got := redact.NewPrivate([]string{value}, nil).String(text)
		if !strings.Contains(text, value) || len(value) < 4 {
			require.Equal(t, text, got)
		}
		long := "m" + rapid.StringMatching(`[a-z]{8,12}`).Draw(t, "long")
		require.NotContains(t, redact.NewPrivate([]string{long}, nil).String(text+long+text), long)
	})
}

// A short secret in a longer word or number is none.
func TestSecretsAreNoPartsOfWords(t *testing.T) {
	r := redact.New("root", "12345678", "1234567890123456")
	require.Equal(t, "[redacted]@h rooted uproot 12345678 KRW", r.String("root@h rooted uproot 12345678 KRW"))
	require.Equal(t, "x[redacted]", r.String("x1234567890123456"))
}
