package adapters_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/config"
	"duly/internal/adapters"
	"duly/internal/gateway"
	"duly/internal/session"
)

// An account is live or a sandbox by its own mark alone. What carries none is unknown, also where it looks like a test.
func TestMarksOfAccounts(t *testing.T) {
	for _, c := range []struct {
		kind, token, cid string
		want             gateway.Liveness
	}{
		{"stripe", "sk_live_1", "", gateway.LivenessLive},
		{"stripe", "rk_live_1", "", gateway.LivenessLive},
		{"stripe", "sk_test_1", "", gateway.LivenessSandbox},
		{"stripe", "rk_test_1", "", gateway.LivenessSandbox},
		{"stripe", "sk_1_test_live_", "", gateway.LivenessUnknown},
		{"toss", "live_sk_1", "", gateway.LivenessLive},
		{"toss", "test_sk_1", "", gateway.LivenessSandbox},
		{"toss", "sk_test_1", "", gateway.LivenessUnknown},
		{"kakaopay", "test_sk_1", "TCSUBSCRIP", gateway.LivenessSandbox},
		{"kakaopay", "test_sk_1", "TC0ONETIME", gateway.LivenessSandbox},
		{"kakaopay", "test_sk_1", "C123456789", gateway.LivenessUnknown},
		{"portone", "test_sk_1", "", gateway.LivenessUnknown},
		{"httpapi", "test_sk_1", "", gateway.LivenessUnknown},
	} {
		g, err := adapters.New(&session.Session{Now: time.Now}, "main", config.Gateway{
			Type: c.kind, URL: "http://127.0.0.1:1", Token: config.Secret(c.token), CID: c.cid, List: true, LookUp: true, Timeout: time.Second, ConnectTimeout: time.Second,
			KeyLife: 24 * time.Hour, LongestRequest: time.Minute, Parallelism: 1,
		})
		require.NoError(t, err, "%+v", c)
		require.Equal(t, c.want, g.Capabilities().Live, "%+v", c)
		g.Close()
	}
}
