package steps_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"duly/internal/batch"
	"duly/internal/payment"
	"duly/internal/worktest"
	"duly/steps"
)

// answers are outcomes that the brake looks at, and what it makes of them: true is bad.
func answers() map[payment.Outcome]bool {
	return map[payment.Outcome]bool{
		{Kind: payment.Paid}: false,
		{Kind: payment.Refused, Decline: payment.Decline{Class: payment.Soft}}:   false,
		{Kind: payment.Refused, Decline: payment.Decline{Class: payment.Action}}: false,
		{Kind: payment.TryLater}: false,
		{Kind: payment.Refused, Decline: payment.Decline{Class: payment.Hard}}: true,
		{Kind: payment.Differs}:  true,
		{Kind: payment.Rejected}: true,
	}
}

// silent are outcomes that say nothing about the rows.
func silent() []payment.Outcome {
	return []payment.Outcome{{Kind: payment.InDoubt}, {Kind: payment.NotExecuted}, {Kind: payment.Misconfigured}}
}

// The run is halted at exactly the answer with which, for the first time, more than so many percent of the last
// 200 are bad; fewer than 200 say nothing yet.
func TestBrake(t *testing.T) {
	var good, bad []payment.Outcome
	for o, is := range answers() {
		if is {
			bad = append(bad, o)
		} else {
			good = append(good, o)
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		percent := rapid.IntRange(1, 100).Draw(rt, "percent")
		share := rapid.IntRange(0, 100).Draw(rt, "share of bad ones")
		n := rapid.IntRange(0, 450).Draw(rt, "answers")
		brake := &steps.Brake{Percent: percent}
		var seen []bool
		wanted, halted := -1, -1
		worktest.InMemory(t.Context(), t, func(ctx context.Context, x *batch.StepExecution) error {
			for i := range n {
				is := rapid.IntRange(0, 99).Draw(rt, "kind") < share
				o := rapid.SampledFrom(good).Draw(rt, "good")
				if is {
					o = rapid.SampledFrom(bad).Draw(rt, "bad")
				}
				brake.Watch(ctx, o)
				brake.Watch(ctx, rapid.SampledFrom(silent()).Draw(rt, "silent"))
				if seen = append(seen, is); len(seen) > 200 {
					seen = seen[1:]
				}
				if wanted < 0 && len(seen) == 200 && count(seen)*100 > percent*200 {
					wanted = i
				}
				if halted < 0 && x.Halted() != nil {
					halted = i
				}
			}
			return nil
		})
		require.Equal(rt, wanted, halted)
	})
}

func count(list []bool) int {
	n := 0
	for _, b := range list {
		if b {
			n++
		}
	}
	return n
}
