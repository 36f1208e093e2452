package kakaopay

import (
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
	token  = "PRD-5ecret-key"
	secret = "cid-5ecret-key"
	sid    = "S0123456789abcdefghi"
	user   = "member-77-private"
	tid    = "T1234567890123456789"
)

var now = time.Date(2026, 1, 31, 3, 0, 0, 0, time.UTC)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func charge() payment.Charge {
	return payment.Charge{
		Key: "sub_42_20260131-1", Reference: "sub_42_20260131", CustomerID: "Jane@Example.com", Method: sid, GatewayCustomer: user,
		MethodType: "kakaopay", Description: "1월 구독", Money: payment.Money{Amount: 12900, Currency: "KRW"}, BodyVersion: 2, RequestID: "run-3/42",
	}
}

func configFor(url string) Config {
	return Config{
		Settings: provider.Settings{
			Name: "main", URL: url, Token: token, Timeout: 5 * time.Second, ConnectTimeout: 2 * time.Second, LongestRequest: 10 * time.Minute,
			MaxConns: 4, Now: func() time.Time { return now },
		},
		CID: "TCSUBSCRIP", CIDSecret: secret,
	}
}

func open(t *testing.T, c Config) *Client {
	t.Helper()
	client, err := New(c)
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return client
}

// serve makes a client whose every request is answered by h.
func serve(t *testing.T, h http.HandlerFunc) *Client {
	t.Helper()
	return open(t, configFor(canned.Serve(t, h).URL))
}

type fields = canned.Fields

// approvedBody is the answer to charge().
func approvedBody() fields {
	return fields{
		"aid": "A1234567890123456789", "tid": tid, "cid": "TCSUBSCRIP", "sid": sid, "partner_order_id": "sub_42_20260131-1", "partner_user_id": user,
		"payment_method_type": "MONEY", "item_name": "1월 구독", "quantity": 1,
		"amount":     fields{"total": 12900, "tax_free": 0, "vat": 1173, "point": 0, "discount": 0, "green_deposit": 0},
		"created_at": "2026-01-31T12:00:01", "approved_at": "2026-01-31T12:00:02",
	}
}

// orderBody is the answer to a look-up of it in a status, with so much of it refunded.
func orderBody(status string, canceled int64) fields {
	return approvedBody().With(fields{
		"status": status, "aid": nil, "canceled_amount": fields{"total": canceled}, "cancel_available_amount": fields{"total": 12900 - canceled},
		"payment_action_details": []fields{{"aid": "A1", "payment_action_type": "PAYMENT", "amount": 12900, "approved_at": "2026-01-31T12:00:02"}},
	})
}

// errorOf is an error of the API.
func errorOf(code int, extras fields) string {
	f := fields{"error_code": code, "error_message": "something about it"}
	if extras != nil {
		f["extras"] = extras
	}
	return f.JSON()
}

func TestChargeIsOneRequestWhoseBytesNeverChange(t *testing.T) {
	var got *http.Request
	var body []byte
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		_, _ = io.WriteString(w, approvedBody().JSON())
	})
	require.Equal(t, payment.Outcome{Kind: payment.Paid, PaymentID: tid}, client.Charge(t.Context(), charge()))
	require.Equal(t, "POST /online/v1/payment/subscription", got.Method+" "+got.RequestURI)
	require.Equal(t, []string{"SECRET_KEY " + token}, got.Header["Authorization"])
	require.Equal(t, []string{"application/json"}, got.Header["Content-Type"])
	require.Empty(t, got.Header["Idempotency-Key"], "KakaoPay has none, and net/http repeats a request that has")
	require.Equal(t, `{"cid":"TCSUBSCRIP","cid_secret":"cid-5ecret-key","sid":"S0123456789abcdefghi","partner_order_id":"sub_42_20260131-1",`+
		`"partner_user_id":"member-77-private","item_name":"1월 구독","quantity":1,"total_amount":12900,"tax_free_amount":0}`, string(body))

	c := charge()
	c.Description = " "
	client.config.CIDSecret = ""
	client.Charge(t.Context(), c)
	require.Contains(t, string(body), `{"cid":"TCSUBSCRIP","sid":`)
	require.Contains(t, string(body), `"item_name":"sub_42_20260131"`)
}

