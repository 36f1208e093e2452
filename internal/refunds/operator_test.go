package refunds_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/payment"
	"duly/internal/refunds"
)

// A refund whose answer was lost, and that is refused when it is sent again, may still be executed by the first request: nobody says that it
// was not before that request can have taken effect.
func TestNotExecutedWaitsForWhatMayArrive(t *testing.T) {
	c := claimed(200, sent(0, 200, time.Hour))
	end := c.After(refunds.Decide(c, shown(0), keys, noon()), payment.Reply{Effect: payment.EffectRejected, Reason: "closed"})
	s := refunds.Result{Claimed: c, End: end}.Settle(noon(), keys.Longest, 0)
	require.Equal(t, refunds.Review, s.Status)
	require.False(t, s.Unsent, "what was stored before the first request is kept")
	c.Status, c.Quiet = s.Status, s.NextAt

	says := func(as payment.Resolution, back int64, after time.Duration) error {
		return refunds.Word{As: as, Reason: "looked", Sight: shown(back), Begun: noon().Add(after)}.Takes(c)
	}
	for _, early := range []time.Duration{0, keys.Longest} {
		require.ErrorContains(t, says(payment.AsNotExecuted, 0, early), "a request for refund 1 may still arrive: try again in ")
	}
	require.NoError(t, says(payment.AsNotExecuted, 0, keys.Longest+time.Microsecond))
	require.ErrorContains(t, says(payment.AsNotExecuted, 200, keys.Longest+time.Microsecond), "which is what was asked for")
	require.NoError(t, says(payment.AsRefunded, 200, 0), "what the gateway shows waits for nothing")
	require.NoError(t, says(payment.AsIgnored, 0, 0))
}

// What was never sent, or was refused at once, waits for nothing.
func TestNotExecutedOfWhatWasNeverSent(t *testing.T) {
	c := claimed(200)
	end := c.After(refunds.Decide(c, shown(0), keys, noon()), payment.Reply{Effect: payment.EffectRejected, Reason: "closed"})
	s := refunds.Result{Claimed: c, End: end}.Settle(noon(), keys.Longest, 0)
	require.Equal(t, refunds.Settlement{Status: refunds.Review, Unsent: true, Tries: 1}, s)
	require.NoError(t, refunds.Word{As: payment.AsNotExecuted, Reason: "looked", Sight: shown(0), Begun: noon()}.Takes(c))
}
