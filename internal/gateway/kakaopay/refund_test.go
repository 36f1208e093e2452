package kakaopay

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/gateway"
	"duly/internal/payment"
	"duly/internal/test/canned"
)

// books answers look-ups with the payment, of which so much is refunded before and after a cancellation, and the cancellation with h.
type books struct {
	before, after string
	h             http.HandlerFunc
	mu            *sync.Mutex
	asked         []string
	bodies        []string
}

func (b *books) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	b.mu.Lock()
	b.asked, b.bodies = append(b.asked, r.URL.Path), append(b.bodies, string(body))
	first := len(b.asked) == 1
	b.mu.Unlock()
	switch {
	case r.URL.Path == pathCancel:
		b.h(w, r)
	case first:
		canned.Reply(200, b.before)(w, r)
	default:
		canned.Reply(200, b.after)(w, r)
	}
}

func TestKakaoPayRefund(t *testing.T) {
	shown := func(refunded int64) string {
		status := "PART_CANCEL_PAYMENT"
		switch refunded {
		case 0:
			status = "SUCCESS_PAYMENT"
		case 12900:
			status = "CANCEL_PAYMENT"
		}
		return orderBody(status, refunded).JSON()
	}
	done := func(refunded int64) payment.Reply {
		return payment.Reply{Effect: payment.EffectDone, Payment: &payment.Payment{
			ID: tid, Status: payment.Succeeded, Key: "sub_42_20260131-1", Reference: "sub_42_20260131", CustomerUnknown: true, GatewayCustomer: user,
			Money: charge().Money, Refunded: refunded, CreatedAt: now.Add(1e9),
		}}
	}
	lost := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	executed := canned.Reply(200, `{"status":"PART_CANCEL_PAYMENT","approved_cancel_amount":{"total":500}}`)
	for name, tc := range map[string]struct {
		books books
		want  payment.Reply
		sent  int
	}{
		"done":                     {books{before: shown(0), after: shown(500), h: executed}, done(500), 3},
		"the rest":                 {books{before: shown(12400), after: shown(12900), h: executed}, done(12900), 3},
		"lost, and done":           {books{before: shown(0), after: shown(500), h: lost}, done(500), 3},
		"failed, and yet done":     {books{before: shown(0), after: shown(500), h: canned.Reply(500, errorOf(-781, nil))}, done(500), 3},
		"lost, and not done":       {books{before: shown(0), after: shown(0), h: lost}, payment.Reply{Reason: "connection closed before the answer was whole, and 0 of 12900 is refunded", Failure: true}, 3},
		"lost, and somebody's":     {books{before: shown(0), after: shown(700), h: lost}, payment.Reply{Reason: "connection closed before the answer was whole, and 700 of 12900 is refunded", Failure: true}, 3},
		"lost, and not shown":      {books{before: shown(0), after: "", h: lost}, payment.Reply{Reason: "connection closed before the answer was whole, and then not shown: 200 with a body that cannot be read: it is empty", Failure: true}, 3},
		"said done, and not shown": {books{before: shown(0), after: shown(0), h: executed}, payment.Reply{Reason: "200 OK, and 0 of 12900 is refunded"}, 3},
		"refused":                  {books{before: shown(0), h: canned.Reply(400, errorOf(-784, nil))}, payment.Reply{Effect: payment.EffectRefused, Reason: "400 error -784"}, 2},
		"our CID":                  {books{before: shown(0), h: canned.Reply(400, errorOf(-731, nil))}, payment.Reply{Effect: payment.EffectMisconfigured, Reason: "400 error -731"}, 2},
		"our secret":               {books{before: shown(0), h: canned.Reply(401, errorOf(-401, nil))}, payment.Reply{Effect: payment.EffectMisconfigured, Reason: "401 error -401"}, 2},
		"a wrong amount":           {books{before: shown(0), h: canned.Reply(400, errorOf(-703, nil))}, payment.Reply{Effect: payment.EffectRejected, Reason: "400 error -703"}, 2},
		"too little is left":       {books{before: shown(12600)}, payment.Reply{Effect: payment.EffectRefused, Reason: "12600 of 12900 is refunded"}, 1},
		"nothing was paid":         {books{before: orderBody("READY", 0).JSON()}, payment.Reply{Effect: payment.EffectRefused, Reason: "the payment is pending"}, 1},
		"never known":              {books{before: errorOf(-721, nil)}, payment.Reply{Effect: payment.EffectRejected, Reason: "200 error -721"}, 1},
		"not shown":                {books{before: ""}, payment.Reply{Effect: payment.EffectNone, Reason: "200 with a body that cannot be read: it is empty"}, 1},
	} {
		b := tc.books
		b.mu = &sync.Mutex{}
		require.Equal(t, tc.want, serve(t, b.ServeHTTP).Refund(t.Context(), payment.Refund{Key: "rf_1", ID: tid, Amount: 500, Reason: "order_7"}), name)
		require.Len(t, b.asked, tc.sent, name)
		if tc.sent > 1 {
			require.Equal(t, pathCancel, b.asked[1])
			require.JSONEq(t, `{"cid":"TCSUBSCRIP","cid_secret":"cid-5ecret-key","tid":"T1234567890123456789","cancel_amount":500,"cancel_tax_free_amount":0}`, b.bodies[1])
		}
	}
	client := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("sent") })
	for _, r := range []payment.Refund{{Key: "k", ID: tid}, {Key: "k", Amount: 1}} {
		require.Equal(t, payment.EffectRejected, client.Refund(t.Context(), r).Effect)
	}
}

