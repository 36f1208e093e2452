package toss_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/gateway"
	"duly/internal/gateway/provider"
	"duly/internal/gateway/toss"
	"duly/internal/payment"
	"duly/internal/test/canned"
)

// The bytes of a charge never change: requests under the same key may have been sent long ago.
func TestChargeIsAlwaysTheSameRequest(t *testing.T) {
	s := canned.Serve(t, canned.Reply(http.StatusOK, record("DONE", nil)))
	client := open(t, configFor(s.URL+"/"))
	require.Equal(t, payment.Outcome{Kind: payment.Paid, PaymentID: paymentKey}, client.Charge(t.Context(), charge()))
	got := s.Requests()[0]
	require.Equal(t, "POST /v1/billing/billing-key%2F0123=private", got.Method+" "+got.Target)
	require.Equal(t, `{"customerKey":"customer-key-private","amount":12900,"orderId":"sub_42_20260131-1","orderName":"Tea of the month"}`, got.Body)
	require.Equal(t, basic(), got.Header.Get("Authorization"))
	require.Equal(t, key, got.Header.Get("Idempotency-Key"))
	require.Equal(t, "application/json", got.Header.Get("Content-Type"))

	// A key that Toss would not take: the orderId is derived from it, and the name leads back.
	const id = "duly-341fb35e2c016788d2106af198a41b2e61581e5d" // of the SHA-256 of ord_1
	c := charge()
	c.Key, c.Reference, c.Description = "ord_1", "ord_1", strings.Repeat("차", 120)
	client.Charge(t.Context(), c)
	got = s.Requests()[1]
	require.Equal(t, `{"customerKey":"customer-key-private","amount":12900,"orderId":"`+id+`","orderName":"`+strings.Repeat("차", 93)+` #ord_1"}`, got.Body)
	require.Equal(t, id, got.Header.Get("Idempotency-Key"))
	c = charge()
	c.Description = ""
	client.Charge(t.Context(), c)
	require.Contains(t, s.Requests()[2].Body, `"orderName":"sub_42_20260131"`)
}

// What Toss could only refuse is not sent.
func TestImpossibleChargesAreNotSent(t *testing.T) {
	s := canned.Serve(t, canned.Reply(http.StatusOK, record("DONE", nil)))
	client := open(t, configFor(s.URL))
	const noCustomer = "the gateway_customer is missing: Toss charges a billing key only together with the customerKey that it was issued to"
	const noForm = "the gateway_customer is no customerKey: 2 to 300 letters, digits, -, _, =, . and @"
	for _, tc := range []struct {
		why    string
		change func(*payment.Charge)
	}{
		{noCustomer, func(c *payment.Charge) { c.GatewayCustomer = "" }},
		{noCustomer, func(c *payment.Charge) { c.GatewayCustomer, c.BodyVersion = "", 1 }},
		{noCustomer, func(c *payment.Charge) { c.BodyVersion = 1 }}, // begun before the row had one
		{noForm, func(c *payment.Charge) { c.GatewayCustomer = "a" }},
		{noForm, func(c *payment.Charge) { c.GatewayCustomer = "jane doe" }},
		{noForm, func(c *payment.Charge) { c.GatewayCustomer = strings.Repeat("a", 301) }},
		{"body version 3 is not known to this program", func(c *payment.Charge) { c.BodyVersion = 3 }},
		{"the idempotency key must be 1 to 98 characters", func(c *payment.Charge) { c.Key = "" }},
		{"the idempotency key must be 1 to 98 characters", func(c *payment.Charge) { c.Key = strings.Repeat("k", 99) }},
		{"the payment method must be a billing key of 1 to 200 characters", func(c *payment.Charge) { c.Method = "" }},
		{"the payment method must be a billing key of 1 to 200 characters", func(c *payment.Charge) { c.Method = strings.Repeat("m", 201) }},
		{"the currency must be KRW: Toss takes no other", func(c *payment.Charge) { c.Money.Currency = "USD" }},
		{"the amount must be at least 1", func(c *payment.Charge) { c.Money.Amount = 0 }},
	} {
		c := charge()
		tc.change(&c)
		require.Equal(t, payment.Outcome{Kind: payment.Rejected, Unsent: true, Reason: tc.why}, client.Charge(t.Context(), c))
	}
	require.Empty(t, s.Requests())
}

