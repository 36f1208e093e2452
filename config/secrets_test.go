package config_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/config"
)

func TestSecretsAreListed(t *testing.T) {
	secret := "whsec_" + strings.Repeat("A", 44)
	c, err := config.Load(config.Options{NoFile: true, Flags: map[string]any{
		"database.dsn":        "duly:pa%73s@tcp(db.example.com:3306)/shop",
		"gateways.main.url":   "https://payments.example.com",
		"gateways.main.token": "token-1", "gateways.other.url": "https://other.example.com", "gateways.other.token": "token-2",
		"outbox.url": "https://user:hidden@shop.example.com/h?k=value", "outbox.secret": secret,
		"slack.webhook_url": "https://hooks.example.com/services/T00/B00",
	}})
	require.NoError(t, err)
	require.ElementsMatch(t, []string{
		"duly:pa%73s@tcp(db.example.com:3306)/shop", "pa%73s", "token-1", "token-2",
		"https://user:hidden@shop.example.com/h?k=value", "hidden", "value", secret,
		"https://hooks.example.com/services/T00/B00", "/services/T00/B00",
	}, c.Secrets())

	c, err = config.Load(config.Options{NoFile: true, Env: []string{"HOME=/home/duly"}, Flags: map[string]any{"database.dsn": config.Private}})
	require.NoError(t, err)
	require.Empty(t, c.Secrets(), "that the database is a private one is no secret")
}
