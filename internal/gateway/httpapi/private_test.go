package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/gateway"
	"duly/internal/payment"
)

const jane = "Jane@Example.com"

// about is a context of calls about a customer.
func about(t *testing.T) context.Context {
	t.Helper()
	return gateway.About(t.Context(), jane)
}

// A service may say of a request whatever it likes: what duly tells of its answers holds neither customers nor payment
// methods nor the token, in any form. What it tells of changes that nobody says the customer of holds no message.
func TestAnswersHoldNothingPrivate(t *testing.T) {
	charge := payment.Charge{
		Key: "sub_1_20260101-1", Reference: "sub_1_20260101", CustomerID: jane, Method: "pm_private", Money: payment.Money{Amount: 100, Currency: "KRW"},
		BodyVersion: 1, RequestID: "r",
	}
	for name, said := range map[string]string{
		"customer": jane, "customer, lower case": "jane@example.com", "customer, escaped": "jane%40example.com", "method": "pm_private",
		"token": configFor("http://h").Token,
	} {
		for status, body := range map[int]string{
			http.StatusPaymentRequired: fmt.Sprintf(`{"id":"pay_1","status":"declined","idempotency_key":%q,"reference":%q,"customer_id":%q,"amount":100,"currency":"KRW",
"decline":{"code":"no-%s","class":"soft","message":"not for %s","network_code":"%[4]s","advice_code":"%[4]s"}}`, charge.Key, charge.Reference, jane, said, said),
			http.StatusBadRequest:          fmt.Sprintf(`{"code":"no-%s","message":"not for %[1]s"}`, said),
			http.StatusInternalServerError: fmt.Sprintf(`{"code":"no-%s","message":"not for %[1]s"}`, said),
		} {
			require.Contains(t, body, said, "the control")
			client := open(t, configFor(serve(t, reply(status, body)).URL))
			var told string
			outcome := client.Charge(t.Context(), charge)
			told += fmt.Sprintf("%+v", outcome)
			told += fmt.Sprintf("%+v", client.Find(t.Context(), charge, "").Outcome)
			if name != "method" { // no order knows how it is paid
				told += fmt.Sprintf("%+v", client.Look(about(t), payment.Which{ID: "pay_1"}).Reason)
				told += fmt.Sprintf("%+v", client.Cancel(about(t), payment.Cancel{ID: "pay_1", Key: "k"}).Reason)
				told += fmt.Sprintf("%+v", client.Refund(about(t), payment.Refund{ID: "pay_1", Key: "k", Amount: 1}).Reason)
			}
			require.NotContains(t, told, said, "%s, %d", name, status)
			require.Contains(t, told, "no-[hidden]", "%s, %d", name, status)
		}
	}
	client := open(t, configFor(serve(t, reply(http.StatusBadRequest, `{"code":"no","message":"not for jane"}`)).URL))
	require.Equal(t, "400 no", client.Cancel(t.Context(), payment.Cancel{ID: "pay_1", Key: "k"}).Reason)
	require.Equal(t, "400 no: not for jane", client.Cancel(gateway.About(t.Context(), "7"), payment.Cancel{ID: "pay_1", Key: "k"}).Reason, "short ids are not looked for")
}
