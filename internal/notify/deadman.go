package notify

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Deadman is a dead-man's switch: a service that raises the alarm when it is not told in time that all is well. Its
// methods are safe for concurrent use.
type Deadman struct {
	url       *url.URL
	version   string
	within    time.Duration
	transport *http.Transport
}

// NewDeadman returns the switch at that address. Each call takes as long as within at most. Close gives its
// connections back.
func NewDeadman(address, version string, within time.Duration) (*Deadman, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return nil, errors.New("not a web address")
	}
	return &Deadman{url: u, version: version, within: within, transport: transport(within, 1)}, nil
}

// Close gives the idle connections back.
func (d *Deadman) Close() { d.transport.CloseIdleConnections() }

// Started tells that a run has begun: a request to the address with /start.
func (d *Deadman) Started(ctx context.Context) error { return d.get(ctx, "start") }

// Ended tells how it ended: a request to the address itself for 0, and with / and the exit code for all else.
func (d *Deadman) Ended(ctx context.Context, exit int) error {
	if exit == 0 {
		return d.get(ctx, "")
	}
	return d.get(ctx, strconv.Itoa(exit))
}

// get makes one request. The error is a *DeliveryError, which names the host alone: the path is the secret.
func (d *Deadman) get(ctx context.Context, more string) error {
	ctx, cancel := context.WithTimeout(ctx, d.within)
	defer cancel()
	address := *d.url
	if more != "" {
		address = *d.url.JoinPath(more)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), http.NoBody)
	if err != nil {
		return &DeliveryError{Reason: d.url.Host + ": the address cannot be used"}
	}
	request.Header.Set("User-Agent", strings.TrimSuffix("duly/"+d.version, "/"))
	if user := d.url.User; user != nil {
		password, _ := user.Password()
		request.SetBasicAuth(user.Username(), password)
	}
	response, err := d.transport.RoundTrip(request)
	if err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return unreachable(d.url.Host, err)
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, maxAnswer)) // so that the connection can be used again
	_ = response.Body.Close()
	if response.StatusCode < 200 || response.StatusCode >= 300 {
		return refusal(d.url.Host, response.StatusCode, 0)
	}
	return nil
}
