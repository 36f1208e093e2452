package query

import (
	"cmp"
	"slices"
	"strings"

	"duly/internal/text"
)

// reasonsRead is how many different reasons of a run are read: many differ in an id alone.
const reasonsRead = 10_000

// cause is a reason without what duly added to the gateway's last word: why it was not asked again.
func cause(what, why string) string {
	if what == "in doubt" || what == "released" {
		why, _, _ = strings.Cut(why, "; ")
	}
	return why
}

// alike joins reasons that are alike, as [text.Alike] does. Declines are last, then come the commonest first.
func alike(list []Reason, limit int) Causes {
	counted := make([]text.Counted, len(list))
	for i, r := range list {
		counted[i] = text.Counted{Kind: r.What, Text: r.Why, N: r.Rows}
	}
	counted = text.Alike(counted)
	slices.SortStableFunc(counted, func(a, b text.Counted) int {
		last := func(c text.Counted) int {
			if c.Kind == "declined" {
				return 1
			}
			return 0
		}
		return cmp.Or(cmp.Compare(last(a), last(b)), cmp.Compare(b.N, a.N))
	})
	shown := min(limit, len(counted))
	out := Causes{Reasons: []Reason{}, More: len(counted) - shown}
	for _, c := range counted[:shown] {
		out.Reasons = append(out.Reasons, Reason{What: c.Kind, Why: c.Text, Rows: c.N})
	}
	return out
}
