package gateway_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/gateway"
	"duly/internal/payment"
)

func automatic(l *gateway.Limits) { l.Auto = 64 }

// That there are too many requests says nothing of this one: it uses up no try while duly finds the number. With a fixed number it does.
func TestTooManyUsesUpNoTry(t *testing.T) {
	answers := append(slices.Repeat([]payment.Outcome{tooMany}, 6), paid)
	synctest.Test(t, func(t *testing.T) {
		f := &fake{charge: in(answers...)}
		o, doubted := pace(t, f, automatic).Charge(t.Context(), payment.Charge{Key: "k"}, false)
		require.Equal(t, payment.Paid, o.Kind)
		require.False(t, doubted)
		require.Equal(t, 7, f.requests())
		require.Len(t, slices.Compact(slices.Clone(f.keys)), 1, "under one key")
	})
	synctest.Test(t, func(t *testing.T) {
		f := &fake{charge: in(answers...)}
		o, _ := pace(t, f).Charge(t.Context(), payment.Charge{Key: "k"}, false)
		require.Equal(t, payment.NotExecuted, o.Kind)
		require.Equal(t, 3, f.requests())
	})
}

// It is waited for no longer than max_elapsed, and where that is none for five minutes.
func TestTooManyIsNotWaitedForForEver(t *testing.T) {
	for name, c := range map[string]struct {
		elapsed, most time.Duration
	}{
		"a minute": {time.Minute, time.Minute},
		"for ever": {0, 9 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{charge: in(tooMany)}
				p := pace(t, f, automatic, func(l *gateway.Limits) { l.MaxElapsed, l.MaxOutage = c.elapsed, 0 })
				start := time.Now()
				o, _ := p.Charge(t.Context(), payment.Charge{Key: "k"}, false)
				require.Equal(t, payment.NotExecuted, o.Kind)
				within(t, time.Since(start), c.most/2, c.most)
			})
		})
	}
}

// A gateway that answers nothing else for as long as an outage may last is left alone.
func TestAGatewayThatOnlyAnswersTooManyIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{charge: in(tooMany)}
		p := pace(t, f, automatic)
		start := time.Now()
		for {
			p.Charge(t.Context(), payment.Charge{Key: "k"}, false)
			if reason, closed := p.Closed(); closed {
				require.Equal(t, "gateway answers 429 to everything for 5m", reason)
				break
			}
		}
		within(t, time.Since(start), 5*time.Minute, 7*time.Minute)
		require.Less(t, f.requests(), 40, "it was left in peace meanwhile")
	})
}

// A charge of which nobody knows is not sent again for a 429 where the gateway keeps no keys.
func TestTooManyInDoubtIsNotSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{keyless: true, charge: in(payment.Outcome{Kind: payment.InDoubt, Reason: tooMany.Reason})}
		o, doubted := pace(t, f, automatic).Charge(t.Context(), payment.Charge{Key: "k"}, false)
		require.Equal(t, payment.InDoubt, o.Kind)
		require.True(t, doubted)
		require.Equal(t, 1, f.requests())
	})
}
