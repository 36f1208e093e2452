package gateway_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/gateway"
	"duly/internal/payment"
)

func TestFindAsksASecondTimeWhatCouldNotBeRead(t *testing.T) {
	unread := gateway.Finding{Outcome: timeOut}
	for _, tc := range []struct {
		name    string
		answers []gateway.Finding
		asked   int
	}{
		{"paid", []gateway.Finding{{Outcome: paid}}, 1},
		{"absent", []gateway.Finding{{Absent: true}}, 1},
		{"pending", []gateway.Finding{{Outcome: payment.Outcome{LookUpOnly: true}}}, 1},
		{"declined", []gateway.Finding{{Outcome: payment.Outcome{Kind: payment.Refused}}}, 1},
		{"time-out, then paid", []gateway.Finding{unread, {Outcome: paid}}, 2},
		{"time-out throughout", []gateway.Finding{unread, unread}, 2},
		{"credentials refused", []gateway.Finding{{Misconfigured: true}}, 1},
		{"a wish that is too long", []gateway.Finding{{Outcome: payment.Outcome{RetryAfter: time.Hour}}}, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{find: func(n int) gateway.Finding { return tc.answers[n-1] }}
				p := pace(t, f)
				got := p.Find(t.Context(), payment.Charge{}, "")
				require.Equal(t, tc.answers[len(tc.answers)-1], got)
				require.Equal(t, tc.asked, f.asked)
				require.EqualValues(t, tc.asked, p.Stats().LookUps)
				_, closed := p.Closed()
				require.Equal(t, got.Misconfigured, closed)
				require.Equal(t, got.Misconfigured, p.Stats().Misconfigured == 1)
			})
		})
	}
}

func TestFindWaitsAndFeedsTheCircuit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{find: func(n int) gateway.Finding {
			if n <= 20 {
				return gateway.Finding{Outcome: timeOut}
			}
			return gateway.Finding{Outcome: paid}
		}}
		p := pace(t, f, once)
		for range 20 {
			p.Find(t.Context(), payment.Charge{}, "")
		}
		require.True(t, p.Open())
		start := time.Now()
		require.Equal(t, paid, p.Find(t.Context(), payment.Charge{}, "").Outcome)
		require.Equal(t, 10*time.Second, time.Since(start))
	})
}

func TestFindThatCannotAskIsInDoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{noFind: true, find: func(int) gateway.Finding { return gateway.Finding{Outcome: paid} }}
		p := pace(t, f)
		want := gateway.Finding{Unasked: true, Outcome: payment.Outcome{Reason: "not looked up: the gateway cannot be asked by key"}}
		require.Equal(t, want, p.Find(t.Context(), payment.Charge{}, ""))
		require.Zero(t, f.asked)
		require.Equal(t, paid, p.Find(t.Context(), payment.Charge{}, "pay_1").Outcome, "by the gateway's own id")

		ctx, stop := withStop(t)
		stop()
		require.Equal(t, gateway.Finding{Unasked: true, Outcome: payment.Outcome{Reason: "not looked up: stopped"}}, p.Find(ctx, payment.Charge{}, "pay_1"))
		require.Equal(t, 1, f.asked)
	})
}

func TestFindIsNotTheGuardsBusiness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{find: func(int) gateway.Finding { return gateway.Finding{Outcome: paid} }}
		ctx := gateway.WithGuard(t.Context(), gateway.Guard{Check: func() error { return gateway.ErrGuard }})
		require.Equal(t, paid, pace(t, f).Find(ctx, payment.Charge{}, "").Outcome)
	})
}
