package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"

	"duly/config"
)

func TestSecretShows(t *testing.T) {
	for secret, want := range map[config.Secret]string{
		"": "", "sesame": "[redacted]", "u:p@tcp(h)/s": "[redacted]", "://": "[redacted]", "mysql://u:p@h/s": "[redacted]",
		"https://u:p@h.example.com:81/path?key=k#f": "https://h.example.com:81/[redacted]",
		"http://h": "http://h/[redacted]",
	} {
		require.Equal(t, want, secret.String())
	}
}

func TestAddressShowsHostAndSchema(t *testing.T) {
	for dsn, want := range map[config.Secret]string{
		"": "", "private": "private", "u:p@tcp(h)/s?x=1": "h:3306/s", "u:p@unix(/run/m.sock)/s": "/run/m.sock/s", "u:p@nonsense": "[redacted]",
	} {
		require.Equal(t, want, config.Database{DSN: dsn}.Address())
	}
}

// secrets sets every secret key to something that holds word.
func secrets(word string) map[string]any {
	return map[string]any{
		"database.operator_dsn":    "people:" + word + "@tcp(db:3306)/shop",
		"database.dsn":             "duly:" + word + "@tcp(db:3306)/shop",
		"gateways.main.token":      word,
		"gateways.main.cid_secret": word,
		"outbox.url":               "https://user:" + word + "@h/" + word + "?k=" + word,
		"outbox.secret":            "whsec_" + (word + strings.Repeat("A", 48))[:48],
		"outbox.previous_secret":   "whsec_" + (word + strings.Repeat("B", 48))[:48],
		"slack.webhook_url":        "https://h/" + word,
		"metrics.pushgateway":      "https://user:" + word + "@h/",
		"traces.endpoint":          "https://user:" + word + "@h/" + word,
		"deadman.url":              "https://h/" + word,
	}
}

func TestEverySecretKeyIsTried(t *testing.T) {
	tried := secrets("x")
	for _, k := range config.Keys() {
		if k.Secret && k.Name != "slack.token" { // not beside the webhook
			require.Contains(t, tried, strings.ReplaceAll(k.Name, "<name>", "main"))
		}
	}
}

func TestPrintedConfigKeepsSecrets(t *testing.T) {
	const word = "sesame"
	c, err := config.Load(config.Options{NoFile: true, Env: one(), Flags: secrets(word)})
	require.NoError(t, err)
	require.Equal(t, word, c.Gateways["main"].Token.Reveal())

	var logged bytes.Buffer
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("configuration",
		slog.Any("config", c), slog.Any("gateway", c.Gateways["main"]), slog.Any("token", c.Outbox.Secret))
	encoded, err := json.Marshal(c)
	require.NoError(t, err)
	written, err := yaml.Marshal(c.Slack)
	require.NoError(t, err)
	for _, shown := range []string{
		c.String(), logged.String(), string(encoded), string(written),
		fmt.Sprint(c), fmt.Sprint(*c), fmt.Sprintf("%+v %#v %q", c, c, c), fmt.Sprintf("%+v %#v", *c, *c),
		fmt.Sprintf("%v %+v %#v", c.Gateways, c.Gateways, c.Gateways), fmt.Sprintf("%v %+v %#v", c.Database, c.Outbox, c.Slack),
		fmt.Sprintf("%s %d %x %v", c.Outbox.Secret, c.Outbox.Secret, c.Outbox.Secret, &c.Outbox),
	} {
		require.NotContains(t, shown, word)
		require.NotContains(t, shown, fmt.Sprintf("%x", word))
	}
	require.Contains(t, c.String(), "database.dsn: db:3306/shop\n")
	require.Contains(t, c.String(), "gateways.main.token: [redacted]\n")
	require.Contains(t, c.String(), "gateways.main.timeout: 30s\n")
	require.Contains(t, c.String(), "billing.retry_days: [1, 3, 5]\n")
	require.Contains(t, c.String(), "retention.runs: 90d\n")
	require.Contains(t, logged.String(), `"gateways.main.url":"https://pay.example.com"`)
}

// However a secret is spoilt, and wherever it is set, no problem repeats it.
func TestProblemsKeepSecrets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching(`[Q-Z]{6}`).Draw(t, "word")
		spoil := rapid.SampledFrom([]string{
			"%s", "duly:%s", "duly:%s/shop", "duly:%s@tcp(db)", "duly:x@tcp(db)/shop?tls=%s", "duly:x@tcp(db)/shop?parseTime=%s",
			"duly:x@tcp(db)/%%%s", "mysql://duly:%s@db/shop", "duly:x@tcp(db)/shop?loc=%s", "duly:x@tcp(db)/shop?timeout=%s&strict=1",
			"https://u:%s@ h/", "https://%s:%s:1/", "http:// u:%s", "https://h/%%zz%s", "duly:x@%s(db)/shop", "duly:x@%s/shop",
		}).Draw(t, "spoil")
		secret := strings.ReplaceAll(strings.ReplaceAll(spoil, "%s", word), "%%", "%")
		flags := map[string]any{}
		var env []string
		for key := range secrets("") {
			if rapid.Bool().Draw(t, key) {
				flags[key] = secret
			} else {
				env = append(env, config.Key{Name: key}.Variable()+"="+secret)
			}
		}
		if rapid.Bool().Draw(t, "url") {
			flags["gateways.main.url"] = secret
		}
		_, err := config.Load(config.Options{NoFile: true, Env: env, Flags: flags})
		require.Error(t, err)
		require.NotContains(t, err.Error(), word)
	})
}

// The parser of the file quotes what it does not understand; duly does not.
func TestProblemsOfTheFileKeepSecrets(t *testing.T) {
	for _, content := range []string{
		"database: {dsn: *sesame}\n", "database: {dsn: !!int sesame}\n", "database: {dsn: !!binary sesame}\n", "database:\n  dsn: \"sesame\\q\"\n",
		"database: {dsn: &sesame [a]}\n", "database: {dsn: {sesame: 1}}\n", "database: {dsn: 'sesame}\n", "database: {dsn: [sesame]}\n",
		"gateways: {main: {url: 'http://u:sesame@h', token: [[sesame]]}}\n", "sesame", "- sesame", "slack: {token: @sesame}\n", "slack: {token: %sesame}\n",
	} {
		_, err := load(t, content)
		require.Error(t, err, content)
		require.NotContains(t, err.Error(), "sesame", content)
	}
}
