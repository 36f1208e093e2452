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

func TestConformsPortOne(t *testing.T) {
	t.Parallel()
	options := simtarget.Options{
		Dialect: "portone",
		Derive:  provider.ID,
		Traits:  gatewaytest.TraitsOf("portone"),
		Open: func(p simtarget.Provider) (gateway.Gateway, error) {
			return portone.New(portone.Config{Settings: provider.Settings{
				Name: "main", URL: p.URL, Token: p.Token, Timeout: p.Timeout, ConnectTimeout: 10 * time.Second, KeyLife: 3 * time.Hour,
				LongestRequest: 10 * time.Minute, MaxConns: 10, Now: p.Now,
			}})
		},
	}
	gatewaytest.Run(t, func(t *testing.T, c gatewaytest.Case) *gatewaytest.Target {
		t.Helper()
		return simtarget.Open(t, options, c)
	})
}
