package outside_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/gateway"
	"duly/internal/gateway/contract"
	"duly/internal/gateway/gatewaytest"
	"duly/internal/gateway/gatewaytest/outside"
	"duly/internal/gateway/httpapi"
	"duly/internal/gateway/simulator"
	"duly/internal/payment"
)

// outsideMethods are the simulator's methods for the words of operators.
func outsideMethods() map[gatewaytest.Behaviour]string {
	return map[gatewaytest.Behaviour]string{
		gatewaytest.Succeeds: "pm_ok", gatewaytest.Declines: "pm_stolen_card", gatewaytest.DeclinesSoft: "pm_insufficient_funds",
		gatewaytest.DeclinesHard: "pm_stolen_card", gatewaytest.DeclinesAction: "pm_expired_card", gatewaytest.DeclinesForNow: "pm_try_later",
		gatewaytest.Pends: "pm_pending", gatewaytest.PendsThenSucceeds: "pm_pending_2_then_ok", gatewaytest.Rejects: "pm_reject",
	}
}

// wrongly goes around a service, and makes it wrong.
type wrongly func(http.Handler) http.Handler

// outside is the suite as an operator runs it, against a simulator that is made wrong.
func suite(t *testing.T, c simulator.Config, wrong wrongly) (outside.Suite, *simulator.Simulator) {
	t.Helper()
	c.Token = "s3cr3t-token"
	sim := simulator.New(c)
	var handler http.Handler = sim
	if wrong != nil {
		handler = wrong(sim)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	t.Cleanup(sim.Close)
	wire := &contract.Wire{}
	client := func(token string) gateway.Gateway {
		g, err := httpapi.New(httpapi.Config{
			Name: "main", URL: server.URL, Token: token, Timeout: 10 * time.Second, ConnectTimeout: 10 * time.Second, KeyLife: 24 * time.Hour,
			LongestRequest: 2 * time.Minute, MaxConns: 10, Now: time.Now, Wrap: wire.Wrap,
		})
		require.NoError(t, err)
		t.Cleanup(g.Close)
		return g
	}
	return outside.Suite{
		Gateway: client(c.Token), Stranger: client("of-a-stranger"), Wire: wire, Methods: outsideMethods(), Customer: "customer-7",
		Money: payment.Money{Amount: 1000, Currency: "KRW"}, Prefix: "ct-1-", Now: time.Now, Within: 2 * time.Minute, Patience: 200 * time.Millisecond,
		Poll: 5 * time.Millisecond,
	}, sim
}

// brokenRules are the rules that do not hold, each with its sentence.
func brokenRules(r outside.Report) map[string]contract.Sentence {
	all := map[string]contract.Sentence{}
	for _, result := range r.Results {
		if result.State == outside.Broken {
			all[result.Rule] = result.Sentence
		}
	}
	return all
}

// unchecked are the rules that were not checked.
func unchecked(r outside.Report) []string {
	var all []string
	for _, result := range r.Results {
		if result.State == outside.NotChecked {
			all = append(all, result.Rule)
		}
	}
	return all
}

// neverChecked are the rules that nobody can check from outside.
var neverChecked = []string{"faults of the service", "what time changes"}

func TestARightServicePasses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]simulator.Config{
		"at once":                      {},
		"that takes a while":           {Latency: simulator.Latency{Fixed: 3 * time.Millisecond}},
		"that decides later":           {Methods: map[string]string{"pm_ok": "pending_1_then_ok"}},
		"that is hit too fast":         {RateLimit: 60, Faults: simulator.Faults{RetryAfter: -1}},
		"with a look-up that is slow":  {Latency: simulator.Latency{Median: time.Millisecond, P99: 10 * time.Millisecond}},
		"with a clock that is two off": {ClockSkew: -2 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, sim := suite(t, c, nil)
			require.NoError(t, s.Reach(t.Context()))
			told := 0
			s.Done = func(outside.Result) { told++ }
			r := s.Run(t.Context())
			require.Empty(t, brokenRules(r), "%+v", r)
			require.Equal(t, neverChecked, unchecked(r))
			require.Len(t, r.Results, told)
			require.LessOrEqual(t, r.Payments, outside.MostPayments)
			require.NotZero(t, r.Refunded)
			require.Empty(t, r.Kept)
			for e := range sim.Entries() {
				require.False(t, e.Status == payment.Succeeded && e.Refunded < e.Amount, "payment %s is kept", e.ID)
			}
		})
	}
}

