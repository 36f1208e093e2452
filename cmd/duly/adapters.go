package main

import (
	"fmt"

	"duly/config"
	"duly/internal/gateway"
	"duly/internal/gateway/httpapi"
	"duly/internal/session"
)

// newGateway makes the client of one gateway by its type; another provider is another case.
func newGateway(s *session.Session, name string, g config.Gateway) (gateway.Gateway, error) {
	switch g.Type {
	case "httpapi":
		return httpapi.New(httpapi.Config{
			Name: name, URL: g.URL, Token: g.Token.Reveal(), Timeout: g.Timeout, ConnectTimeout: g.ConnectTimeout,
			KeyLife: g.KeyLife, LongestRequest: g.LongestRequest, MaxConns: g.Most(), NoFind: !g.LookUp, NoList: !g.List, ListLag: g.ListLag,
			Retention: g.Retention, ChargesOnce: g.ChargesOnce, Now: s.Now, Wrap: s.Wrap,
		})
	default:
		return nil, fmt.Errorf("type %q is not one that this version speaks: httpapi", g.Type)
	}
}
