package kakaopay

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/gateway"
	"duly/internal/gateway/provider"
	"duly/internal/payment"
	"duly/internal/test/canned"
)

func TestKakaoPayAnswersToACharge(t *testing.T) {
	unreadable := func(why string) payment.Outcome {
		return payment.Outcome{Unreadable: true, Reason: "200 with a body that cannot be read: " + why}
	}
	for name, tc := range map[string]struct {
		status int
		body   string
		want   payment.Outcome
	}{
		"approved":          {200, approvedBody().JSON(), payment.Outcome{Kind: payment.Paid, PaymentID: tid}},
		"no aid":            {200, approvedBody().With(fields{"aid": nil}).JSON(), unreadable(`field "aid" is missing`)},
		"no tid":            {200, approvedBody().With(fields{"tid": nil}).JSON(), unreadable(`field "tid" is missing`)},
		"not approved":      {200, approvedBody().With(fields{"approved_at": nil}).JSON(), unreadable(`field "approved_at" is missing, or no time`)},
		"no time":           {200, approvedBody().With(fields{"approved_at": "soon"}).JSON(), unreadable(`field "approved_at" is missing, or no time`)},
		"no order":          {200, approvedBody().With(fields{"partner_order_id": nil}).JSON(), unreadable(`field "partner_order_id" is missing`)},
		"no user":           {200, approvedBody().With(fields{"partner_user_id": nil}).JSON(), unreadable(`field "partner_user_id" is missing`)},
		"no amount":         {200, approvedBody().With(fields{"amount": nil}).JSON(), unreadable(`field "amount.total" is missing`)},
		"nothing":           {200, "", unreadable("it is empty")},
		"another order":     {200, approvedBody().With(fields{"partner_order_id": "sub_43_20260131-1"}).JSON(), payment.Outcome{Kind: payment.Differs, Reason: "idempotency_key is not ours: payment " + tid}},
		"another user":      {200, approvedBody().With(fields{"partner_user_id": "member-78"}).JSON(), payment.Outcome{Kind: payment.Differs, Reason: "gateway_customer is not ours: payment " + tid}},
		"another amount":    {200, approvedBody().With(fields{"amount": fields{"total": 1}}).JSON(), payment.Outcome{Kind: payment.Differs, PaymentID: tid, Reason: "gateway booked 1 KRW, invoice is 12,900 KRW"}},
		"declined":          {400, errorOf(-782, fields{"method_result_code": "NOT_ENOUGH", "method_result_message": "no money"}), payment.Outcome{Kind: payment.Refused, Unrecorded: true, Reason: "NOT_ENOUGH", Decline: payment.Decline{Class: payment.Soft, Code: "NOT_ENOUGH", Message: "no money"}}},
		"declined as a 500": {500, errorOf(-782, nil), payment.Outcome{Kind: payment.Refused, Unrecorded: true, Reason: "-782", Decline: payment.Decline{Class: payment.Soft, Code: "-782", Message: "something about it"}}},
		"locked":            {400, errorOf(-780, fields{"method_result_code": "USER_LOCKED"}), payment.Outcome{Kind: payment.TryLater, Unrecorded: true, Reason: "USER_LOCKED", Decline: payment.Decline{Code: "USER_LOCKED", Message: "something about it"}}},
		"our secret":        {401, errorOf(-401, nil), payment.Outcome{Kind: payment.Misconfigured, Reason: "401 error -401: something about it"}},
		"asked for twice":   {400, errorOf(-785, nil), payment.Outcome{Reason: "400 error -785: something about it"}},
		"nobody knows":      {400, errorOf(-7, nil), payment.Outcome{Reason: "400 error -7: something about it"}},
		"their fault":       {500, errorOf(-1, nil), payment.Outcome{Reason: "500 error -1: something about it", Failure: true}},
		"an error as a 200": {200, errorOf(-7, nil), payment.Outcome{Reason: "200 error -7: something about it"}},
		"a bare 401":        {401, "", payment.Outcome{Reason: "401 Unauthorized", Unreadable: true}},
		"a bare 429":        {429, "", payment.Outcome{Reason: "429 Too Many Requests", Unreadable: true}},
		"a bare 503":        {503, "", payment.Outcome{Reason: "503 Service Unavailable", Failure: true}},
		"a page":            {200, "<html>", payment.Outcome{Reason: "200 with an HTML page", Failure: true, Page: true}},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tc.want, serve(t, canned.Reply(tc.status, tc.body)).Charge(t.Context(), charge()))
		})
	}
}

