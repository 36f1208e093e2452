package config_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"duly/config"
)

// ceilings are the default ones.
var ceilings = config.NetworkCeilings{Visa30d: 15, Mastercard30d: 35, Mastercard24h: 10, Unknown30d: 15, Unknown24h: 10}

func TestDefaultsPassTheirOwnChecks(t *testing.T) {
	c, err := config.Load(config.Options{NoFile: true, Env: one()})
	require.NoError(t, err)
	require.Equal(t, config.Gateway{
		Type: "httpapi", URL: "https://pay.example.com", Token: "tok", LookUp: true, List: true, ListLag: time.Minute, Parallelism: 50, MaxParallelism: 256,
		Timeout: 30 * time.Second, ConnectTimeout: 10 * time.Second, Tries: 3, Backoff: 3 * time.Second,
		MaxElapsed: 5 * time.Minute, MaxOutage: 5 * time.Minute, KeyLife: 24 * time.Hour, LongestRequest: 2 * time.Minute,
		Circuit: config.Circuit{Window: 40, Minimum: 20, FailurePercent: 60, OpenFor: 10 * time.Second, HalfOpen: 10},
	}, c.Gateways["main"])
	require.Equal(t, config.Database{MaxOpen: 16, AcquireTimeout: 3 * time.Second}, c.Database)
	require.Equal(t, config.Billing{
		RetryDays: []int{1, 3, 5}, ChunkSize: 500, CatchUp: "default", BrakePercent: 50, GiveUpAfter: 24 * time.Hour,
		RetryOnNewMethod: true, NetworkRules: true, NetworkCeilings: ceilings,
	}, c.Billing)
	require.Equal(t, config.Reconcile{OlderThan: 10 * time.Minute, GiveUpAfter: 24 * time.Hour, Parallelism: 10, ChunkSize: 100}, c.Reconcile)
	require.Equal(t, config.Outbox{Tries: 12}, c.Outbox)
	require.Equal(t, "Asia/Seoul", c.Business.Location().String())
	require.Equal(t, config.Run{Lease: time.Minute, Heartbeat: 5 * time.Second, Drain: 25 * time.Second}, c.Run)
	require.Equal(t, config.Retention{Runs: 90 * 24 * time.Hour, Events: 30 * 24 * time.Hour}, c.Retention)
	require.Equal(t, config.Log{Level: "info", Format: "auto"}, c.Log)
	require.Empty(t, c.Slack)
	require.False(t, c.Slack.Enabled())
	require.Empty(t, c.Metrics)
	require.Equal(t, config.Traces{Sample: 0.01}, c.Traces)
	require.Empty(t, c.Deadman)
}

func TestNothingConfigured(t *testing.T) {
	t.Chdir(t.TempDir())
	c, err := config.Load(config.Options{})
	require.NoError(t, err)
	require.NoError(t, c.Require(false, false))
	require.Equal(t, []string{
		"database.dsn: missing: set it in duly.yaml or in DULY_DATABASE_DSN, as user:password@tcp(host:3306)/schema, " +
			"or as private for a private MariaDB that duly starts itself",
		"gateways: none is configured: set gateways.<name>.url and gateways.<name>.token in duly.yaml, " +
			"or e.g. DULY_GATEWAYS_MAIN_URL and DULY_GATEWAYS_MAIN_TOKEN",
	}, problems(t, c.Require(true, true)))
	require.Len(t, problems(t, c.Require(true, false)), 1)
	require.Len(t, problems(t, c.Require(false, true)), 1)

	c, err = config.Load(config.Options{Env: append(one(), "DULY_DATABASE_DSN=u@tcp(h)/s")})
	require.NoError(t, err)
	require.NoError(t, c.Require(true, true))
}