func TestWhatKakaoPayCouldOnlyRefuseIsNotSent(t *testing.T) {
	client := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("sent") })
	for name, change := range map[string]func(*payment.Charge){
		"gateway_customer is missing":   func(c *payment.Charge) { c.GatewayCustomer, c.BodyVersion = "", 1 },
		"body version 3 is not known":   func(c *payment.Charge) { c.BodyVersion = 3 },
		"idempotency key must be":       func(c *payment.Charge) { c.Key = "a b" },
		"reference is missing":          func(c *payment.Charge) { c.Reference = "" },
		"payment method is missing":     func(c *payment.Charge) { c.Method = "" },
		"longer than 100 characters":    func(c *payment.Charge) { c.GatewayCustomer = string(make([]rune, 101)) },
		"KakaoPay takes only KRW":       func(c *payment.Charge) { c.Money.Currency = "USD" },
		"the amount must be at least 1": func(c *payment.Charge) { c.Money.Amount = 0 },
	} {
		c := charge()
		change(&c)
		o := client.Charge(t.Context(), c)
		require.Equal(t, payment.Rejected, o.Kind, name)
		require.True(t, o.Unsent, name)
		require.Contains(t, o.Reason, name)
	}
}

func TestKakaoPayCapabilities(t *testing.T) {
	able := open(t, configFor("https://open-api.kakaopay.com/")).Capabilities()
	require.Equal(t, gateway.Capabilities{
		LongestRequest: 10 * time.Minute, Timeout: 5 * time.Second, Address: "https://open-api.kakaopay.com", Account: "TCSUBSCRIP", Live: gateway.LivenessSandbox,
	}, able)
}

func TestConfigurationProblemsAreNamed(t *testing.T) {
	_, err := New(Config{Settings: provider.Settings{Name: "main", URL: "ftp://u:p@h", Token: "two words"}, CIDSecret: "my secret"})
	for _, want := range []string{"gateway main: url: want http", "token: missing", "cid: missing", "cid_secret: not plain", "timeout", "parallelism", "clock"} {
		require.ErrorContains(t, err, want)
	}
	for _, private := range []string{"two words", "my secret", "key_life"} {
		require.NotContains(t, err.Error(), private)
	}
}

func TestKakaoPayPing(t *testing.T) {
	var body []byte
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ = io.ReadAll(r.Body)
		canned.Reply(http.StatusBadRequest, errorOf(-721, nil))(w, r)
	})
	require.NoError(t, client.Ping(t.Context()))
	require.JSONEq(t, `{"cid":"TCSUBSCRIP","cid_secret":"cid-5ecret-key","tid":"T0000000000000000000"}`, string(body))
	require.ErrorContains(t, serve(t, canned.Reply(401, errorOf(-401, nil))).Ping(t.Context()), "refuses our secret key or our CID")
	require.ErrorContains(t, serve(t, canned.Reply(400, errorOf(-731, nil))).Ping(t.Context()), "refuses our secret key or our CID (400 error -731")
	require.ErrorContains(t, serve(t, canned.Reply(404, "")).Ping(t.Context()), "is this the address of KakaoPay's API?")
}

func TestThereIsNoListAndNoCancellation(t *testing.T) {
	client := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("sent") })
	_, err := client.List(t.Context(), payment.Window{From: now, To: now}, "")
	known := new(gateway.ListError)
	require.ErrorAs(t, err, &known)
	require.True(t, known.NoList)
	require.Equal(t, payment.EffectRejected, client.Cancel(t.Context(), payment.Cancel{Key: "k", ID: tid}).Effect)
}

// An approval of the method after the charge was begun shows that it was charged.
func TestKakaoPayLastApproved(t *testing.T) {
	var got *http.Request
	var body []byte
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		_, _ = io.WriteString(w, `{"available":true,"status":"ACTIVE","last_approved_at":"2026-01-31T12:00:02"}`)
	})
	at, ok := client.LastApproved(t.Context(), charge())
	require.True(t, ok)
	require.Equal(t, now.Add(2*time.Second), at)
	require.Equal(t, "/online/v1/payment/manage/subscription/status", got.RequestURI)
	require.JSONEq(t, `{"cid":"TCSUBSCRIP","cid_secret":"cid-5ecret-key","sid":"S0123456789abcdefghi"}`, string(body))
	for _, body := range []string{"", `{}`, `{"last_approved_at":null}`, `{"last_approved_at":"soon"}`, errorOf(-750, nil)} {
		_, ok := serve(t, canned.Reply(200, body)).LastApproved(t.Context(), charge())
		require.False(t, ok, body)
	}
}