// expected is what each code means, written beside the vendor's number of it.
var expected = map[string]map[string]string{
	"charge": {
		"-782": "soft", "-780": "soft", "-750": "action", "-751": "action", "-752": "soft", "-797": "soft", "-753": "rejected", "-703": "rejected",
		"-704": "rejected", "-705": "rejected", "-706": "rejected", "-707": "rejected", "-708": "rejected", "-722": "rejected", "-724": "rejected",
		"-725": "rejected", "-726": "rejected", "-730": "misconfigured", "-731": "misconfigured", "-732": "misconfigured", "-733": "misconfigured",
		"-798": "misconfigured", "-799": "misconfigured", "-785": "look", "USER_LOCKED": "later",
	},
	"refund": {"-710": "refused", "-711": "refused", "-784": "refused", "-781": "unknown", "-721": "rejected"},
}

func TestEveryCodeHasItsClass(t *testing.T) {
	got := map[string]map[string]string{"charge": {}, "refund": {}}
	for _, c := range Codes() {
		require.Empty(t, got[c.Of][c.Code], c.Code)
		got[c.Of][c.Code] = c.Class
		require.NotEmpty(t, c.Meaning)
		require.NotEmpty(t, c.Source)
		require.Equal(t, "B", c.Certainty)
	}
	require.Equal(t, expected, got)
}

// Each code does in an answer what its class says, whatever the HTTP status.
func TestEveryCodeInAnAnswer(t *testing.T) {
	for code, class := range expected["charge"] {
		number, err := strconv.Atoi(code)
		var extras fields
		if err != nil {
			number, extras = -782, fields{"method_result_code": code}
		}
		for _, status := range []int{400, 500} {
			o := serve(t, canned.Reply(status, errorOf(number, extras))).Charge(t.Context(), charge())
			switch class {
			case "soft", "action":
				require.Equal(t, payment.Refused, o.Kind, code)
				require.Equal(t, payment.Class(class), o.Decline.Class, code)
			case "later":
				require.Equal(t, payment.TryLater, o.Kind, code)
			case "rejected":
				require.Equal(t, payment.Rejected, o.Kind, code)
			case "misconfigured":
				require.Equal(t, payment.Misconfigured, o.Kind, code)
			case "look":
				require.Equal(t, payment.InDoubt, o.Kind, code)
			}
			require.Equal(t, class == "look" && status == 500, o.Failure, code)
		}
	}
	require.Equal(t, provider.Unknown, errorBody{Code: new(int64)}.class())
}

func TestFindByTID(t *testing.T) {
	var asked string
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked = r.RequestURI
		canned.Reply(200, orderBody("SUCCESS_PAYMENT", 0).JSON())(w, r)
	})
	require.Equal(t, gateway.Finding{Outcome: payment.Outcome{Kind: payment.Paid, PaymentID: tid}}, client.Find(t.Context(), charge(), tid))
	require.Equal(t, "/online/v1/payment/order", asked)
	require.True(t, client.Find(t.Context(), charge(), "").Unasked)
	f := serve(t, canned.Reply(400, errorOf(-721, nil))).Find(t.Context(), charge(), tid)
	require.False(t, f.Absent, "a tid that KakaoPay gave and does not know is no news")
	require.Equal(t, payment.InDoubt, f.Outcome.Kind)
	require.True(t, serve(t, canned.Reply(401, errorOf(-401, nil))).Find(t.Context(), charge(), tid).Misconfigured)
	require.True(t, serve(t, canned.Reply(503, "")).Find(t.Context(), charge(), tid).Outcome.Failure)
	f = serve(t, canned.Reply(200, orderBody("SUCCESS_PAYMENT", 0).With(fields{"status": nil}).JSON())).Find(t.Context(), charge(), tid)
	require.Equal(t, payment.InDoubt, f.Outcome.Kind)
}

