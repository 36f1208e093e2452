package httpapi

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"duly/internal/gateway"
	"duly/internal/gateway/exchange"
	"duly/internal/payment"
	"duly/internal/test/canned"
)

const errorJSON = `{"code":"bad_thing","message":"it is bad"}`

func TestAnswersToACharge(t *testing.T) {
	paid := paymentJSON(payment.Succeeded, nil)
	soft := declinedJSON(map[string]any{"code": "insufficient_funds"})
	without := func(field string) string { return paymentJSON(payment.Succeeded, map[string]any{field: nil}) }
	other := func(field string, value any) string {
		return paymentJSON(payment.Succeeded, map[string]any{field: value})
	}
	inDoubt := func(reason string) payment.Outcome { return payment.Outcome{Reason: reason} }
	unreadable := func(reason string) payment.Outcome { return payment.Outcome{Reason: reason, Unreadable: true} }
	page := func(reason string) payment.Outcome {
		return payment.Outcome{Reason: reason, Failure: true, Page: true}
	}
	for _, tc := range []struct {
		name   string
		status int
		body   string
		header []string
		want   payment.Outcome
	}{
		{"paid", 200, paid, nil, payment.Outcome{Kind: payment.Paid, PaymentID: "pay_1"}},
		{"paid, replayed", 200, paid, []string{"Idempotent-Replayed", "true"}, payment.Outcome{Kind: payment.Paid, PaymentID: "pay_1"}},
		{"paid, no refunded amount", 200, without("refunded_amount"), nil, payment.Outcome{Kind: payment.Paid, PaymentID: "pay_1"}},
		{
			"pending", 200, paymentJSON(payment.Pending, nil), nil,
			payment.Outcome{LookUpOnly: true, PaymentID: "pay_1", Reason: "pending"},
		},
		{
			"cancelled", 200, paymentJSON(payment.Canceled, nil), nil,
			payment.Outcome{Kind: payment.Differs, PaymentID: "pay_1", Reason: "cancelled by someone"},
		},
		{
			"refunded", 200, other("refunded_amount", 1), nil,
			payment.Outcome{Kind: payment.Differs, PaymentID: "pay_1", Reason: "refunded by someone"},
		},
		{
			"another amount", 200, other("amount", 12901), nil,
			payment.Outcome{Kind: payment.Differs, PaymentID: "pay_1", Reason: "gateway booked 12,901 KRW, invoice is 12,900 KRW"},
		},
		{
			"another currency", 200, other("currency", "JPY"), nil,
			payment.Outcome{Kind: payment.Differs, PaymentID: "pay_1", Reason: "gateway booked 12,900 JPY, invoice is 12,900 KRW"},
		},
		{
			"a currency that is none", 200, other("currency", "Bob's"), nil,
			payment.Outcome{Kind: payment.Differs, PaymentID: "pay_1", Reason: "gateway booked 12900 of an unknown currency, invoice is 12,900 KRW"},
		},
		{
			"another customer", 200, other("customer_id", "customer-8"), nil,
			payment.Outcome{Kind: payment.Differs, Reason: "customer_id is not ours: payment pay_1"},
		},
		{"200 that says declined", 200, soft, nil, payment.Outcome{PaymentID: "pay_1", Reason: "200 with a payment that is declined"}},
		{"402 that says succeeded", 402, paid, nil, payment.Outcome{PaymentID: "pay_1", Reason: "402 with a payment that is succeeded"}},
		{"402 without a decline", 402, paymentJSON(payment.Declined, nil), nil, unreadable("402 with a body that cannot be read: field \"decline\" is missing")},
		{"402 without a code", 402, declinedJSON(map[string]any{"class": "soft"}), nil, unreadable("402 with a body that cannot be read: field \"decline.code\" is missing")},
		{"unknown status", 200, paymentJSON("authorized", nil), nil, unreadable("200 with a body that cannot be read: field \"status\" is \"authorized\", which the contract does not have")},
		{"no body", 200, "", nil, unreadable("200 with a body that cannot be read: it is empty")},
		{"amount out of range", 200, strings.Replace(paid, "12900", "99999999999999999999", 1), nil, unreadable(`200 with a body that cannot be read: field "amount" is out of range`)},
		{"no time", 200, other("created_at", "yesterday"), nil, unreadable(`200 with a body that cannot be read: field "created_at" is no RFC 3339 time`)},
		{"a customer as a list", 200, other("customer_id", []any{1}), nil, unreadable(`200 with a body that cannot be read: field "customer_id" is a JSON array, not a string`)},
		{"a decline as text", 402, other("decline", "lost_card"), nil, unreadable(`402 with a body that cannot be read: field "decline" is a JSON string, not an object`)},
		{"a status that may be anybody's text", 200, paymentJSON("Bob's card", nil), nil, unreadable(`200 with a body that cannot be read: field "status" is none that the contract has`)},
		{"no status", 200, without("status"), nil, unreadable(`200 with a body that cannot be read: field "status" is missing`)},
		{"too long an id", 200, other("id", strings.Repeat("x", 256)), nil, unreadable(`200 with a body that cannot be read: field "id" holds our token, or is not UTF-8 of at most 255 characters`)},
		{"HTML", 200, "<html>", nil, page("200 with an HTML page")},
		{"HTML of a maintenance page", 200, "\ufeff\n<!DOCTYPE HTML><title>Back soon</title>", nil, page("200 with an HTML page")},
		{"HTML by its media type alone", 200, "<div>Back soon</div>", []string{"Content-Type", "text/html; charset=utf-8"}, page("200 with an HTML page")},
		{"JSON of a service that calls it HTML", 200, paid, []string{"Content-Type", "text/html"}, payment.Outcome{Kind: payment.Paid, PaymentID: "pay_1"}},
		{"XML", 200, `<?xml version="1.0"?><error/>`, nil, unreadable("200 with a body that cannot be read: it is not JSON")},
		{"HTML as a redirect", 301, "<html>", nil, page("301 with an HTML page")},
		{"HTML as a decline", 402, "<html>", nil, page("402 with an HTML page")},
		{"HTML as a conflict", 409, "<html>", nil, page("409 with an HTML page")},
		{"HTML as 422", 422, "<html>", nil, payment.Outcome{LookUpOnly: true, Failure: true, Page: true, Reason: "422 with an HTML page"}},
		{"HTML as 502", 502, "<html>", nil, page("502 with an HTML page")},
		{"HTML of a proxy that refuses us", 403, "<html>", nil, payment.Outcome{Kind: payment.Misconfigured, Reason: "403 with an HTML page"}},
		{"HTML of an overload", 429, "<html>", nil, payment.Outcome{Kind: payment.NotExecuted, Reason: "429 with an HTML page"}},
		{"half a body", 200, paid[:len(paid)/2], nil, unreadable("200 with a body that cannot be read: its JSON is cut off")},
		{"more than a body", 200, paid + "x", nil, unreadable("200 with a body that cannot be read: it is not JSON")},
		{"no id", 200, without("id"), nil, unreadable("200 with a body that cannot be read: field \"id\" is missing")},
		{"no key", 200, without("idempotency_key"), nil, unreadable("200 with a body that cannot be read: field \"idempotency_key\" is missing")},
		{"no reference", 200, without("reference"), nil, unreadable("200 with a body that cannot be read: field \"reference\" is missing")},
		{"no customer", 200, without("customer_id"), nil, unreadable("200 with a body that cannot be read: field \"customer_id\" is missing")},
		{"no amount", 200, without("amount"), nil, unreadable("200 with a body that cannot be read: field \"amount\" is missing")},
		{"no currency", 200, without("currency"), nil, unreadable("200 with a body that cannot be read: field \"currency\" is missing")},
		{"amount as text", 200, other("amount", "12900"), nil, unreadable("200 with a body that cannot be read: field \"amount\" is a JSON string, not an integer")},
		{"amount with a fraction", 200, other("amount", 129.5), nil, unreadable("200 with a body that cannot be read: field \"amount\" is not an integer")},
		{"a list", 200, "[" + paid + "]", nil, unreadable("200 with a body that cannot be read: it is a JSON array, not an object")},
		{"201", 201, paid, nil, unreadable("201 Created")},
		{"204", 204, "", nil, unreadable("204 No Content")},
		{"redirect", 307, "", []string{"Location", "/elsewhere"}, unreadable("307 Temporary Redirect")},
		{
			"declined", 402, soft, nil,
			payment.Outcome{
				Kind: payment.Refused, PaymentID: "pay_1", Reason: "insufficient_funds",
				Decline: payment.Decline{Class: payment.Soft, Code: "insufficient_funds"},
			},
		},
		{
			"declined, but another payment", 402,
			paymentJSON(payment.Declined, map[string]any{"decline": map[string]any{"code": "lost_card"}, "reference": "sub_43"}), nil,
			payment.Outcome{Kind: payment.Differs, Reason: "reference is not ours: payment pay_1"},
		},
		{
			"try later", 402, declinedJSON(map[string]any{
				"code": "processing_error", "class": "hard", "network_code": "96", "advice_code": "02", "message": "hm",
			}), nil,
			payment.Outcome{
				Kind: payment.TryLater, PaymentID: "pay_1", Reason: "processing_error",
				Decline: payment.Decline{Code: "processing_error", NetworkCode: "96", AdviceCode: "02", Message: "hm"},
			},
		},
		{"400", 400, errorJSON, nil, payment.Outcome{Kind: payment.Rejected, Reason: "400 bad_thing: it is bad"}},
		{"400 without an error", 400, "<html>", nil, page("400 with an HTML page")},
		{"400 without a message", 400, `{"code":"x"}`, nil, unreadable("400 Bad Request")},
		{"400 without a code", 400, `{"message":"x"}`, nil, unreadable("400 Bad Request")},
		{"401", 401, errorJSON, nil, payment.Outcome{Kind: payment.Misconfigured, Reason: "401 bad_thing: it is bad"}},
		{"403", 403, "", nil, payment.Outcome{Kind: payment.Misconfigured, Reason: "403 Forbidden"}},
		{"404", 404, errorJSON, nil, inDoubt("404 bad_thing: it is bad")},
		{"404 without an error", 404, "", nil, unreadable("404 Not Found")},
		{"405", 405, "<html>", nil, page("405 with an HTML page")},
		{"paid for succeeded", 200, paymentJSON("paid", nil), nil, unreadable("200 with a body that cannot be read: field \"status\" is \"paid\", which the contract does not have")},
		{"408", 408, "", nil, inDoubt("408 Request Timeout")},
		{"409", 409, errorJSON, nil, inDoubt("409 bad_thing: it is bad")},
		{"422", 422, errorJSON, nil, payment.Outcome{LookUpOnly: true, Reason: "422 bad_thing: it is bad"}},
		{"422 of another API", 422, `{"errors":[]}`, nil, payment.Outcome{LookUpOnly: true, Unreadable: true, Reason: "422 Unprocessable Entity"}},
		{
			"429", 429, "",
			[]string{"Retry-After", "7"},
			payment.Outcome{Kind: payment.NotExecuted, RetryAfter: 7 * time.Second, Reason: "429 Too Many Requests"},
		},
		{"500", 500, errorJSON, nil, payment.Outcome{Failure: true, Reason: "500 bad_thing: it is bad"}},
		{"500, not executed", 500, "", []string{"Not-Executed", "true"}, payment.Outcome{Failure: true, Reason: "500 Internal Server Error"}},
		{"502", 502, "", nil, payment.Outcome{Failure: true, Reason: "502 Bad Gateway"}},
		{
			"503", 503, "",
			[]string{"Retry-After", "9"},
			payment.Outcome{Failure: true, RetryAfter: 9 * time.Second, Reason: "503 Service Unavailable"},
		},
		{
			"503, not executed", 503, "",
			[]string{"Not-Executed", "true", "Retry-After", "9"},
			payment.Outcome{Kind: payment.NotExecuted, Failure: true, RetryAfter: 9 * time.Second, Reason: "503 Service Unavailable"},
		},
		{"503, not so", 503, "", []string{"Not-Executed", "false"}, payment.Outcome{Failure: true, Reason: "503 Service Unavailable"}},
		{"unheard of", 599, "", nil, payment.Outcome{Failure: true, Reason: "599"}},
		{
			"longer than any payment", 200, paid + strings.Repeat(" ", exchange.MaxBody), nil,
			inDoubt("the answer is too long"),
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := canned.Serve(t, canned.Reply(tc.status, tc.body, tc.header...))
			require.Equal(t, tc.want, open(t, configFor(s.URL)).Charge(t.Context(), charge()))
		})
	}
}