// rewritten changes each payment that the service answers with, on its way out.
func rewritten(change func(p map[string]any)) wrongly {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			answer := httptest.NewRecorder()
			next.ServeHTTP(answer, r)
			body := answer.Body.Bytes()
			var document map[string]any
			decoder := json.NewDecoder(bytes.NewReader(body))
			decoder.UseNumber()
			if decoder.Decode(&document) == nil {
				list, _ := document["data"].([]any)
				for _, p := range append(list, document) {
					if p, ok := p.(map[string]any); ok && p["status"] != nil {
						change(p)
					}
				}
				body, _ = json.Marshal(document) //nolint:errchkjson // it was JSON
			}
			maps.Copy(w.Header(), answer.Header())
			w.Header().Del("Content-Length")
			w.WriteHeader(answer.Code)
			_, _ = w.Write(body)
		})
	}
}

// answering answers requests whose path holds a part, in the place of the service.
func answering(part string, status int, mediaType, body string) wrongly {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodGet || !strings.Contains(r.URL.Path, part) {
				next.ServeHTTP(w, r)
				return
			}
			w.Header().Set("Content-Type", mediaType)
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		})
	}
}

// asked changes the query of requests.
func asked(change func(r *http.Request)) wrongly {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			change(r)
			next.ServeHTTP(w, r)
		})
	}
}

// cursors gives each page another next_cursor.
func cursors(change func(page map[string]any, asked string)) wrongly {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, "/v1/payments") {
				next.ServeHTTP(w, r)
				return
			}
			answer := httptest.NewRecorder()
			next.ServeHTTP(answer, r)
			var page map[string]any
			if json.Unmarshal(answer.Body.Bytes(), &page) != nil {
				return
			}
			change(page, r.URL.Query().Get("cursor"))
			w.WriteHeader(answer.Code)
			_ = json.NewEncoder(w).Encode(page) //nolint:errchkjson // it was JSON
		})
	}
}

