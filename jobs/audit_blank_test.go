package jobs_test

import (
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/gateway"
	"duly/internal/gateway/portone"
	"duly/internal/gateway/provider"
	"duly/internal/gateway/simulator"
	"duly/internal/payment"
)

// PortOne answers a charge that was paid with neither amount, currency, customer, reference nor status, so that a payment that is not ours in one
// of them is booked as paid. The audit finds each of them, and nothing of those that are right.
func TestAuditFindsWhatASuccessWithoutFieldsHid(t *testing.T) {
	t.Parallel()
	a := newAuditor(t)
	made := a.latest().Add(-12 * time.Hour)
	now := made
	sim, err := simulator.Speak("portone", simulator.Config{Token: "secret", Now: func() time.Time { return now }})
	require.NoError(t, err)
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	t.Cleanup(sim.Close)
	client, err := portone.New(portone.Config{Settings: provider.Settings{
		Name: "main", URL: server.URL, Token: "secret", Timeout: 20 * time.Second, ConnectTimeout: 20 * time.Second, KeyLife: 3 * time.Hour,
		LongestRequest: 10 * time.Minute, MaxConns: 8, Now: func() time.Time { return now },
	}})
	require.NoError(t, err)
	a.gateway = func(gateway.Gateway) gateway.Gateway { return client }

	var want []string
	for i, hidden := range []struct{ method, finding string }{
		{"pm_ok", ""},
		{"pm_wrong_amount", "amount_differs"},
		{"pm_wrong_currency", "amount_differs"},
		{"pm_wrong_customer", "status_differs"},
		{"pm_wrong_reference", "status_differs"},
		{"pm_canceled", ""}, // all of it went back: recorded
		{"pm_pending", "status_differs"},
		{"pm_refunded", ""}, // by somebody: recorded
		{"pm_ok", ""},
	} {
		reference := fmt.Sprintf("sub_%d_20260131", i+1)
		o := client.Charge(t.Context(), payment.Charge{
			Key: reference + "-1", Reference: reference, CustomerID: "c", Method: hidden.method, Money: payment.Money{Amount: 1000, Currency: "KRW"}, BodyVersion: 1,
		})
		require.Equal(t, payment.Paid, o.Kind, "%s: %s", hidden.method, o.Reason)
		a.attempt(i+1, kept{Key: reference + "-1", Reference: reference, At: made})
		if hidden.finding != "" {
			want = append(want, hidden.finding+" "+reference+" "+o.PaymentID)
		}
	}
	now = a.now
	require.Equal(t, batch.ExitReview, a.audit(nil).Exit)
	require.ElementsMatch(t, want, a.found())
}
