package httpapi

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"duly/internal/gateway"
	"duly/internal/payment"
	"duly/internal/test/canned"
)

const (
	token  = "tok-5ecret"
	method = "billing-key-secret"
)

var now = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func charge() payment.Charge {
	return payment.Charge{
		Key:         "sub_42_20260131-1",
		Reference:   "sub_42_20260131",
		CustomerID:  "customer-7",
		Method:      method,
		MethodType:  "card",
		Description: "Jan & Feb",
		Money:       payment.Money{Amount: 12900, Currency: "KRW"},
		BodyVersion: 1,
		RequestID:   "run-3/42",
	}
}

func configFor(url string) Config {
	return Config{
		Name:           "main",
		URL:            url,
		Token:          token,
		Timeout:        5 * time.Second,
		ConnectTimeout: 2 * time.Second,
		KeyLife:        24 * time.Hour,
		LongestRequest: 2 * time.Minute,
		MaxConns:       4,
		Now:            func() time.Time { return now },
	}
}

func open(t *testing.T, c Config) *Client {
	t.Helper()
	client, err := New(c)
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return client
}

// paymentJSON is a Payment of the contract for charge(), with fields set otherwise or, if nil, left out.
func paymentJSON(status payment.Status, change canned.Fields) string {
	fields := canned.Fields{
		"id": "pay_1", "status": status, "idempotency_key": "sub_42_20260131-1", "reference": "sub_42_20260131",
		"customer_id": "customer-7", "amount": 12900, "currency": "KRW", "refunded_amount": 0,
		"created_at": "2026-01-31T12:00:00Z",
	}
	return fields.With(change).JSON()
}

func declinedJSON(decline map[string]any) string {
	return paymentJSON(payment.Declined, map[string]any{"decline": decline})
}

func TestChargeIsTheRequestOfTheContract(t *testing.T) {
	var got *http.Request
	var body []byte
	s := canned.Serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		_, _ = io.WriteString(w, paymentJSON(payment.Succeeded, nil))
	})
	o := open(t, configFor(s.URL+"/shop/")).Charge(t.Context(), charge())

	require.Equal(t, payment.Outcome{Kind: payment.Paid, PaymentID: "pay_1"}, o)
	require.Equal(t, "POST /shop/v1/payments", got.Method+" "+got.URL.Path)
	require.Equal(t, []string{"Bearer " + token}, got.Header["Authorization"])
	require.Equal(t, []string{"sub_42_20260131-1"}, got.Header["Idempotency-Key"])
	require.Equal(t, []string{"run-3/42"}, got.Header["X-Request-Id"])
	require.Equal(t, []string{"application/json"}, got.Header["Content-Type"])
	require.Empty(t, got.TransferEncoding, "a length, for services that read no chunks")
	require.Equal(t, int64(len(body)), got.ContentLength)
	require.JSONEq(t, `{"reference":"sub_42_20260131","customer_id":"customer-7","payment_method":"billing-key-secret",
		"method_type":"card","amount":12900,"currency":"KRW","description":"Jan & Feb"}`, string(body))
}

// The bytes below were checked by hand. They are in use: a change needs a new body version.
func TestBytesOfBodyVersion1NeverChange(t *testing.T) {
	odd := charge()
	odd.Description = "a <b> \"c\" \\ \n 커피 \u2028 \xff"
	bare := charge()
	bare.MethodType, bare.Description = "", ""
	second := bare
	second.GatewayCustomer = "cus_9"
	for name, tc := range map[string]struct {
		charge payment.Charge
		want   string
	}{
		"no second identifier, whatever the row holds": {second, `{"reference":"sub_42_20260131","customer_id":"customer-7",` +
			`"payment_method":"billing-key-secret","amount":12900,"currency":"KRW"}`},
		"all fields": {charge(), `{"reference":"sub_42_20260131","customer_id":"customer-7",` +
			`"payment_method":"billing-key-secret","method_type":"card","amount":12900,"currency":"KRW",` +
			`"description":"Jan \u0026 Feb"}`},
		"optional ones left out": {bare, `{"reference":"sub_42_20260131","customer_id":"customer-7",` +
			`"payment_method":"billing-key-secret","amount":12900,"currency":"KRW"}`},
		"characters that need an escape": {odd, `{"reference":"sub_42_20260131","customer_id":"customer-7",` +
			`"payment_method":"billing-key-secret","method_type":"card","amount":12900,"currency":"KRW",` +
			`"description":"a \u003cb\u003e \"c\" \\ \n 커피 \u2028 \ufffd"}`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := encode(tc.charge)
			require.NoError(t, err)
			require.Equal(t, tc.want, string(got))
		})
	}
}

