// Package adapters makes the client of each type of gateway: the only place that knows them all.
package adapters

import (
	"fmt"
	"strings"

	"duly/config"
	"duly/internal/gateway"
	"duly/internal/gateway/httpapi"
	"duly/internal/gateway/kakaopay"
	"duly/internal/gateway/portone"
	"duly/internal/gateway/provider"
	"duly/internal/gateway/stripe"
	"duly/internal/gateway/toss"
	"duly/internal/session"
)

// New makes the client of one gateway by its type; another provider is another case. Nothing is sent yet. The error names every problem with
// g, and no secret.
func New(s *session.Session, name string, g config.Gateway) (gateway.Gateway, error) {
	switch g.Type {
	case "httpapi":
		return httpapi.New(httpapi.Config{
			Name: name, URL: g.URL, Token: g.Token.Reveal(), Timeout: g.Timeout, ConnectTimeout: g.ConnectTimeout,
			KeyLife: g.KeyLife, LongestRequest: g.LongestRequest, MaxConns: g.Most(), NoFind: !g.LookUp, NoList: !g.List, ListLag: g.ListLag,
			Retention: g.Retention, ChargesOnce: g.ChargesOnce, Now: s.Now, Wrap: s.Wrap,
		})
	case "portone":
		return portone.New(portone.Config{Settings: settings(s, name, g), StoreID: g.StoreID, ChannelKey: g.ChannelKey, TestChannels: g.TestChannels})
	case "toss":
		return toss.New(toss.Config{Settings: settings(s, name, g), KeyPrefix: g.KeyPrefix})
	case "stripe":
		return stripe.New(stripe.Config{Settings: settings(s, name, g)})
	case "kakaopay":
		return kakaopay.New(kakaopay.Config{Settings: settings(s, name, g), CID: g.CID, CIDSecret: g.CIDSecret.Reveal(), KeyPrefix: g.KeyPrefix})
	default:
		return nil, fmt.Errorf("type %q is not one that this version speaks: %s", g.Type, strings.Join(config.GatewayTypes(), ", "))
	}
}

// settings are what every provider of payments is called with.
func settings(s *session.Session, name string, g config.Gateway) provider.Settings {
	return provider.Settings{
		Name: name, URL: g.URL, Token: g.Token.Reveal(), Timeout: g.Timeout, ConnectTimeout: g.ConnectTimeout, KeyLife: g.KeyLife,
		LongestRequest: g.LongestRequest, MaxConns: g.Most(), NoList: !g.List, ListLag: g.ListLag, Retention: g.Retention,
		ChargesOnce: g.ChargesOnce, Now: s.Now, Wrap: s.Wrap,
	}
}