func TestLaterLayersWin(t *testing.T) {
	path := write(t, "other.yaml", "billing: {chunk_size: 2, brake_percent: 20, catch_up: one}\n"+
		"gateways: {main: {url: 'https://file.example.com', token: from-file, tries: 2, circuit: {window: 30}}}\n")
	c, err := config.Load(config.Options{
		File: path,
		Env: []string{
			"DULY_BILLING_CHUNK_SIZE=3", "DULY_BILLING_BRAKE_PERCENT=30", "DULY_GATEWAYS_MAIN_URL=https://env.example.com",
			"DULY_GATEWAYS_MAIN_CIRCUIT_MINIMUM=10",
		},
		Flags: map[string]any{"billing.chunk_size": 4, "gateways.main.tries": "9", "run.drain": nil},
	})
	require.NoError(t, err)
	require.Equal(t, config.Billing{
		RetryDays: []int{1, 3, 5}, ChunkSize: 4, BrakePercent: 30, CatchUp: "one", GiveUpAfter: 24 * time.Hour, RetryOnNewMethod: true, NetworkRules: true,
		NetworkCeilings: ceilings,
	}, c.Billing)
	g := c.Gateways["main"]
	require.Equal(t, "https://env.example.com", g.URL)
	require.Equal(t, "from-file", g.Token.Reveal())
	require.Equal(t, 9, g.Tries)
	require.Equal(t, config.Circuit{Window: 30, Minimum: 10, FailurePercent: 60, OpenFor: 10 * time.Second, HalfOpen: 10}, g.Circuit)
}

func TestFlagsTakeValues(t *testing.T) {
	c, err := config.Load(config.Options{NoFile: true, Env: one(), Flags: map[string]any{
		"database.dsn":            config.Secret("u:p@tcp(h)/s"),
		"billing.retry_days":      []int{2, 4},
		"run.lease":               90 * time.Second,
		"gateways.main.rate":      12.5,
		"gateways.main.look_up":   false,
		"gateways.main.key_life":  0,
		"gateways.other.url":      "http://other:81",
		"gateways.other.token":    "t",
		"gateways.other.timeout":  "20s",
		"gateways.other.max_outa": 1,
	}})
	require.Equal(t, []string{"gateways.other.max_outa: unknown: did you mean gateways.other.max_outage? (a flag)"}, problems(t, err))
	require.Nil(t, c)

	c, err = config.Load(config.Options{NoFile: true, Env: one(), Flags: map[string]any{
		"database.dsn":           config.Secret("u:p@tcp(h)/s"),
		"billing.retry_days":     []int{2, 4},
		"run.lease":              90 * time.Second,
		"gateways.main.rate":     12.5,
		"gateways.main.look_up":  false,
		"gateways.main.key_life": 0,
	}})
	require.NoError(t, err)
	require.Equal(t, "u:p@tcp(h)/s", c.Database.DSN.Reveal())
	require.Equal(t, []int{2, 4}, c.Billing.RetryDays)
	require.Equal(t, 90*time.Second, c.Run.Lease)
	require.InDelta(t, 12.5, c.Gateways["main"].Rate, 0)
	require.False(t, c.Gateways["main"].LookUp)
	require.Zero(t, c.Gateways["main"].KeyLife)
}

func TestFlagsForEveryGateway(t *testing.T) {
	env := append(one(), "DULY_GATEWAYS_OTHER_URL=http://h", "DULY_GATEWAYS_OTHER_TOKEN=t")
	c, err := config.Load(config.Options{NoFile: true, Env: env, Flags: map[string]any{
		"gateways.<name>.parallelism": 7, "gateways.other.parallelism": 8,
	}})
	require.NoError(t, err)
	require.EqualValues(t, 7, c.Gateways["main"].Parallelism)
	require.EqualValues(t, 8, c.Gateways["other"].Parallelism)

	_, err = config.Load(config.Options{NoFile: true, Flags: map[string]any{"gateways.<name>.parallelism": 7}})
	require.NoError(t, err)
}

func TestDefaultFile(t *testing.T) {
	c, err := load(t, "business: {timezone: UTC}\n")
	require.NoError(t, err)
	require.Equal(t, "UTC", c.Business.Timezone)

	c, err = config.Load(config.Options{NoFile: true})
	require.NoError(t, err)
	require.Equal(t, "Asia/Seoul", c.Business.Timezone)

	_, err = config.Load(config.Options{File: "missing.yaml"})
	require.EqualError(t, err, "missing.yaml: cannot be read: no such file or directory")
}

func TestDirectoryAsFile(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.Mkdir(config.DefaultFile, 0o700))
	_, err := config.Load(config.Options{})
	require.ErrorContains(t, err, "duly.yaml: ")
}

