package config

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// DefaultPolicy is the name of the dunning policy of subscriptions that name none.
const DefaultPolicy = "default"

// mostTries is the highest max_tries_30d.
const mostTries = 1000

const (
	// mostNoticeDays is the highest notice_days.
	mostNoticeDays = 90
	// noticeSlack is how much longer than notice_days the event of a notice must be kept.
	noticeSlack = 7
)

// DunningPolicy configures a dunning policy. RetryDays and CatchUp default to those of the default policy.
type DunningPolicy struct {
	RetryDays []int  `mapstructure:"retry_days"`
	CatchUp   string `mapstructure:"catch_up"`
	// AfterLast is cancel, pause or keep.
	AfterLast string `mapstructure:"after_last"`
	// MaxTries30d limits the declines of one method in 30 days for one amount; 0: only the card network does.
	MaxTries30d int `mapstructure:"max_tries_30d"`
	// NoticeDays is how many days before the due date the shop is notified of a charge; 0: no notices. RequireNotice: the charge waits for a
	// delivered notice.
	NoticeDays    int  `mapstructure:"notice_days"`
	RequireNotice bool `mapstructure:"require_notice"`
}

// policyKeys are the keys of a dunning policy.
func policyKeys() []Key {
	return []Key{
		{
			Name: policySection + "<name>.retry_days", Example: "[2, 5, 9]", parse: retryDays, list: true,
			Why: "The days of subscriptions whose `dunning_policy` is this name. If unset, those of billing.retry_days. " +
				"The policy `default` is of those that name none: its days are billing.retry_days, and its catch-up billing.catch_up.",
		},
		{
			Name: policySection + "<name>.catch_up", Example: "skip", parse: oneOf("default", "one", "skip"),
			Why: "What becomes of their missed periods. If unset, billing.catch_up.",
		},
		{
			Name: policySection + "<name>.after_last", Default: "cancel", parse: oneOf("cancel", "pause", "keep"),
			Why: "What becomes of the subscription when the charge is declined on the last day: it is cancelled, or paused until the shop makes it active again, or kept, so that the next " +
				"period is invoiced. The invoice is uncollectible in each case. An invoice keeps the value of its first decline.",
		},
		{
			Name: policySection + "<name>.max_tries_30d", Default: "0", parse: whole(0, mostTries),
			Why: "Declines in 30 days of one payment method for one amount, counted as those of billing.network_ceilings, at gateways with card_ceilings; the lower of the two counts, " +
				"also with billing.network_rules off. 0: no ceiling. A charge that could exceed it is put off, and keeps its stage.",
		},
		{
			Name: policySection + "<name>.notice_days", Default: "0", parse: whole(0, mostNoticeDays),
			Why: "How many days before its due date `duly run notices` notifies the shop of a charge (event invoice.upcoming), and of a payment method that has expired by then " +
				"(payment_method.expiring). 0: it does not. Where a policy has some, the job is a part of the night.",
		},
		{
			Name: policySection + "<name>.require_notice", Default: "false", parse: boolean,
			Why: "Whether the first charge of an invoice waits until its notice is delivered to the webhook, where the law or the mandate requires one. It needs notice_days and outbox.url.",
		},
	}
}

// policyDefaults fills unset keys of policies from the default policy, once every layer is read.
func (l *loader) policyDefaults() {
	for name := range l.names[policySection] {
		for _, field := range []string{"retry_days", "catch_up"} {
			l.layers.SetDefault(policySection+name+"."+field, l.layers.Get("billing."+field))
		}
	}
}

// checkPolicies checks the dunning policies.
func (l *loader) checkPolicies(c *Config) {
	cards := len(c.Gateways) == 0
	for _, g := range c.Gateways {
		cards = cards || g.CardCeilings
	}
	for _, name := range slices.Sorted(maps.Keys(c.Billing.Policies)) {
		at := policySection + name
		for _, field := range []string{"retry_days", "catch_up"} {
			if key := at + "." + field; name == DefaultPolicy && l.sources[key] != "" {
				l.rule(key, "the default policy's is billing."+field+": set that one")
			}
		}
		p := c.Billing.Policies[name]
		if least := time.Duration(p.NoticeDays+noticeSlack) * day; p.RequireNotice && c.Retention.Events > 0 && c.Retention.Events < least {
			l.rule(at+".notice_days", fmt.Sprintf("%d days need retention.events of %s or more, since a delivered notice is known by its event", p.NoticeDays, FormatDuration(least)), "retention.events")
		}
		switch {
		case p.RequireNotice && p.NoticeDays == 0:
			l.rule(at+".require_notice", "needs notice_days: say how many days before a charge its notice is written", at+".notice_days")
		case p.RequireNotice && c.Outbox.URL == "":
			l.rule(at+".require_notice", "needs outbox.url: without a webhook no notice is delivered, and nothing would be charged", "outbox.url")
		}
		if p.MaxTries30d > 0 && !cards {
			l.rule(at+".max_tries_30d", "counts at gateways with card_ceilings alone, and no gateway has them: set gateways.<name>.card_ceilings where a payment_method is one card, or leave it out")
		}
	}
}
