package stripe

import (
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"duly/internal/gateway"
	"duly/internal/gateway/provider"
	"duly/internal/payment"
	"duly/internal/test/canned"
)

const (
	token    = "sk_test_5ecret"
	method   = "pm_1Private"
	customer = "cus_Private"
)

var now = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func charge() payment.Charge {
	return payment.Charge{
		Key: "sub_42_20260131-1", Reference: "sub_42_20260131", CustomerID: "Jane@Example.com", Method: method, GatewayCustomer: customer,
		MethodType: "card", Description: "Jan & Feb", Money: payment.Money{Amount: 1299, Currency: "USD"}, BodyVersion: 2, RequestID: "run-3/42",
	}
}

func configFor(url string) Config {
	return Config{provider.Settings{
		Name: "main", URL: url, Token: token, Timeout: 5 * time.Second, ConnectTimeout: 2 * time.Second, KeyLife: 24 * time.Hour,
		LongestRequest: 10 * time.Minute, MaxConns: 4, Now: func() time.Time { return now },
	}}
}

func open(t *testing.T, url string) *Client {
	t.Helper()
	client, err := New(configFor(url))
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return client
}

// serve makes a client whose every request is answered by h.
func serve(t *testing.T, h http.HandlerFunc) *Client {
	t.Helper()
	return open(t, canned.Serve(t, h).URL)
}

type fields = canned.Fields

// intentOf is a PaymentIntent of charge() in a status.
func intentOf(status string) fields {
	f := fields{
		"id": "pi_1", "object": "payment_intent", "status": status, "amount": 1299, "amount_received": 0, "currency": "usd", "customer": customer,
		"payment_method": method, "created": now.Unix(), "latest_charge": nil, "last_payment_error": nil, "client_secret": "pi_1_secret_x",
		"metadata": fields{"duly_key": "sub_42_20260131-1", "duly_reference": "sub_42_20260131", "duly_customer": "Jane@Example.com"},
	}
	if status == "succeeded" {
		f["amount_received"] = 1299
		f["latest_charge"] = fields{"id": "ch_1", "object": "charge", "amount_refunded": 0}
	}
	return f
}

// errorOf is an error of a type.
func errorOf(kind string, more fields) string {
	return fields{"error": fields{"type": kind, "message": "Something about it."}.With(more)}.JSON()
}

// declineOf is the error of a decline, with the intent that it made.
func declineOf(more fields) string {
	e := fields{"type": "card_error", "code": "card_declined", "decline_code": "generic_decline", "message": "Your card was declined."}.With(more)
	last := e.With(fields{"payment_method": fields{"id": method, "card": fields{"brand": "mastercard"}}})
	return fields{"error": e.With(fields{"payment_intent": intentOf("requires_payment_method").With(fields{"last_payment_error": last})})}.JSON()
}

func TestStripeChargeIsOneRequestWhoseBytesNeverChange(t *testing.T) {
	var got *http.Request
	var body []byte
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		_, _ = io.WriteString(w, intentOf("succeeded").JSON())
	})
	require.Equal(t, payment.Outcome{Kind: payment.Paid, PaymentID: "pi_1"}, client.Charge(t.Context(), charge()))
	require.Equal(t, "POST /v1/payment_intents", got.Method+" "+got.RequestURI)
	require.Equal(t, []string{"Bearer " + token}, got.Header["Authorization"])
	require.Equal(t, []string{"2026-08-26.dahlia"}, got.Header["Stripe-Version"])
	require.Equal(t, []string{"application/x-www-form-urlencoded"}, got.Header["Content-Type"])
	require.Equal(t, []string{"sub_42_20260131-1"}, got.Header["Idempotency-Key"])
	const frozen = "amount=1299&currency=usd&customer=cus_Private&payment_method=pm_1Private&payment_method_types%5B%5D=card&confirm=true&off_session=true" +
		"&description=Jan+%26+Feb&metadata%5Bduly_key%5D=sub_42_20260131-1&metadata%5Bduly_reference%5D=sub_42_20260131&metadata%5Bduly_customer%5D=Jane%40Example.com"
	require.Equal(t, frozen, string(body))
	require.Equal(t, pathIntents, "/v1/payment_intents")
}

