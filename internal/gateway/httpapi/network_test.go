package httpapi

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/payment"
	"duly/internal/test/canned"
)

// What was added for card networks and account updaters is read where it is text, and nothing that a service had there before spoils an answer.
func TestNetworkAndReplacedMethod(t *testing.T) {
	charge := payment.Charge{Key: "k-1", Reference: "r", CustomerID: jane, Method: "pm_private", Money: payment.Money{Amount: 100, Currency: "KRW"}, BodyVersion: 1}
	ask := func(status int, network, method any, customer string) payment.Outcome {
		body := map[string]any{
			"id": "pay_1", "status": "succeeded", "idempotency_key": charge.Key, "reference": charge.Reference, "customer_id": customer, "amount": 100, "currency": "KRW",
			"new_payment_method": method,
		}
		if status == http.StatusPaymentRequired {
			body["status"] = "declined"
			body["decline"] = map[string]any{"code": "do_not_honor", "network": network, "network_code": "57", "advice_code": "25", "message": "use pm_replaced"}
		}
		text, err := json.Marshal(body)
		require.NoError(t, err)
		client := open(t, configFor(canned.Serve(t, canned.Reply(status, string(text))).URL))
		o := client.Charge(t.Context(), charge)
		found := client.Find(t.Context(), charge, "").Outcome
		if status == http.StatusOK {
			require.Equal(t, o, found, "a look-up says the same")
		}
		return o
	}
	o := ask(http.StatusPaymentRequired, "Mastercard", "pm_replaced", jane)
	require.Equal(t, payment.Refused, o.Kind)
	require.Equal(t, payment.Mastercard, o.Decline.Network)
	require.Equal(t, "25", o.Decline.AdviceCode)
	require.Equal(t, "pm_replaced", o.NewMethod)
	require.Equal(t, "use [redacted]", o.Decline.Message)
	require.Equal(t, "pm_replaced", ask(http.StatusOK, nil, "pm_replaced", jane).NewMethod)

	for _, other := range []any{nil, "amex", 5, map[string]any{"name": "visa"}} {
		o = ask(http.StatusPaymentRequired, other, other, jane)
		require.Equal(t, payment.Refused, o.Kind, other)
		require.Empty(t, o.Decline.Network, other)
	}
	for _, other := range []any{nil, 5, []string{"pm_x"}} {
		o = ask(http.StatusOK, nil, other, jane)
		require.Equal(t, payment.Paid, o.Kind, other)
		require.Empty(t, o.NewMethod, other)
	}
	o = ask(http.StatusOK, nil, "pm_replaced", "somebody else")
	require.Equal(t, payment.Differs, o.Kind)
	require.Empty(t, o.NewMethod, "another payment's")
}
