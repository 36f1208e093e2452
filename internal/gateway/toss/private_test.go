package toss_test

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

// Whatever Toss says, what duly tells of its answers holds neither customers nor billing keys nor customerKeys nor the secret key.
func TestTossAnswersHoldNothingPrivate(t *testing.T) {
	const jane = "Jane@Example.com"
	c := charge()
	c.CustomerID = jane
	ctx := gateway.WithCustomer(t.Context(), jane)
	for name, said := range map[string]string{
		"customer": jane, "customer, escaped": "jane%40example.com", "billing key": billingKey, "billing key, escaped": "billing-key%2F0123=private", "customerKey": customerKey,
		"secret": secret, "credentials": strings.TrimPrefix(basic(), "Basic "),
	} {
		for status, body := range map[int]string{
			http.StatusForbidden:           fmt.Sprintf(`{"code":"REJECT_CARD_PAYMENT","message":"not for %s"}`, said),
			http.StatusBadRequest:          fmt.Sprintf(`{"code":"SOMETHING_NEW","message":"not for %s"}`, said),
			http.StatusInternalServerError: fmt.Sprintf(`{"code":"COMMON_ERROR","message":"not for %s"}`, said),
			http.StatusOK:                  record("ABORTED", map[string]any{"approvedAt": nil, "failure": map[string]any{"code": "no-" + said, "message": "not for " + said}}),
		} {
			require.Contains(t, body, said, "the control")
			client := open(t, configFor(canned.Serve(t, canned.Reply(status, body)).URL))
			told := fmt.Sprintf("%+v %+v", client.Charge(t.Context(), c), client.Find(t.Context(), c, "").Outcome)
			if strings.HasPrefix(name, "customer") && name != "customerKey" || name == "secret" || name == "credentials" { // no order knows how it is paid
				seen := client.Look(ctx, payment.Ref{ID: paymentKey})
				if seen.Payment != nil {
					told += fmt.Sprintf("%+v", seen.Payment.Decline)
				}
				told += seen.Reason + client.Refund(ctx, payment.Refund{ID: paymentKey, Key: "k", Amount: 1}).Reason
			}
			require.NotContains(t, told, said, "%s, %d", name, status)
			require.Contains(t, told, "[redacted]", "%s, %d", name, status)
		}
	}
	client := open(t, configFor(canned.Serve(t, canned.Reply(http.StatusBadRequest, `{"code":"INVALID_REQUEST","message":"not for jane"}`)).URL))
	require.Equal(t, "400 INVALID_REQUEST", client.Look(t.Context(), payment.Ref{ID: "x"}).Reason, "nobody knows whom it names")
}

// A path that holds a billing key is named by its template alone, also where the request fails.
func TestTemplatesOfPaths(t *testing.T) {
	var templates []string
	c := configFor(canned.Serve(t, canned.Reply(http.StatusOK, "")).URL)
	c.Wrap = func(next http.RoundTripper) http.RoundTripper {
		return canned.RoundTrip(func(r *http.Request) (*http.Response, error) {
			templates = append(templates, gateway.Template(r.Context()))
			if r.Method == http.MethodPost {
				return nil, fmt.Errorf("cannot reach %s", r.URL)
			}
			return next.RoundTrip(r)
		})
	}
	client := open(t, c)
	reason := client.Charge(t.Context(), charge()).Reason
	require.Contains(t, reason, "/v1/billing/[redacted]")
	require.NotContains(t, reason, "private")
	_ = client.Look(t.Context(), payment.Ref{ID: "x"})
	_ = client.Look(t.Context(), payment.Ref{Key: key})
	_, _ = client.List(t.Context(), payment.Window{From: now, To: now.Add(time.Hour)}, "")
	require.Equal(t, []string{"/v1/billing/{billingKey}", "/v1/payments/{paymentKey}", "/v1/payments/orders/{orderId}", "/v1/transactions"}, templates)
}

// A kept connection that breaks carries no second charge: what has a key is repeated by some HTTP clients of themselves.
func TestTossKeptConnectionThatBreaks(t *testing.T) {
	s := canned.Break(t, func(r *http.Request) bool { return r.Method == http.MethodPost }, http.StatusNotFound, `{"code":"NOT_FOUND_PAYMENT","message":"no"}`)
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
	s := canned.Serve(t, canned.Reply(http.StatusOK, record("DONE", nil)))
	client, asked := open(t, configFor(s.URL)), 0
	ctx := gateway.WithGuard(t.Context(), gateway.Guard{Check: func() error { asked++; return gateway.ErrGuard }})
	require.Equal(t, payment.NotExecuted, client.Charge(ctx, charge()).Kind)
	require.Equal(t, 1, asked)
	require.Empty(t, s.Requests())
	ctx = gateway.WithGuard(t.Context(), gateway.Guard{Check: func() error { asked++; return nil }})
	require.Equal(t, payment.Paid, client.Charge(ctx, charge()).Kind)
	require.Equal(t, 2, asked)
}

// Nothing is followed to another place, and a call that is given up is no fault of Toss's.
func TestRedirectsAndCallsOff(t *testing.T) {
	canned.FollowsNothing(t, func(url string) canned.Charger { return open(t, configFor(url)) }, charge())
}
