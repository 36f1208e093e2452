// Package tracing tells OpenTelemetry what a run spends its time on: a span for the run, for each step, and for each
// claim and settlement in it, and for a sample of the requests to gateways. Heartbeats and probes are no spans.
package tracing

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"duly/internal/batch"
	"duly/internal/gateway"
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
	Now     func() time.Time
}

// Tracer makes spans. It is safe for concurrent use.
type Tracer struct {
	o        Options
	exporter *exporter
	provider *sdk.TracerProvider
	tracer   trace.Tracer
}

// The names of attributes; docs/traces.md says what they hold.
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
	provider := sdk.NewTracerProvider(
		sdk.WithBatcher(to),
		sdk.WithSampler(sdk.AlwaysSample()),
		sdk.WithResource(resource.NewSchemaless(
			attribute.String("service.name", "duly"), attribute.String("service.version", o.Version), attribute.String("host.name", o.Host),
		)),
	)
	return &Tracer{o: o, exporter: to, provider: provider, tracer: provider.Tracer("duly")}
}

var errLate = errors.New("not all of them were sent in time")

// Close sends what is left, as long as ctx allows, and ends.
func (t *Tracer) Close(ctx context.Context) {
	if err := t.provider.Shutdown(ctx); err != nil {
		t.exporter.tell(errLate)
	}
}

// Span is a batch.Tracer.
func (t *Tracer) Span(ctx context.Context, s batch.Span) (context.Context, func(batch.SpanEnd)) {
	attributes := []attribute.KeyValue{runID.Int64(int64(s.Run.ID)), jobName.String(s.Run.Job)} //nolint:gosec // of an AUTO_INCREMENT
	name := string(s.Kind)
	switch s.Kind {
	case batch.SpanRun:
		name += " " + s.Run.Job
	case batch.SpanStep:
		name += " " + s.Step
	case batch.SpanClaim, batch.SpanSettle:
	}
	if s.Step != "" {
		attributes = append(attributes, stepName.String(s.Step))
	}
	ctx, span := t.tracer.Start(ctx, name, trace.WithAttributes(attributes...))
	return ctx, func(e batch.SpanEnd) {
		switch s.Kind {
		case batch.SpanRun:
			span.SetAttributes(status.String(string(e.Status)), exitCode.Int(e.Exit), readCount.Int64(e.Tally.Read))
		case batch.SpanStep:
			span.SetAttributes(status.String(string(e.Status)), readCount.Int64(e.Tally.Read))
		case batch.SpanClaim, batch.SpanSettle:
			span.SetAttributes(itemCount.Int(e.Items))
		}
		if e.Err != nil {
			span.SetStatus(codes.Error, t.o.Clean(e.Err.Error()))
		}
		span.End()
	}
}

// Request is a gateway.Observer. A request that was not in the sample and failed is traced after the fact: it has a
// span, and the gateway was not told of it.
func (t *Tracer) Request(ctx context.Context, r gateway.Request) (context.Context, func(gateway.Answer)) {
	if rand.Float64() >= t.o.Sample { //nolint:gosec // a sample
		return ctx, func(a gateway.Answer) {
			if !a.Unsent && failed(a) {
				t.after(ctx, r, a)
			}
		}
	}
	ctx, span := t.tracer.Start(ctx, spanName(r), trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attributes(r)...))
	return context.WithValue(ctx, sampledKey{}, true), func(a gateway.Answer) {
		t.answer(span, a)
		span.End()
	}
}

// after makes the span of a request that has ended.
func (t *Tracer) after(ctx context.Context, r gateway.Request, a gateway.Answer) {
	end := t.o.Now()
	_, span := t.tracer.Start(ctx, spanName(r), trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(attributes(r)...), trace.WithTimestamp(end.Add(-a.Took)))
	t.answer(span, a)
	span.End(trace.WithTimestamp(end))
}

func spanName(r gateway.Request) string { return "gateway " + string(r.Kind) }

func attributes(r gateway.Request) []attribute.KeyValue {
	all := []attribute.KeyValue{gatewayName.String(r.Gateway), requestTry.Int(r.Try)}
	if r.ID != "" {
		all = append(all, requestID.String(r.ID))
	}
	return all
}

func (t *Tracer) answer(span trace.Span, a gateway.Answer) {
	if a.Unsent {
		span.SetAttributes(answered.String("not_sent"))
		return
	}
	span.SetAttributes(answered.String(a.Outcome))
	if failed(a) {
		span.SetStatus(codes.Error, t.o.Clean(a.Reason))
	}
}

// failed says whether an answer is none, or one that needs looking into. Declines are answers.
func failed(a gateway.Answer) bool {
	switch a.Outcome {
	case "in_doubt", "unknown", "unanswered", "differs", "rejected", "misconfigured":
		return true
	}
	return a.Failure
}

type sampledKey struct{}

// Transport goes around the transport to a gateway: requests in the sample carry a W3C traceparent header, so that the
// gateway's own spans can be found. Others carry none.
func (t *Tracer) Transport(next http.RoundTripper) http.RoundTripper { return transport{next} }

type transport struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if sampled, _ := r.Context().Value(sampledKey{}).(bool); sampled {
		r = r.Clone(r.Context())
		propagation.TraceContext{}.Inject(r.Context(), propagation.HeaderCarrier(r.Header))
	}
	return t.next.RoundTrip(r)
}
