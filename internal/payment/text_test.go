package payment_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"duly/internal/payment"
)

func TestCut(t *testing.T) {
	require.Equal(t, "abc", payment.Cut("abc", 3))
	require.Equal(t, "ab", payment.Cut("abc", 2))
	require.Equal(t, "가나", payment.Cut("가나다", 2), "characters, not bytes")
	require.Equal(t, "a\uFFFDb", payment.Cut("a\xff\xfeb", 5))
	require.Empty(t, payment.Cut("abc", 0))
}

func TestCutProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, n := rapid.String().Draw(t, "s")+rapid.SampledFrom([]string{"", "\xff"}).Draw(t, "bad"), rapid.IntRange(0, 20).Draw(t, "n")
		got := payment.Cut(s, n)
		require.True(t, utf8.ValidString(got))
		require.LessOrEqual(t, utf8.RuneCountInString(got), n)
		require.True(t, strings.HasPrefix(strings.ToValidUTF8(s, "\uFFFD"), got))
	})
}
