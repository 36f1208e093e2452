package refunds_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/payment"
	"duly/internal/refunds"
)

// A word about money stands beside the opposite one, each with its condition, wherever a gateway can be asked.
func TestWaysOfARefundInReview(t *testing.T) {
	for name, c := range map[string]struct {
		held   refunds.Held
		first  payment.Resolution
		second payment.Resolution
	}{
		"sent":       {refunds.Held{ID: 7, Sent: true}, payment.AsRefunded, payment.AsNotExecuted},
		"unrecorded": {refunds.Held{ID: 7, Shown: true}, payment.AsRefunded, payment.AsNotExecuted},
		"refused":    {refunds.Held{ID: 7}, payment.AsNotExecuted, payment.AsRefunded},
	} {
		ways := c.held.Ways()
		require.Len(t, ways, 3, name)
		require.Equal(t, []payment.Resolution{c.first, c.second, payment.AsIgnored}, []payment.Resolution{ways[0].As, ways[1].As, ways[2].As}, name)
		for _, way := range ways[:2] {
			require.True(t, strings.HasPrefix(way.When, "if "), "%s: %s", name, way.When)
			require.Contains(t, c.held.Either(), "--as "+string(way.As), name)
			require.Contains(t, c.held.Either(), way.When, name)
		}
	}
	executed := refunds.Held{ID: 7, Sent: true, Executed: true}
	require.Equal(t, []payment.Resolution{payment.AsRefunded, payment.AsIgnored}, []payment.Resolution{executed.Ways()[0].As, executed.Ways()[1].As}, "not executed is refused")
	gone := refunds.Held{ID: 7, Shown: true, Gone: true}
	require.Len(t, gone.Ways(), 1)
	require.Equal(t, payment.AsIgnored, gone.Ways()[0].As)
	require.Contains(t, gone.Either(), "duly resolve refund 7 --as ignored")
	require.Equal(t, "duly resolve refund 7 --as refunded --reason … if the provider's page shows that this refund was executed (after a restore: it was sent before that); "+
		"--as not_executed if somebody else refunded that money: then duly refund requests this one again", refunds.Refund{ID: 7, Shown: 400}.Held().Either())
}

// An accepted word offers another refund on its condition alone; what a held refund was is said of one at a time.
func TestWhatAWordAboutARefundLeadsTo(t *testing.T) {
	held := refunds.Claimed{Refund: refunds.Refund{ID: 7, Shown: 400}, Target: refunds.Target{Paid: won(1000)}}
	for _, c := range []refunds.Claimed{held, {Refund: refunds.Refund{ID: 7}}} {
		for _, as := range []payment.Resolution{payment.AsNotExecuted, payment.AsIgnored} {
			if said := c.Follows(as); strings.Contains(said, "duly refund") {
				require.Contains(t, said, "if ", as)
			}
		}
		require.Equal(t, "its money is recorded as refunded", c.Follows(payment.AsRefunded))
	}
	require.Contains(t, held.Follows(payment.AsIgnored), "waits for the same answer")
	for _, as := range []payment.Resolution{payment.AsNotExecuted, payment.AsRefunded} {
		require.Contains(t, held.Alone(as), "the gateway shows 400 KRW refunded, and 0 KRW are recorded")
		require.Empty(t, refunds.Claimed{Refund: refunds.Refund{ID: 7}}.Alone(as))
	}
	require.Empty(t, held.Alone(payment.AsIgnored))
}
