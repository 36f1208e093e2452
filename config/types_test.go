package config_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/config"
)

// gateway loads one gateway with these keys.
func gateway(t *testing.T, keys map[string]any) (config.Gateway, error) {
	t.Helper()
	flags := map[string]any{"run.lease": "90s"}
	for key, value := range keys {
		flags["gateways.main."+key] = value
	}
	c, err := config.Load(config.Options{NoFile: true, Env: []string{"DULY_GATEWAYS_MAIN_TOKEN=tok"}, Flags: flags})
	if err != nil {
		return config.Gateway{}, err
	}
	return c.Gateways["main"], nil
}

// A type brings its own defaults, below whatever is set, wherever the type itself is set.
func TestDefaultsOfTypes(t *testing.T) {
	g, err := gateway(t, map[string]any{"type": "portone", "channel_key": "channel-key-1", "test_channels": "[channel-key-2, channel-key-3]"})
	require.NoError(t, err)
	require.Equal(t, "https://api.portone.io", g.URL)
	require.Equal(t, []time.Duration{60 * time.Second, 3 * time.Hour, 10 * time.Minute, time.Minute}, []time.Duration{g.Timeout, g.KeyLife, g.LongestRequest, g.ListLag})
	require.True(t, g.ChargesOnce)
	require.True(t, g.List)
	require.Equal(t, []string{"", "channel-key-1"}, []string{g.StoreID, g.ChannelKey})
	require.Equal(t, []string{"channel-key-2", "channel-key-3"}, g.TestChannels)

	g, err = gateway(t, map[string]any{"type": "portone", "url": "http://127.0.0.1:1", "key_life": "1h", "charges_once": "false", "list": "false", "store_id": "store-1"})
	require.NoError(t, err)
	require.Equal(t, "http://127.0.0.1:1", g.URL)
	require.Equal(t, time.Hour, g.KeyLife)
	require.False(t, g.ChargesOnce || g.List)

	g, err = gateway(t, map[string]any{"type": "kakaopay", "cid": "TCSUBSCRIP", "cid_secret": "s"})
	require.NoError(t, err)
	require.Equal(t, "https://open-api.kakaopay.com", g.URL)
	require.Equal(t, []time.Duration{60 * time.Second, 0, 10 * time.Minute}, []time.Duration{g.Timeout, g.KeyLife, g.LongestRequest})
	require.False(t, g.LookUp || g.List)
	require.Equal(t, []string{"TCSUBSCRIP", "s"}, []string{g.CID, g.CIDSecret.Reveal()})

	g, err = gateway(t, map[string]any{"type": "stripe"})
	require.ErrorContains(t, err, "run.lease: 1m30s is too short for gateways.main: give 1m40s or more")
	require.Empty(t, g)
	g, err = gateway(t, map[string]any{"type": "stripe", "timeout": "70s"})
	require.NoError(t, err)
	require.Equal(t, "https://api.stripe.com", g.URL)
	require.Equal(t, []time.Duration{24 * time.Hour, 10 * time.Minute}, []time.Duration{g.KeyLife, g.LongestRequest})
	require.False(t, g.ChargesOnce)

	g, err = gateway(t, map[string]any{"type": "toss"})
	require.NoError(t, err)
	require.Equal(t, "https://api.tosspayments.com", g.URL)
	require.Equal(t, []time.Duration{60 * time.Second, 336 * time.Hour, 10 * time.Minute, 10 * time.Minute}, []time.Duration{g.Timeout, g.KeyLife, g.LongestRequest, g.ListLag})
	require.False(t, g.ChargesOnce)

	g, err = gateway(t, map[string]any{"url": "http://127.0.0.1:1", "store_id": "none"})
	require.NoError(t, err)
	require.Equal(t, []time.Duration{30 * time.Second, 24 * time.Hour, 2 * time.Minute}, []time.Duration{g.Timeout, g.KeyLife, g.LongestRequest})
	require.False(t, g.ChargesOnce)
}

// A type that is unknown has no defaults, so that nothing follows from those it would have.
func TestUnknownTypeIsOneProblem(t *testing.T) {
	_, err := gateway(t, map[string]any{"type": "tos"})
	require.Equal(t, []string{`gateways.main.type: "tos" is unknown: give httpapi, portone, toss, stripe or kakaopay (a flag)`}, problems(t, err))
}

