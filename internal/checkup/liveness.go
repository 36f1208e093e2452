package checkup

import (
	"context"
	"errors"

	"duly/internal/exit"
	"duly/internal/gateway"
	"duly/internal/gateway/gatewaytest/outside"
)

// account returns the capabilities of the account that the suite would charge, and in a word whether it may be charged. The error says why it may
// not, or why there is nothing to check.
func account(ctx context.Context, asked Conformance, suite outside.Suite) (able gateway.Capabilities, stated string, err error) {
	able = suite.Gateway.Capabilities()
	checker, asks := suite.Gateway.(gateway.LiveChecker)
	if !asks { // nothing is asked of an account that may not be charged
		if stated, err = permitted(asked, able, "key"); err != nil {
			return able, "", err
		}
	}
	if err := suite.Reach(ctx); err != nil {
		key := "url"
		if errors.Is(err, gateway.ErrMisconfigured) {
			key = "token"
		}
		return able, "", exit.Usagef("gateway %s: %w: check gateways.%s.%s", asked.Gateway, err, asked.Gateway, key)
	}
	if asks {
		able.Live = livenessOf(ctx, checker, suite)
		stated, err = permitted(asked, able, "channel")
	}
	return able, stated, err
}

// livenessOf is live if one of the methods is, and a sandbox if all are.
func livenessOf(ctx context.Context, checker gateway.LiveChecker, suite outside.Suite) gateway.Liveness {
	all := gateway.LivenessSandbox
	for _, method := range suite.Methods {
		switch checker.LiveOf(ctx, method) {
		case gateway.LivenessLive:
			return gateway.LivenessLive
		case gateway.LivenessUnknown:
			all = gateway.LivenessUnknown
		case gateway.LivenessSandbox:
		}
	}
	if len(suite.Methods) == 0 {
		return gateway.LivenessUnknown
	}
	return all
}

// permitted returns the kind of account in a word; an error if the operator has not permitted charges. by names the setting that marks an account as
// live.
func permitted(asked Conformance, able gateway.Capabilities, by string) (string, error) {
	name := asked.Gateway
	switch {
	case asked.Live:
		return "live", nil
	case able.Live == gateway.LivenessLive:
		return "", exit.Usagef("gateway %s is live, its %s says so: --conformance would take real money from the customers of the methods that are named. "+
			"Configure a sandbox account, or give --live", name, by)
	case able.Live == gateway.LivenessSandbox, asked.Sandbox:
		return "sandbox", nil
	}
	return "", exit.Usagef("whether gateway %s at %s takes real money, duly does not know: give --sandbox if it does not, or --live if it does and is to be charged", name, able.Address)
}
