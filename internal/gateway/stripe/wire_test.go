package stripe

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/gateway"
	"duly/internal/payment"
	"duly/internal/test/canned"
)

// A connection that has carried a request and breaks with the next one: net/http sends a request with an Idempotency-Key again by itself
// there, if it can read its body anew.
func TestStripeAKeptConnectionThatBreaksSendsNoSecondPOST(t *testing.T) {
	s := canned.Break(t, func(r *http.Request) bool { return r.Method == http.MethodPost }, http.StatusOK, listOf(false))
	client := open(t, s.URL)
	require.True(t, client.Find(t.Context(), charge(), "").Absent)
	o := client.Charge(t.Context(), charge())
	require.Equal(t, payment.Outcome{Failure: true, Reason: "connection closed before the answer was whole"}, o)
	require.Equal(t, int32(1), s.Dropped.Load())
	require.Equal(t, int32(1), s.Connections.Load(), "the connection had been kept")
}

func TestAGuardKeepsEveryPOSTBack(t *testing.T) {
	client := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("arrived") })
	ctx := gateway.WithGuard(t.Context(), gateway.Guard{Check: func() error { return fmt.Errorf("%w: the lease is over", gateway.ErrGuard) }})
	require.Equal(t, payment.Outcome{Kind: payment.NotExecuted, Reason: "not sent: the lease is over"}, client.Charge(ctx, charge()))
	require.Equal(t, payment.EffectNone, client.Cancel(ctx, payment.Cancel{Key: "k", ID: "pi_1"}).Effect)
	require.Equal(t, payment.EffectNone, client.Refund(ctx, payment.Refund{Key: "k", ID: "pi_1", Amount: 1}).Effect)
}

// No template holds what a card is charged by, nor a payment's id.
func TestStripePathsAreTracedByTheirTemplates(t *testing.T) {
	templates := map[string]bool{}
	c := configFor("http://127.0.0.1:1")
	c.Wrap = func(http.RoundTripper) http.RoundTripper {
		return canned.RoundTrip(func(r *http.Request) (*http.Response, error) {
			templates[gateway.Template(r.Context())] = true
			return nil, errors.New("nothing is sent")
		})
	}
	client, err := New(c)
	require.NoError(t, err)
	client.Charge(t.Context(), charge())
	client.Find(t.Context(), charge(), "")
	client.Look(t.Context(), payment.Ref{ID: "pi_1"})
	client.Cancel(t.Context(), payment.Cancel{Key: "k", ID: "pi_1"})
	client.Refund(t.Context(), payment.Refund{Key: "k", ID: "pi_1", Amount: 1})
	require.Equal(t, map[string]bool{
		"/v1/payment_intents": true, "/v1/payment_intents/{id}": true, "/v1/payment_intents/{id}/cancel": true, "/v1/refunds": true,
	}, templates)
}

// Nothing is followed to another place, and a call that is given up is no fault of Stripe's.
func TestStripeRedirectsAndCallsOff(t *testing.T) {
	canned.FollowsNothing(t, func(url string) canned.Charger { return open(t, url) }, charge())
}
