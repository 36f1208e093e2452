package contracttest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/gateway/simulator"
	"duly/internal/test/contracttest"
)

// failures are those of a test that is to fail.
type failures struct {
	testing.TB

	all []string
}

func (f *failures) Helper() {}

func (f *failures) Errorf(format string, args ...any) {
	f.all = append(f.all, fmt.Sprintf(format, args...))
}

// send sends a charge to a simulated PortOne behind the contract, and returns what the test would fail with.
func send(t *testing.T, strict bool, next http.Handler, method, path, key, body string) []string {
	t.Helper()
	contract, err := contracttest.Load("portone-api.yaml")
	require.NoError(t, err)
	failed := &failures{TB: t}
	held := contract.Hold(failed, next)
	if !strict {
		held = contract.HoldAnswers(failed, next)
	}
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "PortOne secret")
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	held.ServeHTTP(httptest.NewRecorder(), r)
	return failed.all
}

func TestHold(t *testing.T) {
	sim, err := simulator.Speak("portone", simulator.Config{Token: "secret"})
	require.NoError(t, err)
	defer sim.Close()
	const (
		path = "/payments/duly-0001/billing-key"
		key  = `"duly-0000000000000001"`
		good = `{"billingKey":"pm_ok","orderName":"a","amount":{"total":1},"currency":"KRW"}`
	)
	require.Empty(t, send(t, true, sim, "POST", path, key, good))
	require.Empty(t, send(t, true, sim, "GET", "/payments/duly-0001", "", ""))
	require.Empty(t, send(t, true, sim, "GET", "/_sim/ledger", "", ""))
	for name, broken := range map[string][]string{
		"an unknown field":     {"POST", path, key, strings.Replace(good, `"currency"`, `"reference":"x","currency"`, 1)},
		"a missing field":      {"POST", path, key, strings.Replace(good, `"orderName":"a",`, ``, 1)},
		"no key":               {"POST", path, "", good},
		"a key without quotes": {"POST", path, "duly-0000000000000001", good},
		"an unknown query":     {"GET", "/payments/duly-0001?page=1", "", ""},
		"no operation":         {"GET", "/payments", "", ""},
		"a short id":           {"GET", "/payments/x", "", ""},
		"a wrong list":         {"GET", "/payments-by-cursor?requestBody=%7B%22size%22%3A2000%7D", "", ""},
	} {
		require.NotEmpty(t, send(t, true, sim, broken[0], broken[1], broken[2], broken[3]), name)
	}
	require.Empty(t, send(t, false, sim, "POST", path, "duly-0000000000000001", good), "broken requests may be sent on purpose")
	faulty := strings.Replace(good, "pm_ok", "pm_garbage", 1)
	require.Empty(t, send(t, true, sim, "POST", "/payments/duly-0002/billing-key", `"duly-0000000000000002"`, faulty), "a fault may say what it likes")
	liar := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sim.ServeHTTP(liar{w}, r)
	})
	require.NotEmpty(t, send(t, false, liar, "GET", "/payments/duly-0001", "", ""), "an answer is held against the contract")
}

// liar answers a status that the contract does not have.
type liar struct{ http.ResponseWriter }

func (l liar) WriteHeader(int) { l.ResponseWriter.WriteHeader(http.StatusTeapot) }

// A document's conditions hold too: a payment that is paid says when.
func TestConditions(t *testing.T) {
	contract, err := contracttest.Load("toss-api.yaml")
	require.NoError(t, err)
	r := httptest.NewRequest("GET", "/v1/payments/tpay_1", nil)
	r.SetBasicAuth("test_sk", "")
	require.NoError(t, contract.CheckRequest(r))
	header := http.Header{"Content-Type": {"application/json"}, "X-Tosspayments-Trace-Id": {"a"}}
	body := func(status, rest string) []byte {
		return []byte(`{"version":"1","paymentKey":"tpay_1","type":"BILLING","orderId":"ord_7-1","orderName":"a","mId":"m","currency":"KRW",
			"totalAmount":1,"balanceAmount":1,"requestedAt":"2026-01-31T10:00:00+09:00","status":"` + status + `"` + rest + `}`)
	}
	for rest, good := range map[string]bool{
		`,"approvedAt":"2026-01-31T10:00:00+09:00"`: true, `,"approvedAt":null`: false, ``: false, `,"approvedAt":"2026-01-31T01:00:00Z"`: false,
	} {
		require.Equal(t, good, contract.CheckAnswer(r, 200, header, body("DONE", rest)) == nil, rest)
	}
	require.Error(t, contract.CheckAnswer(r, 200, header, body("ABORTED", "")))
	require.NoError(t, contract.CheckAnswer(r, 200, header, body("IN_PROGRESS", "")))
	require.Error(t, contract.CheckAnswer(r, 200, http.Header{"Content-Type": header["Content-Type"]}, body("IN_PROGRESS", "")), "without a trace id")
	orders := httptest.NewRequest("GET", "/v1/payments/orders", nil)
	orders.SetBasicAuth("test_sk", "")
	require.Error(t, contract.CheckRequest(orders), "a value that a parameter may not have")
	r.Header.Set("Authorization", "Bearer test_sk")
	require.Error(t, contract.CheckRequest(r))
}
