package steps_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/billing"
	"duly/internal/gateway"
	"duly/internal/payment"
	"duly/steps"
)

// witness is a gateway without keys and look-ups that knows when a method was last charged.
type witness struct {
	*provider

	at    time.Time
	asked payment.Charge
}

func (w *witness) LastApproved(_ context.Context, c payment.Charge) (time.Time, bool) {
	w.asked = c
	return w.at, !w.at.IsZero()
}

// An operator who has to find out what became of a charge reads when its method was last charged, if the gateway knows that.
func TestAReviewNamesTheLastApproval(t *testing.T) {
	const plain = "sent, and the gateway cannot be asked: look whether the customer was charged"
	for name, tc := range map[string]struct {
		after time.Duration // the charge was begun; 0: it is not known
		want  string
	}{
		"not known":             {0, plain},
		"in the same second":    {time.Millisecond, plain + "; its method was last charged at 2000-01-01 00:00:00 UTC, after this charge was begun (2000-01-01 00:00:00): by it, unless something else charges the method"},
		"after it":              {2 * time.Second, plain + "; its method was last charged at 2000-01-01 00:00:02 UTC, after this charge was begun (2000-01-01 00:00:00): by it, unless something else charges the method"},
		"of the month before":   {-31 * 24 * time.Hour, plain + "; its method was last charged at 1999-12-01 00:00:00 UTC, before this charge was begun (2000-01-01 00:00:00), which proves nothing yet"},
		"a moment before it is": {-time.Second, plain + "; its method was last charged at 1999-12-31 23:59:59 UTC, before this charge was begun (2000-01-01 00:00:00), which proves nothing yet"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &witness{provider: &provider{abilities: gateway.Capabilities{LongestRequest: longest, Timeout: timeout}}}
				item := claimed(0)
				item.Doubted, item.LookUp, item.CreatedAt = true, true, time.Now()
				if tc.after != 0 {
					w.at = item.CreatedAt.Truncate(time.Second).Add(tc.after)
				}
				paced := gateway.Limit("main", w, gateway.Limits{Tries: 1, Now: time.Now})
				defer paced.Close()
				recovery := &steps.UnsettledAttempts{
					Gateways: steps.Gateways{"main": paced}, Controls: &steps.Controls{Now: time.Now}, Doubts: &steps.Doubts{}, Brake: &steps.Brake{}, Now: time.Now,
				}
				got := process(t.Context(), t, recovery, item, nil)
				require.Equal(t, billing.Unknowable, got.Verdict)
				require.Equal(t, tc.want, got.Reason)
				require.Equal(t, item.Charge, w.asked)
				require.LessOrEqual(t, len(got.Reason), billing.MaxText)
				require.Empty(t, w.sent)
			})
		})
	}
}