func TestWrongServicesAreFound(t *testing.T) {
	t.Parallel()
	text := func(field string, change func(string) string) wrongly {
		return rewritten(func(p map[string]any) {
			if s, ok := p[field].(string); ok {
				p[field] = change(s)
			}
		})
	}
	amount := func(change func(int64) any) wrongly {
		return rewritten(func(p map[string]any) {
			if n, ok := p["amount"].(json.Number); ok {
				whole, _ := n.Int64()
				p["amount"] = change(whole)
			}
		})
	}
	var own atomic.Int64
	for name, c := range map[string]struct {
		config simulator.Config
		wrong  wrongly
		broken map[string]contract.Sentence // these, among others
		says   string                       // of the first of them, which is shown
	}{
		"ignores the key": {
			config: simulator.Config{NoKeys: true},
			broken: map[string]contract.Sentence{
				"same key again": contract.SentenceReplay, "lost answer": contract.SentenceReplay, "same key, ten at once": contract.SentenceReplay,
				"refund: same key again": contract.SentenceReplay, "same key, another amount": contract.SentenceOtherBody, "list": contract.SentenceReplay,
			},
			says: "the first answer under the key was payment",
		},
		"ignores the key after a lost answer alone": {
			wrong: asked(func(r *http.Request) {
				if key := r.Header.Get("Idempotency-Key"); strings.Contains(key, "-lost-") && own.Add(1) > 1 {
					r.Header.Set("Idempotency-Key", key+"x")
				}
			}),
			broken: map[string]contract.Sentence{"lost answer": contract.SentenceEcho},
			says:   "idempotency_key is not ours",
		},
		"decimal amounts": {
			wrong:  amount(func(n int64) any { return json.Number(jsonInt(n) + ".00") }),
			broken: map[string]contract.Sentence{"charge": contract.SentenceAmounts, "declined": contract.SentenceAmounts},
			says:   "amount is 1000.00",
		},
		"amounts as texts": {
			wrong:  amount(func(n int64) any { return jsonInt(n) }),
			broken: map[string]contract.Sentence{"charge": contract.SentenceAmounts},
			says:   "amount is no number",
		},
		`"paid" for "succeeded"`: {
			wrong:  text("status", func(s string) string { return strings.Replace(s, "succeeded", "paid", 1) }),
			broken: map[string]contract.Sentence{"charge": contract.SentenceStatus},
			says:   `status is "paid"`,
		},
		"times without a zone": {
			wrong:  text("created_at", func(s string) string { return strings.TrimSuffix(s, "Z") }),
			broken: map[string]contract.Sentence{"charge": contract.SentenceInstants},
			says:   "created_at is",
		},
		"no created_at": {
			wrong:  rewritten(func(p map[string]any) { delete(p, "created_at") }),
			broken: map[string]contract.Sentence{"charge": contract.SentenceFields, "list": contract.SentenceFields, "look-up by id": contract.SentenceFields},
			says:   "created_at is missing",
		},
		"pending for ever": {
			wrong:  text("status", func(s string) string { return strings.Replace(s, "succeeded", "pending", 1) }),
			broken: map[string]contract.Sentence{"charge": contract.SentencePending, "pending, then decided": contract.SentencePending},
			says:   "it is still pending after 200ms",
		},
		"one cent more": {
			wrong:  amount(func(n int64) any { return n + 1 }),
			broken: map[string]contract.Sentence{"charge": contract.SentenceEcho},
			says:   "gateway booked 1,001 KRW, invoice is 1,000 KRW",
		},
		"currencies in small letters": {
			wrong:  text("currency", strings.ToLower),
			broken: map[string]contract.Sentence{"charge": contract.SentenceEcho},
			says:   "1,000 KRW",
		},
		"keys of its own": {
			wrong:  text("idempotency_key", func(s string) string { return "svc-" + s }),
			broken: map[string]contract.Sentence{"charge": contract.SentenceEcho},
			says:   "idempotency_key is not ours",
		},
		"look-ups that are 404 for everything": {
			wrong: answering("/v1/payments/", http.StatusNotFound, "application/json", `{"code":"not_found","message":"no such payment"}`),
			broken: map[string]contract.Sentence{
				"look-up by key": contract.SentenceLookup, "look-up by id": contract.SentenceLookup, "lost answer": contract.SentenceLookup,
			},
			says: "does not know payment",
		},
		"look-ups that are 404 for everything, as a page": {
			wrong: answering("/v1/payments/", http.StatusNotFound, "text/html", "<html><title>Not found</title></html>"),
			broken: map[string]contract.Sentence{
				"unknown key": contract.SentenceAbsent, "unknown id": contract.SentenceAbsent, "look-up by key": contract.SentenceLookup,
			},
			says: "404 with an HTML page, want 404 with an Error body",
		},
		"the cursor is ignored": {
			wrong: asked(func(r *http.Request) {
				query := r.URL.Query()
				query.Del("cursor")
				r.URL.RawQuery = query.Encode()
			}),
			broken: map[string]contract.Sentence{"list": contract.SentencePages},
			says:   "a page that is followed by itself",
		},
		"cursors that go round": {
			wrong: func() wrongly {
				var first any
				return cursors(func(page map[string]any, asked string) {
					switch {
					case asked == "":
						first = page["next_cursor"]
					case asked != first:
						page["data"], page["next_cursor"] = []any{}, first
					}
				})
			}(),
			broken: map[string]contract.Sentence{"list": contract.SentencePages},
			says:   "comes a second time",
		},
		"a list that is cut short": {
			wrong:  cursors(func(page map[string]any, _ string) { page["next_cursor"] = nil }),
			broken: map[string]contract.Sentence{"list": contract.SentenceList},
			says:   "is not on its 1 pages",
		},
		"pages of any size": {
			wrong: asked(func(r *http.Request) {
				query := r.URL.Query()
				query.Del("limit")
				r.URL.RawQuery = query.Encode()
			}),
			broken: map[string]contract.Sentence{"list": contract.SentencePageSize},
			says:   "and 3 were asked for",
		},
		"newest first": {
			wrong: cursors(func(page map[string]any, _ string) {
				if data, ok := page["data"].([]any); ok && len(data) > 1 {
					data[0], data[1] = data[1], data[0]
				}
			}),
			broken: map[string]contract.Sentence{"list": contract.SentenceList},
			says:   "is older than the one before it",
		},
		"windows that include their end": {
			wrong: asked(func(r *http.Request) {
				query := r.URL.Query()
				if to, err := time.Parse(time.RFC3339Nano, query.Get("created_to")); err == nil {
					query.Set("created_to", to.Add(time.Microsecond).Format(time.RFC3339Nano))
					r.URL.RawQuery = query.Encode()
				}
			}),
			broken: map[string]contract.Sentence{"list: edges of the window": contract.SentenceWindow},
			says:   "ends at its created_at",
		},
		"no list": {
			wrong: func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/v1/payments") {
						http.NotFound(w, r)
						return
					}
					next.ServeHTTP(w, r)
				})
			},
			broken: map[string]contract.Sentence{"list": contract.SentenceList},
			says:   "there is no list",
		},
		"any token will do": {
			wrong:  asked(func(r *http.Request) { r.Header.Set("Authorization", "Bearer s3cr3t-token") }),
			broken: map[string]contract.Sentence{"wrong token": contract.SentenceToken},
			says:   "a look-up with a wrong token is answered",
		},
		"refunds that do not show": {
			wrong:  rewritten(func(p map[string]any) { p["refunded_amount"] = 0 }),
			broken: map[string]contract.Sentence{"refund": contract.SentenceRefunded},
			says:   "not as asked for",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _ := suite(t, c.config, c.wrong)
			r := s.Run(t.Context())
			found := brokenRules(r)
			for rule, sentence := range c.broken {
				require.Equal(t, sentence, found[rule], "%s of %v", rule, found)
			}
			said := false
			for _, result := range r.Results {
				if result.State != outside.Broken {
					continue
				}
				require.NotEmpty(t, result.Sentence)
				require.NotNil(t, result.Exchange, result.Rule)
				require.NotEmpty(t, result.Exchange.Request)
				shown, err := json.Marshal(result)
				require.NoError(t, err)
				for _, secret := range []string{"s3cr3t-token", "customer-7", "pm_ok", "pm_stolen_card", "pm_expired_card"} {
					require.NotContains(t, string(shown), secret)
				}
				said = said || c.broken[result.Rule] == result.Sentence && strings.Contains(result.Detail, c.says)
			}
			require.True(t, said, "%q of %+v", c.says, r.Results)
		})
	}
}

