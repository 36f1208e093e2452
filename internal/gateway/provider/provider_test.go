package provider_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"duly/internal/gateway/provider"
	"duly/internal/payment"
)

// Payments are found by the id of their key alone: it is the same for ever.
func TestIDIsTheSameForEver(t *testing.T) {
	require.Equal(t, "duly-9d3696edd77d55dffbbcc94f1b1dce1728129987", provider.ID("sub_42_20260131-1"))
	require.Equal(t, "duly-9d3696edd77d55df", provider.Tag("sub_42_20260131-1"))
	require.True(t, provider.Derived(provider.ID("")))
	for _, id := range []string{"", "duly-", "sub_42_20260131-1", "DULY-9d3696edd77d55dffbbcc94f1b1dce1728129987", "duly-9d3696edd77d55dffbbcc94f1b1dce17281299870"} {
		require.False(t, provider.Derived(id), id)
	}
}

// A code counts beside the status that it is documented with, or another one that says that the request was wrong.
func TestCodesCountBesideTheirStatus(t *testing.T) {
	table := provider.NewTable(
		provider.NewRow("WRONG", 400, provider.Rejected, "", "", ""),
		provider.NewRow("DOWN", 502, provider.Look, "", "", ""),
		provider.NewRow("NOT_FOUND_*", 404, provider.Misconfigured, "", "", ""),
		provider.NewRow("WRONG", 400, provider.Soft, "", "", ""),
	)
	for _, tc := range []struct {
		code   string
		status int
		want   provider.Class
	}{
		{"WRONG", 400, provider.Rejected},
		{"WRONG", 403, provider.Rejected},
		{"WRONG", 500, provider.Unknown},
		{"WRONG", 200, provider.Unknown},
		{"DOWN", 502, provider.Look},
		{"DOWN", 500, provider.Unknown},
		{"DOWN", 400, provider.Unknown},
		{"NOT_FOUND_MERCHANT", 404, provider.Misconfigured},
		{"A_NOT_FOUND_MERCHANT", 404, provider.Unknown},
		{"", 400, provider.Unknown},
	} {
		row, ok := table.Answer(tc.code, tc.status)
		require.Equal(t, tc.want, row.Is, tc)
		require.Equal(t, tc.want != provider.Unknown, ok, tc)
	}
	require.Len(t, table.Codes("charge"), 4)
}

// Whatever a provider holds, the slices of a window follow each other without gap and overlap, and come to its end.
func TestSlicesCoverTheirWindow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from := time.Date(2026, 1, 31, 0, 0, 0, rapid.IntRange(0, 999_999_999).Draw(t, "ns"), time.FixedZone("", 9*3600))
		w := payment.Window{From: from, To: from.Add(time.Duration(rapid.Int64Range(0, int64(400*24*time.Hour)).Draw(t, "length")))}
		crowd := from.Add(time.Duration(rapid.Int64Range(0, int64(400*24*time.Hour)).Draw(t, "crowd")))
		at, cursor := w.From, ""
		for step := 0; ; step++ {
			require.Less(t, step, 500, "it does not come to its end")
			s, err := provider.SliceAt(w, cursor)
			require.NoError(t, err)
			require.True(t, s.From.Equal(at))
			if s.Empty() {
				require.True(t, w.From.Equal(w.To))
				return
			}
			crowded := payment.Window{From: s.From, To: s.To}.Holds(crowd)
			if crowded && !s.Least() {
				cursor = s.Half()
				continue
			}
			rows := rapid.IntRange(0, 1000).Draw(t, "rows")
			at = s.To
			if cursor = s.Next(rows, 1000); cursor == "" {
				require.True(t, at.Equal(w.To))
				return
			}
		}
	})
}

func TestWordsOfClasses(t *testing.T) {
	words := map[string]bool{}
	for c := provider.Unknown; c <= provider.Misconfigured; c++ {
		words[c.String()] = true
	}
	require.Len(t, words, 10)
	require.Equal(t, "unknown", (provider.Misconfigured + 1).String())
	require.Equal(t, payment.Outcome{LookUpOnly: true, Answered: true, LookNow: true}, provider.Unknown.Outcome(payment.Decline{}, ""), "the zero value took money, for all that is known")
}
