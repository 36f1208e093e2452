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
		if f.Paused || f.AfterLast == "" {
			f.Mark = rapid.StringMatching(`([0-9]{20})?`).Draw(t, "mark")
		}
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

// A pause or a cancellation is duly's own where nobody wrote the row since, and nothing else shows another one.
func TestDoubt(t *testing.T) {
	const then, now = "20261129114233123456", "20261129114234123456"
	paused := dunning.Frozen{Policy: "gentle", AfterLast: dunning.PauseAfterLast, Paused: true, Mark: then}
	cancelled := dunning.Frozen{Mark: then}
	for name, c := range map[string]struct {
		is        dunning.Frozen
		since     dunning.Since
		newMethod bool
		doubt     string
	}{
		"untouched":                               {paused, dunning.Since{Written: then}, false, ""},
		"untouched, beside a newer invoice":       {paused, dunning.Since{Written: then, Newer: true}, false, ""},
		"written since":                           {paused, dunning.Since{Written: now}, false, "its row was written since"},
		"resumed, billed, paused":                 {paused, dunning.Since{Written: now, Newer: true}, false, "a newer invoice was issued since"},
		"a new card":                              {paused, dunning.Since{Written: now}, true, "its row was written since"},
		"a planned pause, which changes nothing":  {paused, dunning.Since{Written: then, Planned: true}, false, "a planned change was applied since"},
		"no mark":                                 {dunning.Frozen{Paused: true}, dunning.Since{Written: now}, false, "nothing shows that its row was not written since"},
		"cancelled":                               {cancelled, dunning.Since{Written: then}, false, ""},
		"cancelled, written since":                {cancelled, dunning.Since{Written: now}, false, "its row was written since"},
		"cancelled, a new card":                   {cancelled, dunning.Since{Written: now}, true, ""},
		"cancelled, a new card, a newer invoice":  {cancelled, dunning.Since{Written: now, Newer: true}, true, "a newer invoice was issued since"},
		"cancelled, planned":                      {cancelled, dunning.Since{Written: then, Planned: true}, true, "a planned change was applied since"},
		"cancelled, no mark":                      {dunning.Frozen{}, dunning.Since{Written: now}, false, ""},
		"cancelled, no mark, and a newer invoice": {dunning.Frozen{}, dunning.Since{Written: now, Newer: true}, false, "a newer invoice was issued since"},
	} {
		require.Equal(t, c.doubt, c.is.Doubt(c.since, c.newMethod), name)
	}
	require.Equal(t, "gentle pause", paused.Undone().Text())
	require.Empty(t, cancelled.Undone().Text())
}
