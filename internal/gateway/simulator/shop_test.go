package simulator_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"duly/internal/gateway/simulator"
	"duly/internal/test/contracttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var contract = sync.OnceValues(func() (*contracttest.Contract, error) { return contracttest.Load("payments-api.yaml") })

// operation is a method and a path of the contract.
type operation struct{ method, path string }

var (
	create = operation{"POST", "/v1/payments"}
	list   = operation{"GET", "/v1/payments"}
	find   = operation{"GET", "/v1/payments/by-key/{key}"}
	get    = operation{"GET", "/v1/payments/{id}"}
	cancel = operation{"POST", "/v1/payments/{id}/cancel"}
	refund = operation{"POST", "/v1/payments/{id}/refunds"}
)

// shop talks to a simulator over HTTP and holds every answer against the contract.
type shop struct {
	t       *testing.T
	sim     *simulator.Simulator
	url     string
	token   string
	lawless bool // answers that break the contract on purpose are let pass
	client  http.Client
	local   bool // it is asked without a network
}

func newShop(t *testing.T, cfg simulator.Config) *shop {
	t.Helper()
	require.NoError(t, cfg.Validate())
	sim := simulator.New(cfg)
	server := httptest.NewServer(sim)
	s := &shop{t: t, sim: sim, url: server.URL}
	s.client = http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true}, // else a look-up that is dropped is repeated unseen
		Timeout:       20 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	t.Cleanup(func() {
		sim.Close()
		s.client.CloseIdleConnections()
		server.Close()
	})
	return s
}

// paid is the Payment of the contract, or its Error.
type paid struct {
	ID              string
	Status          string
	IdempotencyKey  string `json:"idempotency_key"`
	Reference       string
	CustomerID      string `json:"customer_id"`
	GatewayCustomer string `json:"gateway_customer"`
	Amount          int64
	Currency        string
	RefundedAmount  int64     `json:"refunded_amount"`
	CreatedAt       time.Time `json:"created_at"`
	Decline         *struct{ Class, Code string }
	Code, Message   string
}

// reply is what came back. A code of 0 is no answer.
type reply struct {
	paid
	code   int
	header http.Header
	body   []byte
	err    error // the answer broke off
}

func (r reply) replayed() bool { return r.header.Get("Idempotent-Replayed") == "true" }

// hasError reports whether the answer has an Error body.
func (r reply) hasError() bool { return r.Code != "" && r.Message != "" }

func (s *shop) do(op operation, path, key string, in any) reply {
	s.t.Helper()
	body := []byte(nil)
	switch in := in.(type) {
	case nil:
	case string:
		body = []byte(in)
	default:
		var err error
		body, err = json.Marshal(in)
		require.NoError(s.t, err)
	}
	req, err := http.NewRequest(op.method, s.url+path, bytes.NewReader(body))
	require.NoError(s.t, err)
	req.GetBody = nil
	req.Header.Set("Content-Type", "application/json")
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	if s.token != "" {
		req.Header.Set("Authorization", "Bearer "+s.token)
	}
	var resp *http.Response
	if s.local {
		w := httptest.NewRecorder()
		s.sim.ServeHTTP(w, req)
		resp = w.Result()
	} else {
		resp, err = s.client.Do(req)
	}
	if err != nil {
		require.True(s.t, s.lawless, "%s %s: %v", op.method, path, err)
		return reply{err: err}
	}
	defer func() { _ = resp.Body.Close() }()
	r := reply{code: resp.StatusCode, header: resp.Header}
	r.body, r.err = io.ReadAll(resp.Body)
	if !s.lawless {
		require.NoError(s.t, r.err)
		s.holdAgainstContract(op, req, r)
	}
	_ = json.Unmarshal(r.body, &r.paid)
	return r
}

func (s *shop) holdAgainstContract(op operation, req *http.Request, r reply) {
	s.t.Helper()
	doc, err := contract()
	require.NoError(s.t, err)
	if r.code == http.StatusTooManyRequests { // the contract leaves its body open
		var v any
		require.NoError(s.t, json.Unmarshal(r.body, &v), "%s %s answered %d: %s", op.method, op.path, r.code, r.body)
		require.NoError(s.t, doc.Doc.Components.Schemas["Error"].Value.VisitJSON(v, openapi3.EnableJSONSchema2020()))
	}
	require.NoError(s.t, doc.CheckAnswer(req, r.code, r.header, r.body), op.path)
}

// body is a PaymentRequest for key n of a reference, paid by method.
func body(key, method string) map[string]any {
	reference, _, _ := strings.Cut(key, "-")
	return map[string]any{
		"reference": reference, "customer_id": "cus_1", "payment_method": method, "method_type": "card",
		"amount": 12900, "currency": "KRW", "description": "monthly",
	}
}

func (s *shop) charge(key, method string) reply {
	s.t.Helper()
	return s.do(create, "/v1/payments", key, body(key, method))
}

func (s *shop) find(key string) reply {
	s.t.Helper()
	return s.do(find, "/v1/payments/by-key/"+url.PathEscape(key), "", nil)
}

func (s *shop) get(id string) reply {
	s.t.Helper()
	return s.do(get, "/v1/payments/"+id, "", nil)
}

func (s *shop) cancel(id, key string) reply {
	s.t.Helper()
	return s.do(cancel, "/v1/payments/"+id+"/cancel", key, nil)
}

func (s *shop) refund(id, key string, amount int64) reply {
	s.t.Helper()
	return s.do(refund, "/v1/payments/"+id+"/refunds", key, map[string]any{"amount": amount, "reason": "test"})
}

// keys are n keys of different references.
func keys(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("sub_%d_20260131-1", i+1)
	}
	return all
}

// ask calls the simulator without a network, for tests in a bubble of time.
func ask(sim *simulator.Simulator, ctx context.Context, method, path, key string, in any) *httptest.ResponseRecorder {
	b, _ := json.Marshal(in)
	req := httptest.NewRequestWithContext(ctx, method, path, bytes.NewReader(b))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", key)
	w := httptest.NewRecorder()
	sim.ServeHTTP(w, req)
	return w
}
