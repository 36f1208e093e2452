package outside_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/gateway/gatewaytest/outside"
	"duly/internal/gateway/simulator"
)

// meddled goes around a provider: it may change each request, and then its answer.
func meddled(ask func(r *http.Request, body []byte) []byte, answer func(r *http.Request, status int, body []byte) (int, []byte)) wrongly {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return // the suite cut the connection
			}
			if ask != nil {
				body = ask(r, body)
			}
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
			said := httptest.NewRecorder()
			next.ServeHTTP(said, r)
			status, text := said.Code, said.Body.Bytes()
			if answer != nil {
				status, text = answer(r, status, text)
			}
			maps.Copy(w.Header(), said.Header())
			w.Header().Del("Content-Length")
			w.WriteHeader(status)
			_, _ = w.Write(text)
		})
	}
}

// charges reports whether a request is a charge, and refunds whether it is a refund.
func charges(r *http.Request) bool {
	path := r.URL.Path
	return r.Method == http.MethodPost && (strings.HasSuffix(path, "/billing-key") || strings.HasPrefix(path, "/v1/billing/") || path == "/v1/payment_intents" || strings.HasSuffix(path, "/subscription"))
}

func refunds(r *http.Request) bool {
	return r.Method == http.MethodPost && (strings.HasSuffix(r.URL.Path, "/cancel") || r.URL.Path == "/v1/refunds")
}

// keysIgnored makes each charge a new payment, whatever its key is.
func keysIgnored(kind string) wrongly {
	var mu sync.Mutex
	sent, first := map[string]int{}, map[string]string{}
	return meddled(func(r *http.Request, body []byte) []byte {
		if !charges(r) {
			return body
		}
		mu.Lock()
		defer mu.Unlock()
		key := r.Header.Get("Idempotency-Key")
		sent[key]++
		n := sent[key]
		if n == 1 {
			return body
		}
		another := strings.TrimSuffix(key, `"`) + "-" + strconv.Itoa(n)
		r.Header.Set("Idempotency-Key", another)
		switch kind {
		case "portone":
			r.Header.Set("Idempotency-Key", another+`"`)
			r.URL.Path = strings.Replace(r.URL.Path, "/billing-key", "-"+strconv.Itoa(n)+"/billing-key", 1)
		case "toss":
			first[another] = key
			body = bytes.Replace(body, []byte(`"orderId":"`+key+`"`), []byte(`"orderId":"`+another+`"`), 1)
		}
		return body
	}, func(r *http.Request, status int, body []byte) (int, []byte) {
		mu.Lock()
		defer mu.Unlock()
		for another, key := range first {
			body = bytes.ReplaceAll(body, []byte(another), []byte(key))
		}
		return status, body
	})
}

// blind knows no payment, and says so in each provider's own words.
func blind(kind string) wrongly {
	return meddled(nil, func(r *http.Request, status int, body []byte) (int, []byte) {
		path := r.URL.Path
		switch {
		case kind == "portone" && r.Method == http.MethodGet && strings.HasPrefix(path, "/payments/"):
			return http.StatusNotFound, []byte(`{"type":"PAYMENT_NOT_FOUND"}`)
		case kind == "toss" && r.Method == http.MethodGet && strings.HasPrefix(path, "/v1/payments/"):
			return http.StatusNotFound, []byte(`{"code":"NOT_FOUND_PAYMENT","message":"존재하지 않는 결제 정보 입니다."}`)
		case kind == "stripe" && r.Method == http.MethodGet && path == "/v1/payment_intents":
			return http.StatusOK, []byte(`{"object":"list","data":[],"has_more":false}`)
		case kind == "stripe" && r.Method == http.MethodGet:
			return http.StatusNotFound, []byte(`{"error":{"type":"invalid_request_error","code":"resource_missing","param":"intent","message":"No such payment_intent"}}`)
		case kind == "kakaopay" && strings.HasSuffix(path, "/payment/order"):
			return http.StatusBadRequest, []byte(`{"error_code":-721,"error_message":"no payment of this tid"}`)
		}
		return status, body
	})
}

