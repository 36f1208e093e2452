package billing_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"duly/internal/billing"
	"duly/internal/payment"
)

func TestKnown(t *testing.T) {
	const success, declined, pending, canceled = payment.Succeeded, payment.Declined, payment.Pending, payment.Canceled
	type list = []payment.Status
	for name, c := range map[string]struct {
		held  *billing.Held
		known list
	}{
		"no attempt":                        {nil, nil},
		"in flight, maybe sent":             {&billing.Held{Status: billing.AttemptInFlight}, list{success, declined, pending, canceled}},
		"claimed, and not sent yet":         {&billing.Held{Status: billing.AttemptInFlight, Unsent: true}, nil},
		"in doubt":                          {&billing.Held{Status: billing.AttemptInDoubt}, list{success, declined, pending, canceled}},
		"in review":                         {&billing.Held{Status: billing.AttemptReview}, list{success, declined, pending, canceled}},
		"succeeded":                         {&billing.Held{Status: billing.AttemptSucceeded}, list{success, declined, pending, canceled}},
		"declined":                          {&billing.Held{Status: billing.AttemptDeclined}, list{declined, canceled}},
		"declined, ended by an operator":    {&billing.Held{Status: billing.AttemptDeclined, Void: true}, list{success, declined, pending, canceled}},
		"rejected":                          {&billing.Held{Status: billing.AttemptRejected}, list{declined, canceled}},
		"rejected, ended by an operator":    {&billing.Held{Status: billing.AttemptRejected, Void: true}, list{success, declined, pending, canceled}},
		"released":                          {&billing.Held{Status: billing.AttemptReleased}, nil},
		"released, and its invoice is void": {&billing.Held{Status: billing.AttemptReleased, Void: true}, nil},
		"a status that nobody knows":        {&billing.Held{Status: "new"}, nil},
	} {
		var known list
		for _, s := range (list{success, declined, pending, canceled}) {
			if billing.Known(s, c.held) {
				known = append(known, s)
			}
		}
		require.Equal(t, c.known, known, name)
	}
}

func TestUnder(t *testing.T) {
	for _, c := range []struct{ prefix, key, want string }{
		{"", "sub_42_20260131-1", "sub_42_20260131-1"},
		{"eu-", "sub_42_20260131-1", "eu-sub_42_20260131-1"},
		{"", "eu-sub_42_20260131-12", "sub_42_20260131-12"},
		{"us-", "eu-sub_42_20260131-1", "us-sub_42_20260131-1"},
		{"us-", "sub_sub_42_20260131-1", "us-sub_42_20260131-1"},
		{"sub_1_20260131-1", "sub_42_20260131-1", "sub_1_20260131-1sub_42_20260131-1"},
	} {
		require.Equal(t, c.want, billing.Under(c.prefix, c.key))
	}
}

// Whatever two installations on one account have for prefixes: neither makes a key that the other one makes too, or
// takes for its own, and every key fits its column.
func TestKeysOfTwoInstallationsNeverMeet(t *testing.T) {
	const longest = 64
	piece := rapid.SampledFrom([]string{"s", "u", "b", "_", "-", "1", "2", "0", "sub_", "_20260131", "-1", "eu"})
	prefix := rapid.Custom(func(t *rapid.T) string {
		text := ""
		for _, p := range rapid.SliceOfN(piece, 0, 8).Draw(t, "pieces") {
			if len(text)+len(p) <= 16 {
				text += p
			}
		}
		return text
	})
	rapid.Check(t, func(t *rapid.T) {
		ours, theirs := prefix.Draw(t, "ours"), prefix.Draw(t, "theirs")
		key := billing.Under(ours, billing.Key(rapid.Uint64Min(1).Draw(t, "subscription"),
			payment.Date(rapid.Int32Range(1, 2_000_000).Draw(t, "due")), rapid.IntRange(1, 1_000_000).Draw(t, "n")))
		require.LessOrEqual(t, len(key), longest)
		_, mine := billing.ParseKey(ours, key)
		require.True(t, mine)
		_, both := billing.ParseKey(theirs, key)
		require.Equal(t, ours == theirs, both, "%q under %q", key, theirs)
	})
}