func TestAnswersToALookUp(t *testing.T) {
	for _, tc := range []struct {
		name   string
		status int
		body   string
		want   gateway.Finding
	}{
		{"paid", 200, paymentJSON(payment.Succeeded, nil), gateway.Finding{Outcome: payment.Outcome{Kind: payment.Paid, PaymentID: "pay_1"}}},
		{
			"pending", 200, paymentJSON(payment.Pending, nil),
			gateway.Finding{Outcome: payment.Outcome{LookUpOnly: true, PaymentID: "pay_1", Reason: "pending"}},
		},
		{
			"declined", 200, declinedJSON(map[string]any{"code": "lost_card"}),
			gateway.Finding{Outcome: payment.Outcome{
				Kind: payment.Refused, PaymentID: "pay_1", Reason: "lost_card",
				Decline: payment.Decline{Class: payment.Hard, Code: "lost_card"},
			}},
		},
		{
			"of another amount", 200, paymentJSON(payment.Succeeded, map[string]any{"amount": 1}),
			gateway.Finding{Outcome: payment.Outcome{Kind: payment.Differs, PaymentID: "pay_1", Reason: "gateway booked 1 KRW, invoice is 12,900 KRW"}},
		},
		{"unreadable", 200, "{", gateway.Finding{Outcome: payment.Outcome{Reason: "200 with a body that cannot be read: its JSON is cut off", Unreadable: true}}},
		{"never seen", 404, errorJSON, gateway.Finding{Absent: true, Outcome: payment.Outcome{Reason: "404 bad_thing: it is bad"}}},
		{"no such page", 404, "<html>", gateway.Finding{Outcome: payment.Outcome{Reason: "404 with an HTML page", Failure: true, Page: true}}},
		{"HTML", 200, "<html>", gateway.Finding{Outcome: payment.Outcome{Reason: "200 with an HTML page", Failure: true, Page: true}}},
		{"HTML that refuses us", 401, "<html>", gateway.Finding{Misconfigured: true, Outcome: payment.Outcome{Reason: "401 with an HTML page", Page: true}}},
		{"401", 401, "", gateway.Finding{Misconfigured: true, Outcome: payment.Outcome{Reason: "401 Unauthorized"}}},
		{"403", 403, "", gateway.Finding{Misconfigured: true, Outcome: payment.Outcome{Reason: "403 Forbidden"}}},
		{"declined status", 402, declinedJSON(map[string]any{"code": "lost_card"}), gateway.Finding{Outcome: payment.Outcome{Reason: "402 Payment Required"}}},
		{"429", 429, "", gateway.Finding{Outcome: payment.Outcome{Reason: "429 Too Many Requests"}}},
		{"500", 500, "", gateway.Finding{Outcome: payment.Outcome{Failure: true, Reason: "500 Internal Server Error"}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := canned.Serve(t, canned.Reply(tc.status, tc.body))
			require.Equal(t, tc.want, open(t, configFor(s.URL)).Find(t.Context(), charge(), ""))
		})
	}
}

