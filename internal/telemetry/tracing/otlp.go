package tracing

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
)

// What a batch of spans is tried again with. The end of a run waits no longer for it than [Tracer.Close] is allowed to.
const (
	firstRetry   = 250 * time.Millisecond
	longestRetry = 2 * time.Second
	retryWithin  = 5 * time.Second
)

// OTLP returns OpenTelemetry's exporter for OTLP over HTTP to an address that [Endpoint] returned. It heeds the standard variables
// OTEL_EXPORTER_OTLP_… and returns an error for one that cannot be read. Nothing is sent yet. No error, here or while spans are
// sent, holds more of the address than the host, a variable's value, or what the collector said; and from now on the library
// writes nothing to standard error.
func OTLP(ctx context.Context, endpoint string, env []string) (sdk.SpanExporter, error) {
	u, err := url.Parse(endpoint)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("not a web address")
	case u.RawQuery != "":
		return nil, fmt.Errorf("%s: the address has a query, which is not sent to collectors; put a key into %s", u.Host, headersVariable)
	}
	headers, err := headersOf(env)
	if err != nil {
		return nil, err
	}
	if _, err = resource.New(ctx, resource.WithFromEnv()); err != nil {
		return nil, errors.New("OTEL_RESOURCE_ATTRIBUTES is not made of name=value pairs")
	}
	if user := u.User; user != nil {
		password, _ := user.Password()
		headers["Authorization"] = "Basic " + base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password))
		u.User = nil
	}
	heard := &complaints{}
	otel.SetLogger(logr.New(heard))
	defer otel.SetLogger(logr.Discard()) // or it would write to standard error, with the values of variables
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {}))
	exporter, err := otlptracehttp.New(ctx,
		otlptracehttp.WithEndpointURL(u.String()),
		otlptracehttp.WithHeaders(headers),
		otlptracehttp.WithRetry(otlptracehttp.RetryConfig{
			Enabled: true, InitialInterval: firstRetry, MaxInterval: longestRetry, MaxElapsedTime: retryWithin,
		}),
	)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", u.Host, err)
	}
	if said := heard.first(); said != "" {
		return nil, errors.New("a variable OTEL_EXPORTER_OTLP_… cannot be used: " + said)
	}
	return &collector{next: exporter, host: u.Host}, nil
}

// complaints keeps what the library says of variables without their values, which may be secret.
type complaints struct {
	mu   sync.Mutex
	said []string
}

var _ logr.LogSink = (*complaints)(nil)

// Init implements logr.LogSink.
func (*complaints) Init(logr.RuntimeInfo) {}

// warning is the level of the library's warnings.
const warning = 1

// Enabled implements logr.LogSink.
func (*complaints) Enabled(level int) bool { return level <= warning }

// Info implements logr.LogSink.
func (c *complaints) Info(_ int, message string, _ ...any) { c.keep(message) }

// Error implements logr.LogSink.
func (c *complaints) Error(_ error, message string, _ ...any) { c.keep(message) }

// WithValues implements logr.LogSink.
func (c *complaints) WithValues(...any) logr.LogSink { return c }

// WithName implements logr.LogSink.
func (c *complaints) WithName(string) logr.LogSink { return c }

func (c *complaints) keep(message string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.said = append(c.said, message)
}

func (c *complaints) first() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.said) == 0 {
		return ""
	}
	return c.said[0]
}