func TestLookUpsBeforeTheFirstSend(t *testing.T) {
	const life, longest = 24 * time.Hour, 2 * time.Minute
	const guard = life - longest
	due := time.Date(2026, time.January, 31, 0, 0, 0, 0, time.UTC)
	young, old := due.Add(guard-time.Nanosecond), due.Add(guard)
	whole := func(now time.Time, change func(*billing.Coverage)) billing.Coverage {
		c := billing.Coverage{Complete: true, To: now.Add(-time.Minute), Lags: true, Guard: guard}
		if change != nil {
			change(&c)
		}
		return c
	}
	none := billing.Coverage{Guard: guard}
	const n, reach = 2, 4
	for _, c := range []struct {
		name        string
		cover       billing.Coverage
		now         time.Time
		first, last int
		within      time.Duration
	}{
		{"a complete list", whole(old, nil), old, 2, 1, guard - time.Minute},
		{"a complete list, and runs that charged before the due date", whole(old, func(c *billing.Coverage) { c.Early = true }), old, 2, 1, guard - time.Minute},
		{"a list from the due date on", whole(old, func(c *billing.Coverage) { c.From = due }), old, 2, 1, guard - time.Minute},
		{"a list that begins later", whole(old, func(c *billing.Coverage) { c.From = due.Add(1) }), old, 2, 4, 0},
		{"a list that ended as long ago as the key is sure to live", whole(old, func(c *billing.Coverage) { c.To = old.Add(-guard) }), old, 2, 2, 0},
		{"a list that lags, and no keys", whole(old, func(c *billing.Coverage) { c.Guard = -longest }), old, 2, 2, 0},
		{"a list that never lags, and no keys", whole(old, func(c *billing.Coverage) { c.Guard, c.Lags = -longest, false }), old, 2, 1, 0},
		{"no list", none, old, 2, 4, 0},
		{"no list, due a moment ago", none, young, 3, 4, 1},
		{"no list, due a moment ago, and runs that charged before the due date", billing.Coverage{Guard: guard, Early: true}, young, 2, 4, 0},
		{"no list, due tomorrow", none, due.Add(-time.Hour), 2, 4, 0},
		{"no list, no keys", billing.Coverage{Guard: -longest}, due.Add(time.Nanosecond), 2, 4, 0},
		{"no list, and keys that charge once", billing.Coverage{Guard: guard, Once: true}, old, 3, 4, 0},
		{"no list, keys that charge once, and runs that charged before the due date", billing.Coverage{Guard: guard, Once: true, Early: true}, old, 3, 4, 0},
	} {
		got := c.cover.FirstSend(due, n, reach, c.now)
		require.Equal(t, billing.LookUps{First: c.first, Last: c.last, Within: c.within}, got, c.name)
		if c.cover.Shows(due) {
			require.Equal(t, billing.LookUps{First: n, Last: n - 1}, got, c.name)
		}
		covered := got.Last <= n
		require.Equal(t, covered || c.within > 0, c.cover.Remembered(due, c.now), c.name)
		later := c.cover.Later(due, n, reach)
		if covered {
			require.Equal(t, billing.LookUps{First: n + 1, Last: n}, later, c.name)
		} else {
			require.Equal(t, billing.LookUps{First: n + 1, Last: got.Last}, later, c.name)
		}
	}
	never := whole(old, func(c *billing.Coverage) { c.Lags, c.From = false, due })
	require.True(t, never.Shows(due))
	require.False(t, never.Shows(due.Add(-1)), "it may lack the oldest")
	require.False(t, whole(old, nil).Shows(due), "it may lack the newest")
	require.Equal(t, billing.LookUps{First: 5, Last: 5, Within: 1}, none.FirstSend(due, 4, 4, young),
		"the number after the last one that dunning comes to: a gateway may ask to try later")
	require.Equal(t, billing.LookUps{First: 7, Last: 7}, none.FirstSend(due, 7, 4, old))
	require.Equal(t, billing.LookUps{First: 8, Last: 8}, none.Later(due, 7, 4))
}
