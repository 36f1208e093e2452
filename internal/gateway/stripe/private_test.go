package stripe

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/gateway"
	"duly/internal/payment"
	"duly/internal/test/canned"
)

// Stripe may say whatever it likes: nothing that duly tells of it holds the customer, the payment method, a secret, or another of Stripe's
// ids of a customer.
func TestStripeAnswersHoldNothingPrivate(t *testing.T) {
	for _, said := range []string{
		"Jane@Example.com", "jane%40example.com", customer, strings.ToUpper(customer), method, token, "cus_OfAnother", "pm_OfAnother1", "card_1Another", "pi_1_secret_x",
		"sk_live_another",
	} {
		for status, body := range map[int]string{
			200: intentOf("requires_payment_method").With(fields{"last_payment_error": fields{
				"type": "card_error", "code": "no-" + said, "message": "not for " + said, "network_decline_code": said, "network_advice_code": said,
			}}).JSON(),
			402: declineOf(fields{"decline_code": "no-" + said, "message": "not for " + said, "network_decline_code": said, "network_advice_code": said}),
			400: errorOf("invalid_request_error", fields{"code": "no-" + said, "message": "not for " + said}),
			404: errorOf("invalid_request_error", fields{"code": "resource_missing", "message": "not for " + said}),
			500: errorOf("no-"+said, fields{"message": "not for " + said}),
		} {
			require.Contains(t, body, said, "the control")
			client := serve(t, canned.Reply(status, body))
			about := gateway.WithCustomer(t.Context(), charge().CustomerID)
			told := fmt.Sprintf("%+v", client.Charge(t.Context(), charge()))
			told += fmt.Sprintf("%+v", client.Find(t.Context(), charge(), "").Outcome)
			told += fmt.Sprintf("%+v", client.Find(t.Context(), charge(), "pi_1").Outcome)
			seen := client.Look(about, payment.Ref{ID: "pi_1"})
			told += seen.Reason
			if seen.Payment != nil {
				told += fmt.Sprintf("%+v", seen.Payment.Decline)
			}
			told += client.Look(about, payment.Ref{Key: "k", GatewayCustomer: customer}).Reason
			told += client.Cancel(about, payment.Cancel{ID: "pi_1", Key: "k"}).Reason
			told += client.Refund(about, payment.Refund{ID: "pi_1", Key: "k", Amount: 1}).Reason
			if said != method && !strings.Contains(said, "xample") { // nobody knows whom a list is about
				_, err := client.List(t.Context(), payment.Window{From: now, To: now.Add(1e9)}, "")
				require.Error(t, err)
				told += err.Error()
			}
			require.NotContains(t, strings.ToLower(told), strings.ToLower(said), "%d: %s", status, told)
			require.Contains(t, told, "[redacted]")
		}
	}
}

// Stripe's messages about changes of which nobody says the customer are left out.
func TestNoMessageWithoutACustomer(t *testing.T) {
	client := serve(t, canned.Reply(http.StatusBadRequest, errorOf("invalid_request_error", fields{"code": "charge_disputed", "message": "Jane's"})))
	require.Equal(t, "400 charge_disputed", client.Refund(t.Context(), payment.Refund{ID: "pi_1", Key: "k", Amount: 1}).Reason)
}

// What suspects a customer of fraud stays with Stripe, wherever it stands.
func TestSuspicionsAreNotTold(t *testing.T) {
	e := fields{"type": "card_error", "code": "card_declined", "decline_code": "fraudulent", "message": "We suspect fraud."}
	for status, body := range map[int]string{
		200: intentOf("requires_payment_method").With(fields{"last_payment_error": e}).JSON(),
		402: fields{"error": e}.JSON(),
	} {
		client := serve(t, canned.Reply(status, body))
		told := fmt.Sprintf("%+v", client.Charge(t.Context(), charge())) + fmt.Sprintf("%+v", client.Find(t.Context(), charge(), "pi_1"))
		require.NotContains(t, told, "fraud")
		require.NotContains(t, told, "suspect")
		require.Contains(t, told, "generic_decline")
	}
}
