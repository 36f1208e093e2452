package session

import (
	"cmp"

	"duly/config"
	"duly/internal/billing"
	"duly/internal/billing/dunning"
	"duly/internal/billing/guard"
	"duly/internal/billing/network"
)

// BillingPolicy is what the configuration says about dunning.
func BillingPolicy(c *config.Config) billing.Policy {
	uncounted := map[string]bool{}
	for name, g := range c.Gateways {
		uncounted[name] = !g.CardCeilings
	}
	own := c.Billing.Policies[config.DefaultPolicy]
	return billing.Policy{
		RetryDays: c.Billing.RetryDays, AfterLast: dunning.AfterLast(own.AfterLast), MaxTries: own.MaxTries30d, Notice: noticeOf(own), Named: DunningPolicies(c),
		Zone: c.Business.Location(), RetryOnNewMethod: c.Billing.RetryOnNewMethod, Guards: guard.Rules{Max: c.Billing.MaxAmount.ByCurrency(), Factor: int64(c.Billing.MaxFactor)},
		Network: network.Rules{
			On: c.Billing.NetworkRules, Ceilings: network.Ceilings(c.Billing.NetworkCeilings), Uncounted: uncounted, Lowest: lowestCeiling(c),
		},
	}
}

// DunningPolicies returns the configured dunning policies but the default, by name; nil: there are none.
func DunningPolicies(c *config.Config) map[string]dunning.Policy {
	var named map[string]dunning.Policy
	for name, p := range c.Billing.Policies {
		if name == config.DefaultPolicy {
			continue
		}
		if named == nil {
			named = map[string]dunning.Policy{}
		}
		named[name] = dunning.Policy{
			RetryDays: p.RetryDays, CatchUp: billing.CatchUp(p.CatchUp), AfterLast: dunning.AfterLast(p.AfterLast), MaxTries: p.MaxTries30d, Notice: noticeOf(p),
		}
	}
	return named
}

func noticeOf(p config.DunningPolicy) dunning.Notice {
	return dunning.Notice{Days: p.NoticeDays, Required: p.RequireNotice}
}

// GivesNotice reports whether a policy announces charges before they are made.
func GivesNotice(c *config.Config) bool {
	for _, p := range c.Billing.Policies {
		if p.NoticeDays > 0 {
			return true
		}
	}
	return false
}

// lowestCeiling is the lowest max_tries_30d of all policies; 0: none.
func lowestCeiling(c *config.Config) int {
	lowest := 0
	for _, p := range c.Billing.Policies {
		if p.MaxTries30d > 0 {
			lowest = min(cmp.Or(lowest, p.MaxTries30d), p.MaxTries30d)
		}
	}
	return lowest
}