func TestGatewayNamesInVariables(t *testing.T) {
	for _, test := range []struct {
		name string
		file string
		env  []string
		// want is the time-outs to connect, by gateway.
		want map[string]time.Duration
		err  string
	}{
		{
			name: "underscores are dashes",
			env:  []string{"DULY_GATEWAYS_KAKAO_PAY_CONNECT_TIMEOUT=1s"},
			want: map[string]time.Duration{"kakao-pay": time.Second},
		},
		{
			name: "the shorter name, if neither is known",
			env:  []string{"DULY_GATEWAYS_MAIN_CONNECT_TIMEOUT=1s"},
			want: map[string]time.Duration{"main": time.Second},
		},
		{
			name: "the name that the file has",
			file: "gateways: {main-connect: {connect_timeout: 2s}}",
			env:  []string{"DULY_GATEWAYS_MAIN_CONNECT_TIMEOUT=1s"},
			want: map[string]time.Duration{"main-connect": time.Second}, // cut to the time-out
		},
		{
			name: "the name that another variable has",
			env:  []string{"DULY_GATEWAYS_MAIN_CONNECT_TIMEOUT=1s", "DULY_GATEWAYS_MAIN_CONNECT_TRIES=2"},
			want: map[string]time.Duration{"main-connect": time.Second},
		},
		{
			name: "both are known",
			file: "gateways: {main: {tries: 1}, main-connect: {tries: 1}}",
			env:  []string{"DULY_GATEWAYS_MAIN_CONNECT_TIMEOUT=1s"},
			want: map[string]time.Duration{"main": 0, "main-connect": 0},
			err: "DULY_GATEWAYS_MAIN_CONNECT_TIMEOUT: can mean gateways.main.connect_timeout and gateways.main-connect.timeout: " +
				"set it in the file",
		},
		{
			name: "small letters are another variable",
			env:  []string{"DULY_GATEWAYS_main_TRIES=1", "DULY_GATEWAYS_MAIN_RATE=1"},
			want: map[string]time.Duration{"main": 0},
			err:  "DULY_GATEWAYS_main_TRIES: unknown: did you mean DULY_GATEWAYS_MAIN_TRIES?",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			flags := map[string]any{}
			for name := range test.want {
				flags["gateways."+name+".url"] = "http://h"
				flags["gateways."+name+".token"] = "t"
			}
			c, err := config.Load(config.Options{File: write(t, "duly.yaml", test.file), Env: test.env, Flags: flags})
			if test.err != "" {
				require.Equal(t, []string{test.err}, problems(t, err))
				return
			}
			require.NoError(t, err)
			got := map[string]time.Duration{}
			for name, g := range c.Gateways {
				got[name] = g.ConnectTimeout
			}
			require.Equal(t, test.want, got)
		})
	}
}

