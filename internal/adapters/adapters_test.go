package adapters_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/config"
	"duly/internal/adapters"
	"duly/internal/session"
)

// Every type that can be configured can be made, with what was configured of it.
func TestEveryTypeIsMade(t *testing.T) {
	s := &session.Session{Now: time.Now}
	for _, kind := range config.GatewayTypes() {
		flags := map[string]any{
			"gateways.main.type": kind, "gateways.main.url": "http://127.0.0.1:1/x", "gateways.main.token": "test_sk_x", "run.lease": "2m",
			"gateways.main.list": "false", "gateways.main.retention": "48h", "gateways.main.list_lag": "7m",
		}
		if kind == "stripe" {
			flags["gateways.main.token"] = "sk_test_x"
		}
		switch kind {
		case "kakaopay":
			flags["gateways.main.cid"] = "TCSUBSCRIP"
		case "stripe": // whose list stays on
			delete(flags, "gateways.main.list")
		}
		c, err := config.Load(config.Options{NoFile: true, Flags: flags})
		require.NoError(t, err, kind)
		g, err := adapters.New(s, "main", c.Gateways["main"])
		require.NoError(t, err, kind)
		able := g.Capabilities()
		g.Close()
		require.Equal(t, "http://127.0.0.1:1/x", able.Address)
		require.Equal(t, c.Gateways["main"].Timeout, able.Timeout)
		require.Equal(t, c.Gateways["main"].KeyLife, able.KeyLife)
		require.Equal(t, c.Gateways["main"].LongestRequest, able.LongestRequest)
		require.Equal(t, 48*time.Hour, able.Retention)
		if kind != "kakaopay" { // which has no list
			require.Equal(t, 7*time.Minute, able.ListLag)
		}
		require.Equal(t, kind == "stripe", able.List)
		require.Equal(t, kind == "portone", able.ChargesOnce)
		require.Equal(t, kind != "httpapi" && kind != "kakaopay", able.KeepsErrors)
		if kind != "httpapi" {
			require.Contains(t, adapters.CodeTables(), kind)
			require.NotEmpty(t, adapters.CodesOf(kind).Codes)
		}
	}
	_, err := adapters.New(s, "main", config.Gateway{Type: "strype"})
	require.EqualError(t, err, `type "strype" is not one that this version speaks: httpapi, portone, toss, stripe, kakaopay`)
	require.Empty(t, adapters.CodesOf("httpapi").Codes)
}
