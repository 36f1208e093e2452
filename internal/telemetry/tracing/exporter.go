package tracing

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"

	sdk "go.opentelemetry.io/otel/sdk/trace"
)

// exporter tells once that something could not be sent, and never fails: the library would write it to standard error.
type exporter struct {
	next   sdk.SpanExporter
	failed func(error)
	once   sync.Once
}

// ExportSpans implements sdk.SpanExporter.
func (e *exporter) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	if err := e.next.ExportSpans(ctx, spans); err != nil {
		e.tell(err)
	}
	return nil
}

func (e *exporter) tell(err error) { e.once.Do(func() { e.failed(err) }) }

// Shutdown implements sdk.SpanExporter.
func (e *exporter) Shutdown(ctx context.Context) error { return e.next.Shutdown(ctx) }

// collector sends spans to a host. Its errors hold neither the address, whose path may be secret, nor what the collector
// answered, which may repeat it.
type collector struct {
	next sdk.SpanExporter
	host string
}

// ExportSpans implements sdk.SpanExporter.
func (c *collector) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	if err := c.next.ExportSpans(ctx, spans); err != nil {
		return fmt.Errorf("%s %w", c.host, whatItDid(err))
	}
	return nil
}

// Shutdown implements sdk.SpanExporter.
func (c *collector) Shutdown(ctx context.Context) error { return c.next.Shutdown(ctx) }

// The texts by which the library's errors are told from each other; it has no types for them.
const (
	answeredLater  = "retry-able request failure: body"
	answeredPartly = "OTLP partial success"
)

var answeredStatus = regexp.MustCompile(`failed to send to \S+: (\d{3})\b`)

// whatItDid says what the collector did, by the error of the library.
func whatItDid(err error) error {
	text := err.Error()
	timeout, call := net.Error(nil), (*url.Error)(nil)
	switch status := answeredStatus.FindStringSubmatch(text); {
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return errors.New("did not answer in time")
	case errors.As(err, &call):
		return fmt.Errorf("cannot be reached: %w", call.Err)
	case status != nil:
		code, _ := strconv.Atoi(status[1])
		return fmt.Errorf("answered %d %s", code, http.StatusText(code))
	case strings.Contains(text, answeredLater):
		return errors.New("asked to be tried later (429, 502, 503 or 504), and later was too late")
	case strings.Contains(text, answeredPartly):
		return errors.New("rejected some of them")
	}
	return errors.New("did not take them")
}
