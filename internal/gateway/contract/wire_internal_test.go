package contract

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Requests begin as far apart as a provider's limit wants, but for those that are meant to come at once.
func TestTurns(t *testing.T) {
	now := time.Date(2026, 1, 31, 9, 0, 0, 0, time.UTC)
	w := &Wire{Every: time.Second, Now: func() time.Time { return now }}
	require.Equal(t, []time.Duration{0, time.Second, 2 * time.Second}, []time.Duration{w.turn(), w.turn(), w.turn()})
	w.Burst(2)
	require.Equal(t, []time.Duration{0, 0, 3 * time.Second}, []time.Duration{w.turn(), w.turn(), w.turn()})
	now = now.Add(time.Hour)
	require.Zero(t, w.turn())
	require.Zero(t, (&Wire{}).turn())
}

// A 429 says that nothing was done, but where the provider does not say so: what moves money is not sent again there.
func TestWhatIsSentAgainAfter429(t *testing.T) {
	for name, c := range map[string]struct {
		api       API
		path      string
		requests  int
		onlyReads bool
	}{
		"a charge":                                 {API{}, "/v1/payments", 2, false},
		"a charge where 429 says nothing":          {API{Provider: "P", TooManyUnsure: true, Reads: []string{"/order"}}, "/charge", 1, true},
		"a look-up by POST, where it says nothing": {API{Provider: "P", TooManyUnsure: true, Reads: []string{"/order"}}, "/order", 2, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := 0
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if n++; n == 1 {
					w.Header().Set("Retry-After", "1")
					w.WriteHeader(http.StatusTooManyRequests)
				}
			}))
			defer server.Close()
			w := &Wire{API: c.api}
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+c.path, strings.NewReader("{}"))
			require.NoError(t, err)
			resp, err := w.Wrap(http.DefaultTransport).RoundTrip(req)
			require.NoError(t, err)
			_, _ = io.Copy(io.Discard, resp.Body)
			require.NoError(t, resp.Body.Close())
			require.Equal(t, c.requests, n)
		})
	}
}

// Of a provider's bodies people are shown the fields that are known to be of no person, and no others.
func TestShownFields(t *testing.T) {
	api := API{Provider: "P", Fields: []string{"id", "amount", "data", "duly_key", "error", "code"}}
	for body, want := range map[string]string{
		`{"id":"pi_1","amount":1000,"customer":{"id":"cus_1","email":"kim@example.com"},"client_secret":"x"}`: `{"id":"pi_1","amount":1000}`,
		`{"data":[{"id":"pi_1","card":{"id":"1"}},{"email":"kim@example.com"}]}`:                              `{"data":[{"id":"pi_1"}]}`,
		`{"error":{"code":"card_declined","message":"Kim's card","payment_method":{"id":"pm_1"}}}`:            `{"error":{"code":"card_declined"}}`,
		`{"amount":12900000000000001}`:                         `{"amount":12900000000000001}`,
		`[{"id":"a"},{"id":"b"}]`:                              `[{"id":"a"},{"id":"b"}]`,
		`{"customer":"kim"}`:                                   `{}`,
		"amount=1000&payment_method=pm_1&metadata[duly_key]=k": "amount=1000&metadata[duly_key]=k",
		"<html>Kim</html>":                                     "[16 bytes that are no JSON]",
		"":                                                     "",
	} {
		require.Equal(t, want, api.shown(body), body)
		require.Equal(t, body, API{}.shown(body), "another rule redacts bodies of docs/payments-api.yaml")
	}
}

// Whatever a provider adds to a body, at any depth, nobody is shown what stands under a name that is not listed.
func TestShownFieldsAreTheListedOnes(t *testing.T) {
	api := API{Provider: "P", Fields: []string{"id", "data"}}
	rapid.Check(t, func(t *rapid.T) {
		n, private := 0, []string{}
		var draw func(depth int, listed bool) any
		draw = func(depth int, listed bool) any {
			switch kind := rapid.IntRange(0, 3).Draw(t, "kind"); {
			case depth > 0 && kind == 1:
				object := map[string]any{}
				for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"id", "data", "email", "card", "ID"}), 0, 4, rapid.ID).Draw(t, "names") {
					object[name] = draw(depth-1, listed && (name == "id" || name == "data"))
				}
				return object
			case depth > 0 && kind == 2:
				list := make([]any, rapid.IntRange(0, 3).Draw(t, "length"))
				for i := range list {
					list[i] = draw(depth-1, listed)
				}
				return list
			}
			n++
			leaf := fmt.Sprintf("leaf-%d-", n)
			if !listed {
				private = append(private, leaf)
			}
			return leaf
		}
		body, err := json.Marshal(draw(4, true))
		require.NoError(t, err)
		shown := api.shown(string(body))
		for _, leaf := range private {
			require.NotContains(t, shown, leaf, "%s", body)
		}
	})
}

// Of an answer that names its movement of money in a field that no client reads, the field is known.
func TestReceipts(t *testing.T) {
	api := API{Provider: "P", Receipt: []string{"payment", "pgTxId"}}
	for answer, want := range map[string]string{
		`{"payment":{"pgTxId":"tx_1"}}`: "tx_1", `{"payment":{}}`: "", `{"payment":1}`: "", `[]`: "", "<html>": "", `{"payment":{"pgTxId":7}}`: "",
	} {
		require.Equal(t, want, api.receiptOf(&Exchange{Status: http.StatusOK, Answer: answer}), answer)
		require.Empty(t, api.receiptOf(&Exchange{Status: http.StatusConflict, Answer: answer}))
		require.Empty(t, API{}.receiptOf(&Exchange{Status: http.StatusOK, Answer: answer}))
	}
}
