package payment_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/payment"
)

// The words are stored and scraped: they stay as they are, whatever the order of the constants.
func TestWords(t *testing.T) {
	kinds := map[payment.Kind]string{
		payment.InDoubt: "in_doubt", payment.Paid: "succeeded", payment.Refused: "declined", payment.NotExecuted: "not_executed",
		payment.TryLater: "try_later", payment.Differs: "differs", payment.Rejected: "rejected", payment.Misconfigured: "misconfigured",
	}
	require.Len(t, kinds, len(payment.Kinds()))
	for kind, word := range kinds {
		holdsWord(t, kind, word)
	}
	effects := map[payment.Effect]string{
		payment.EffectUnknown: "unknown", payment.EffectDone: "done", payment.EffectRefused: "refused", payment.EffectNone: "none",
		payment.EffectRejected: "rejected", payment.EffectMisconfigured: "misconfigured",
	}
	require.Len(t, effects, len(payment.Effects()))
	for effect, word := range effects {
		holdsWord(t, effect, word)
	}
}

// holdsWord checks that v is word wherever it is written, and is read back from it, also as the key of a map.
func holdsWord[T interface {
	comparable
	String() string
}](t *testing.T, v T, word string) {
	t.Helper()
	require.Equal(t, word, v.String())
	text, err := json.Marshal(map[T]T{v: v})
	require.NoError(t, err)
	require.JSONEq(t, `{"`+word+`": "`+word+`"}`, string(text))
	var back map[T]T
	require.NoError(t, json.Unmarshal(text, &back))
	require.Equal(t, map[T]T{v: v}, back)
}

func TestUnknownWords(t *testing.T) {
	for _, text := range []string{`""`, `"paid"`, `"Succeeded"`, `" succeeded"`, `"1"`, `1`, `1.0`, `true`, `{}`} {
		kind, effect := payment.Differs, payment.EffectNone
		require.Error(t, json.Unmarshal([]byte(text), &kind), text)
		require.Error(t, json.Unmarshal([]byte(text), &effect), text)
		require.Equal(t, payment.Differs, kind)
		require.Equal(t, payment.EffectNone, effect)
	}
	_, err := json.Marshal(payment.Kind(99))
	require.ErrorContains(t, err, "unknown outcome")
	_, err = json.Marshal(payment.Effect(99))
	require.ErrorContains(t, err, "unknown effect")
	require.Equal(t, "in_doubt", payment.Kind(99).String(), "what is not recognised may have taken the money")
	require.Equal(t, "unknown", payment.Effect(99).String())
}