// Whatever a gateway is called, each of its keys can be set by a variable.
func TestEveryGatewayKeyHasAVariable(t *testing.T) {
	var fields []string
	for _, k := range config.Keys() {
		if field, ok := strings.CutPrefix(k.Name, "gateways.<name>."); ok && !slices.Contains([]string{"url", "token", "key_prefix", "store_id", "channel_key", "test_channels", "cid", "cid_secret"}, field) {
			fields = append(fields, field)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[a-z0-9-]{1,32}`).Draw(t, "name")
		field := rapid.SampledFrom(fields).Draw(t, "field")
		key := "gateways." + name + "." + field
		_, err := config.Load(config.Options{
			NoFile: true,
			Env:    []string{config.Key{Name: key}.Variable() + "=no-such-value"},
			Flags:  map[string]any{"gateways." + name + ".url": "http://h", "gateways." + name + ".token": "t"},
		})
		require.ErrorContains(t, err, "."+field+": ")
		require.ErrorContains(t, err, "no-such-value")
	})
}

func TestEnvironment(t *testing.T) {
	c, err := config.Load(config.Options{NoFile: true, Env: []string{
		"PATH=/bin", "DULY_TEST_CRASH=before-send", "DULY_BILLING_CHUNK_SIZE=", "DULY_BILLING_RETRY_DAYS=2,4", "NOT_DULY_X=1",
	}})
	require.NoError(t, err)
	require.Equal(t, 500, c.Billing.ChunkSize)
	require.Equal(t, []int{2, 4}, c.Billing.RetryDays)

	_, err = config.Load(config.Options{NoFile: true, Env: []string{"DULY_DATABSE_DSN=x", "DULY_=1", "DULY_WHATEVER_IS_IT=1", "DULY_BILLING=1"}})
	require.Equal(t, []string{
		"DULY_: unknown: every variable is in docs/configuration.md",
		"DULY_BILLING: unknown: every variable is in docs/configuration.md",
		"DULY_DATABSE_DSN: unknown: did you mean DULY_DATABASE_DSN?",
		"DULY_WHATEVER_IS_IT: unknown: every variable is in docs/configuration.md",
	}, problems(t, err))
}

func TestSecretsFromFiles(t *testing.T) {
	dir := t.TempDir()
	put := func(name, content string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		return path
	}
	c, err := config.Load(config.Options{NoFile: true, Env: []string{
		"DULY_DATABASE_DSN_FILE=" + put("dsn", "u:p@tcp(h:1)/s\n"),
		"DULY_GATEWAYS_MAIN_URL=http://h",
		"DULY_GATEWAYS_MAIN_TOKEN_FILE=" + put("token", " tok en \r\n\n"),
		"DULY_OUTBOX_SECRET_FILE=" + put("outbox", "whsec_Y2hhbmdlLW1lLWNoYW5nZS1tZS1jaGFuZ2UtbWU="),
		"DULY_SLACK_WEBHOOK_URL_FILE=" + put("slack", "https://hooks.example.com/a/b"),
	}})
	require.NoError(t, err)
	require.Equal(t, "u:p@tcp(h:1)/s", c.Database.DSN.Reveal())
	require.Equal(t, " tok en ", c.Gateways["main"].Token.Reveal())
	require.Equal(t, "whsec_Y2hhbmdlLW1lLWNoYW5nZS1tZS1jaGFuZ2UtbWU=", c.Outbox.Secret.Reveal())
	require.Equal(t, "https://hooks.example.com/a/b", c.Slack.WebhookURL.Reveal())
	require.True(t, c.Slack.Enabled())

	c, err = config.Load(config.Options{NoFile: true, Flags: map[string]any{
		"slack.token_file": put("bot", "xoxb"), "slack.channel": "#ops",
	}})
	require.NoError(t, err)
	require.Equal(t, "xoxb", c.Slack.Token.Reveal())

	_, err = config.Load(config.Options{NoFile: true, Env: append(one(),
		"DULY_GATEWAYS_MAIN_TOKEN_FILE="+put("other", "tok2"),
		"DULY_DATABASE_DSN_FILE="+put("bad", "sesame"),
		"DULY_OUTBOX_SECRET_FILE="+put("empty", "\n"),
		"DULY_SLACK_TOKEN_FILE="+put("large", strings.Repeat("s", 65<<10)),
		"DULY_SLACK_WEBHOOK_URL_FILE=/no/such/file",
	)})
	require.Equal(t, []string{
		"database.dsn: not a DSN: write it as user:password@tcp(host:3306)/schema?name=value, with values percent-encoded and " +
			"tls one of true, false, skip-verify, preferred; or private (the file of database.dsn_file)",
		"gateways.main.token: given beside gateways.main.token_file: keep one of the two (DULY_GATEWAYS_MAIN_TOKEN)",
		"outbox.secret_file: \"" + dir + "/empty\" holds no secret: it has to have some text, of 65536 bytes at most (DULY_OUTBOX_SECRET_FILE)",
		"slack.token_file: \"" + dir + "/large\" holds no secret: it has to have some text, of 65536 bytes at most (DULY_SLACK_TOKEN_FILE)",
		"slack.webhook_url_file: cannot read \"/no/such/file\": no such file or directory (DULY_SLACK_WEBHOOK_URL_FILE)",
	}, problems(t, err))
}

func TestParallelismAuto(t *testing.T) {
	c, err := config.Load(config.Options{NoFile: true, Env: append(one(), "DULY_GATEWAYS_MAIN_PARALLELISM=auto", "DULY_GATEWAYS_MAIN_MAX_PARALLELISM=90")})
	require.NoError(t, err)
	require.Equal(t, config.Auto, c.Gateways["main"].Parallelism)
	require.Equal(t, 90, c.Gateways["main"].Most())
	require.Contains(t, c.String(), "gateways.main.parallelism: auto\n")
	c, err = config.Load(config.Options{NoFile: true, Env: append(one(), "DULY_GATEWAYS_MAIN_PARALLELISM=90")})
	require.NoError(t, err)
	require.Equal(t, 90, c.Gateways["main"].Most())
	require.Contains(t, c.String(), "gateways.main.parallelism: 90\n")
}
