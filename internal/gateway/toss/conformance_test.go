package toss_test

import (
	"testing"
	"time"

	"duly/internal/gateway"
	"duly/internal/gateway/gatewaytest"
	"duly/internal/gateway/provider"
	"duly/internal/gateway/toss"
	"duly/internal/test/simtarget"
)

func TestConformsToss(t *testing.T) {
	t.Parallel()
	options := simtarget.Options{
		Dialect:         "toss",
		GatewayCustomer: "customer-key-7",
		Traits:          gatewaytest.TraitsOf("toss"),
		Open: func(p simtarget.Provider) (gateway.Gateway, error) {
			return toss.New(toss.Config{Settings: provider.Settings{
				Name: "main", URL: p.URL, Token: p.Token, Timeout: p.Timeout, ConnectTimeout: 10 * time.Second, KeyLife: 14 * 24 * time.Hour,
				LongestRequest: 10 * time.Minute, MaxConns: 10, Now: p.Now,
			}})
		},
	}
	gatewaytest.Run(t, func(t *testing.T, c gatewaytest.Case) *gatewaytest.Target {
		t.Helper()
		return simtarget.Open(t, options, c)
	})
}
