package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/gateway/simulator"
	"duly/internal/payment"
)

// apartFrom is a provider that the shop's database knows nothing of, and a configuration without a database.
func apartFrom(t *testing.T, kind, token string, c simulator.Config) (s *shop, sim *simulator.Simulator) {
	t.Helper()
	c.Token = token
	sim, err := simulator.Speak(kind, c)
	require.NoError(t, err)
	server := httptest.NewServer(sim)
	t.Cleanup(func() { server.Close(); sim.Close() })
	env := []string{"DULY_GATEWAYS_MAIN_URL=" + server.URL, "DULY_GATEWAYS_MAIN_TOKEN=" + token, "DULY_GATEWAYS_MAIN_TYPE=" + kind, "DULY_RUN_LEASE=2m"}
	if kind == "kakaopay" {
		env = append(env, "DULY_GATEWAYS_MAIN_CID=TCSUBSCRIP")
	}
	return &shop{each: same, env: env}, sim
}

func TestConformanceOfProviders(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ kind, token, account string }{
		{"portone", "secret-of-the-store", "sandbox"},
		{"toss", "test_sk_of-the-shop", "sandbox"},
		{"stripe", "rk_test_of-the-shop", "sandbox"},
		{"kakaopay", "secret-of-the-application", "sandbox"},
	} {
		t.Run(c.kind, func(t *testing.T) {
			t.Parallel()
			s, sim := apartFrom(t, c.kind, c.token, simulator.Config{})
			args := []string{"--method", "ok=pm_ok", "--method", "declined=pm_stolen_card"}
			if c.kind != "portone" {
				args = append(args, "--gateway-customer", "cus_of-the-sandbox", "--customer", "cus_of-the-sandbox")
			}
			got := conform(t, s, args...)
			require.Equal(t, batch.ExitDone, got.code, got.out+got.err)
			require.Contains(t, got.out, "· sandbox · at most 30 payments of 1,000 KRW, all refunded · at most 10m")
			require.Contains(t, got.out, "\n✓ time of a payment\n")
			require.Regexp(t, `\n– what only happens live\s+cannot be shown here: `, got.out)
			require.Regexp(t, `\n✓ main: of \d+ rules \d+ hold, \d+ not checked · `, got.out)
			require.NotContains(t, got.out, "cus_of-the-sandbox")
			for e := range sim.Entries() {
				require.False(t, e.Status == payment.Succeeded && e.Refunded < e.Amount, "payment %s is kept", e.ID)
			}
			report := document[conformance](t, conform(t, s, append(args, "--json")...))
			require.True(t, report.Conforms)
			require.Equal(t, c.account, report.Account)
			require.Equal(t, c.account, report.Stated)
		})
	}
}

// The block of docs/gateways.md is a sandbox at the simulator. Where its channel is replaced duly cannot tell, and takes the operator's word.
func TestConformanceOfTheDocumentedBlock(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/gateways.md")
	require.NoError(t, err)
	block := regexp.MustCompile(`(?m)^ +store_id: (\S+)\n +channel_key: (\S+)$`).FindSubmatch(page)
	require.Len(t, block, 3)
	s, _ := apartFrom(t, "portone", "secret_1", simulator.Config{})
	s.env = append(s.env, "DULY_GATEWAYS_MAIN_STORE_ID="+string(block[1]), "DULY_GATEWAYS_MAIN_CHANNEL_KEY="+string(block[2]))
	got := conform(t, s, "--method", "ok=pm_ok")
	require.Equal(t, batch.ExitDone, got.code, got.out+got.err)
	require.Contains(t, got.out, "· sandbox · at most 30 payments")

	s.env = append(s.env, "DULY_GATEWAYS_MAIN_CHANNEL_KEY=channel-key-1")
	got = conform(t, s, "--method", "ok=pm_ok")
	require.Equal(t, batch.ExitUsage, got.code, got.out)
	require.Contains(t, got.err, "duly does not know: give --sandbox")
	got = conform(t, s, "--sandbox", "--method", "ok=pm_ok")
	require.Equal(t, batch.ExitDone, got.code, got.out+got.err)
}