// The bytes below were checked by hand. They are in use: a change needs a new body version.
func TestBytesOfBodyVersion2NeverChange(t *testing.T) {
	both := charge()
	both.GatewayCustomer, both.BodyVersion = "cus_9 <é>", payment.BodyVersion("cus_9 <é>")
	got, err := encode(both)
	require.NoError(t, err)
	require.Equal(t, `{"reference":"sub_42_20260131","customer_id":"customer-7",`+
		`"payment_method":"billing-key-secret","method_type":"card","amount":12900,"currency":"KRW",`+
		`"description":"Jan \u0026 Feb","gateway_customer":"cus_9 \u003cé\u003e"}`, string(got))
	require.Equal(t, 1, payment.BodyVersion(""), "what is known without a second identifier is sent as it always was")
}

func TestChargeThatCanNeverBeSentIsRejectedUnsent(t *testing.T) {
	s := canned.Serve(t, func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") })
	client := open(t, configFor(s.URL))
	for name, change := range map[string]func(*payment.Charge){
		"body version 3":                 func(c *payment.Charge) { c.BodyVersion, c.GatewayCustomer = 3, "cus_9" },
		"version 2, no gateway customer": func(c *payment.Charge) { c.BodyVersion = 2 },
		"gateway customer of 301": func(c *payment.Charge) {
			c.BodyVersion, c.GatewayCustomer = 2, strings.Repeat("한", 301)
		},
		"no body version":    func(c *payment.Charge) { c.BodyVersion = 0 },
		"no key":             func(c *payment.Charge) { c.Key = "" },
		"key of 65":          func(c *payment.Charge) { c.Key = string(bytes.Repeat([]byte("k"), 65)) },
		"line break in key":  func(c *payment.Charge) { c.Key = "a\r\nX-Evil: 1" },
		"no reference":       func(c *payment.Charge) { c.Reference = "" },
		"reference of 65":    func(c *payment.Charge) { c.Reference = string(bytes.Repeat([]byte("r"), 65)) },
		"no customer":        func(c *payment.Charge) { c.CustomerID = "" },
		"no payment method":  func(c *payment.Charge) { c.Method = "" },
		"amount of 0":        func(c *payment.Charge) { c.Money.Amount = 0 },
		"negative amount":    func(c *payment.Charge) { c.Money.Amount = -1 },
		"currency of 2":      func(c *payment.Charge) { c.Money.Currency = "KR" },
		"currency in digits": func(c *payment.Charge) { c.Money.Currency = "410" },
	} {
		t.Run(name, func(t *testing.T) {
			c := charge()
			change(&c)
			o := client.Charge(t.Context(), c)
			require.Equal(t, payment.Rejected, o.Kind)
			require.True(t, o.Unsent)
			require.NotEmpty(t, o.Reason)
			require.False(t, o.Failure)
		})
	}
}

func TestFindAsksByKeyOrElseByID(t *testing.T) {
	var path string
	s := canned.Serve(t, func(w http.ResponseWriter, r *http.Request) {
		path = r.URL.EscapedPath()
		if r.Header.Get("Authorization") != "Bearer "+token || r.Header.Get("X-Request-Id") != "run-3/42" {
			t.Error("headers are missing")
		}
		_, _ = io.WriteString(w, paymentJSON(payment.Succeeded, nil))
	})
	byKey := open(t, configFor(s.URL))
	c := configFor(s.URL)
	c.NoFind = true
	byID := open(t, c)

	odd := charge()
	odd.Key = "a/b?c"
	require.Equal(t, payment.Differs, byKey.Find(t.Context(), odd, "pay_1").Outcome.Kind)
	require.Equal(t, "/v1/payments/by-key/a%2Fb%3Fc", path)

	require.Equal(t, payment.Paid, byID.Find(t.Context(), charge(), "pay_1").Outcome.Kind)
	require.Equal(t, "/v1/payments/pay_1", path)

	path = ""
	f := byID.Find(t.Context(), charge(), "")
	require.Equal(t, payment.InDoubt, f.Outcome.Kind)
	require.False(t, f.Absent)
	require.Empty(t, path, "nothing to ask with")
}

func TestAbilitiesAreAsConfigured(t *testing.T) {
	c := configFor("https://pay.example")
	require.Equal(t, gateway.Capabilities{
		KeyLife: 24 * time.Hour, LongestRequest: 2 * time.Minute, Timeout: 5 * time.Second, FindByKey: true, LookupOutlivesKey: true, List: true, Address: "https://pay.example",
	}, open(t, c).Capabilities())
	c.KeyLife, c.NoFind = 0, true
	require.Equal(t, gateway.Capabilities{LongestRequest: 2 * time.Minute, Timeout: 5 * time.Second, List: true, Address: "https://pay.example"}, open(t, c).Capabilities())
}

func TestNewReportsEveryProblemAndNoSecret(t *testing.T) {
	_, err := New(Config{Name: "main", URL: "http://user:pass-w0rd@pay.example/?q", Token: "two words", KeyLife: -1})
	require.EqualError(t, err, "gateway main: url: must not carry a user name or password\n"+
		"token: missing, or not plain printable text\n"+
		"timeout and connect_timeout: must be above 0\n"+
		"key_life: must not be negative\n"+
		"parallelism: must be at least 1\n"+
		"clock: missing")
	for _, url := range []string{"", "pay.example", "ftp://pay.example", "http://", "http://pay.example/?a=b", "http://a b/", "http://pay.example/#x"} {
		_, err := New(configFor(url))
		require.ErrorContains(t, err, "url: ", url)
	}
	c := configFor("http://pay.example")
	c.LongestRequest = c.Timeout - 1
	_, err = New(c)
	require.ErrorContains(t, err, "longest_request")
}

func TestPingSaysWhatIsWrong(t *testing.T) {
	const notFound = `{"code":"not_found","message":"no such payment"}`
	for name, tc := range map[string]struct {
		handler http.HandlerFunc
		want    string
	}{
		"right":          {canned.Reply(404, notFound), ""},
		"wrong token":    {canned.Reply(401, notFound), "it refuses our token"},
		"not allowed":    {canned.Reply(403, ""), "it refuses our token"},
		"wrong address":  {canned.Reply(404, "<html>"), "is this the address of a payments API?"},
		"something else": {canned.Reply(500, ""), "unexpected answer 500"},
		"always right":   {canned.Reply(200, "<html>"), "200 for a payment that cannot exist"},
		"token echoed":   {canned.Reply(500, `{"code":"x","message":"bad `+token+`"}`), "unexpected answer 500 x: bad [redacted]"},
	} {
		for _, noFind := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				c := configFor(canned.Serve(t, tc.handler).URL)
				c.NoFind = noFind
				err := open(t, c).Ping(t.Context())
				if tc.want == "" {
					require.NoError(t, err)
					return
				}
				require.ErrorContains(t, err, tc.want)
				require.NotContains(t, err.Error(), token)
			})
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorContains(t, open(t, configFor("http://127.0.0.1:1")).Ping(ctx), "called off")
}
