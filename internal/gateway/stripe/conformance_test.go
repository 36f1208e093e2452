package stripe_test

import (
	"testing"
	"time"

	"duly/internal/gateway"
	"duly/internal/gateway/gatewaytest"
	"duly/internal/gateway/provider"
	"duly/internal/gateway/simulator"
	"duly/internal/gateway/stripe"
	"duly/internal/test/simtarget"
)

func TestConformsStripe(t *testing.T) {
	t.Parallel()
	options := simtarget.Options{
		Dialect:         "stripe",
		GatewayCustomer: "cus_9",
		Traits:          gatewaytest.TraitsOf("stripe"),
		Change:          func(c *simulator.Config) { c.Pending.For = 30 * time.Minute },
		Open: func(p simtarget.Provider) (gateway.Gateway, error) {
			return stripe.New(stripe.Config{Settings: provider.Settings{
				Name: "main", URL: p.URL, Token: p.Token, Timeout: p.Timeout, ConnectTimeout: 10 * time.Second, KeyLife: 24 * time.Hour,
				LongestRequest: 10 * time.Minute, MaxConns: 10, Now: p.Now,
			}})
		},
	}
	gatewaytest.Run(t, func(t *testing.T, c gatewaytest.Case) *gatewaytest.Target {
		t.Helper()
		return simtarget.Open(t, options, c)
	})
}
