package kakaopay_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"duly/internal/gateway/simulator/core"
	"duly/internal/gateway/simulator/kakaopay"
	"duly/internal/gateway/simulator/plan"
	"duly/internal/test/contracttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// still is a clock that only Advance moves.
func still() time.Time { return time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC) }

// shop talks to a simulated KakaoPay, and holds every answer against the contract.
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
	s := &shop{t: t, sim: core.New(cfg, kakaopay.New()), token: "SECRET_KEY secret"}
	s.url, s.client = contracttest.Serve(t, "kakaopay-api.yaml", s.sim)
	t.Cleanup(s.sim.Close)
	return s
}

// reply is what came back; a code of 0 is no answer. The fields are those of any of the bodies.
type reply struct {
	code int
	body string
	err  error

	AID, TID, CID, SID, Status string
	OrderID                    string `json:"partner_order_id"`
	UserID                     string `json:"partner_user_id"`
	CreatedAt                  string `json:"created_at"`
	ApprovedAt                 string `json:"approved_at"`
	Amount                     struct{ Total, Discount int64 }
	Approved                   struct{ Total int64 } `json:"approved_cancel_amount"`
	Canceled                   struct{ Total int64 } `json:"canceled_amount"`
	Cancellable                struct{ Total int64 } `json:"cancel_available_amount"`
	Actions                    []struct {
		Type   string `json:"payment_action_type"`
		Amount int64
	} `json:"payment_action_details"`

	ErrorCode int `json:"error_code"`
	Extras    struct {
		Code string `json:"method_result_code"`
	}

	Available    bool
	LastApproved string `json:"last_approved_at"`
	Inactivated  string `json:"inactivated_at"`
}

type fields map[string]any

// with is a body with other fields; nil takes one out.
func (f fields) with(name string, value any) fields {
	if f[name] = value; value == nil {
		delete(f, name)
	}
	return f
}

// do sends a request below /online/v1/payment/. A text is sent as it is.
func (s *shop) do(path string, in any) reply {
	s.t.Helper()
	text, ok := in.(string)
	if !ok {
		body, err := json.Marshal(in)
		require.NoError(s.t, err)
		text = string(body)
	}
	req, err := http.NewRequest(http.MethodPost, s.url+"/online/v1/payment/"+path, strings.NewReader(text))
	require.NoError(s.t, err)
	req.GetBody = nil
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", s.token)
	resp, err := s.client.Do(req)
	if err != nil {
		return reply{}
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	r := reply{code: resp.StatusCode, body: string(body), err: err}
	_ = json.Unmarshal(body, &r)
	return r
}

const cid = "TCSUBSCRIP"

// body is what duly asks for under a key.
func body(key, method string) fields {
	return fields{
		"cid": cid, "sid": method, "partner_order_id": key, "partner_user_id": "user-7", "item_name": "monthly", "quantity": 1, "total_amount": 12900, "tax_free_amount": 0,
	}
}

func (s *shop) charge(key, method string) reply {
	s.t.Helper()
	return s.do("subscription", body(key, method))
}

func (s *shop) get(tid string) reply {
	s.t.Helper()
	return s.do("order", fields{"cid": cid, "tid": tid})
}

func (s *shop) cancel(tid string, amount int64) reply {
	s.t.Helper()
	return s.do("cancel", fields{"cid": cid, "tid": tid, "cancel_amount": amount, "cancel_tax_free_amount": 0})
}

func (s *shop) state(sid string) reply {
	s.t.Helper()
	return s.do("manage/subscription/status", fields{"cid": cid, "sid": sid})
}
