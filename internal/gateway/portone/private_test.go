package portone_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/gateway"
	"duly/internal/payment"
	"duly/internal/test/canned"
)

// Whatever PortOne says, what duly tells of its answers holds neither customers nor billing keys nor the secret.
func TestPortOneAnswersHoldNothingPrivate(t *testing.T) {
	const jane = "Jane@Example.com"
	c := charge()
	c.CustomerID, c.GatewayCustomer, c.BodyVersion = jane, "cus_private", 2
	ctx := gateway.WithCustomer(t.Context(), jane)
	for name, said := range map[string]string{"customer": jane, "escaped": "jane%40example.com", "billing key": billingKey, "second id": "cus_private", "secret": secret} {
		for status, body := range map[int]string{
			http.StatusBadGateway:          fmt.Sprintf(`{"type":"PG_PROVIDER","message":"not for %s","pgCode":"no-%[1]s","pgMessage":"not for %[1]s"}`, said),
			http.StatusBadRequest:          fmt.Sprintf(`{"type":"INVALID_REQUEST","message":"not for %s"}`, said),
			http.StatusInternalServerError: fmt.Sprintf(`{"type":"SOMETHING_NEW","message":"not for %s"}`, said),
			http.StatusOK: record("FAILED", map[string]any{
				"billingKey": billingKey, "customData": fmt.Sprintf(`{"duly_key":"sub_42_20260131-1","duly_reference":"sub_42_20260131","duly_customer":%q}`, jane),
				"failure": map[string]any{"reason": "r " + said, "pgCode": "no-" + said, "pgMessage": "not for " + said},
			}),
		} {
			require.Contains(t, body, said, "the control")
			client := open(t, configFor(canned.Serve(t, canned.Reply(status, body)).URL))
			told := fmt.Sprintf("%+v %+v", client.Charge(t.Context(), c), client.Find(t.Context(), c, "").Outcome)
			if name != "billing key" && name != "second id" || status == http.StatusOK && name == "billing key" { // no order knows how it is paid
				seen := client.Look(ctx, payment.Ref{ID: paymentID})
				if seen.Payment != nil {
					told += fmt.Sprintf("%+v", seen.Payment.Decline)
				}
				told += seen.Reason + client.Refund(ctx, payment.Refund{ID: paymentID, Key: "k", Amount: 1}).Reason
				if _, err := client.List(t.Context(), payment.Window{From: now, To: now.Add(time.Hour)}, ""); name == "secret" && err != nil {
					told += err.Error()
				}
			}
			require.NotContains(t, told, said, "%s, %d", name, status)
			require.Contains(t, told, "[redacted]", "%s, %d", name, status)
		}
	}
	client := open(t, configFor(canned.Serve(t, canned.Reply(http.StatusBadRequest, `{"type":"INVALID_REQUEST","message":"not for jane"}`)).URL))
	require.Equal(t, "400 INVALID_REQUEST", client.Look(t.Context(), payment.Ref{ID: "x"}).Reason, "nobody knows whom it names")
}

// Paths are named by their templates, and none holds a billing key.
func TestPathsHoldNoBillingKey(t *testing.T) {
	var templates []string
	c := configFor(canned.Serve(t, canned.Reply(http.StatusOK, "")).URL)
	c.Wrap = func(next http.RoundTripper) http.RoundTripper {
		return canned.RoundTrip(func(r *http.Request) (*http.Response, error) {
			templates = append(templates, gateway.Template(r.Context()))
			if strings.Contains(r.URL.String(), billingKey) {
				return nil, fmt.Errorf("the billing key is in %s", r.URL)
			}
			return next.RoundTrip(r)
		})
	}
	client := open(t, c)
	require.True(t, client.Charge(t.Context(), charge()).Unreadable)
	_ = client.Look(t.Context(), payment.Ref{ID: "x"})
	_, _ = client.List(t.Context(), payment.Window{From: now, To: now.Add(time.Hour)}, "")
	require.Equal(t, []string{"/payments/{paymentId}/billing-key", "/payments/{paymentId}", "/payments-by-cursor"}, templates)
}

// A kept connection that breaks carries no second charge: what has a key is repeated by some HTTP clients of themselves.
func TestPortOneKeptConnectionThatBreaks(t *testing.T) {
	s := canned.Break(t, func(r *http.Request) bool { return r.Method == http.MethodPost }, http.StatusNotFound, `{"type":"PAYMENT_NOT_FOUND"}`)
	client := open(t, configFor(s.URL))
	for n := range 3 {
		require.True(t, client.Find(t.Context(), charge(), "").Absent, "a connection to keep")
		o := client.Charge(t.Context(), charge())
		require.Equal(t, payment.InDoubt, o.Kind)
		require.True(t, o.Failure)
		require.False(t, o.LookUpOnly || o.Answered)
		require.EqualValues(t, n+1, s.Dropped.Load())
	}
}

// The guard is asked right before the one request, and can keep it.
func TestGuard(t *testing.T) {
	s := canned.Serve(t, canned.Reply(http.StatusOK, paid))
	client, asked := open(t, configFor(s.URL)), 0
	ctx := gateway.WithGuard(t.Context(), gateway.Guard{Check: func() error { asked++; return gateway.ErrGuard }})
	require.Equal(t, payment.NotExecuted, client.Charge(ctx, charge()).Kind)
	require.Equal(t, 1, asked)
	require.Empty(t, s.Requests())
	ctx = gateway.WithGuard(t.Context(), gateway.Guard{Check: func() error { asked++; return nil }})
	require.Equal(t, payment.Paid, client.Charge(ctx, charge()).Kind)
	require.Equal(t, 2, asked)
}

// Nothing is followed to another place, and a call that is given up is no fault of PortOne's.
func TestRedirectsAndCallsOff(t *testing.T) {
	canned.FollowsNothing(t, func(url string) canned.Charger { return open(t, configFor(url)) }, charge())
}
