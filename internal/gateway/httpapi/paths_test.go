package httpapi

import (
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"duly/internal/gateway"
	"duly/internal/payment"
	"duly/internal/test/canned"
)

// Traces are told the template of each path, which is one of the contract's, and no id, key or query.
func TestEveryRequestNamesItsTemplate(t *testing.T) {
	text, err := os.ReadFile("../../../docs/payments-api.yaml")
	require.NoError(t, err)
	var contract struct {
		Paths map[string]map[string]any `yaml:"paths"`
	}
	require.NoError(t, yaml.Unmarshal(text, &contract))

	s := canned.Serve(t, canned.Reply(404, errorJSON))
	c := configFor(s.URL + "/base")
	var asked, sent []string
	c.Wrap = func(next http.RoundTripper) http.RoundTripper {
		return canned.RoundTrip(func(r *http.Request) (*http.Response, error) {
			template := gateway.Template(r.Context())
			require.Contains(t, contract.Paths, template)
			require.Contains(t, contract.Paths[template], strings.ToLower(r.Method), template)
			require.Regexp(t, "^/base"+regexp.MustCompile(`\\\{[a-z_]+\\\}`).ReplaceAllString(regexp.QuoteMeta(template), "[^/]+")+"$", r.URL.EscapedPath())
			asked, sent = append(asked, r.Method+" "+template), append(sent, r.URL.RequestURI())
			return next.RoundTrip(r)
		})
	}
	client := open(t, c)
	ctx := t.Context()
	client.Charge(ctx, charge())
	client.Find(ctx, charge(), "")
	client.Look(ctx, payment.Ref{ID: "pay/1"})
	client.Look(ctx, payment.Ref{Key: "key 1"})
	client.Cancel(ctx, cancelling())
	client.Refund(ctx, refunding())
	_, _ = client.List(ctx, payment.Window{From: now, To: now}, "")
	_ = client.Ping(ctx)
	require.Equal(t, []string{
		"POST /v1/payments", "GET /v1/payments/by-key/{key}", "GET /v1/payments/{id}", "GET /v1/payments/by-key/{key}",
		"POST /v1/payments/{id}/cancel", "POST /v1/payments/{id}/refunds", "GET /v1/payments", "GET /v1/payments/by-key/{key}",
	}, asked)
	require.Equal(t, "/base/v1/payments/pay%2F1", sent[2])
	require.Contains(t, sent[6], "/base/v1/payments?created_from=")

	c.NoFind = true
	_ = open(t, c).Ping(ctx)
	require.Equal(t, "GET /v1/payments/{id}", asked[len(asked)-1])
}
