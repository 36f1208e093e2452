package kakaopay_test

import (
	"testing"
	"time"

	"duly/internal/gateway"
	"duly/internal/gateway/gatewaytest"
	"duly/internal/gateway/kakaopay"
	"duly/internal/gateway/provider"
	"duly/internal/test/simtarget"
)

func TestConformsKakaoPay(t *testing.T) {
	t.Parallel()
	options := simtarget.Options{
		Dialect:         "kakaopay",
		GatewayCustomer: "user-7",
		Customer:        "user-7",
		Traits:          gatewaytest.TraitsOf("kakaopay"),
		Open: func(p simtarget.Provider) (gateway.Gateway, error) {
			return kakaopay.New(kakaopay.Config{CID: "TCSUBSCRIP", Settings: provider.Settings{
				Name: "main", URL: p.URL, Token: p.Token, Timeout: p.Timeout, ConnectTimeout: 10 * time.Second,
				LongestRequest: 10 * time.Minute, MaxConns: 10, Now: p.Now,
			}})
		},
	}
	gatewaytest.Run(t, func(t *testing.T, c gatewaytest.Case) *gatewaytest.Target {
		t.Helper()
		return simtarget.Open(t, options, c)
	})
}
