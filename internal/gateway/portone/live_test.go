package portone_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/gateway"
	"duly/internal/gateway/portone"
	"duly/internal/gateway/provider"
)

// The channel of a billing key says whether money is taken; what is not known for certain is unknown.
func TestLiveOf(t *testing.T) {
	t.Parallel()
	const toss, inicis = `{"type":"TEST","key":"test-toss","pgProvider":"TOSSPAYMENTS"}`, `{"type":"TEST","key":"test-inicis","pgProvider":"INICIS_V2"}`
	const live = `{"type":"LIVE","key":"live-toss","pgProvider":"TOSSPAYMENTS"}`
	for name, c := range map[string]struct {
		channel, body string
		status        int
		want          gateway.Liveness
	}{
		"a test channel that moves nothing":     {"", `{"channels":[` + toss + `]}`, 200, gateway.LivenessSandbox},
		"a test channel that takes money":       {"", `{"channels":[` + inicis + `]}`, 200, gateway.LivenessUnknown},
		"a live one":                            {"", `{"channels":[` + live + `]}`, 200, gateway.LivenessLive},
		"one of several may be live":            {"", `{"channels":[` + toss + `,` + live + `]}`, 200, gateway.LivenessLive},
		"the configured one is not":             {"test-toss", `{"channels":[` + toss + `,` + live + `]}`, 200, gateway.LivenessSandbox},
		"the configured one is":                 {"live-toss", `{"channels":[` + toss + `,` + live + `]}`, 200, gateway.LivenessLive},
		"the billing key is of another channel": {"test-kcp", `{"channels":[` + toss + `]}`, 200, gateway.LivenessUnknown},
		"a type that nobody knows":              {"", `{"channels":[{"type":"DEMO","key":"k","pgProvider":"TOSSPAYMENTS"}]}`, 200, gateway.LivenessUnknown},
		"no channels":                           {"", `{}`, 200, gateway.LivenessUnknown},
		"no such billing key":                   {"", `{"type":"BILLING_KEY_NOT_FOUND","message":""}`, 404, gateway.LivenessUnknown},
		"a page":                                {"", `<html>`, 200, gateway.LivenessUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodGet || r.URL.Path != "/billing-keys/billing-key-1" {
					w.WriteHeader(http.StatusTeapot)
					return
				}
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(c.body))
			}))
			defer server.Close()
			g, err := portone.New(portone.Config{ChannelKey: c.channel, Settings: provider.Settings{
				Name: "main", URL: server.URL, Token: "secret", Timeout: time.Minute, ConnectTimeout: time.Minute, KeyLife: 3 * time.Hour,
				LongestRequest: 10 * time.Minute, MaxConns: 1, Now: time.Now,
			}})
			require.NoError(t, err)
			defer g.Close()
			require.Equal(t, c.want, g.LiveOf(t.Context(), "billing-key-1"))
		})
	}
}