// cutShort shows one payment of each page, and says that there are no more.
func cutShort(kind string) wrongly {
	return meddled(nil, func(r *http.Request, status int, body []byte) (int, []byte) {
		list := map[string]string{"portone": "/payments-by-cursor", "toss": "/v1/transactions", "stripe": "/v1/payment_intents"}[kind]
		if r.Method != http.MethodGet || r.URL.Path != list || kind == "stripe" && r.URL.Query().Has("customer") {
			return status, body
		}
		var rows []json.RawMessage
		if json.Unmarshal(body, &rows) == nil {
			body, _ = json.Marshal(rows[:min(len(rows), 1)]) //nolint:errchkjson // it was JSON
			return status, body
		}
		var page map[string]json.RawMessage
		if json.Unmarshal(body, &page) != nil {
			return status, body
		}
		for _, name := range []string{"items", "data"} {
			if json.Unmarshal(page[name], &rows) == nil && page[name] != nil {
				page[name], _ = json.Marshal(rows[:min(len(rows), 1)]) //nolint:errchkjson // it was JSON
				page["has_more"] = json.RawMessage("false")
			}
		}
		body, _ = json.Marshal(page) //nolint:errchkjson // it was JSON
		return status, body
	})
}

// lessBack refunds one less than is asked for; its answer to the refund repeats what was asked for.
func lessBack(kind string) wrongly {
	field := map[string]string{"portone": "amount", "toss": "cancelAmount", "kakaopay": "cancel_amount"}[kind]
	change := func(body []byte, by int64) []byte {
		if kind == "stripe" {
			form, _ := url.ParseQuery(string(body))
			n, _ := strconv.ParseInt(form.Get("amount"), 10, 64)
			form.Set("amount", strconv.FormatInt(n+by, 10))
			return []byte(form.Encode())
		}
		var document map[string]any
		if json.Unmarshal(body, &document) != nil {
			return body
		}
		if n, ok := document[field].(float64); ok && n > 1 {
			document[field] = int64(n) + by
		}
		body, _ = json.Marshal(document) //nolint:errchkjson // it was JSON
		return body
	}
	return meddled(func(r *http.Request, body []byte) []byte {
		if refunds(r) {
			return change(body, -1)
		}
		return body
	}, func(r *http.Request, status int, body []byte) (int, []byte) {
		if !refunds(r) || status != http.StatusOK {
			return status, body
		}
		var document map[string]any
		if json.Unmarshal(body, &document) != nil {
			return status, body
		}
		about := document
		if inner, ok := document["cancellation"].(map[string]any); ok {
			about = inner
		}
		for _, name := range []string{"amount", "totalAmount"} {
			if n, ok := about[name].(float64); ok && kind != "toss" && kind != "kakaopay" {
				about[name] = n + 1
			}
		}
		body, _ = json.Marshal(document) //nolint:errchkjson // it was JSON
		return status, body
	})
}

// hoursOff tells times as if they were of another zone.
func hoursOff(kind string) wrongly {
	return meddled(nil, func(r *http.Request, status int, body []byte) (int, []byte) {
		if kind == "toss" {
			body = bytes.ReplaceAll(body, []byte("+09:00"), []byte("+00:00"))
		}
		return status, body
	})
}

// methodOK is a provider at which charges of the method that should succeed go otherwise.
func methodOK(behaviour string) simulator.Config {
	return simulator.Config{Methods: map[string]string{"pm_ok": behaviour}}
}