func TestUnknownIDIsNotAbsence(t *testing.T) {
	c := configFor(canned.Serve(t, canned.Reply(404, errorJSON)).URL)
	c.NoFind = true
	require.False(t, open(t, c).Find(t.Context(), charge(), "pay_1").Absent)
}

func TestDeclineClasses(t *testing.T) {
	tested := map[string]bool{}
	for _, tc := range []struct {
		code, hint string
		want       payment.Class
	}{
		{"insufficient_funds", "", payment.Soft},
		{"limit_exceeded", "", payment.Soft},
		{"generic_decline", "", payment.Soft},
		{"do_not_honor", "", payment.Soft},
		{"card_velocity_exceeded", "", payment.Soft},
		{"withdrawal_count_limit_exceeded", "", payment.Soft},
		{"lost_card", "", payment.Hard},
		{"stolen_card", "", payment.Hard},
		{"pickup_card", "", payment.Hard},
		{"account_closed", "", payment.Hard},
		{"closed_account", "", payment.Hard},
		{"incorrect_number", "", payment.Hard},
		{"revocation_of_authorization", "", payment.Hard},
		{"revocation_of_all_authorizations", "", payment.Hard},
		{"highest_risk_level", "", payment.Hard},
		{"authentication_required", "", payment.Action},
		{"expired_card", "", payment.Action},
		{"incorrect_cvc", "", payment.Action},
		{"invalid_expiry_month", "", payment.Action},
		{"invalid_expiry_year", "", payment.Action},
		{"card_not_supported", "", payment.Action},
		{"currency_not_supported", "", payment.Action},
		{"transaction_not_allowed", "", payment.Action},
		{"restricted_card", "", payment.Action},
		{"processing_error", "", ""},
		{"try_again_later", "", ""},
		{"issuer_not_available", "", ""},
		{"reenter_transaction", "", ""},
		// ours wins over the hint, the hint over nothing
		{"stolen_card", "soft", payment.Hard},
		{"try_again_later", "hard", ""},
		{"new_code", "hard", payment.Hard},
		{"new_code", "action", payment.Action},
		{"new_code", "soft", payment.Soft},
		{"new_code", "", payment.Soft},
		{"new_code", "weird", payment.Soft},
	} {
		tested[tc.code] = true
		require.Equal(t, tc.want, classOf(tc.code, tc.hint), "%s, hint %q", tc.code, tc.hint)
	}
	for code := range classes {
		require.True(t, tested[code], "%s has no row above", code)
	}
}

