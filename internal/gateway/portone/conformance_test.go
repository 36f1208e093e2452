package portone_test

import (
	"testing"
	"time"

	"duly/internal/gateway"
	"duly/internal/gateway/gatewaytest"
	"duly/internal/gateway/portone"
	"duly/internal/gateway/provider"
	"duly/internal/test/simtarget"
)

func TestConforms(t *testing.T) {
	t.Parallel()
	gatewaytest.Run(t, func(t *testing.T, c gatewaytest.Case) *gatewaytest.Target {
		t.Helper()
		return simtarget.Open(t, simtarget.Options{Dialect: "portone", Open: func(url string, timeout time.Duration) (gateway.Gateway, error) {
			return portone.New(portone.Config{Settings: provider.Settings{
				Name: "main", URL: url, Token: "secret", Timeout: timeout, ConnectTimeout: 10 * time.Second, KeyLife: 3 * time.Hour,
				LongestRequest: 10 * time.Minute, MaxConns: 10, Now: time.Now,
			}})
		}}, c)
	})
}