// Keys that cannot charge are refused by their form. The key itself is not repeated.
func TestWrongTokens(t *testing.T) {
	const ofStripe, ofToss = "give Stripe's secret key, sk_… or rk_…", "give Toss's secret key of the API, test_sk_… or live_sk_…"
	for token, c := range map[string]struct{ kind, begins, give string }{
		"pk_test_51abc":  {"stripe", "pk_", ofStripe},
		"whsec_51abc":    {"stripe", "whsec_", ofStripe},
		"test_sk_51abc":  {"stripe", "test_sk_", ofStripe},
		"live_gsk_51abc": {"stripe", "live_gsk_", ofStripe},
		"test_gsk_51abc": {"toss", "test_gsk_", ofToss},
		"live_ck_51abc":  {"toss", "live_ck_", ofToss},
		"sk_test_51abc":  {"toss", "sk_", ofToss},
		"rk_live_51abc":  {"toss", "rk_", ofToss},
	} {
		_, err := gateway(t, map[string]any{"type": c.kind, "token": token, "timeout": "60s"})
		require.Equal(t, []string{"gateways.main.token: a key that begins with " + c.begins + " cannot charge: " + c.give + " (a flag)"}, problems(t, err), token)
	}
	for token, kind := range map[string]string{"sk_test_1": "stripe", "rk_live_1": "stripe", "test_sk_1": "toss", "live_sk_1": "toss", "tok": "stripe"} {
		_, err := gateway(t, map[string]any{"type": kind, "token": token, "timeout": "60s"})
		require.NoError(t, err, token)
	}
}

// What a type cannot do is refused in one line.
func TestWhatATypeCannotDo(t *testing.T) {
	for want, keys := range map[string]map[string]any{
		`gateways.main.type: "strip" is unknown: give httpapi, portone, toss, stripe or kakaopay`:                                      {"type": "strip"},
		"gateways.main.look_up: a gateway of type portone is always asked what became of a charge: leave it out":                       {"type": "portone", "look_up": "false"},
		"gateways.main.key_life: a gateway of type portone keeps keys: give more than longest_request (10m)":                           {"type": "portone", "key_life": "0s"},
		"gateways.main.store_id: is for gateways of type portone: leave it out":                                                        {"url": "http://h", "store_id": "store-1"},
		"gateways.main.channel_key: is for gateways of type portone: leave it out":                                                     {"url": "http://h", "channel_key": "c"},
		"gateways.main.store_id: is not plain printable text: copy it from the provider's console, or say none":                        {"type": "portone", "store_id": "store 1"},
		"gateways.main.token: missing: give PortOne's V2 API secret, here, in DULY_GATEWAYS_MAIN_TOKEN or by gateways.main.token_file": {"type": "portone", "token": ""},
		"gateways.main.token: missing: give Stripe's secret key, sk_… or rk_…, here":                                                   {"type": "stripe", "token": ""},
		"gateways.main.cid: missing: give the merchant's code for subscriptions":                                                       {"type": "kakaopay"},
		"gateways.main.key_life: KakaoPay keeps no keys":                                                                               {"type": "kakaopay", "cid": "c", "key_life": "24h"},
		"gateways.main.list: KakaoPay keeps no keys":                                                                                   {"type": "kakaopay", "cid": "c", "list": "true"},
		"gateways.main.test_channels: is for gateways of type portone: leave it out":                                                   {"type": "stripe", "timeout": "70s", "test_channels": "[c]"},
		`gateways.main.test_channels: "" is no key of a channel: give such as`:                                                         {"type": "portone", "test_channels": "[c,]"},
		"gateways.main.cid: is for gateways of type kakaopay: leave it out":                                                            {"type": "stripe", "cid": "c"},
		"gateways.main.channel_key: is for gateways of type portone":                                                                   {"type": "stripe", "channel_key": "c"},
		"gateways.main.list: Stripe finds a charge by its key among the payments of one customer alone":                                {"type": "stripe", "timeout": "70s", "list": "false"},
		"gateways.main.store_id: is for gateways of type portone: leave it out (a flag)":                                               {"type": "toss", "store_id": "store-1"},
		"gateways.main.look_up: a gateway of type toss is always asked":                                                                {"type": "toss", "look_up": "false"},
		"gateways.main.key_life: Toss keeps keys for 15d: give as much or less":                                                        {"type": "toss", "key_life": "16d"},
		"gateways.main.token: missing: give Toss's secret key, here":                                                                   {"type": "toss", "token": ""},
		"run.lease: 60s is too short for gateways.main: give 80s or more (its time-out of 60s + 3 heartbeats of 5s + 5s)":              nil,
	} {
		if keys == nil {
			_, err := config.Load(config.Options{NoFile: true, Env: []string{"DULY_GATEWAYS_MAIN_TYPE=portone", "DULY_GATEWAYS_MAIN_TOKEN=tok"}})
			require.ErrorContains(t, err, "run.lease: 1m is too short for gateways.main: give 1m20s or more")
			continue
		}
		_, err := gateway(t, keys)
		require.ErrorContains(t, err, want)
	}
}
