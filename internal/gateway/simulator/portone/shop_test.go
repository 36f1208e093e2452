package portone_test

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
	"duly/internal/gateway/simulator/portone"
	"duly/internal/test/contracttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// still is a clock that only Advance moves.
func still() time.Time { return time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC) }

// shop talks to a simulated PortOne, and holds every answer against the contract.
type shop struct {
	t      *testing.T
	sim    *core.Simulator
	url    string
	token  string // the whole header Authorization
	client *http.Client
}

func newShop(t *testing.T, cfg plan.Config) *shop {
	t.Helper()
	if cfg.Now == nil {
		cfg.Now = still
	}
	require.NoError(t, cfg.Validate())
	s := &shop{t: t, sim: core.New(cfg, portone.New()), token: "PortOne secret"}
	s.url, s.client = contracttest.Serve(t, "portone-api.yaml", s.sim)
	t.Cleanup(s.sim.Close)
	return s
}

// reply is what came back; a code of 0 is no answer. The fields are those of any of the bodies.
type reply struct {
	code int
	body string

	Type, PgCode, PgMessage, Status, ID, TransactionID, OrderName, Currency, CustomData, PgTxID string

	Amount       struct{ Total, Discount, Paid, Cancelled int64 }
	Customer     struct{ ID string }
	Failure      *struct{ Reason, PgCode, PgMessage string }
	Payment      struct{ PgTxID, PaidAt string }
	Cancellation struct {
		Status      string
		TotalAmount int64
	}
	Cancellations []struct{ Status string }
	Items         []struct {
		Payment struct{ ID, Status string }
		Cursor  string
	}
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
	req.Header.Set("Authorization", s.token)
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return reply{}
	}
	defer func() { _ = resp.Body.Close() }()
	text, _ := io.ReadAll(resp.Body)
	r := reply{code: resp.StatusCode, body: string(text)}
	_ = json.Unmarshal(text, &r)
	return r
}

// idOf is the paymentId of a key.
func idOf(key string) string { return portone.New().Handle(key) }

// body is what duly asks for under a key.
func body(key, method string) map[string]any {
	custom, _ := json.Marshal(map[string]string{"duly_key": key, "duly_reference": key[:len(key)-2], "duly_customer": "customer-7"})
	return map[string]any{
		"billingKey": method, "orderName": "monthly", "amount": map[string]any{"total": 12900}, "currency": "KRW",
		"customer": map[string]any{"id": "customer-7"}, "customData": string(custom),
	}
}

func (s *shop) charge(key, method string) reply {
	s.t.Helper()
	return s.try(key, idOf(key), method)
}

// try charges under an idempotency key of its own.
func (s *shop) try(key, idempotency, method string) reply {
	s.t.Helper()
	return s.do("POST", "/payments/"+idOf(key)+"/billing-key", `"`+idempotency+`"`, body(key, method))
}

func (s *shop) get(key string) reply {
	s.t.Helper()
	return s.do("GET", "/payments/"+idOf(key), "", nil)
}

func (s *shop) refund(key, idempotency string, in map[string]any) reply {
	s.t.Helper()
	if in["reason"] == nil {
		in["reason"] = "test"
	}
	return s.do("POST", "/payments/"+idOf(key)+"/cancel", `"`+idempotency+`"`, in)
}

func (s *shop) list(query map[string]any) reply {
	s.t.Helper()
	text, err := json.Marshal(query)
	require.NoError(s.t, err)
	return s.do("GET", "/payments-by-cursor?requestBody="+url.QueryEscape(string(text)), "", nil)
}
