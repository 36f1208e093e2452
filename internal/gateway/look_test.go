package gateway_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/gateway"
	"duly/internal/payment"
)

var (
	seen   = payment.LookupResult{Payment: &payment.Payment{ID: "pay_1", Status: payment.Pending}}
	unseen = payment.LookupResult{Failure: true, Reason: "time-out"}
	byKey  = payment.Ref{Key: "ord_1-1"}
)

func TestLookAsksASecondTimeWhatCouldNotBeRead(t *testing.T) {
	for _, tc := range []struct {
		name    string
		answers []payment.LookupResult
		tries   int
		asked   int
	}{
		{"seen, though pending", []payment.LookupResult{seen}, 3, 1},
		{"absent", []payment.LookupResult{{Absent: true}}, 3, 1},
		{"unaskable after all", []payment.LookupResult{{Unaskable: true}}, 3, 1},
		{"time-out, then seen", []payment.LookupResult{unseen, seen}, 3, 2},
		{"time-out throughout", []payment.LookupResult{unseen, unseen}, 3, 2},
		{"one try", []payment.LookupResult{unseen}, 1, 1},
		{"credentials refused", []payment.LookupResult{{Misconfigured: true, Reason: "401"}}, 3, 1},
		{"a wish that is too long", []payment.LookupResult{{RetryAfter: time.Hour}}, 3, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{look: func(n int) payment.LookupResult { return tc.answers[n-1] }}
				p := pace(t, f, func(l *gateway.Limits) { l.Tries = tc.tries })
				got := p.Look(t.Context(), byKey)
				require.Equal(t, tc.answers[len(tc.answers)-1], got)
				require.Equal(t, tc.asked, f.asked)
				require.EqualValues(t, tc.asked, p.Stats().LookUps)
				reason, closed := p.Closed()
				require.Equal(t, got.Misconfigured, closed)
				require.Equal(t, got.Misconfigured, reason == "refused our credentials: 401")
				require.Equal(t, got.Misconfigured, p.Stats().Misconfigured == 1)
			})
		})
	}
}

func TestLookWaitsAndFeedsTheCircuit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{look: func(n int) payment.LookupResult {
			if n <= 20 {
				return unseen
			}
			return seen
		}}
		p := pace(t, f, once)
		for range 20 {
			p.Look(t.Context(), byKey)
		}
		require.True(t, p.Open())
		start := time.Now()
		require.Equal(t, seen, p.Look(t.Context(), byKey))
		require.Equal(t, 10*time.Second, time.Since(start))
	})
}

func TestWhatCannotBeAskedAboutWaitsForNothing(t *testing.T) {
	for name, tc := range map[string]struct {
		which  payment.Ref
		noFind bool
		asked  bool
	}{
		"by key":                  {payment.Ref{Key: "k"}, false, true},
		"by id":                   {payment.Ref{ID: "pay_1"}, false, true},
		"by key, which it cannot": {payment.Ref{Key: "k"}, true, false},
		"by id, key in vain":      {payment.Ref{Key: "k", ID: "pay_1"}, true, true},
		"by nothing":              {payment.Ref{}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{noFind: tc.noFind, look: func(int) payment.LookupResult { return seen }, find: func(int) gateway.Finding {
					return gateway.Finding{Outcome: timeOut}
				}}
				p := pace(t, f, once)
				if !tc.asked {
					for range 20 {
						p.Find(t.Context(), payment.Charge{}, "pay_1")
					}
					require.True(t, p.Open())
				}
				before, start := f.asked, time.Now()
				s := p.Look(t.Context(), tc.which)
				require.Equal(t, !tc.asked, s.Unaskable)
				require.Equal(t, !tc.asked, s.Reason != "")
				require.Equal(t, tc.asked, f.asked == before+1)
				require.Zero(t, time.Since(start))
			})
		})
	}
}

func TestLookThatMayNotAskSaysWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{look: func(int) payment.LookupResult { return seen }}
		p := pace(t, f)
		ctx, stop := withStop(t)
		stop()
		require.Equal(t, payment.LookupResult{Unasked: true, Reason: "not looked up: stopped"}, p.Look(ctx, byKey))
		p.LeaveAlone("down")
		require.Equal(t, payment.LookupResult{Unasked: true, Reason: "not looked up: down"}, p.Look(t.Context(), byKey))
		require.Zero(t, f.asked)

		refusing := gateway.WithGuard(t.Context(), gateway.Guard{Check: func() error { return gateway.ErrGuard }})
		require.Equal(t, seen, pace(t, f).Look(refusing, byKey), "a look-up moves nothing")
	})
}

func TestListIsTriedAgain(t *testing.T) {
	page := payment.Listing{Payments: []payment.Payment{{ID: "pay_1"}}, Cursor: "c"}
	broken := &gateway.ListError{Reason: "time-out", Failure: true}
	refusal := &gateway.ListError{Reason: "401", Misconfigured: true}
	for _, tc := range []struct {
		name   string
		errs   []error
		listed int
		want   string
	}{
		{"at once", nil, 1, ""},
		{"at the third try", []error{broken, broken}, 3, ""},
		{"never", []error{broken, broken, broken}, 3, "gateway main: list payments: time-out"},
		{"credentials refused", []error{refusal}, 1, "gateway main: list payments: credentials refused: 401"},
		{"another error", []error{errors.New("odd"), errors.New("odd"), errors.New("odd")}, 3, "gateway main: list payments: odd"},
		{"credentials refused, in other words", []error{gateway.ErrMisconfigured}, 1, "gateway main: list payments: credentials refused"},
		{"a wish that is too long", []error{&gateway.ListError{Reason: "429", RetryAfter: time.Hour}}, 1, "gateway main: list payments: 429"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{list: func(n int) (payment.Listing, error) {
					if n <= len(tc.errs) {
						return payment.Listing{}, tc.errs[n-1]
					}
					return page, nil
				}}
				p := pace(t, f)
				got, err := p.List(t.Context(), payment.Window{}, "")
				require.Equal(t, tc.listed, f.asked)
				require.EqualValues(t, tc.listed, p.Stats().Listings)
				_, closed := p.Closed()
				require.Equal(t, closed, errors.Is(err, gateway.ErrMisconfigured))
				require.Equal(t, closed, p.Stats().Misconfigured == 1)
				if tc.want == "" {
					require.NoError(t, err)
					require.Equal(t, page, got)
					return
				}
				require.EqualError(t, err, tc.want)
				require.Zero(t, got)
			})
		})
	}
}

func TestListKeepsTheLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{list: func(n int) (payment.Listing, error) {
			if n <= 20 {
				return payment.Listing{}, &gateway.ListError{Reason: "time-out", Failure: true}
			}
			return payment.Listing{}, nil
		}}
		p := pace(t, f, once)
		for range 20 {
			_, err := p.List(t.Context(), payment.Window{}, "")
			require.Error(t, err)
		}
		require.True(t, p.Open())
		start := time.Now()
		_, err := p.List(t.Context(), payment.Window{}, "")
		require.NoError(t, err)
		require.Equal(t, 10*time.Second, time.Since(start))

		ctx, stop := withStop(t)
		stop()
		_, err = p.List(ctx, payment.Window{}, "")
		require.EqualError(t, err, "gateway main: not listed: stopped")
		require.Equal(t, 21, f.asked)
	})
	synctest.Test(t, func(t *testing.T) {
		f := &fake{list: func(int) (payment.Listing, error) { return payment.Listing{}, context.Canceled }, takes: time.Second}
		p := pace(t, f, once)
		for range 20 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			_, err := p.List(ctx, payment.Window{}, "")
			require.Error(t, err)
			cancel()
		}
		require.False(t, p.Open(), "the caller cancelled it, not the gateway")
	})
}