// Only a 200 with a payment that is ours in all that Toss keeps is a yes.
func TestTossApprovals(t *testing.T) {
	unreadable := func(why string) payment.Outcome {
		return payment.Outcome{Unreadable: true, Reason: "200 with a body that cannot be read: " + why}
	}
	notOurs := payment.Outcome{Kind: payment.Differs, Reason: "idempotency_key is not ours: payment " + paymentKey}
	refunded := payment.Outcome{Kind: payment.Differs, PaymentID: paymentKey, Reason: "refunded by someone"}
	for name, tc := range map[string]struct {
		body string
		want payment.Outcome
	}{
		"done":             {record("DONE", nil), payment.Outcome{Kind: payment.Paid, PaymentID: paymentKey}},
		"in floats":        {strings.Replace(record("DONE", nil), `"totalAmount":12900`, `"totalAmount":12900.0`, 1), payment.Outcome{Kind: payment.Paid, PaymentID: paymentKey}},
		"another order":    {record("DONE", map[string]any{"orderId": "sub_42_20260131-2"}), notOurs},
		"another amount":   {record("DONE", map[string]any{"totalAmount": 12901, "balanceAmount": 12901}), payment.Outcome{Kind: payment.Differs, PaymentID: paymentKey, Reason: "gateway booked 12,901 KRW, invoice is 12,900 KRW"}},
		"another currency": {record("DONE", map[string]any{"currency": "USD"}), payment.Outcome{Kind: payment.Differs, PaymentID: paymentKey, Reason: "gateway booked 129.00 USD, invoice is 12,900 KRW"}},
		"cancelled":        {record("CANCELED", map[string]any{"balanceAmount": 0}), refunded},
		"in parts, all":    {record("PARTIAL_CANCELED", map[string]any{"balanceAmount": 0}), refunded},
		"in part":          {record("PARTIAL_CANCELED", map[string]any{"balanceAmount": 12800}), refunded},
		"done, refunded":   {record("DONE", map[string]any{"balanceAmount": 12800}), refunded},
		"never approved":   {record("CANCELED", map[string]any{"balanceAmount": 0, "approvedAt": nil}), payment.Outcome{Kind: payment.Differs, PaymentID: paymentKey, Reason: "cancelled by someone"}},
		"contradiction":    {record("CANCELED", nil), unreadable("it is CANCELED, and its balance is 12900 of 12900")},
		"contradicted":     {record("PARTIAL_CANCELED", nil), unreadable("it is PARTIAL_CANCELED, and its balance is 12900 of 12900")},
		"in progress":      {record("IN_PROGRESS", nil), payment.Outcome{PaymentID: paymentKey, LookUpOnly: true, Reason: "pending"}},
		"aborted":          {failed("REJECT_CARD_PAYMENT"), payment.Outcome{LookUpOnly: true, LookNow: true, Reason: "200 with a payment that is declined"}},
		"a new status":     {record("SETTLED", nil), unreadable(`field "status" is none that this version knows`)},
		"no status":        {record("", nil), unreadable(`field "status" is missing`)},
		"no key":           {record("DONE", map[string]any{"paymentKey": nil}), unreadable(`field "paymentKey" is missing`)},
		"no order":         {record("DONE", map[string]any{"orderId": nil}), unreadable(`field "orderId" is missing`)},
		"no total":         {record("DONE", map[string]any{"totalAmount": nil}), unreadable(`field "totalAmount" is missing`)},
		"no balance":       {record("DONE", map[string]any{"balanceAmount": nil}), unreadable(`field "balanceAmount" is missing`)},
		"no currency":      {record("DONE", map[string]any{"currency": nil}), unreadable(`field "currency" is missing`)},
		"a fraction":       {record("DONE", map[string]any{"totalAmount": 0.5}), unreadable("an amount is no whole number")},
		"no time":          {record("DONE", map[string]any{"approvedAt": "yesterday"}), unreadable("a time cannot be read")},
		"half":             {record("DONE", nil)[:99], unreadable("its JSON is cut off")},
		"empty":            {"", unreadable("it is empty")},
		"a page":           {"<html>", payment.Outcome{Failure: true, Page: true, Reason: "200 with an HTML page"}},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tc.want, open(t, configFor(canned.Serve(t, canned.Reply(http.StatusOK, tc.body)).URL)).Charge(t.Context(), charge()))
		})
	}
}