func TestConformanceOfAProviderIsBroken(t *testing.T) {
	t.Parallel()
	s, _ := apartFrom(t, "stripe", "sk_test_of-the-shop", simulator.Config{Methods: map[string]string{"pm_ok": "wrong_amount"}})
	got := conform(t, s, "--method", "ok=pm_ok", "--gateway-customer", "cus_of-the-sandbox")
	require.Equal(t, batch.ExitUsage, got.code, got.out+got.err)
	require.Contains(t, got.out, "✗ charge                      gateway booked 1,001 KRW, invoice is 1,000 KRW\n")
	require.Contains(t, got.out, "  contract   A payment shows the key, the reference, the amount and the currency of its charge, and the customer where one is kept.\n")
	require.Contains(t, got.out, "  source     docs/protocol.md: what duly needs of every provider\n")
	require.Contains(t, got.out, "  request    POST /v1/payment_intents Idempotency-Key: duly-ct-")
	require.Contains(t, got.out, "  body       amount=1000&currency=krw&confirm=true&off_session=true&metadata[duly_key]=duly-ct-")
	require.Contains(t, got.out, `  answer     200 {"id":"pi_`)
	require.NotContains(t, got.out, "cus_of-the-sandbox")
	require.NotContains(t, got.out, "pm_ok")
}

// PortOne's secret is one for test and live channels: the channel of the billing key tells, and nobody can call a live one a sandbox.
func TestConformanceOfALiveChannelIsRefused(t *testing.T) {
	t.Parallel()
	s, sim := apartFrom(t, "portone", "secret", simulator.Config{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/billing-keys/") {
			_, _ = w.Write([]byte(`{"channels":[{"type":"LIVE","key":"channel-key-1","pgProvider":"TOSSPAYMENTS"}]}`))
			return
		}
		sim.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	s.env = append(s.env, "DULY_GATEWAYS_MAIN_URL="+server.URL)
	got := conform(t, s, "--sandbox", "--method", "ok=pm_ok")
	require.Equal(t, batch.ExitUsage, got.code, got.out)
	require.Contains(t, got.err, "is live, its channel says so")
	require.Empty(t, sim.Ledger())
	got = conform(t, s, "--live", "--method", "ok=pm_ok")
	require.Equal(t, batch.ExitDone, got.code, got.out+got.err)
	require.Contains(t, got.out, "· live · at most 30 payments")
}

// What an account is its own marks say: nobody has to say that a test key is a sandbox, and nobody can say it of a live one.
func TestConformanceOfALiveProviderIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ kind, token, env, args, says string }{
		"a live key of Stripe":          {"stripe", "sk_live_of-the-shop", "", "--gateway-customer cus_1", "is live, its key says so"},
		"a restricted live key":         {"stripe", "rk_live_of-the-shop", "", "--sandbox --gateway-customer cus_1", "is live, its key says so"},
		"a live key of Toss":            {"toss", "live_sk_of-the-shop", "", "--sandbox --gateway-customer customer-key", "is live, its key says so"},
		"a CID of KakaoPay's":           {"kakaopay", "secret", "DULY_GATEWAYS_MAIN_CID=C123456789", "--gateway-customer user", "duly does not know"},
		"a channel that nobody knows":   {"portone", "secret", "DULY_GATEWAYS_MAIN_CHANNEL_KEY=channel-key-other", "", "duly does not know"},
		"a secret that is wrong":        {"portone", "secret", "DULY_GATEWAYS_MAIN_TOKEN=other", "", "check gateways.main.token"},
		"without its second identifier": {"toss", "test_sk_1", "", "", "give it as --gateway-customer"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, sim := apartFrom(t, c.kind, c.token, simulator.Config{})
			if c.env != "" {
				s.env = append(s.env, c.env)
			}
			got := conform(t, s, append([]string{"--method", "ok=pm_ok"}, strings.Fields(c.args)...)...)
			require.Equal(t, batch.ExitUsage, got.code, got.out)
			require.Contains(t, got.err, c.says)
			require.Empty(t, sim.Ledger())
		})
	}
}
