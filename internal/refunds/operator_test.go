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
		return refunds.Word{As: as, Reason: "looked", Sight: shown(back), Begun: noon().Add(after), Longest: keys.Longest}.Takes(c)
	}
	for _, early := range []time.Duration{0, keys.Longest} {
		require.ErrorContains(t, says(payment.AsNotExecuted, 0, early), "a request for refund 1 may still arrive: try again in ")
	}
	require.NoError(t, says(payment.AsNotExecuted, 0, keys.Longest+time.Microsecond))
	require.ErrorContains(t, says(payment.AsNotExecuted, 200, keys.Longest+time.Microsecond), "which may include this refund")
	require.NoError(t, says(payment.AsRefunded, 200, 0), "what the gateway shows waits for nothing")
	require.NoError(t, says(payment.AsIgnored, 0, 0))
}

// What was never sent, or was refused at once, waits for nothing.
func TestNotExecutedOfWhatWasNeverSent(t *testing.T) {
	c := claimed(200)
	end := c.After(refunds.Decide(c, shown(0), keys, noon()), payment.Reply{Effect: payment.EffectRejected, Reason: "closed"})
	s := refunds.Result{Claimed: c, End: end}.Settle(noon(), keys.Longest, 0)
	require.Equal(t, refunds.Settlement{Status: refunds.Review, Unsent: true, Tries: 1}, s)
	require.NoError(t, refunds.Word{As: payment.AsNotExecuted, Reason: "looked", Sight: shown(0), Begun: noon(), Longest: keys.Longest}.Takes(c))
}

// That a refund was not executed is believed of what the right gateway shows alone, and of less than what was asked for: every other word is
// refused, but the one that needs no gateway.
func TestNotExecutedNeedsTheGateway(t *testing.T) {
	for name, c := range map[string]struct {
		word refunds.Word
		of   func(*refunds.Claimed)
		want string
	}{
		"as before":            {word: refunds.Word{Sight: shown(100)}},
		"less than asked":      {word: refunds.Word{Sight: shown(299)}},
		"as much":              {refunds.Word{Sight: shown(300)}, nil, "the gateway shows 300 KRW of 500 KRW refunded, which may include this refund: --as refunded"},
		"more":                 {refunds.Word{Sight: shown(450)}, nil, "the gateway shows 450 KRW of 500 KRW refunded, which may include this refund: --as refunded"},
		"no answer":            {refunds.Word{Sight: payment.LookupResult{Reason: "HTTP 500"}}, nil, "the gateway could not be asked (HTTP 500): try again; duly"},
		"not known":            {refunds.Word{Sight: payment.LookupResult{Absent: true}}, nil, "the gateway does not know the payment now, which proves nothing: ask the provider; duly"},
		"another charge":       {refunds.Word{Sight: shown(100, func(p *payment.Payment) { p.Reference = "other" })}, nil, "whose reference is not ours"},
		"impossible":           {refunds.Word{Sight: shown(900)}, nil, "ask the provider"},
		"no look-up":           {word: refunds.Word{Sight: payment.LookupResult{Unaskable: true}}},
		"no look-up elsewhere": {refunds.Word{Sight: payment.LookupResult{Unaskable: true}, Elsewhere: "taken elsewhere"}, nil, "taken elsewhere"},
		"another account":      {refunds.Word{Sight: shown(100), Elsewhere: "taken elsewhere"}, nil, "taken elsewhere"},
		"a copy":               {refunds.Word{Sight: shown(100), Doubtful: "does not show payment x"}, nil, "does not show payment x"},
		"not configured":       {refunds.Word{Longest: -1}, nil, "gateway main is not configured here: type it where gateways.main is"},
		"the row is gone":      {refunds.Word{Longest: -1}, func(c *refunds.Claimed) { c.Target = refunds.Target{Problem: "there is no payment 9"} }, "there is no payment 9, so that no gateway can be asked"},
		"never sent, refunded": {refunds.Word{Sight: shown(250)}, func(c *refunds.Claimed) { c.Sent, c.Recorded = nil, 50 }, "may include this refund"},
	} {
		t.Run(name, func(t *testing.T) {
			refund := claimed(200, sent(100, 200, time.Hour))
			if c.of != nil {
				c.of(&refund)
			}
			word := c.word
			word.As, word.Reason, word.Begun = payment.AsNotExecuted, "looked", noon()
			if word.Longest++; word.Longest > 0 {
				word.Longest = keys.Longest
			}
			if err := word.Takes(refund); c.want == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, c.want)
				require.ErrorContains(t, err, "duly resolve refund 1 --as ignored --reason …")
			}
			word.As = payment.AsIgnored
			require.NoError(t, word.Takes(refund))
		})
	}
}

// The instant until which a request may arrive is counted from the first one too.
func TestNotExecutedCountsFromTheFirstRequest(t *testing.T) {
	c := claimed(200, sent(0, 200, time.Minute))
	word := refunds.Word{As: payment.AsNotExecuted, Reason: "looked", Sight: shown(0), Begun: noon(), Longest: keys.Longest}
	require.ErrorContains(t, word.Takes(c), "may still arrive")
	word.Begun = noon().Add(keys.Longest)
	require.NoError(t, word.Takes(c))
}

// A word about a refund that may have been made before records that refund alone, and nothing that another one may be which waits.
func TestAWordExplainsItsOwn(t *testing.T) {
	c := claimed(200)
	c.Status, c.Recorded, c.Shown = refunds.Review, 50, 450
	end := func(as payment.Resolution, waiting int64) refunds.End {
		c.Waiting = waiting
		word := refunds.Word{As: as, Reason: "looked", Sight: shown(450), Begun: noon(), Longest: keys.Longest}
		require.NoError(t, word.Takes(c))
		return word.End(c)
	}
	require.Equal(t, int64(250), end(payment.AsRefunded, 0).Total)
	require.Equal(t, int64(200), end(payment.AsRefunded, 0).Amount)
	require.Equal(t, int64(450), end(payment.AsNotExecuted, 0).Total)
	require.Equal(t, int64(450), end(payment.AsNotExecuted, 401).Total)
	require.Equal(t, int64(50), end(payment.AsNotExecuted, 400).Total)
}
