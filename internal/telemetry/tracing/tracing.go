// Package tracing tells OpenTelemetry what a run spends its time on: a span for the run, for each step, and for each
// claim and settlement in it, and for a sample of the requests to gateways. Heartbeats and probes are no spans.
package tracing

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"duly/internal/batch"
)

// Options is what a Tracer is made of.
type Options struct {
	Exporter sdk.SpanExporter
	// Sample is the share of gateway calls that are traced, from 0 to 1; those that fail always are.
	Sample float64
	// Clean takes secrets out of texts.
	Clean func(string) string
	// Failed is told once that traces could not be sent.
	Failed  func(error)
	Version string
	Host    string
	// Database is where the tables are, as host:port/schema; empty: it is not told.
	Database string
	Now      func() time.Time
}

// Tracer makes spans. It is safe for concurrent use.
type Tracer struct {
	o        Options
	exporter *exporter
	provider *sdk.TracerProvider
	tracer   trace.Tracer
	database []attribute.KeyValue // of claims and settlements
}

// The names of our own attributes; docs/traces.md says what they hold.
const (
	runID       = attribute.Key("duly.run_id")
	jobName     = attribute.Key("duly.job")
	stepName    = attribute.Key("duly.step")
	status      = attribute.Key("duly.status")
	exitCode    = attribute.Key("duly.exit_code")
	itemCount   = attribute.Key("duly.items")
	readCount   = attribute.Key("duly.read")
	gatewayName = attribute.Key("duly.gateway")
	requestID   = attribute.Key("duly.request_id")
	requestTry  = attribute.Key("duly.try")
	answered    = attribute.Key("duly.outcome")
)

// New returns a Tracer. Close must be called.
func New(o Options) *Tracer {
	to := &exporter{next: o.Exporter, failed: o.Failed}
	provider := sdk.NewTracerProvider(sdk.WithBatcher(to), sdk.WithSampler(sdk.AlwaysSample()), sdk.WithResource(resourceOf(o)))
	return &Tracer{
		o: o, exporter: to, provider: provider, database: databaseOf(o.Database),
		tracer: provider.Tracer("duly", trace.WithSchemaURL(semconv.SchemaURL)),
	}
}

// resourceOf is what every span is of. OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES add to it and win.
func resourceOf(o Options) *resource.Resource {
	ours := resource.NewWithAttributes(semconv.SchemaURL, semconv.ServiceName("duly"), semconv.ServiceVersion(o.Version), semconv.HostName(o.Host))
	all, err := resource.Merge(ours, resource.Environment())
	if err != nil {
		return ours
	}
	return all
}

var errLate = errors.New("not all of them were sent in time")

// Close sends what is left, as long as ctx allows, and ends. What is still being sent then is broken off.
func (t *Tracer) Close(ctx context.Context) {
	if err := t.provider.Shutdown(ctx); err != nil {
		t.exporter.tell(errLate)
		_ = t.exporter.Shutdown(ctx) // that is all that it can still do
	}
}

// Span is a batch.Tracer.
func (t *Tracer) Span(ctx context.Context, s batch.Span) (context.Context, func(batch.SpanEnd)) {
	attributes := []attribute.KeyValue{runID.Int64(int64(s.Run.ID)), jobName.String(s.Run.Job)} //nolint:gosec // of an AUTO_INCREMENT
	name, kind := string(s.Kind), trace.SpanKindInternal
	switch s.Kind {
	case batch.SpanRun:
		name += " " + s.Run.Job
	case batch.SpanStep:
		name += " " + s.Step
	case batch.SpanClaim, batch.SpanSettle:
		kind = trace.SpanKindClient // of the database
		attributes = append(attributes, t.database...)
	}
	if s.Step != "" {
		attributes = append(attributes, stepName.String(s.Step))
	}
	ctx, span := t.tracer.Start(ctx, name, trace.WithSpanKind(kind), trace.WithAttributes(attributes...))
	return ctx, func(e batch.SpanEnd) {
		switch s.Kind {
		case batch.SpanRun:
			span.SetAttributes(status.String(string(e.Status)), exitCode.Int(e.Exit), readCount.Int64(e.Tally.Read))
		case batch.SpanStep:
			span.SetAttributes(status.String(string(e.Status)), readCount.Int64(e.Tally.Read))
		case batch.SpanClaim, batch.SpanSettle:
			span.SetAttributes(itemCount.Int(e.Items))
			span.SetAttributes(databaseError(e.Err)...)
		}
		if e.Err != nil {
			span.SetStatus(codes.Error, t.o.Clean(e.Err.Error()))
		}
		span.End()
	}
}