// An answer that is no typed error of Toss's proves nothing by its status.
func TestTossUntypedAnswersToACharge(t *testing.T) {
	const page = "<!doctype html>"
	for _, tc := range []struct {
		status int
		body   string
		want   payment.Outcome
	}{
		{302, "", payment.Outcome{Reason: "302 Found", Unreadable: true}},
		{400, "", payment.Outcome{Reason: "400 Bad Request", Unreadable: true}},
		{400, `{"code":"INVALID_REQUEST"}`, payment.Outcome{Reason: "400 Bad Request", Unreadable: true}}, // a message always comes with it
		{401, `{"code":"no","message":""}`, payment.Outcome{Reason: "401 Unauthorized", Unreadable: true}},
		{403, page, payment.Outcome{Reason: "403 with an HTML page", Failure: true, Page: true}},
		{408, "", payment.Outcome{Reason: "408 Request Timeout"}},
		{409, "", payment.Outcome{Reason: "409 Conflict"}},
		{429, "", payment.Outcome{Kind: payment.NotExecuted, Reason: "429 Too Many Requests"}},
		{429, `{"code":"TOO_MANY","message":""}`, payment.Outcome{Kind: payment.NotExecuted, Reason: "429 Too Many Requests"}},
		{500, "", payment.Outcome{Reason: "500 Internal Server Error", Failure: true}},
		{201, `{"code":"UNAUTHORIZED_KEY","message":""}`, payment.Outcome{Reason: "201 Created", Unreadable: true}},
	} {
		require.Equal(t, tc.want, open(t, configFor(canned.Serve(t, canned.Reply(tc.status, tc.body)).URL)).Charge(t.Context(), charge()), "%d %s", tc.status, tc.body)
	}
	o := open(t, configFor(canned.Serve(t, canned.Reply(429, "", "Retry-After", "7")).URL)).Charge(t.Context(), charge())
	require.Equal(t, 7*time.Second, o.RetryAfter)
}

// A code that nobody knows, or that comes with the status of a server error, may have taken the money.
func TestTossUnknownCodes(t *testing.T) {
	for _, tc := range []struct {
		status  int
		code    string
		failure bool
	}{{400, "SOMETHING_NEW", false}, {403, "SOMETHING_NEW", false}, {500, "SOMETHING_NEW", true}, {500, "REJECT_CARD_PAYMENT", true}, {503, "INVALID_REQUEST", true}, {400, "COMMON_ERROR", false}} {
		o := open(t, configFor(canned.Serve(t, canned.Reply(tc.status, fmt.Sprintf(`{"code":%q,"message":"?"}`, tc.code))).URL)).Charge(t.Context(), charge())
		require.Equal(t, payment.Outcome{LookUpOnly: true, LookNow: true, Answered: true, Failure: tc.failure}, without(o), "%d %s", tc.status, tc.code)
	}
}

func TestCapabilities(t *testing.T) {
	want := gateway.Capabilities{
		KeyLife: 336 * time.Hour, LongestRequest: 10 * time.Minute, Timeout: 5 * time.Second, KeepsErrors: true, FindByKey: true, LookupOutlivesKey: true,
		List: true, Address: "http://example.com", Account: "test", Live: gateway.LivenessSandbox,
	}
	require.Equal(t, want, open(t, configFor("http://example.com/")).Capabilities())
	for token, account := range map[string]string{"live_sk_x": "live", "other": ""} {
		c := configFor("http://example.com")
		c.Token = token
		require.Equal(t, account, open(t, c).Capabilities().Account)
	}
	for _, token := range []string{"test_gsk_x", "live_gsk_x", "live_ck_x", "test_gck_x"} {
		c := configFor("http://example.com")
		c.Token = token
		_, err := toss.New(c)
		require.ErrorContains(t, err, "cannot charge: give the secret key of the API, "+token[:4]+"_sk_…")
	}
	_, err := toss.New(toss.Config{Settings: provider.Settings{Name: "main", URL: "ftp://x"}})
	require.ErrorContains(t, err, "gateway main: url:")
}
