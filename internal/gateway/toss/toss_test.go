package toss_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"duly/internal/gateway"
	"duly/internal/gateway/provider"
	"duly/internal/gateway/toss"
	"duly/internal/payment"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	secret      = "test_sk_5ecret"
	billingKey  = "billing-key/0123=private"
	customerKey = "customer-key-private"
	paymentKey  = "tgen_20260131"
	key         = "sub_42_20260131-1"
)

var now = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

func charge() payment.Charge {
	return payment.Charge{
		Key: key, Reference: "sub_42_20260131", CustomerID: "customer-7", Method: billingKey, GatewayCustomer: customerKey, MethodType: "card",
		Description: "Tea of the month", Money: payment.Money{Amount: 12900, Currency: "KRW"}, BodyVersion: 2, RequestID: "run-1/" + key,
	}
}

func configFor(url string) toss.Config {
	return toss.Config{Settings: provider.Settings{
		Name: "main", URL: url, Token: secret, Timeout: 5 * time.Second, ConnectTimeout: time.Second, KeyLife: 336 * time.Hour,
		LongestRequest: 10 * time.Minute, MaxConns: 4, Now: func() time.Time { return now },
	}}
}

func open(t *testing.T, c toss.Config) *toss.Client {
	t.Helper()
	client, err := toss.New(c)
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return client
}

// asked is one request that a server got.
type asked struct {
	method, target string
	header         http.Header
	body           string
}

// server answers requests and keeps them.
type server struct {
	*httptest.Server

	mu  sync.Mutex
	got []asked
}

func serve(t *testing.T, h http.HandlerFunc) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		s.got = append(s.got, asked{r.Method, r.URL.RequestURI(), r.Header, string(body)})
		s.mu.Unlock()
		h(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) requests() []asked {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]asked(nil), s.got...)
}

// reply answers every request with the same status, headers (name, value, …) and body.
func reply(status int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// after answers GETs with a 200 of get, and POSTs as post does.
func after(get string, post http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			post(w, r)
			return
		}
		reply(http.StatusOK, get)(w, r)
	}
}

// record is a payment as Toss shows it, with fields set otherwise or, if nil, left out.
func record(status string, change map[string]any) string {
	fields := map[string]any{
		"version": "2022-11-16", "mId": "tosspayments", "type": "BILLING", "paymentKey": paymentKey, "orderId": key, "orderName": "Tea of the month",
		"currency": "KRW", "method": "카드", "totalAmount": 12900, "balanceAmount": 12900, "status": status,
		"requestedAt": "2026-01-31T20:59:58+09:00", "approvedAt": "2026-01-31T21:00:00+09:00", "lastTransactionKey": "tx-1",
		"cancels": nil, "failure": nil, "isPartialCancelable": true,
	}
	for k, v := range change {
		if fields[k] = v; v == nil {
			delete(fields, k)
		}
	}
	b, _ := json.Marshal(fields)
	return string(b)
}

func failed(code string) string {
	return record("ABORTED", map[string]any{"approvedAt": nil, "failure": map[string]any{"code": code, "message": "no"}})
}

func about(t *testing.T) context.Context {
	t.Helper()
	return gateway.WithCustomer(t.Context(), "customer-7")
}

func basic() string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(secret+":")) }