// The guard is asked for what moves money alone.
func TestAGuardKeepsBackWhatMovesMoney(t *testing.T) {
	b := &books{mu: &sync.Mutex{}, before: orderBody("SUCCESS_PAYMENT", 0).JSON()}
	client := serve(t, b.ServeHTTP)
	ctx := gateway.WithGuard(t.Context(), gateway.Guard{Check: func() error { return fmt.Errorf("%w: the lease is over", gateway.ErrGuard) }})
	require.Equal(t, payment.Outcome{Kind: payment.NotExecuted, Reason: "not sent: the lease is over"}, client.Charge(ctx, charge()))
	require.Equal(t, payment.EffectNone, client.Refund(ctx, payment.Refund{Key: "k", ID: tid, Amount: 1}).Effect)
	require.Equal(t, []string{pathOrder}, b.asked)
}

// A connection that has carried a request and breaks with the next one carries no second POST of it.
func TestAKeptConnectionThatBreaksSendsNoSecondPOST(t *testing.T) {
	s := canned.Break(t, func(r *http.Request) bool { return r.URL.Path == pathCharge }, http.StatusBadRequest, errorOf(-721, nil))
	client := open(t, configFor(s.URL))
	require.NoError(t, client.Ping(t.Context()))
	require.Equal(t, payment.Outcome{Failure: true, Reason: "connection closed before the answer was whole"}, client.Charge(t.Context(), charge()))
	require.Equal(t, int32(1), s.Dropped.Load())
	require.Equal(t, int32(1), s.Connections.Load(), "the connection had been kept")
}

func TestPathsAreTracedByTheirTemplates(t *testing.T) {
	templates := map[string]bool{}
	c := configFor("http://127.0.0.1:1")
	c.Wrap = func(http.RoundTripper) http.RoundTripper {
		return canned.RoundTrip(func(r *http.Request) (*http.Response, error) {
			templates[gateway.Template(r.Context())] = true
			return nil, errors.New("nothing is sent")
		})
	}
	client := open(t, c)
	client.Charge(t.Context(), charge())
	client.Look(t.Context(), payment.Ref{ID: tid})
	client.LastApproved(t.Context(), charge())
	require.Equal(t, map[string]bool{pathCharge: true, pathOrder: true, pathStatus: true}, templates)
}

// Nothing is followed to another place, and a call that is given up is no fault of KakaoPay's.
func TestKakaoPayRedirectsAndCallsOff(t *testing.T) {
	canned.FollowsNothing(t, func(url string) canned.Charger { return open(t, configFor(url)) }, charge())
}
