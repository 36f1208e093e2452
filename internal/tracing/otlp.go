package tracing

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdk "go.opentelemetry.io/otel/sdk/trace"
)

// sendWithin bounds one request to the collector.
const sendWithin = 5 * time.Second

// tracesPath is where a collector takes traces, if the address has no path of its own.
const tracesPath = "/v1/traces"

// OTLP returns an exporter to a collector that takes OTLP over HTTP at that address. Further headers can be given in
// OTEL_EXPORTER_OTLP_HEADERS, as everywhere. Nothing is sent yet. The error holds no part of the address.
func OTLP(ctx context.Context, address string) (sdk.SpanExporter, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return nil, errors.New("not a web address")
	}
	options := []otlptracehttp.Option{
		otlptracehttp.WithTimeout(sendWithin),
		// What cannot be sent is left out: traces are worth no waiting.
		otlptracehttp.WithRetry(otlptracehttp.RetryConfig{}),
	}
	if u.User != nil {
		password, _ := u.User.Password()
		basic := base64.StdEncoding.EncodeToString([]byte(u.User.Username() + ":" + password))
		options = append(options, otlptracehttp.WithHeaders(map[string]string{"Authorization": "Basic " + basic}))
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = tracesPath
	}
	made, err := otlptracehttp.New(ctx, append(options, otlptracehttp.WithEndpointURL(u.String()))...)
	if err != nil {
		return nil, errors.New("the exporter cannot be made")
	}
	return hostOnly{made, u.Host}, nil
}

// hostOnly keeps the address out of errors, whose path may be secret.
type hostOnly struct {
	sdk.SpanExporter

	host string
}

// ExportSpans implements sdk.SpanExporter.
func (h hostOnly) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	err := h.SpanExporter.ExportSpans(ctx, spans)
	if err == nil {
		return nil
	}
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return fmt.Errorf("%s: %w", h.host, wrapped.Err)
	}
	if errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
		return fmt.Errorf("%s: no answer in time", h.host)
	}
	return fmt.Errorf("%s did not take them", h.host)
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
