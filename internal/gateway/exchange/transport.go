package exchange

import (
	"context"
	"net"
	"net/http"
	"time"
)

const (
	idleConnection = 60 * time.Second
	keepAlive      = 15 * time.Second
	maxHeaders     = 64 << 10
)

// newTransport makes the connection pool of one client. It speaks HTTP/1.1 alone, where a connection carries
// one request at a time, so that what the socket saw is what the request did. It knows no proxy: a proxy's
// answers would be taken for the gateway's.
func newTransport(c Config) *http.Transport {
	dialer := &net.Dialer{Timeout: c.ConnectTimeout, KeepAlive: keepAlive}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &socket{Conn: conn}, nil
		},
		TLSHandshakeTimeout:    c.ConnectTimeout,
		Protocols:              protocols,
		MaxConnsPerHost:        c.MaxConns,
		MaxIdleConns:           c.MaxConns,
		MaxIdleConnsPerHost:    c.MaxConns,
		IdleConnTimeout:        idleConnection,
		MaxResponseHeaderBytes: maxHeaders,
		DisableCompression:     true,
	}
}
