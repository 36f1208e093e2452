package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/gateway"
	"duly/internal/gateway/exchange"
	"duly/internal/payment"
	"duly/internal/test/canned"
)

const jane = "Jane@Example.com"

// about is a context of calls about a customer.
func about(t *testing.T) context.Context {
	t.Helper()
	return gateway.WithCustomer(t.Context(), jane)
}

// A service may say of a request whatever it likes: what duly tells of its answers holds neither customers nor payment
// methods nor the token, in any form. What it tells of changes that nobody says the customer of holds no message.
func TestAnswersHoldNothingPrivate(t *testing.T) {
	charge := payment.Charge{
		Key: "sub_1_20260101-1", Reference: "sub_1_20260101", CustomerID: jane, Method: "pm_private", Money: payment.Money{Amount: 100, Currency: "KRW"},
		GatewayCustomer: "cus_private", BodyVersion: 2, RequestID: "r",
	}
	for name, said := range map[string]string{
		"gateway customer": "cus_private", "gateway customer, another case": "CUS_private", "customer": jane, "customer, lower case": "jane@example.com", "customer, escaped": "jane%40example.com", "method": "pm_private",
		"token": configFor("http://h").Token,
	} {
		for status, body := range map[int]string{
			http.StatusPaymentRequired: fmt.Sprintf(`{"id":"pay_1","status":"declined","idempotency_key":%q,"reference":%q,"customer_id":%q,"amount":100,"currency":"KRW",
"decline":{"code":"no-%s","class":"soft","message":"not for %s","network_code":"%[4]s","advice_code":"%[4]s"}}`, charge.Key, charge.Reference, jane, said, said),
			http.StatusBadRequest:          fmt.Sprintf(`{"code":"no-%s","message":"not for %[1]s"}`, said),
			http.StatusInternalServerError: fmt.Sprintf(`{"code":"no-%s","message":"not for %[1]s"}`, said),
		} {
			require.Contains(t, body, said, "the control")
			client := open(t, configFor(canned.Serve(t, canned.Reply(status, body)).URL))
			var told string
			outcome := client.Charge(t.Context(), charge)
			told += fmt.Sprintf("%+v", outcome)
			told += fmt.Sprintf("%+v", client.Find(t.Context(), charge, "").Outcome)
			if name != "method" && !strings.HasPrefix(name, "gateway customer") { // no order knows how it is paid
				told += fmt.Sprintf("%+v", client.Look(about(t), payment.Ref{ID: "pay_1"}).Reason)
				told += fmt.Sprintf("%+v", client.Cancel(about(t), payment.Cancel{ID: "pay_1", Key: "k"}).Reason)
				told += fmt.Sprintf("%+v", client.Refund(about(t), payment.Refund{ID: "pay_1", Key: "k", Amount: 1}).Reason)
			}
			require.NotContains(t, told, said, "%s, %d", name, status)
			require.Contains(t, told, "no-[redacted]", "%s, %d", name, status)
		}
	}
	client := open(t, configFor(canned.Serve(t, canned.Reply(http.StatusBadRequest, `{"code":"no","message":"not for jane"}`)).URL))
	require.Equal(t, "400 no", client.Cancel(t.Context(), payment.Cancel{ID: "pay_1", Key: "k"}).Reason)
	require.Equal(t, "400 no: not for jane", client.Cancel(gateway.WithCustomer(t.Context(), "7"), payment.Cancel{ID: "pay_1", Key: "k"}).Reason, "short ids are not looked for")
}

// A customer and a payment method with short names change nothing that a service says: ids and amounts are fields, and nobody is
// known by one character.
func TestShortNamesCorruptNothing(t *testing.T) {
	for _, short := range []string{"1", "9", "a", "0000", "pay", "main"} {
		charge := payment.Charge{
			Key: "sub_1_20260101-1", Reference: "sub_1_20260101", CustomerID: short, Method: short, Money: payment.Money{Amount: 99900001, Currency: "KRW"},
			BodyVersion: 1, RequestID: "r",
		}
		const id = "pay_00000001a9"
		client := open(t, configFor(canned.Serve(t, canned.Reply(http.StatusOK, fmt.Sprintf(
			`{"id":%q,"status":"succeeded","idempotency_key":%q,"reference":%q,"customer_id":%q,"amount":99900001,"currency":"KRW"}`,
			id, charge.Key, charge.Reference, short))).URL))
		o := client.Charge(t.Context(), charge)
		require.Equal(t, payment.Paid, o.Kind)
		require.Equal(t, id, o.PaymentID)
		require.Equal(t, id, client.Find(t.Context(), charge, "").Outcome.PaymentID)
		require.Equal(t, id, client.Look(gateway.WithCustomer(t.Context(), short), payment.Ref{ID: id}).Payment.ID)

		client = open(t, configFor(canned.Serve(t, canned.Reply(http.StatusPaymentRequired, fmt.Sprintf(
			`{"id":%q,"status":"declined","idempotency_key":%q,"reference":%q,"customer_id":%q,"amount":99900001,"currency":"KRW",
"decline":{"code":"insufficient_funds","message":"limit of a day is 9,100,000 KRW, of 0000 9","class":"soft","network_code":"51","advice_code":"01"}}`,
			id, charge.Key, charge.Reference, short))).URL))
		o = client.Charge(t.Context(), charge)
		require.Equal(t, "insufficient_funds", o.Decline.Code)
		require.Equal(t, []string{"51", "01"}, []string{o.Decline.NetworkCode, o.Decline.AdviceCode})
		want := "limit of a day is 9,100,000 KRW, of 0000 9"
		if short == "0000" {
			want = "limit of a day is 9,100,000 KRW, of [redacted] 9"
		}
		require.Equal(t, want, o.Decline.Message)
	}
}

// A code of the API is never taken for the name of a customer.
func TestCodesOfTheAPIStay(t *testing.T) {
	require.Equal(t, "expired_card", codeOf("expired_card", textOf("expired_card")))
	require.Equal(t, "[redacted]", codeOf("expired-card", textOf("expired-card")))
}

// textOf cleans a text of one that is private.
func textOf(private string) func(string) string {
	return func(s string) string { return exchange.Cleaner{Private: []string{private}}.Text(s) }
}

// An id is kept as it is, or the answer cannot be read: a changed one would be another payment's.
func TestIdsAreNeverChanged(t *testing.T) {
	token := configFor("http://h").Token
	charge := payment.Charge{Key: "k-1", Reference: "r", CustomerID: jane, Method: "pm_private", Money: payment.Money{Amount: 100, Currency: "KRW"}, BodyVersion: 1}
	for id, kept := range map[string]bool{
		"pay_1": true, "pay_\n1\x1b\u202e": true, "pay_pm_private": true, "pay_" + jane: true, strings.Repeat("p", 255): true, strings.Repeat("p", 256): false, "pay_" + token: false,
	} {
		body, err := json.Marshal(map[string]any{
			"id": id, "status": "succeeded", "idempotency_key": charge.Key, "reference": charge.Reference, "customer_id": jane, "amount": 100, "currency": "KRW",
		})
		require.NoError(t, err)
		o := open(t, configFor(canned.Serve(t, canned.Reply(http.StatusOK, string(body))).URL)).Charge(t.Context(), charge)
		if kept {
			require.Equal(t, id, o.PaymentID)
			continue
		}
		require.Equal(t, payment.InDoubt, o.Kind)
		require.True(t, o.Unreadable)
		require.Empty(t, o.PaymentID)
		require.NotContains(t, o.Reason, token)
	}
}
