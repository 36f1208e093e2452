package portone_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/gateway"
	"duly/internal/gateway/provider"
	"duly/internal/payment"
	"duly/internal/test/canned"
)

const paid = `{"payment":{"pgTxId":"pgtx-1","paidAt":"2026-01-31T12:00:00Z"}}`

// The bytes of a charge never change: requests under the same key may have been sent long ago.
func TestChargeIsAlwaysTheSameRequest(t *testing.T) {
	const want = `{"storeId":"store-1","billingKey":"billing-key-0123-private","channelKey":"channel-key-1","orderName":"Tea of the month",` +
		`"customer":{"id":"customer-7"},"customData":"{\"duly_key\":\"sub_42_20260131-1\",\"duly_reference\":\"sub_42_20260131\",\"duly_customer\":\"customer-7\"}",` +
		`"amount":{"total":12900},"currency":"KRW"}`
	s := canned.Serve(t, canned.Reply(http.StatusOK, paid))
	client := open(t, configFor(s.URL+"/"))
	second := charge() // a version that was begun with a second identifier, which PortOne has not
	second.BodyVersion, second.GatewayCustomer = 2, "cus_private"
	for _, c := range []payment.Charge{charge(), second} {
		require.Equal(t, payment.Outcome{Kind: payment.Paid, PaymentID: paymentID}, client.Charge(t.Context(), c))
	}
	for _, got := range s.Requests() {
		require.Equal(t, "POST /payments/"+paymentID+"/billing-key", got.Method+" "+got.Target)
		require.Equal(t, want, got.Body)
		require.Equal(t, "PortOne "+secret, got.Header.Get("Authorization"))
		require.Equal(t, `"`+paymentID+`"`, got.Header.Get("Idempotency-Key"))
		require.Equal(t, "application/json", got.Header.Get("Content-Type"))
		require.Equal(t, "run-1/sub_42_20260131-1", got.Header.Get("X-Request-Id"))
	}
	c := configFor(s.URL)
	c.StoreID, c.ChannelKey = "", ""
	plain := charge()
	plain.Description = ""
	require.Equal(t, payment.Paid, open(t, c).Charge(t.Context(), plain).Kind)
	require.Equal(t, strings.NewReplacer(`"storeId":"store-1",`, "", `"channelKey":"channel-key-1",`, "", "Tea of the month", "sub_42_20260131").Replace(want), s.Requests()[2].Body)
}

// What PortOne could only refuse is not sent.
func TestImpossibleChargesAreNotSent(t *testing.T) {
	s := canned.Serve(t, canned.Reply(http.StatusOK, paid))
	client := open(t, configFor(s.URL))
	for why, change := range map[string]func(*payment.Charge){
		"the idempotency key is missing, or not UTF-8": func(c *payment.Charge) { c.Key = "" },
		"the reference is missing, or not UTF-8":       func(c *payment.Charge) { c.Reference = "" },
		"the customer is missing, or not UTF-8":        func(c *payment.Charge) { c.CustomerID = "a\xff" },
		"the payment method is missing, or not UTF-8":  func(c *payment.Charge) { c.Method = "" },
		"the amount must be at least 1":                func(c *payment.Charge) { c.Money.Amount = 0 },
		"the currency is none of ISO 4217":             func(c *payment.Charge) { c.Money.Currency = "krw" },
		"body version 3 is not known to this program":  func(c *payment.Charge) { c.BodyVersion = 3 },
		"body version 0 is not known to this program":  func(c *payment.Charge) { c.BodyVersion = 0 },
	} {
		c := charge()
		change(&c)
		require.Equal(t, payment.Outcome{Kind: payment.Rejected, Unsent: true, Reason: why}, client.Charge(t.Context(), c))
	}
	require.Empty(t, s.Requests())
}