func TestLookByTID(t *testing.T) {
	record := func(status payment.Status, refunded int64, d payment.Decline) payment.LookupResult {
		return payment.LookupResult{Payment: &payment.Payment{
			ID: tid, Status: status, Key: "sub_42_20260131-1", Reference: "sub_42_20260131", CustomerUnknown: true, GatewayCustomer: user,
			Money: charge().Money, Refunded: refunded, Decline: d, CreatedAt: now.Add(1e9),
		}}
	}
	declined := func(code string) payment.Decline {
		return payment.Decline{Class: payment.Soft, Code: code, Message: "the payment is " + code}
	}
	cases := map[string]struct {
		status int
		body   string
		want   payment.LookupResult
	}{
		"paid":                 {200, orderBody("SUCCESS_PAYMENT", 0).JSON(), record(payment.Succeeded, 0, payment.Decline{})},
		"refunded in part":     {200, orderBody("PART_CANCEL_PAYMENT", 900).JSON(), record(payment.Succeeded, 900, payment.Decline{})},
		"refunded":             {200, orderBody("CANCEL_PAYMENT", 12900).JSON(), record(payment.Succeeded, 12900, payment.Decline{})},
		"told by what is left": {200, orderBody("PART_CANCEL_PAYMENT", 900).With(fields{"canceled_amount": nil}).JSON(), record(payment.Succeeded, 900, payment.Decline{})},
		"failed":               {200, orderBody("FAIL_PAYMENT", 0).JSON(), record(payment.Declined, 0, declined("FAIL_PAYMENT"))},
		"password":             {200, orderBody("FAIL_AUTH_PASSWORD", 0).JSON(), record(payment.Declined, 0, declined("FAIL_AUTH_PASSWORD"))},
		"quit":                 {200, orderBody("QUIT_PAYMENT", 0).JSON(), record(payment.Declined, 0, declined("QUIT_PAYMENT"))},
		"no amounts":           {200, orderBody("SUCCESS_PAYMENT", 0).With(fields{"canceled_amount": nil, "cancel_available_amount": nil}).JSON(), payment.LookupResult{Reason: `200 with a body that cannot be read: field "canceled_amount.total" is missing`}},
		"amounts that differ":  {200, orderBody("PART_CANCEL_PAYMENT", 900).With(fields{"canceled_amount": fields{"total": 1}}).JSON(), payment.LookupResult{Reason: "200 with a body that cannot be read: its cancelled and its available amount are not its total"}},
		"not what it says":     {200, orderBody("CANCEL_PAYMENT", 900).JSON(), payment.LookupResult{Reason: "200 with a body that cannot be read: it is CANCEL_PAYMENT, and 900 of 12900 is refunded"}},
		"an unknown status":    {200, orderBody("WAITING_FOR_LUCK", 0).JSON(), payment.LookupResult{Reason: `200 with a body that cannot be read: field "status" is none that this version knows`}},
		"absent":               {400, errorOf(-721, nil), payment.LookupResult{Absent: true, Reason: "400 error -721"}},
		"absent as a 500":      {500, errorOf(-721, nil), payment.LookupResult{Absent: true, Reason: "500 error -721"}},
		"another one":          {200, orderBody("SUCCESS_PAYMENT", 0).With(fields{"tid": "T2"}).JSON(), payment.LookupResult{Reason: "200 with another payment, T2"}},
		"our CID":              {400, errorOf(-731, nil), payment.LookupResult{Misconfigured: true, Reason: "400 error -731"}},
		"a page":               {200, "<html>", payment.LookupResult{Failure: true, Reason: "200 with an HTML page"}},
	}
	for status := range strings.FieldsSeq("READY SEND_TMS OPEN_PAYMENT SELECT_METHOD ARS_WAITING AUTH_PASSWORD ISSUED_SID") {
		c := cases["paid"]
		c.body, c.want = orderBody(status, 0).JSON(), record(payment.Pending, 0, payment.Decline{})
		cases[status] = c
	}
	for name, tc := range cases {
		require.Equal(t, tc.want, serve(t, canned.Reply(tc.status, tc.body)).Look(t.Context(), payment.Ref{ID: tid}), name)
	}
	require.True(t, serve(t, nil).Look(t.Context(), payment.Ref{Key: "k"}).Unaskable)
}

// KakaoPay may say whatever it likes: nothing that duly tells of it holds the customer, the method or a secret.
func TestKakaoPayAnswersHoldNothingPrivate(t *testing.T) {
	for _, said := range []string{"Jane@Example.com", "jane%40example.com", sid, strings.ToLower(sid), user, token, secret} {
		for status, body := range map[int]string{
			200: orderBody("FAIL_PAYMENT", 0).With(fields{"tid": said}).JSON(),
			400: errorOf(-782, fields{"method_result_code": "no-" + said, "method_result_message": "not for " + said}),
			404: fields{"error_code": -721, "error_message": "not for " + said}.JSON(),
			500: fields{"error_code": -9, "error_message": "not for " + said}.JSON(),
		} {
			client := serve(t, canned.Reply(status, body))
			about := gateway.WithCustomer(t.Context(), charge().CustomerID)
			told := fmt.Sprintf("%+v%+v", client.Charge(t.Context(), charge()).Reason, client.Find(t.Context(), charge(), tid).Outcome.Reason)
			told += fmt.Sprintf("%+v", client.Charge(t.Context(), charge()).Decline)
			if said == token || said == secret || strings.Contains(said, "xample") { // no order knows how it is paid
				told += client.Refund(about, payment.Refund{ID: tid, Key: "k", Amount: 1}).Reason
				if status != 200 { // an id is never changed
					told += client.Look(about, payment.Ref{ID: tid}).Reason
				}
			}
			require.NotContains(t, strings.ToLower(told), strings.ToLower(said), "%d: %s", status, told)
			require.True(t, status == 200 || strings.Contains(told, "[redacted]"), told)
		}
	}
}
