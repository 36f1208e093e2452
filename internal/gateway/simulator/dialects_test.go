package simulator_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/gateway/simulator"
	"duly/internal/gateway/simulator/portone"
	"duly/internal/gateway/simulator/toss"
	"duly/internal/test/contracttest"
)

// speaker says the same in one dialect: a charge of a key, and a look-up of it.
type speaker struct {
	dialect, contract string
	charge            func(key, method string) *http.Request
	find              func(key string) *http.Request
	// telling is what of a 200 shows that it is the answer to the first key.
	telling string
}

func speakers() []speaker {
	post := func(path, key string, body any) *http.Request {
		text, _ := json.Marshal(body)
		r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(string(text)))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", key)
		return r
	}
	with := func(r *http.Request, authorization string) *http.Request {
		r.Header.Set("Authorization", authorization)
		return r
	}
	basic := func(r *http.Request) *http.Request {
		r.SetBasicAuth("secret", "")
		return r
	}
	get := func(path string) *http.Request { return httptest.NewRequest(http.MethodGet, path, nil) }
	return []speaker{
		{
			"httpapi", "payments-api.yaml",
			func(key, method string) *http.Request {
				return with(post("/v1/payments", key, body(key, method)), "Bearer secret")
			},
			func(key string) *http.Request { return with(get("/v1/payments/by-key/"+key), "Bearer secret") },
			`"idempotency_key":"sub_1`,
		},
		{
			"portone", "portone-api.yaml",
			func(key, method string) *http.Request {
				reference, _, _ := strings.Cut(key, "-")
				id := portone.New().Handle(key)
				return with(post("/payments/"+id+"/billing-key", `"`+id+`"`, map[string]any{
					"billingKey": method, "orderName": "monthly", "amount": map[string]any{"total": 12900}, "currency": "KRW", "customer": map[string]any{"id": "cus_1"},
					"customData": fmt.Sprintf(`{"duly_key":%q,"duly_reference":%q,"duly_customer":"cus_1"}`, key, reference),
				}), "PortOne secret")
			},
			func(key string) *http.Request {
				return with(get("/payments/"+portone.New().Handle(key)), "PortOne secret")
			},
			`"pgTxId":"pgtx_`,
		},
		{
			"toss", "toss-api.yaml",
			func(key, method string) *http.Request {
				return basic(post("/v1/billing/"+url.PathEscape(method), key, map[string]any{
					"amount": 12900, "customerKey": "cus_1", "orderId": toss.New().Handle(key), "orderName": "monthly",
				}))
			},
			func(key string) *http.Request { return basic(get("/v1/payments/orders/" + toss.New().Handle(key))) },
			`"orderId":"sub_1_20260131-1"`,
		},
	}
}

// open makes a simulator of the dialect behind its contract.
func (s speaker) open(t *testing.T, cfg simulator.Config) (*simulator.Simulator, func(*http.Request) *httptest.ResponseRecorder) {
	t.Helper()
	cfg.Token = "secret"
	sim, err := simulator.Speak(s.dialect, cfg)
	require.NoError(t, err)
	contract, err := contracttest.Load(s.contract)
	require.NoError(t, err)
	held := contract.Hold(t, sim)
	return sim, func(r *http.Request) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		held.ServeHTTP(w, r)
		return w
	}
}

// In every dialect, every fault strikes the first request of a key, before or after its effect, and the key is charged once.
func TestEveryFaultInEveryDialect(t *testing.T) {
	for _, s := range speakers() {
		for _, fault := range simulator.FaultNames() {
			for _, when := range []string{"", "_before", "_after"} {
				name := string(fault) + when
				if fault == simulator.TooMany && when != "" || (&simulator.Config{Methods: map[string]string{"m": name}}).Validate() != nil {
					continue // the fault says when
				}
				t.Run(s.dialect+" "+name, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						sim, ask := s.open(t, simulator.Config{})
						defer sim.Close()
						const key = "sub_1_20260131-1"
						first := ask(s.charge(key, "pm_"+name))
						if fault != simulator.Slow && fault != simulator.HalfBody {
							require.False(t, first.Code == 200 && strings.Contains(first.Body.String(), s.telling), "the fault is seen: %s", first.Body)
						}
						effect := len(sim.Ledger()) == 1
						switch {
						case when != "":
							require.Equal(t, when == "_after", effect)
						case fault == simulator.DropAfter || fault == simulator.Err5xxAfter || fault == simulator.TooManyAfter || fault == simulator.HalfBody || fault == simulator.Slow:
							require.True(t, effect)
						case fault == simulator.DropBefore || fault == simulator.Err5xxBefore || fault == simulator.TooMany || fault == simulator.NotExecuted || fault == simulator.Late:
							require.False(t, effect)
						}
						found := ask(s.find(key))
						require.Equal(t, effect, found.Code == 200, found.Body)
						second := ask(s.charge(key, "pm_"+name))
						if fault == simulator.TooManyAfter {
							require.Equal(t, 429, second.Code)
							second = ask(s.charge(key, "pm_"+name))
						}
						require.Equal(t, 200, second.Code, second.Body)
						time.Sleep(time.Minute) // what is late has landed
						synctest.Wait()
						require.Len(t, sim.Ledger(), 1)
						e := sim.Ledger()[0]
						require.Equal(t, []string{key, "sub_1_20260131", "cus_1"}, []string{e.Key, e.Reference, e.CustomerID})
						require.Empty(t, sim.BodyViolations())
						require.Equal(t, 1, sim.Stats().Faults[fault])
					})
				})
			}
		}
	}
}