// A 200 says neither amount nor customer, and is repeated under the key: only one of this moment proves that this request was paid.
func TestPortOneSuccessWithoutFields(t *testing.T) {
	look := func(reason string) payment.Outcome {
		return payment.Outcome{LookUpOnly: true, LookNow: true, Reason: reason}
	}
	at := func(d time.Duration) string {
		return fmt.Sprintf(`{"payment":{"pgTxId":"pgtx-1","paidAt":%q}}`, now.Add(d).Format(time.RFC3339Nano))
	}
	for body, want := range map[string]payment.Outcome{
		at(0):                  {Kind: payment.Paid, PaymentID: paymentID},
		at(time.Hour):          {Kind: payment.Paid, PaymentID: paymentID},
		at(-5 * time.Minute):   {Kind: payment.Paid, PaymentID: paymentID},
		at(-301 * time.Second): look("200 for a payment that was made earlier"),
		`{"payment":{"paidAt":"2026-01-31T12:00:00Z"}}`:             look(`200 with a body that cannot be read: field "payment.pgTxId" is missing`),
		`{"payment":{"pgTxId":"","paidAt":"2026-01-31T12:00:00Z"}}`: look(`200 with a body that cannot be read: field "payment.pgTxId" is missing`),
		`{"payment":{"pgTxId":"pgtx-1"}}`:                           look(`200 with a body that cannot be read: field "payment.paidAt" is missing`),
		`{"payment":null}`:                                          {Unreadable: true, Reason: `200 with a body that cannot be read: field "payment" is missing`},
		`{}`:                                                        {Unreadable: true, Reason: `200 with a body that cannot be read: field "payment" is missing`},
		`{"payment":{"pgTx`:                                         {Unreadable: true, Reason: "200 with a body that cannot be read: its JSON is cut off"},
		`OK`:                                                        {Unreadable: true, Reason: "200 with a body that cannot be read: it is not JSON"},
		``:                                                          {Unreadable: true, Reason: "200 with a body that cannot be read: it is empty"},
	} {
		require.Equal(t, want, open(t, configFor(canned.Serve(t, canned.Reply(http.StatusOK, body)).URL)).Charge(t.Context(), charge()), body)
	}
	c := configFor(canned.Serve(t, canned.Reply(http.StatusOK, at(-time.Hour))).URL)
	c.Skew = 2 * time.Hour
	require.Equal(t, payment.Paid, open(t, c).Charge(t.Context(), charge()).Kind)
}

// An answer that is no typed error of PortOne's proves nothing by its status, and is no answer of PortOne's.
func TestPortOneUntypedAnswersToACharge(t *testing.T) {
	const page = "<!doctype html><title>down</title>"
	doubt := func(reason string) payment.Outcome { return payment.Outcome{Reason: reason} }
	strange := func(reason string) payment.Outcome { return payment.Outcome{Reason: reason, Unreadable: true} }
	down := func(reason string) payment.Outcome { return payment.Outcome{Reason: reason, Failure: true} }
	maintenance := func(reason string) payment.Outcome { return payment.Outcome{Reason: reason, Failure: true, Page: true} }
	for _, tc := range []struct {
		status int
		body   string
		want   payment.Outcome
	}{
		{302, "", strange("302 Found")},
		{400, "", strange("400 Bad Request")},
		{401, "", strange("401 Unauthorized")},
		{403, `{"message":"blocked"}`, strange("403 Forbidden")},
		{404, `{"type":"not a type"}`, strange("404 Not Found")},
		{408, "", doubt("408 Request Timeout")},
		{409, "", doubt("409 Conflict")},
		{429, "", payment.Outcome{Kind: payment.NotExecuted, Reason: "429 Too Many Requests"}},
		{429, page, payment.Outcome{Kind: payment.NotExecuted, Reason: "429 with an HTML page"}},
		{500, "", down("500 Internal Server Error")},
		{502, `{"pgCode":"REJECT_CARD_PAYMENT"}`, down("502 Bad Gateway")},
		{502, page, maintenance("502 with an HTML page")},
		{403, page, maintenance("403 with an HTML page")},
		{200, page, maintenance("200 with an HTML page")},
		{503, `["PG_PROVIDER"]`, down("503 Service Unavailable")},
	} {
		require.Equal(t, tc.want, open(t, configFor(canned.Serve(t, canned.Reply(tc.status, tc.body)).URL)).Charge(t.Context(), charge()), "%d %s", tc.status, tc.body)
	}
	o := open(t, configFor(canned.Serve(t, canned.Reply(429, "", "Retry-After", "7")).URL)).Charge(t.Context(), charge())
	require.Equal(t, 7*time.Second, o.RetryAfter)
}