func TestWhatStripeCouldOnlyRefuseIsNotSent(t *testing.T) {
	client := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("sent") })
	for name, change := range map[string]func(*payment.Charge){
		"gateway_customer is missing":              func(c *payment.Charge) { c.GatewayCustomer, c.BodyVersion = "", 1 },
		"body version 3 is not known":              func(c *payment.Charge) { c.BodyVersion = 3 },
		"body version 1 is not known":              func(c *payment.Charge) { c.BodyVersion = 1 },
		"idempotency key must be":                  func(c *payment.Charge) { c.Key = "a b" },
		"reference must be":                        func(c *payment.Charge) { c.Reference = "" },
		"customer must be":                         func(c *payment.Charge) { c.CustomerID = string(make([]rune, 501)) },
		"payment method is missing":                func(c *payment.Charge) { c.Method = "" },
		"three capital letters":                    func(c *payment.Charge) { c.Money.Currency = "usd" },
		"amount must be at least 1":                func(c *payment.Charge) { c.Money.Amount = 0 },
		"currency ISK is not sent":                 func(c *payment.Charge) { c.Money.Currency = "ISK" },
		"currency UGX is not sent":                 func(c *payment.Charge) { c.Money.Currency = "UGX" },
		"currency MGA is not sent":                 func(c *payment.Charge) { c.Money.Currency = "MGA" },
		"the amount 1299 of KWD must end in 0":     func(c *payment.Charge) { c.Money.Currency = "KWD" },
		"currency LYD is not sent to Stripe":       func(c *payment.Charge) { c.Money.Currency = "LYD" },
		"the amount 12345 of BHD must end in 0: S": func(c *payment.Charge) { c.Money = payment.Money{Amount: 12345, Currency: "BHD"} },
	} {
		c := charge()
		change(&c)
		o := client.Charge(t.Context(), c)
		require.Equal(t, payment.Rejected, o.Kind, name)
		require.True(t, o.Unsent, name)
		require.Contains(t, o.Reason, name)
		require.NotContains(t, o.Reason, "\n")
	}
}

// Amounts are sent as they are, so that both sides must count a currency in the same unit.
func TestUnitsAreThoseOfMoney(t *testing.T) {
	for currency, digits := range decimals {
		text := payment.Money{Amount: 1_000_000, Currency: currency}.String()
		want := fmt.Sprintf("%s %s", map[int]string{0: "1,000,000", 3: "1,000.000"}[digits], currency)
		require.Equal(t, want, text)
		require.Empty(t, amountProblem(1_000_000, currency))
	}
	require.Empty(t, amountProblem(1, "EUR"))
	require.Len(t, decimals, 19)
}

func TestStripeCapabilities(t *testing.T) {
	able := open(t, "https://API.stripe.com:443/").Capabilities()
	require.Equal(t, gateway.Capabilities{
		KeyLife: 24 * time.Hour, LongestRequest: 10 * time.Minute, Timeout: 5 * time.Second, KeepsErrors: true, FindByKey: true,
		FindNeedsCustomer: true, LookupOutlivesKey: true, List: true, Address: "https://api.stripe.com", Account: "test", Live: gateway.LivenessSandbox,
	}, able)
	require.Equal(t, "live", mode("rk_live_1"))
	require.Empty(t, mode("something"))
}

func TestStripeConfigurationProblemsAreNamed(t *testing.T) {
	_, err := New(Config{provider.Settings{Name: "main", URL: "ftp://u:p@h", Token: "two words"}})
	require.ErrorContains(t, err, "gateway main: url: want http")
	for _, want := range []string{"token: missing", "timeout and connect_timeout", "key_life", "parallelism", "clock"} {
		require.ErrorContains(t, err, want)
	}
	require.NotContains(t, err.Error(), "two words")
}

func TestStripePing(t *testing.T) {
	for body, want := range map[string]string{
		`{"object":"list","data":[],"has_more":false}`: "",
		`{"payments":[]}`: "is this the address of Stripe's API?",
	} {
		err := serve(t, canned.Reply(http.StatusOK, body)).Ping(t.Context())
		if want == "" {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, want)
		}
	}
	require.ErrorContains(t, serve(t, canned.Reply(http.StatusUnauthorized, errorOf("invalid_request_error", nil))).Ping(t.Context()), "refuses our token")
	require.ErrorContains(t, serve(t, canned.Reply(http.StatusNotFound, "")).Ping(t.Context()), "404")
	require.ErrorContains(t, serve(t, canned.Reply(http.StatusBadGateway, "<html>")).Ping(t.Context()), "unexpected answer 502 with an HTML page")
}
