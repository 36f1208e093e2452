package portone

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"

	"duly/internal/gateway"
)

var _ gateway.LiveChecker = (*Client)(nil)

// pathBillingKey is the path of a billing key, which is a secret: traces show the template.
const pathBillingKey = "/billing-keys/{billingKey}"

// liveChannel is the type of a channel that takes money.
const liveChannel = "LIVE"

// channelBody is a channel of a billing key.
type channelBody struct {
	Type       string `json:"type"`
	Key        string `json:"key"`
	PGProvider string `json:"pgProvider"`
}

// harmless are the companies whose test channels are known to move no money: those of others take it, and refund it the same day.
//
//nolint:gochecknoglobals // a constant list
var harmless = []string{"TOSSPAYMENTS", "KAKAOPAY"}

// LiveOf implements [gateway.LiveChecker]: it sends one GET for the billing key, and goes by the type of the channel that charges go through. The
// secret is the same for test and live channels.
func (c *Client) LiveOf(ctx context.Context, method string) gateway.Liveness {
	a := c.send(ctx, request{method: http.MethodGet, path: pathBillingKey, id: method, request: "duly-live", hidden: []string{method}, many: true})
	var b struct {
		Channels []channelBody `json:"channels"`
	}
	if a.Err != nil || a.Status != http.StatusOK || a.IsPage() || json.Unmarshal(a.Body, &b) != nil {
		return gateway.LivenessUnknown
	}
	if c.config.ChannelKey != "" {
		b.Channels = slices.DeleteFunc(b.Channels, func(ch channelBody) bool { return ch.Key != c.config.ChannelKey })
	}
	return liveness(b.Channels)
}

// liveness returns whether a charge through one of several channels takes money.
func liveness(channels []channelBody) gateway.Liveness {
	if len(channels) == 0 {
		return gateway.LivenessUnknown
	}
	all := gateway.LivenessSandbox
	for _, ch := range channels {
		switch {
		case ch.Type == liveChannel:
			return gateway.LivenessLive
		case ch.Type != testChannel || !slices.Contains(harmless, ch.PGProvider):
			all = gateway.LivenessUnknown
		}
	}
	return all
}
