package outside_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/gateway"
	"duly/internal/gateway/contract"
	"duly/internal/gateway/gatewaytest"
	"duly/internal/gateway/gatewaytest/outside"
	"duly/internal/gateway/kakaopay"
	"duly/internal/gateway/portone"
	"duly/internal/gateway/provider"
	"duly/internal/gateway/simulator"
	"duly/internal/gateway/stripe"
	"duly/internal/gateway/toss"
	"duly/internal/payment"
)

// providers are the types of gateways that speak a provider's own API.
func providers() []string { return []string{"portone", "toss", "stripe", "kakaopay"} }

const providerToken = "test_sk_s3cr3t-of-the-shop"

// adapter is the client of a type.
func adapter(kind string, s provider.Settings) (gateway.Gateway, error) {
	switch kind {
	case "portone":
		s.KeyLife = 3 * time.Hour
		return portone.New(portone.Config{Settings: s})
	case "toss":
		return toss.New(toss.Config{Settings: s})
	case "stripe":
		return stripe.New(stripe.Config{Settings: s})
	}
	return kakaopay.New(kakaopay.Config{CID: "TCSUBSCRIP", CIDSecret: "s3cr3t-of-the-cid", Settings: s})
}

// providerSuite is the suite as an operator runs it over a provider, against the simulator of its dialect that is made wrong. Each request is a
// second after the one before it, by the provider's clock and ours.
func providerSuite(t *testing.T, kind string, c simulator.Config, wrong wrongly) (outside.Suite, *simulator.Simulator) {
	t.Helper()
	c.Token = providerToken
	sim, err := simulator.Speak(kind, c)
	require.NoError(t, err)
	var handler http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sim.Advance(time.Second)
		sim.ServeHTTP(w, r)
	})
	if wrong != nil {
		handler = wrong(handler)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	t.Cleanup(sim.Close)
	by := outside.ProviderOf(kind)
	wire := &contract.Wire{API: by.API, Now: sim.Now}
	client := func(token string) gateway.Gateway {
		g, err := adapter(kind, provider.Settings{
			Name: "main", URL: server.URL, Token: token, Timeout: 10 * time.Second, ConnectTimeout: 10 * time.Second, KeyLife: 24 * time.Hour,
			LongestRequest: 10 * time.Minute, MaxConns: 10, Now: sim.Now, Wrap: wire.Wrap,
		})
		require.NoError(t, err)
		t.Cleanup(g.Close)
		return g
	}
	methods := outsideMethods()
	customer, second := "customer-7", "cus_9-second"
	if kind == "kakaopay" {
		customer = second // a SID is of one user
	}
	return outside.Suite{
		Provider: by, Gateway: client(providerToken), Stranger: client("test_sk_of-a-stranger"), Wire: wire, Methods: methods, Customer: customer, GatewayCustomer: second,
		Money: payment.Money{Amount: 1000, Currency: "KRW"}, Prefix: "duly-ct-1-", Now: sim.Now, Within: 2 * time.Minute, Patience: 90 * time.Second,
		Poll: 2 * time.Millisecond,
	}, sim
}

// shown are the rules that are checked at a type, if methods for all are named.
func shown(kind string) []string {
	all := []string{
		"wrong token", "unknown id", "charge", "look-up by id", "declined", "rejected", "refund", "refund: more than was paid", "refund: no such payment", "time of a payment",
		"refund: in parts",
	}
	if kind == "kakaopay" {
		return append(all, "refund: lost answer")
	}
	all = append(all, "unknown key", "look-up by key", "same key again", "lost answer", "cut connection", "same key, ten at once", "same key, another amount", "declined: soft",
		"declined: hard", "declined: action", "declined: try_later", "pending", "pending, then decided", "refund: same key again", "list", "list: edges of the window")
	if kind == "stripe" {
		all = append(all, "cancel: decided already", "cancel: no such payment", "cancel: pending")
	}
	return all
}

// kept are the payments of the simulator's books that still hold money.
func kept(sim *simulator.Simulator) []string {
	var all []string
	for e := range sim.Entries() {
		if e.Status == payment.Succeeded && e.Refunded < e.Amount {
			all = append(all, e.ID)
		}
	}
	return all
}

func TestARightProviderPasses(t *testing.T) {
	t.Parallel()
	for _, kind := range providers() {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s, sim := providerSuite(t, kind, simulator.Config{}, nil)
			require.NoError(t, s.Reach(t.Context()))
			require.Empty(t, s.Problem())
			r := s.Run(t.Context())
			require.Empty(t, brokenRules(r), "%+v", r)
			var holds []string
			for _, result := range r.Results {
				switch {
				case result.State == outside.Holds:
					holds = append(holds, result.Rule)
				case !slices.Contains(neverChecked, result.Rule):
					require.True(t, strings.HasPrefix(result.Detail, outside.CannotBeShown), "%+v", result)
					require.Greater(t, len(result.Detail), len(outside.CannotBeShown)+10)
				}
			}
			require.ElementsMatch(t, shown(kind), holds)
			require.LessOrEqual(t, r.Payments, outside.MostPayments)
			require.NotZero(t, r.Refunded)
			require.Empty(t, r.Kept)
			require.Empty(t, kept(sim))
		})
	}
}

// What a provider is held to is said in its own words, or in duly's, and never in those of an API that it does not speak.
func TestPromisesOfProviders(t *testing.T) {
	t.Parallel()
	require.Zero(t, outside.ProviderOf("httpapi").API.Provider)
	for _, kind := range providers() {
		p := outside.ProviderOf(kind)
		require.NotEmpty(t, p.API.Provider)
		require.Equal(t, gatewaytest.TraitsOf(kind), p.Traits)
		for s, promise := range p.Promises {
			require.True(t, strings.HasSuffix(string(promise.Text), "."), "%s: %s", kind, s)
			require.NotEmpty(t, promise.Source)
		}
		rules := outside.Rules(kind)
		for rule, why := range p.Cannot {
			require.Contains(t, rules, rule)
			require.NotEmpty(t, why)
		}
	}
}
