package config_test

import (
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/config"
)

func TestRulesBetweenKeys(t *testing.T) {
	const at = "gateways.main."
	for _, test := range []struct {
		name string
		set  map[string]any
		err  string
	}{
		{"lease just long enough", map[string]any{"run.lease": "50s"}, ""},
		{
			"lease too short for the time-out",
			map[string]any{"run.lease": "49s"},
			"run.lease: 49s is too short for gateways.main: give 50s or more (its time-out of 30s + 3 heartbeats of 5s + 5s) (a flag)",
		},
		{
			"time-out too long for the lease",
			map[string]any{at + "timeout": "41s"},
			"run.lease: 1m is too short for gateways.main: give 1m1s or more (its time-out of 41s + 3 heartbeats of 5s + 5s)",
		},
		{
			"heartbeat too slow for the lease",
			map[string]any{"run.heartbeat": "9s"},
			"run.lease: 1m is too short for gateways.main: give 1m2s or more (its time-out of 30s + 3 heartbeats of 9s + 5s)",
		},
		{
			"drain as long as the lease",
			map[string]any{"run.drain": "60s"},
			"run.drain: 1m is not shorter than run.lease (1m): give less, so that a drained run still owns its rows (a flag)",
		},
		{"drain just shorter", map[string]any{"run.drain": "59s"}, ""},
		{"no drain at all", map[string]any{"run.drain": "0s"}, ""},
		{"longest request equal to the time-out", map[string]any{at + "longest_request": "30s"}, ""},
		{
			"longest request shorter than the time-out",
			map[string]any{at + "longest_request": "29s"},
			at + "longest_request: 29s is shorter than the time-out (30s): give as much or more (a flag)",
		},
		{"no keys", map[string]any{at + "key_life": "0"}, ""},
		{"keys that live just longer than a request", map[string]any{at + "key_life": "2m1s"}, ""},
		{
			"keys that live no longer than a request",
			map[string]any{at + "key_life": "2m"},
			at + "key_life: 2m is not longer than longest_request (2m): give more, or 0 for a service that keeps no keys (a flag)",
		},
		{"circuit's minimum equal to its window", map[string]any{at + "circuit.minimum": 40}, ""},
		{
			"circuit's minimum above its window",
			map[string]any{at + "circuit.minimum": 41},
			at + "circuit.minimum: 41 is more than the window (40), so that the circuit could never open: give as much or less (a flag)",
		},
		{
			"giving up before looking",
			map[string]any{"reconcile.give_up_after": "9m"},
			"reconcile.give_up_after: 9m is shorter than reconcile.older_than (10m): give as much or more (a flag)",
		},
		{
			"unsigned webhook",
			map[string]any{"outbox.url": "https://h"},
			"outbox.secret: missing: what is sent to outbox.url is signed with it",
		},
		{
			"a secret that is its own successor",
			map[string]any{"outbox.secret": "whsec_Y2hhbmdlLW1lLWNoYW5nZS1tZS1jaGFuZ2UtbWU=", "outbox.previous_secret": "whsec_Y2hhbmdlLW1lLWNoYW5nZS1tZS1jaGFuZ2UtbWU="},
			"outbox.previous_secret: is the same as outbox.secret: give the one before, or none (a flag)",
		},
		{
			"two ways to Slack",
			map[string]any{"slack.webhook_url": "https://h", "slack.token": "t", "slack.channel": "c"},
			"slack.webhook_url: given beside slack.token: keep one of the two (a flag)",
		},
		{"a bot", map[string]any{"slack.token": "t", "slack.channel": "c"}, ""},
		{
			"a bot without a channel",
			map[string]any{"slack.token": "t"},
			"slack.channel: missing: say which channel the bot of slack.token writes to",
		},
		{
			"a channel without a bot",
			map[string]any{"slack.channel": "c"},
			"slack.token: missing: slack.channel needs a bot's token; a webhook has its own channel",
		},
		{
			"nowhere to keep the private data",
			map[string]any{"database.dsn": "private"},
			"database.private_dir: missing: neither XDG_DATA_HOME nor HOME is set: give an absolute path",
		},
		{"a rule that rests on what cannot be read", map[string]any{"run.lease": "soon"}, "run.lease: " +
			`"soon" is no duration: write such as 500ms, 30s, 5m, 24h, 90d or 1d12h (a flag)`},
		{"the same, of another key", map[string]any{at + "timeout": "0", "run.lease": "10s", "run.drain": "1s"}, at + "timeout: " +
			`"0" is too short: give 1ms or more (a flag)`},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := config.Load(config.Options{NoFile: true, Env: one(), Flags: test.set})
			if test.err == "" {
				require.NoError(t, err)
				return
			}
			require.Equal(t, []string{test.err}, problems(t, err))
		})
	}
}

func TestLeaseWithoutGateways(t *testing.T) {
	set := map[string]any{"run.lease": "20s", "run.drain": "1s"}
	_, err := config.Load(config.Options{NoFile: true, Flags: set})
	require.NoError(t, err)

	set = maps.Clone(set)
	set["run.lease"] = "19s"
	_, err = config.Load(config.Options{NoFile: true, Flags: set})
	require.Equal(t, []string{
		"run.lease: 19s is too short: give 20s or more (3 heartbeats of 5s + 5s, and a gateway's time-out) (a flag)",
	}, problems(t, err))
}

func TestConnectTimeoutIsCut(t *testing.T) {
	c, err := config.Load(config.Options{NoFile: true, Env: append(one(), "DULY_GATEWAYS_MAIN_TIMEOUT=4s")})
	require.NoError(t, err)
	require.Equal(t, 4*time.Second, c.Gateways["main"].ConnectTimeout)
}

func TestPrivateFolder(t *testing.T) {
	for _, test := range []struct {
		name string
		env  []string
		want string
	}{
		{"home", []string{"HOME=/home/u"}, "/home/u/.local/share/duly/mariadb"},
		{"data home", []string{"HOME=/home/u", "XDG_DATA_HOME=/data"}, "/data/duly/mariadb"},
		{"data home first", []string{"XDG_DATA_HOME=/data", "HOME=/home/u"}, "/data/duly/mariadb"},
		{"a relative data home is none", []string{"HOME=/home/u", "XDG_DATA_HOME=data"}, "/home/u/.local/share/duly/mariadb"},
		{"given", []string{"HOME=/home/u", "DULY_DATABASE_PRIVATE_DIR=/srv/db"}, "/srv/db"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, err := config.Load(config.Options{NoFile: true, Env: append(test.env, "DULY_DATABASE_DSN=private")})
			require.NoError(t, err)
			require.Equal(t, test.want, c.Database.PrivateDir)
			require.Equal(t, "private", c.Database.Address())
		})
	}
}
