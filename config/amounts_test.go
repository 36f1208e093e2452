package config_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duly/config"
)

func TestAmounts(t *testing.T) {
	c, err := load(t, "billing:\n  max_factor: 2.5\n  max_amount:\n    KRW: 1000000\n    USD: 500.00\n")
	require.NoError(t, err)
	require.Equal(t, map[string]int64{"KRW": 1_000_000, "USD": 50_000}, c.Billing.MaxAmount.ByCurrency())
	require.Equal(t, config.Factor(250), c.Billing.MaxFactor)
	require.Contains(t, c.String(), "billing.max_amount: {KRW: 1000000, USD: 500.00}\nbilling.max_factor: 2.5\n")

	c, err = load(t, "billing: {max_amount: {KRW: 1000000}}\n")
	require.NoError(t, err)
	require.Equal(t, map[string]int64{"KRW": 1_000_000}, c.Billing.MaxAmount.ByCurrency())

	c, err = load(t, "{}\n")
	require.NoError(t, err)
	require.Nil(t, c.Billing.MaxAmount.ByCurrency())
	require.Zero(t, c.Billing.MaxFactor)
	require.Contains(t, c.String(), "billing.max_amount: none\nbilling.max_factor: none\n")
}

// The environment replaces the amounts of the file, all of them.
func TestAmountsOfTheEnvironment(t *testing.T) {
	file := write(t, "duly.yaml", "billing: {max_amount: {KRW: 1000000, USD: 500.00}}\n")
	c, err := config.Load(config.Options{File: file, Env: []string{"DULY_BILLING_MAX_AMOUNT=KRW: 5"}})
	require.NoError(t, err)
	require.Equal(t, map[string]int64{"KRW": 5}, c.Billing.MaxAmount.ByCurrency())
}

func TestWrongAmounts(t *testing.T) {
	for text, want := range map[string]string{
		"billing: {max_amount: {WON: 100}}\n":             `billing.max_amount: currency "WON" is not a known ISO 4217 code in upper case (duly.yaml, line 1)`,
		"billing:\n  max_amount:\n    KRW: -100\n":        "billing.max_amount: -100 KRW is negative (duly.yaml, line 2)",
		"billing: {max_amount: {KRW: [1, 2]}}\n":          "billing.max_amount: takes single values, each under its name (duly.yaml, line 1)",
		"billing: {max_amount: [1, 2]}\n":                 "billing.max_amount: takes one value, and no list (duly.yaml, line 1)",
		"billing: {max_amount: {USD: 1.5, KRW: 1}}\n":     "billing.max_amount: 1.5 USD has 1 decimal: write all decimals of the currency, such as 500.00 (duly.yaml, line 1)",
		"billing: {max_factor: ten}\n":                    `billing.max_factor: "ten" is not a factor: give a number from 1 to 1000000 with two decimals at most, such as 10 or 2.5, or none (duly.yaml, line 1)`,
		"billing: {max_factor: 10, retry_days: {1: 2}}\n": "billing.retry_days: takes a value, and is no section (duly.yaml, line 1)",
	} {
		_, err := load(t, text)
		require.Equal(t, []string{want}, problems(t, err), text)
	}
}
