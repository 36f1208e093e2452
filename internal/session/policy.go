package session

import (
	"duly/config"
	"duly/internal/billing"
	"duly/internal/billing/network"
)

// BillingPolicy is what the configuration says about dunning.
func BillingPolicy(c *config.Config) billing.Policy {
	uncounted := map[string]bool{}
	for name, g := range c.Gateways {
		uncounted[name] = !g.CardCeilings
	}
	return billing.Policy{
		RetryDays: c.Billing.RetryDays, Zone: c.Business.Location(),
		Network: network.Rules{On: c.Billing.NetworkRules, Ceilings: network.Ceilings(c.Billing.NetworkCeilings), Uncounted: uncounted},
	}
}
