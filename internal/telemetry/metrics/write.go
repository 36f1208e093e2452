package metrics

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/push"
	"github.com/prometheus/common/expfmt"

	"duly/internal/wholefile"
)

// pushedAs is the job that a Pushgateway keeps the metrics of: those of the last process, on whatever host.
const pushedAs = "duly"

// textfileMode lets the node exporter read the textfile: it runs as another user. Metrics hold no secrets.
const textfileMode = 0o644

// WriteFile writes the metrics as a textfile: whole, or not at all, and readable by everyone whatever the umask.
func (m *Metrics) WriteFile(path string) error {
	families, err := m.registry.Gather()
	if err != nil {
		return fmt.Errorf("write metrics: %w", err)
	}
	var b bytes.Buffer
	for _, family := range families {
		if _, err := expfmt.MetricFamilyToText(&b, family); err != nil {
			return fmt.Errorf("write metrics: %w", err)
		}
	}
	if err := wholefile.WriteMode(path, b.Bytes(), textfileMode); err != nil {
		return fmt.Errorf("write metrics: %w", err)
	}
	return nil
}

// Handler serves the metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// Push replaces what the Pushgateway at that address has of this program. It takes as long as timeout at most. The
// error names the host alone: addresses hold secrets.
func (m *Metrics) Push(ctx context.Context, address string, timeout time.Duration) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return errors.New("push metrics: not a web address")
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment}
	defer transport.CloseIdleConnections()
	d := &doer{client: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	err = push.New(address, pushedAs).Gatherer(m.registry).Client(d).PushContext(ctx)
	switch {
	case err == nil:
		return nil
	case d.status != "":
		return fmt.Errorf("push metrics: %s answered %s", u.Host, d.status)
	case ctx.Err() != nil:
		return fmt.Errorf("push metrics: %s: no answer in time", u.Host)
	}
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	return fmt.Errorf("push metrics: %s: %w", u.Host, err)
}

// doer remembers what was answered: the library's own errors repeat the address.
type doer struct {
	client *http.Client
	status string
}

// Do implements push.HTTPDoer.
func (d *doer) Do(request *http.Request) (*http.Response, error) {
	response, err := d.client.Do(request) //nolint:gosec // the operator names the address
	if err == nil {
		d.status = response.Status
	}
	return response, err
}
