package toss_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"duly/internal/gateway/simulator/core"
	"duly/internal/gateway/simulator/plan"
	"duly/internal/gateway/simulator/toss"
	"duly/internal/test/contracttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// still is a clock that only Advance moves: ten in the morning in Seoul.
func still() time.Time { return time.Date(2026, 1, 31, 1, 0, 0, 0, time.UTC) }

// shop talks to a simulated Toss Payments, and holds every answer against the contract.
type shop struct {
	t        *testing.T
	sim      *core.Simulator
	url      string
	key      string // the secret key
	testCode string
	client   *http.Client
}

func newShop(t *testing.T, cfg plan.Config) *shop {
	t.Helper()
	if cfg.Now == nil {
		cfg.Now = still
	}
	require.NoError(t, cfg.Validate())
	s := &shop{t: t, sim: core.New(cfg, toss.New()), key: "test_sk_1"}
	s.url, s.client = contracttest.Serve(t, "toss-api.yaml", s.sim)
	t.Cleanup(s.sim.Close)
	return s
}

// reply is what came back; a code of 0 is no answer. The fields are those of any of the bodies.
type reply struct {
	code  int
	body  string
	trace string

	Code, PaymentKey, OrderID, OrderName, Currency, Status, RequestedAt string

	ApprovedAt                 *string
	TotalAmount, BalanceAmount int64
	Failure                    *struct{ Code string }
	Cancels                    []struct {
		CancelAmount, RefundableAmount int64
		CancelStatus, CancelReason     string
	}
	rows []row
}

type row struct {
	TransactionKey, PaymentKey, OrderID, CustomerKey, Status, TransactionAt string

	Amount int64
}

func (s *shop) do(method, path, key string, in any) reply {
	s.t.Helper()
	var body []byte
	switch in := in.(type) {
	case nil:
	case string:
		body = []byte(in)
	default:
		var err error
		body, err = json.Marshal(in)
		require.NoError(s.t, err)
	}
	req, err := http.NewRequest(method, s.url+path, bytes.NewReader(body))
	require.NoError(s.t, err)
	req.GetBody = nil
	req.Header.Set("Content-Type", "application/json")
	req.SetBasicAuth(s.key, "")
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	if s.testCode != "" {
		req.Header.Set("TossPayments-Test-Code", s.testCode)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return reply{}
	}
	defer func() { _ = resp.Body.Close() }()
	text, _ := io.ReadAll(resp.Body)
	r := reply{code: resp.StatusCode, body: string(text), trace: resp.Header.Get("X-TossPayments-Trace-Id")}
	_ = json.Unmarshal(text, &r)
	_ = json.Unmarshal(text, &r.rows)
	return r
}

// body is what duly asks for under a key.
func body(key string) map[string]any {
	return map[string]any{"amount": 12900, "customerKey": "customer_key-7", "orderId": toss.New().Handle(key), "orderName": "월 구독"}
}

func (s *shop) charge(key, method string) reply {
	s.t.Helper()
	return s.try(key, key, method)
}

// try charges under an idempotency key of its own.
func (s *shop) try(key, idempotency, method string) reply {
	s.t.Helper()
	return s.do("POST", "/v1/billing/"+url.PathEscape(method), idempotency, body(key))
}

func (s *shop) find(key string) reply {
	s.t.Helper()
	return s.do("GET", "/v1/payments/orders/"+toss.New().Handle(key), "", nil)
}

func (s *shop) get(paymentKey string) reply {
	s.t.Helper()
	return s.do("GET", "/v1/payments/"+paymentKey, "", nil)
}

func (s *shop) refund(paymentKey, idempotency string, in map[string]any) reply {
	s.t.Helper()
	if in["cancelReason"] == nil {
		in["cancelReason"] = "test"
	}
	return s.do("POST", "/v1/payments/"+paymentKey+"/cancel", idempotency, in)
}

func (s *shop) list(from, to, more string) reply {
	s.t.Helper()
	return s.do("GET", "/v1/transactions?startDate="+url.QueryEscape(from)+"&endDate="+url.QueryEscape(to)+more, "", nil)
}
