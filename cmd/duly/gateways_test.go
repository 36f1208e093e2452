package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/adapters"
	"duly/internal/batch"
)

// The codes of a provider are listed without a configuration.
func TestGatewayCodes(t *testing.T) {
	t.Parallel()
	for _, name := range adapters.CodeTables() {
		got := duly(t, same, nil, "gateways", "codes", name)
		require.Equal(t, batch.ExitDone, got.code, got.err)
		require.Regexp(t, `(?m)charge\s+\S+\s+([45]\d\d\s+)?misconfigured`, got.out)
		require.Regexp(t, `(?m)refund\s+\S+\s+([45]\d\d\s+)?refused`, got.out)

		got = duly(t, same, nil, "gateways", "codes", name, "--json")
		require.Equal(t, batch.ExitDone, got.code, got.err)
		var view adapters.Codes
		require.NoError(t, json.Unmarshal([]byte(got.out), &view))
		require.Equal(t, adapters.CodesOf(name), view)
		for _, c := range view.Codes {
			require.Contains(t, []string{"charge", "refund", "record"}, c.Of)
		}
	}
	for args, says := range map[string]string{
		"gateways codes":              "give one type: kakaopay, portone, stripe or toss",
		"gateways codes xyz":          `unknown type "xyz": give kakaopay, portone, stripe or toss`,
		"gateways codes toss portone": "give one type: kakaopay, portone, stripe or toss",
		"gateways":                    "duly gateways needs a command: codes",
	} {
		got := duly(t, same, nil, strings.Fields(args)...)
		require.Equal(t, batch.ExitUsage, got.code, args)
		require.Equal(t, "duly: "+says+"\n", got.err)
	}
}
