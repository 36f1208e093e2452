package dunning_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"duly/internal/billing/dunning"
	"duly/internal/test/sample"
)

// What an invoice stores is read as it was, and takes its column.
func TestFrozenPolicyIsReadAsItWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := dunning.Frozen{
			Policy:    rapid.StringMatching(`([a-z0-9-]{1,32})?`).Draw(t, "policy"),
			AfterLast: sample.Draw(t, "after", "", dunning.PauseAfterLast, dunning.KeepAfterLast),
		}
		f.Paused = f.AfterLast == dunning.PauseAfterLast && rapid.Bool().Draw(t, "paused")
		if f.Policy == dunning.DefaultPolicy {
			f.Policy = ""
		}
		require.Equal(t, f, dunning.ParseFrozen(f.Text()))
		require.LessOrEqual(t, len(f.Text()), 64)
	})
	require.Empty(t, dunning.Frozen{AfterLast: dunning.CancelAfterLast}.Text(), "as most invoices")
	for _, text := range []string{"", "gentle", "42"} {
		require.Equal(t, dunning.Frozen{}, dunning.ParseFrozen(text))
	}
}

func TestWordsOfPolicies(t *testing.T) {
	require.Equal(t, "default: retries on days 1, 3, 5 after the first decline, then cancelled", dunning.Words("", []int{1, 3, 5}, ""))
	require.Equal(t, "gentle: retries on days 2, 5 after the first decline, then paused", dunning.Words("gentle", []int{2, 5}, dunning.PauseAfterLast))
	require.Equal(t, "once: no retries, then paused", dunning.Words("once", nil, dunning.PauseAfterLast))
	require.Equal(t, "keep: retry on day 1 after the first decline, then kept", dunning.Words("keep", []int{1}, dunning.KeepAfterLast))
}
