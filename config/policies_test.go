package config_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/config"
)

// What is wrong with a policy is one line.
func TestPoliciesThatAreWrong(t *testing.T) {
	for _, c := range []struct{ name, yaml, want string }{
		{"a name", "Gentle: {after_last: keep}", "billing.policies.Gentle: a policy's name is at most 32 small letters, digits and dashes (duly.yaml, line 2)"},
		{"an end", "gentle: {after_last: stop}", `billing.policies.gentle.after_last: "stop" is none of cancel, pause, keep (duly.yaml, line 2)`},
		{"days", "gentle: {retry_days: [5, 1]}", "billing.policies.gentle.retry_days: 5 comes before 1: give days in ascending order, e.g. [1, 3, 5] (duly.yaml, line 2)"},
		{"a key", "gentle: {retry_day: [5]}", "billing.policies.gentle.retry_day: unknown: did you mean billing.policies.gentle.retry_days? (duly.yaml, line 2)"},
		{"no section", "gentle: cancel", "billing.policies.gentle: is a section: write its keys below it, one level in (duly.yaml, line 2)"},
		{"the default's days", "default: {retry_days: [5]}", "billing.policies.default.retry_days: the default policy's is billing.retry_days: set that one (duly.yaml, line 2)"},
		{"the default's catch-up", "default: {catch_up: one}", "billing.policies.default.catch_up: the default policy's is billing.catch_up: set that one (duly.yaml, line 2)"},
		{"a notice that is required and has no days", "gentle: {require_notice: true}", "billing.policies.gentle.require_notice: needs notice_days: say how many days before a charge its notice is written (duly.yaml, line 2)"},
		{"a notice that nobody is sent", "gentle: {require_notice: true, notice_days: 3}", "billing.policies.gentle.require_notice: needs outbox.url: without a webhook no notice is delivered, and nothing would be charged (duly.yaml, line 2)"},
		{"days that are too many", "gentle: {notice_days: 91}", "billing.policies.gentle.notice_days: 91 is out of range: give a whole number from 0 to 90 (duly.yaml, line 2)"},
		{
			"a ceiling that never counts", "gentle: {max_tries_30d: 4}", "billing.policies.gentle.max_tries_30d: counts at gateways with card_ceilings alone, and no gateway has them: " +
				"set gateways.<name>.card_ceilings where a payment_method is one card, or leave it out (duly.yaml, line 2)",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := write(t, "duly.yaml", "billing: {policies: {\n  "+c.yaml+"}}\n")
			_, err := config.Load(config.Options{File: path, Env: one()})
			require.Error(t, err)
			require.Equal(t, c.want, strings.ReplaceAll(err.Error(), path, "duly.yaml"))
		})
	}
}

// A policy has what it does not set of the default one, whichever layer set that; the environment makes policies too.
func TestPoliciesHaveTheRestOfTheDefault(t *testing.T) {
	path := write(t, "duly.yaml", "billing:\n  policies:\n    gentle:\n      retry_days: [2, 9]\n    plain:\n    default: {after_last: keep}\n")
	c, err := config.Load(config.Options{
		File: path, Env: append(one(), "DULY_BILLING_RETRY_DAYS=4", "DULY_BILLING_CATCH_UP=skip", "DULY_BILLING_POLICIES_NO_RETRY_AFTER_LAST=pause", "DULY_BILLING_POLICIES_NO_RETRY_RETRY_DAYS=[]"),
	})
	require.NoError(t, err)
	require.Equal(t, map[string]config.DunningPolicy{
		"gentle":   {RetryDays: []int{2, 9}, CatchUp: "skip", AfterLast: "cancel"},
		"plain":    {RetryDays: []int{4}, CatchUp: "skip", AfterLast: "cancel"},
		"default":  {RetryDays: []int{4}, CatchUp: "skip", AfterLast: "keep"},
		"no-retry": {RetryDays: []int{}, CatchUp: "skip", AfterLast: "pause"},
	}, c.Billing.Policies)
	require.Contains(t, c.String(), "billing.policies.no-retry.retry_days: []\n")
	require.Contains(t, c.String(), "billing.policies.plain.retry_days: [4]\n")

	c, err = config.Load(config.Options{NoFile: true, Env: append(one(), "DULY_BILLING_POLICIES_GENTLE_MAX_TRIES_30D=4", "DULY_GATEWAYS_MAIN_CARD_CEILINGS=true")})
	require.NoError(t, err)
	require.Equal(t, 4, c.Billing.Policies["gentle"].MaxTries30d)
	_, err = config.Load(config.Options{File: path, Env: append(one(), "DULY_BILLING_POLICIES_GENTLE_RETRYDAYS=4")})
	require.ErrorContains(t, err, "did you mean DULY_BILLING_POLICIES_GENTLE_RETRY_DAYS?")
}

// A delivered notice is known by its event, which must not be deleted before the charge.
func TestRequiredNoticesNeedTheirEvents(t *testing.T) {
	env := append(one(), "DULY_BILLING_POLICIES_GENTLE_NOTICE_DAYS=60", "DULY_BILLING_POLICIES_GENTLE_REQUIRE_NOTICE=true", "DULY_OUTBOX_URL=https://shop.example.com/hook",
		"DULY_OUTBOX_SECRET=whsec_Y2hhbmdlLW1lLWNoYW5nZS1tZS1jaGFuZ2UtbWU=")
	_, err := config.Load(config.Options{NoFile: true, Env: env})
	require.EqualError(t, err, "billing.policies.gentle.notice_days: 60 days need retention.events of 67d or more, since a delivered notice is known by its event (DULY_BILLING_POLICIES_GENTLE_NOTICE_DAYS)")
	_, err = config.Load(config.Options{NoFile: true, Env: append(env, "DULY_RETENTION_EVENTS=67d")})
	require.NoError(t, err)
}
