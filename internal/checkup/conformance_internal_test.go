package checkup

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duly/config"
	"duly/internal/gateway"
	"duly/internal/gateway/gatewaytest"
	"duly/internal/gateway/gatewaytest/outside"
)

// Every type of gateways that is not docs/payments-api.yaml is held to its own provider's documents: a new one must not be held to an API that
// it does not speak.
func TestEveryTypeHasItsContract(t *testing.T) {
	for _, kind := range config.GatewayTypes() {
		if kind == "httpapi" {
			require.Empty(t, outside.ProviderOf(kind).API.Provider)
			require.Zero(t, gatewaytest.TraitsOf(kind))
			continue
		}
		require.NotEmpty(t, outside.ProviderOf(kind).API.Provider, "%s is not in outside.ProviderOf", kind)
		require.NotZero(t, gatewaytest.TraitsOf(kind), "%s is not in gatewaytest.TraitsOf", kind)
	}
}

// An account is charged if its adapter calls it a sandbox, or an operator says what it is. What an adapter calls live nobody can call
// a sandbox.
func TestWhichAccountsAreCharged(t *testing.T) {
	for _, c := range []struct {
		live          gateway.Liveness
		sandbox, real bool
		stated, says  string
	}{
		{gateway.LivenessUnknown, false, false, "", "duly does not know"},
		{gateway.LivenessUnknown, true, false, "sandbox", ""},
		{gateway.LivenessUnknown, false, true, "live", ""},
		{gateway.LivenessSandbox, false, false, "sandbox", ""},
		{gateway.LivenessSandbox, false, true, "live", ""},
		{gateway.LivenessLive, false, false, "", "is live, its key says so"},
		{gateway.LivenessLive, true, false, "", "is live, its key says so"},
		{gateway.LivenessLive, false, true, "live", ""},
	} {
		stated, err := permitted(Conformance{Gateway: "main", Sandbox: c.sandbox, Live: c.real}, gateway.Capabilities{Live: c.live}, "key")
		require.Equal(t, c.stated, stated, "%+v", c)
		if c.says == "" {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, c.says)
		}
	}
}
