package stripe_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"duly/internal/gateway/simulator/core"
	"duly/internal/gateway/simulator/plan"
	"duly/internal/gateway/simulator/stripe"
	"duly/internal/test/contracttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// still is a clock that only Advance moves.
func still() time.Time { return time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC) }

// shop talks to a simulated Stripe, and holds every answer against the contract.
type shop struct {
	t       *testing.T
	sim     *core.Simulator
	url     string
	token   string // the whole header Authorization
	version string
	client  *http.Client
}

func newShop(t *testing.T, cfg plan.Config) *shop {
	t.Helper()
	if cfg.Now == nil {
		cfg.Now = still
	}
	require.NoError(t, cfg.Validate())
	s := &shop{t: t, sim: core.New(cfg, stripe.New()), token: "Bearer secret", version: "2026-02-25.clover"}
	s.url, s.client = contracttest.Serve(t, "stripe-api.yaml", s.sim)
	t.Cleanup(s.sim.Close)
	return s
}

// charge is the Charge of the API.
type charge struct {
	ID             string
	AmountRefunded int64 `json:"amount_refunded"`
	Refunded       bool
	Status         string
	Outcome        *struct {
		Reason  string
		Advice  string `json:"advice_code"`
		Network string `json:"network_decline_code"`
	}
}

// intent is the PaymentIntent of the API.
type intent struct {
	ID, Object, Status, Currency, Customer, Description string
	Amount                                              int64
	AmountReceived                                      int64 `json:"amount_received"`
	Created                                             int64
	Metadata                                            map[string]string
	LatestCharge                                        json.RawMessage `json:"latest_charge"`
	LastPaymentError                                    *failure        `json:"last_payment_error"`
	CancellationReason                                  string          `json:"cancellation_reason"`
}

type failure struct {
	Type, Code, Param, Message, Charge string
	DeclineCode                        string  `json:"decline_code"`
	AdviceCode                         string  `json:"advice_code"`
	NetworkDeclineCode                 string  `json:"network_decline_code"`
	NetworkAdviceCode                  string  `json:"network_advice_code"`
	PaymentIntent                      *intent `json:"payment_intent"`
}

// reply is what came back; a code of 0 is no answer. The fields are those of any of the bodies.
type reply struct {
	code   int
	body   string
	err    error
	header http.Header

	intent

	Error   failure
	Data    []intent
	HasMore bool `json:"has_more"`
	Reason  string
}

func (r reply) replayed() bool { return r.header.Get("Idempotent-Replayed") == "true" }

// expanded is the charge of an answer that has it in full.
func (r reply) expanded(t *testing.T) (c charge) {
	t.Helper()
	require.NoError(t, json.Unmarshal(r.LatestCharge, &c), r.body)
	return c
}

// do sends a request; of a POST in is the form, of a GET the query. A text is sent as it is.
func (s *shop) do(method, path, key string, in any) reply {
	s.t.Helper()
	text, media := "", "application/x-www-form-urlencoded"
	switch in := in.(type) {
	case string:
		text = in
		if strings.HasPrefix(text, "{") {
			media = "application/json"
		}
	case url.Values:
		text = in.Encode()
	}
	if method == http.MethodGet {
		path, text = path+"?"+text, ""
	}
	req, err := http.NewRequest(method, s.url+path, strings.NewReader(text))
	require.NoError(s.t, err)
	req.GetBody = nil
	req.Header.Set("Content-Type", media)
	req.Header.Set("Authorization", s.token)
	if s.version != "" {
		req.Header.Set("Stripe-Version", s.version)
	}
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return reply{}
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	r := reply{code: resp.StatusCode, body: string(body), err: err, header: resp.Header}
	_ = json.Unmarshal(body, &r)
	return r
}

// form is what duly asks for under a key.
func form(key, method string) url.Values {
	return url.Values{
		"amount": {"12900"}, "currency": {"krw"}, "customer": {"cus_7"}, "payment_method": {method}, "confirm": {"true"}, "off_session": {"true"},
		"description": {"monthly"}, "payment_method_types[]": {"card"},
		"metadata[duly_key]": {key}, "metadata[duly_reference]": {key[:len(key)-2]}, "metadata[duly_customer]": {"customer-7"},
	}
}

// with is a form with other fields; an empty value takes one out.
func with(form url.Values, changes ...string) url.Values {
	for i := 0; i < len(changes); i += 2 {
		if form.Set(changes[i], changes[i+1]); changes[i+1] == "" {
			form.Del(changes[i])
		}
	}
	return form
}

func (s *shop) charge(key, method string) reply {
	s.t.Helper()
	return s.do("POST", "/v1/payment_intents", key, form(key, method))
}

func (s *shop) get(id string) reply {
	s.t.Helper()
	return s.do("GET", "/v1/payment_intents/"+id, "", "expand[]=latest_charge")
}

func (s *shop) list(query string) reply {
	s.t.Helper()
	return s.do("GET", "/v1/payment_intents", "", query)
}

func (s *shop) cancel(id, key string) reply {
	s.t.Helper()
	return s.do("POST", "/v1/payment_intents/"+id+"/cancel", key, "cancellation_reason=abandoned")
}

func (s *shop) refund(id, key string, more ...string) reply {
	s.t.Helper()
	return s.do("POST", "/v1/refunds", key, with(url.Values{"payment_intent": {id}, "metadata[duly_key]": {key}}, more...))
}