func TestWrongProvidersAreFound(t *testing.T) {
	t.Parallel()
	type service struct {
		name   string
		kinds  []string
		config simulator.Config
		wrong  func(kind string) wrongly
		broken map[string]string // of a type, or of all: the rule that finds it, among others
		says   string
		saying map[string]string // of a type
	}
	all, keyed := providers(), []string{"portone", "toss", "stripe"}
	for _, c := range []service{
		{
			name: "ignores the key", kinds: keyed, wrong: keysIgnored, broken: map[string]string{"": "same key again"},
			says: "the first answer under the key was payment", saying: map[string]string{"portone": "charged 2 times under one key"},
		},
		{name: "one won more", kinds: all, config: methodOK("wrong_amount"), broken: map[string]string{"": "charge"}, says: "gateway booked 1,001 KRW, invoice is 1,000 KRW"},
		{name: "another currency", kinds: []string{"portone", "toss", "stripe"}, config: methodOK("wrong_currency"), broken: map[string]string{"": "charge"}, says: "invoice is 1,000 KRW"},
		{name: "another reference", kinds: all, config: methodOK("wrong_reference"), broken: map[string]string{"": "charge"}, says: "is not ours"},
		{name: "pending for ever", kinds: all, config: methodOK("pending"), broken: map[string]string{"": "charge"}, says: "it is still pending after 1m30s", saying: map[string]string{"kakaopay": `"approved_at" is missing`}},
		{name: "declines what should succeed", kinds: all, config: methodOK("soft"), broken: map[string]string{"": "charge"}, says: "a charge of the method that succeeds is"},
		{
			name: "look-ups know nothing", kinds: all, wrong: blind,
			broken: map[string]string{"": "charge", "toss": "look-up by key", "stripe": "look-up by key"}, says: "the look-up by key does not know payment",
			saying: map[string]string{"portone": "the look-up does not show it: 404 PAYMENT_NOT_FOUND", "kakaopay": "the look-up does not show it: 400 error -721"},
		},
		{name: "a list that is cut short", kinds: keyed, wrong: cutShort, broken: map[string]string{"": "list"}, says: "is not on the list of 1"},
		{name: "refunds of another amount", kinds: all, wrong: lessBack, broken: map[string]string{"": "refund"}, says: ""},
		{name: "times of another zone", kinds: []string{"toss"}, wrong: hoursOff, broken: map[string]string{"": "time of a payment"}, says: "and made at"},
		{name: "approves what was to be declined", kinds: all, config: simulator.Config{Methods: map[string]string{"pm_stolen_card": "ok"}}, broken: map[string]string{"": "declined"}, says: "succeeded"},
	} {
		for _, kind := range c.kinds {
			t.Run(c.name+": "+kind, func(t *testing.T) {
				t.Parallel()
				var wrong wrongly
				if c.wrong != nil {
					wrong = c.wrong(kind)
				}
				s, sim := providerSuite(t, kind, c.config, wrong)
				r := s.Run(t.Context())
				rule := c.broken[kind]
				if rule == "" {
					rule = c.broken[""]
				}
				says := c.saying[kind]
				if says == "" {
					says = c.says
				}
				found := false
				for _, result := range r.Results {
					if result.State != outside.Broken {
						continue
					}
					require.NotEmpty(t, result.Sentence, result.Rule)
					require.NotEmpty(t, result.Source, result.Rule)
					require.NotNil(t, result.Exchange, result.Rule)
					text, err := json.Marshal(result)
					require.NoError(t, err)
					for _, secret := range []string{"s3cr3t", "cus_9-second", "customer-7", "pm_ok", "pm_stolen_card", "pm_expired_card", "billing_details"} {
						require.NotContains(t, string(text), secret)
					}
					found = found || result.Rule == rule && strings.Contains(result.Detail, says)
				}
				require.True(t, found, "%s of %+v", rule, brokenResults(r))
				left := kept(sim)
				if len(left) > 0 {
					require.NotEmpty(t, r.Kept, "%s are not given back", left)
				}
				if c.name == "refunds of another amount" {
					require.Subset(t, r.Kept, left)
				}
				if c.name == "ignores the key" && kind != "portone" {
					require.Empty(t, left, "what was charged twice is refunded too")
				}
			})
		}
	}
}

// brokenResults are the results of rules that do not hold, in short.
func brokenResults(r outside.Report) []string {
	var all []string
	for _, result := range r.Results {
		if result.State == outside.Broken {
			all = append(all, fmt.Sprintf("%s: %s", result.Rule, result.Detail))
		}
	}
	return all
}