// The same seed says the same to each key, whatever the dialect.
func TestTheSeedDecidesInEveryDialect(t *testing.T) {
	var want map[string]string
	for _, s := range speakers() {
		cfg := simulator.Config{Seed: 7, Shares: simulator.Shares{Soft: 0.3, Hard: 0.1, Pending: 0.1, Unclear: 0.1}, Faults: simulator.DefaultFaults(0.3)}
		cfg.Faults.SlowBy, cfg.Faults.Late = 1, 0
		sim, ask := s.open(t, cfg)
		for _, key := range keys(120) {
			ask(s.charge(key, "card"))
			ask(s.charge(key, "card"))
			ask(s.find(key))
		}
		sim.Close()
		got := map[string]string{}
		for e := range sim.Entries() {
			got[e.Key] += string(e.Status) + e.DeclineCode + " "
		}
		require.Empty(t, sim.DoubleCharged())
		if want == nil {
			want = got
			require.Len(t, got, len(want))
		}
		for key, outcome := range got { // which faults leave the second request to be executed, differs with what is kept
			if was, ok := want[key]; ok {
				require.Equal(t, was, outcome, "%s %s", s.dialect, key)
			}
		}
		require.Greater(t, len(got), 90)
	}
}

func TestAKeyUnderWayInEveryDialect(t *testing.T) {
	for _, s := range speakers() {
		synctest.Test(t, func(t *testing.T) {
			sim, ask := s.open(t, simulator.Config{Latency: simulator.Latency{Fixed: time.Second}})
			defer sim.Close()
			go ask(s.charge("sub_1_20260131-1", "pm_ok"))
			time.Sleep(500 * time.Millisecond)
			require.Equal(t, 409, ask(s.charge("sub_1_20260131-1", "pm_ok")).Code, s.dialect)
			time.Sleep(time.Second)
			require.Equal(t, 200, ask(s.charge("sub_1_20260131-1", "pm_ok")).Code, s.dialect)
			require.Len(t, sim.Ledger(), 1)
		})
	}
}

func TestOutagesAndLimitsInEveryDialect(t *testing.T) {
	for _, s := range speakers() {
		sim, ask := s.open(t, simulator.Config{Outage: true, Now: still})
		require.Equal(t, 503, ask(s.charge("sub_1_20260131-1", "pm_ok")).Code)
		sim.Update(func(c *simulator.Config) { c.Outage, c.RateLimit = false, 1 })
		require.Equal(t, 200, ask(s.charge("sub_1_20260131-1", "pm_ok")).Code, "an outage's answer is not kept")
		w := ask(s.charge("sub_2_20260131-1", "pm_ok"))
		require.Equal(t, 429, w.Code)
		require.Equal(t, "1", w.Header().Get("Retry-After"))
		sim.Advance(time.Second)
		require.Equal(t, 200, ask(s.charge("sub_2_20260131-1", "pm_ok")).Code, "neither is a 429")
		sim.Update(func(c *simulator.Config) { c.NoKeys, c.RateLimit = true, 0 })
		require.Equal(t, s.dialect == "httpapi", ask(s.charge("sub_2_20260131-1", "pm_ok")).Code == 200, "without keys a provider's own rule still holds")
		sim.Close()
	}
}

func TestADialectThatThereIsNot(t *testing.T) {
	_, err := simulator.Speak("esperanto", simulator.Config{})
	require.EqualError(t, err, `dialect "esperanto" is none of httpapi, kakaopay, portone, stripe, toss`)
	require.Equal(t, []string{"httpapi", "kakaopay", "portone", "stripe", "toss"}, simulator.Dialects())
}

// The questions and orders below /_sim/ are the same in every dialect.
func TestControlInEveryDialect(t *testing.T) {
	for _, s := range speakers() {
		sim, ask := s.open(t, simulator.Config{Now: still})
		server := httptest.NewServer(sim)
		c := simulator.NewControl(server.URL)
		ask(s.charge("sub_1_20260131-1", "pm_ok"))
		ledger, err := c.Ledger(context.Background(), simulator.Filter{Key: "sub_1_20260131-1"})
		require.NoError(t, err)
		require.Len(t, ledger, 1)
		require.NoError(t, c.Amend(t.Context(), ledger[0].ID, map[string]any{"refunded": 900}))
		require.Equal(t, int64(900), sim.Ledger()[0].Refunded)
		e := planted(2)
		id, err := c.Inject(t.Context(), e)
		require.NoError(t, err)
		require.Equal(t, 200, ask(s.find(e.Key)).Code)
		require.Equal(t, id, sim.Ledger()[1].ID)
		require.NoError(t, c.ForgetKeys(t.Context()))
		require.Equal(t, s.dialect == "httpapi", ask(s.charge("sub_1_20260131-1", "pm_ok")).Code == 200)
		c.Close()
		server.Close()
		sim.Close()
	}
}