// Money is said to have moved, or not to have, by a matching body with its own status alone.
func TestOnlyAWellFormedAnswerIsDefinite(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		status := rapid.OneOf(rapid.SampledFrom([]int{200, 402, 400, 401, 403, 404, 409, 422, 429, 503}), rapid.IntRange(100, 599)).Draw(t, "status")
		change := map[string]any{}
		for _, field := range []string{"id", "status", "idempotency_key", "reference", "customer_id", "amount", "currency", "refunded_amount", "decline"} {
			if rapid.IntRange(0, 7).Draw(t, field) == 0 {
				change[field] = rapid.SampledFrom([]any{nil, "", "x", "declined", 0, 1, true, map[string]any{"code": "lost_card"}}).Draw(t, "value")
			}
		}
		body := paymentJSON(rapid.SampledFrom([]payment.Status{payment.Succeeded, payment.Declined, payment.Pending, payment.Canceled}).Draw(t, "payment"), change)
		a := answer{exchange.Answer{Status: status, Body: []byte(body[:rapid.IntRange(len(body)/2, len(body)).Draw(t, "cut")])}}
		o := outcome(charge(), a)

		var p struct {
			Status, Reference, Currency string
			Amount, Refunded            int64
			Key                         string `json:"idempotency_key"`
			Customer                    string `json:"customer_id"`
			RefundedAmount              int64  `json:"refunded_amount"`
		}
		whole := json.Unmarshal(a.Body, &p) == nil
		matches := whole && p.Reference == "sub_42_20260131" && p.Currency == "KRW" && p.Amount == 12900 &&
			p.Key == "sub_42_20260131-1" && p.Customer == "customer-7"
		switch o.Kind {
		case payment.Paid:
			if status != 200 || !matches || p.Status != "succeeded" || p.RefundedAmount != 0 {
				t.Fatalf("%d %s is taken for paid", status, a.Body)
			}
		case payment.Refused, payment.TryLater:
			if status != 402 || !matches || p.Status != "declined" {
				t.Fatalf("%d %s is taken for a decline", status, a.Body)
			}
		case payment.NotExecuted, payment.Rejected, payment.Misconfigured:
			if status < 400 || status == 402 {
				t.Fatalf("%d %s is taken for not executed", status, a.Body)
			}
		case payment.Differs:
			if !whole || status != 200 && status != 402 {
				t.Fatalf("%d %s is taken for another's", status, a.Body)
			}
		case payment.InDoubt:
		}
	})
}

func TestNoSecretInAnyOutcome(t *testing.T) {
	leak := "your " + token + " and " + method
	for name, h := range map[string]struct {
		status int
		body   string
	}{
		"error":   {400, `{"code":"` + leak + `","message":"` + leak + `"}`},
		"decline": {402, declinedJSON(map[string]any{"code": leak, "message": leak, "network_code": leak, "advice_code": leak})},
		"id":      {200, paymentJSON(payment.Succeeded, map[string]any{"id": leak})},
		"status":  {200, paymentJSON(payment.Status(leak), nil)},
	} {
		t.Run(name, func(t *testing.T) {
			client := open(t, configFor(canned.Serve(t, canned.Reply(h.status, h.body)).URL))
			for _, o := range []payment.Outcome{client.Charge(t.Context(), charge()), client.Find(t.Context(), charge(), "").Outcome} {
				said, err := json.Marshal(o)
				require.NoError(t, err)
				require.NotContains(t, string(said), token)
				require.NotContains(t, string(said), method)
			}
		})
	}
}
