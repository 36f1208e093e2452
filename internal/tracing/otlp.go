package tracing

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

const (
	// sendWithin bounds one request to the collector.
	sendWithin = 5 * time.Second
	// tracesPath is where a collector takes traces, if the address has no path of its own.
	tracesPath = "/v1/traces"
	// headersVariable holds further headers, as every program that speaks OpenTelemetry reads it.
	headersVariable = "OTEL_EXPORTER_OTLP_HEADERS="

	mostSaid = 64 << 10 // bytes of an answer that are read
)

// OTLP returns an exporter to a collector that takes OTLP over HTTP at that address; env may have further headers in
// OTEL_EXPORTER_OTLP_HEADERS. Nothing is sent yet. No error holds any part of the address but the host.
func OTLP(ctx context.Context, address string, env []string) (sdk.SpanExporter, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return nil, errors.New("not a web address")
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = tracesPath
	}
	headers, err := headersOf(env)
	if err != nil {
		return nil, err
	}
	return otlptrace.New(ctx, &collector{url: u, headers: headers, transport: &http.Transport{Proxy: http.ProxyFromEnvironment}})
}

// headersOf reads name=value pairs that are separated by commas; values may be escaped as in addresses.
func headersOf(env []string) (http.Header, error) {
	headers := http.Header{}
	for _, variable := range env {
		text, ok := strings.CutPrefix(variable, headersVariable)
		if !ok {
			continue
		}
		for pair := range strings.SplitSeq(text, ",") {
			name, escaped, found := strings.Cut(strings.TrimSpace(pair), "=")
			value, err := url.PathUnescape(escaped)
			if strings.TrimSpace(pair) == "" {
				continue
			}
			if !found || err != nil {
				return nil, errors.New(headersVariable[:len(headersVariable)-1] + " is not made of name=value pairs")
			}
			headers.Set(strings.TrimSpace(name), strings.TrimSpace(value))
		}
	}
	return headers, nil
}

// collector sends spans. The exporter of OpenTelemetry's own would bring all of gRPC into the program, and a retry that
// traces are not worth.
type collector struct {
	url       *url.URL
	headers   http.Header
	transport *http.Transport
}

var _ otlptrace.Client = (*collector)(nil)

// Start implements otlptrace.Client.
func (*collector) Start(context.Context) error { return nil }

// Stop implements otlptrace.Client.
func (c *collector) Stop(context.Context) error {
	c.transport.CloseIdleConnections()
	return nil
}

// UploadTraces implements otlptrace.Client.
func (c *collector) UploadTraces(ctx context.Context, spans []*otlp.ResourceSpans) error {
	body, err := proto.Marshal(&otlp.TracesData{ResourceSpans: spans}) // on the wire it is a collector's request
	if err != nil {
		return errors.New("spans cannot be encoded")
	}
	ctx, cancel := context.WithTimeout(ctx, sendWithin)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url.String(), bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%s: the address cannot be used", c.url.Host)
	}
	request.Header = c.headers.Clone()
	request.Header.Set("Content-Type", "application/x-protobuf")
	if user := c.url.User; user != nil {
		password, _ := user.Password()
		request.SetBasicAuth(user.Username(), password)
	}
	response, err := c.transport.RoundTrip(request)
	if err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("%s: no answer in time", c.url.Host)
		}
		return fmt.Errorf("%s: %w", c.url.Host, err)
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, mostSaid)) // so that the connection can be used again
	_ = response.Body.Close()
	if response.StatusCode < 200 || response.StatusCode >= 300 {
		return fmt.Errorf("%s answered %s", c.url.Host, response.Status)
	}
	return nil
}

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