// A typed error that nobody knows may have taken the money, and its key brings it again: it is looked up, and nothing more is sent.
func TestPortOneUnknownTypes(t *testing.T) {
	for _, tc := range []struct {
		status  int
		body    string
		failure bool
	}{
		{400, `{"type":"SOMETHING_NEW","message":"?"}`, false},
		{500, `{"type":"INTERNAL_ERROR"}`, true},
		{500, `{"type":"INVALID_REQUEST"}`, true}, // documented with 400 alone
		{402, `{"type":"PG_PROVIDER","pgCode":"REJECT_CARD_PAYMENT","pgMessage":"?"}`, false},
		{502, `{"type":"PG_PROVIDER","pgCode":"8801","pgMessage":"?"}`, false},
		{502, `{"type":"PG_PROVIDER","pgCode":"PROVIDER_ERROR","pgMessage":"?"}`, false},  // the company does not know either
		{502, `{"type":"PG_PROVIDER","pgCode":"INVALID_REQUEST","pgMessage":"?"}`, false}, // no decline
		{502, `{"type":"PG_PROVIDER","pgCode":"-782","pgMessage":"?"}`, false},            // another company may mean something else
		{502, `{"type":"PG_PROVIDER"}`, false},
	} {
		o := open(t, configFor(canned.Serve(t, canned.Reply(tc.status, tc.body)).URL)).Charge(t.Context(), charge())
		o.Reason = ""
		require.Equal(t, payment.Outcome{LookUpOnly: true, LookNow: true, Answered: true, Failure: tc.failure}, o, "%d %s", tc.status, tc.body)
	}
}

// A decline of the payment company is a 502, and says nothing against PortOne.
func TestDeclinesComeAsServerErrors(t *testing.T) {
	for code, want := range map[string]payment.Outcome{
		"REJECT_CARD_PAYMENT":         {Kind: payment.Refused, Decline: payment.Decline{Class: payment.Soft}},
		"INVALID_CARD_LOST_OR_STOLEN": {Kind: payment.Refused, Decline: payment.Decline{Class: payment.Hard}},
		"INVALID_CARD_EXPIRATION":     {Kind: payment.Refused, Decline: payment.Decline{Class: payment.Action}},
		"NOT_AVAILABLE_BANK":          {Kind: payment.TryLater},
	} {
		body := fmt.Sprintf(`{"type":"PG_PROVIDER","message":"m","pgCode":%q,"pgMessage":"no"}`, code)
		want.Unrecorded = want.Kind == payment.Refused // of a doubted charge only the record says so
		want.Decline.Code, want.Decline.Message, want.Reason = code, "no", "502 PG_PROVIDER "+code+": no"
		require.Equal(t, want, open(t, configFor(canned.Serve(t, canned.Reply(502, body)).URL)).Charge(t.Context(), charge()), code)
	}
}

func TestCapabilities(t *testing.T) {
	c := configFor("http://Example.com:80/a/")
	c.ChargesOnce = true
	require.Equal(t, gateway.Capabilities{
		KeyLife: 3 * time.Hour, LongestRequest: 10 * time.Minute, Timeout: 5 * time.Second, KeepsErrors: true, FindByKey: true, LookupOutlivesKey: true,
		List: true, ChargesOnce: true, Address: "http://example.com/a", Account: "store-1",
	}, open(t, c).Capabilities())
	_, err := newClient(provider.Settings{Name: "main", URL: "ftp://x", Token: "a b"}, "store 1")
	for _, problem := range []string{"gateway main:", "url:", "token:", "timeout", "key_life", "parallelism", "clock", "store_id"} {
		require.ErrorContains(t, err, problem)
	}
	require.NotContains(t, err.Error(), "a b")
}