func jsonInt(n int64) string { b, _ := json.Marshal(n); return string(b) }

// What is not named is not checked, and the report says by which method it would be.
func TestWhatIsNotNamedIsNotChecked(t *testing.T) {
	t.Parallel()
	s, sim := suite(t, simulator.Config{}, nil)
	s.Methods, s.Stranger = nil, nil
	r := s.Run(t.Context())
	require.Empty(t, brokenRules(r))
	words, says := outside.MethodWords()
	named := map[string]bool{}
	for _, result := range r.Results {
		if result.State == outside.NotChecked {
			require.NotEmpty(t, result.Detail, result.Rule)
		}
		named[result.Method] = true
	}
	for _, word := range words {
		require.True(t, named[word], word)
		require.NotEmpty(t, says[word])
	}
	require.Empty(t, sim.Ledger(), "nothing is charged without a method")
	require.Contains(t, unchecked(r), "wrong token")
}

// A rule that rests on a charge is not checked where no charge succeeds.
func TestRulesThatRestOnACharge(t *testing.T) {
	t.Parallel()
	s, _ := suite(t, simulator.Config{}, nil)
	s.Methods = map[gatewaytest.Behaviour]string{gatewaytest.Succeeds: "pm_stolen_card"}
	r := s.Run(t.Context())
	require.Equal(t, map[string]contract.Sentence{"charge": contract.SentenceSettled}, brokenRules(r))
	rests := 0
	for _, result := range r.Results {
		if strings.HasPrefix(result.Detail, "it rests on a charge that succeeds: ") {
			rests++
		}
	}
	require.Equal(t, 13, rests)
}

func TestTheSuiteEndsInTime(t *testing.T) {
	t.Parallel()
	s, _ := suite(t, simulator.Config{Latency: simulator.Latency{Fixed: 50 * time.Millisecond}}, nil)
	s.Within = 400 * time.Millisecond
	r := s.Run(t.Context())
	require.Empty(t, brokenRules(r))
	late := 0
	for _, result := range r.Results {
		if result.Detail == "out of time: 400ms at most" {
			late++
		}
	}
	require.NotZero(t, late)
	require.Empty(t, r.Kept, "it is given back after the time is up")
}

func TestAServiceThatIsNotThere(t *testing.T) {
	t.Parallel()
	s, _ := suite(t, simulator.Config{}, nil)
	s.Gateway = s.Stranger
	require.ErrorContains(t, s.Reach(t.Context()), "credentials refused")
	s, _ = suite(t, simulator.Config{}, func(http.Handler) http.Handler {
		return http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	})
	require.ErrorContains(t, s.Reach(t.Context()), "connection")
}
