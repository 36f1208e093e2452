package tracing

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"duly/internal/gateway"
)

// Request is a gateway.Observer. A request that was not in the sample and failed is traced after the fact: it has a
// span, and the gateway was not told of it.
func (t *Tracer) Request(ctx context.Context, r gateway.Request) (context.Context, func(gateway.Answer)) {
	x := &exchange{}
	if rand.Float64() >= t.o.Sample { //nolint:gosec // a sample
		return context.WithValue(ctx, exchangeKey{}, x), func(a gateway.Answer) {
			if !a.Unsent && failed(a) {
				t.after(ctx, r, x, a)
			}
		}
	}
	ctx, span := t.tracer.Start(ctx, spanName(r), trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attributes(r)...))
	x.sampled = true
	return context.WithValue(ctx, exchangeKey{}, x), func(a gateway.Answer) {
		t.answer(span, x, a)
		span.End()
	}
}

// after makes the span of a request that has ended.
func (t *Tracer) after(ctx context.Context, r gateway.Request, x *exchange, a gateway.Answer) {
	end := t.o.Now()
	_, span := t.tracer.Start(ctx, spanName(r), trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(attributes(r)...), trace.WithTimestamp(end.Add(-a.Took)))
	t.answer(span, x, a)
	span.End(trace.WithTimestamp(end))
}

func spanName(r gateway.Request) string { return "gateway " + string(r.Kind) }

func attributes(r gateway.Request) []attribute.KeyValue {
	all := []attribute.KeyValue{gatewayName.String(r.Gateway), requestTry.Int(r.Try)}
	if r.Try > 1 {
		all = append(all, semconv.HTTPRequestResendCount(r.Try-1))
	}
	if r.ID != "" {
		all = append(all, requestID.String(r.ID))
	}
	return all
}

func (t *Tracer) answer(span trace.Span, x *exchange, a gateway.Answer) {
	seen, wrong := x.result()
	span.SetAttributes(seen...)
	if a.Unsent {
		span.SetAttributes(answered.String("not_sent"))
		return
	}
	span.SetAttributes(answered.String(a.Outcome))
	if failed(a) {
		if wrong == "" {
			wrong = a.Outcome
		}
		span.SetAttributes(semconv.ErrorTypeKey.String(wrong))
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

type exchangeKey struct{}

// exchange is what the transport saw of a request: what its span tells of HTTP.
type exchange struct {
	sampled bool

	mu    sync.Mutex // the answer may be given up before the transport returns
	seen  []attribute.KeyValue
	wrong string // the kind of error; empty: none
}

func (x *exchange) note(wrong string, seen ...attribute.KeyValue) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.seen, x.wrong = append(x.seen, seen...), wrong
}

func (x *exchange) result() (seen []attribute.KeyValue, wrong string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.seen, x.wrong
}

// Transport goes around the transport to a gateway, and notes what the request's span tells of HTTP: never the address, whose
// path and query may hold what a card is charged by. Requests in the sample carry a W3C traceparent header, so that the
// gateway's own spans can be found. Others carry none.
func (t *Tracer) Transport(next http.RoundTripper) http.RoundTripper { return transport{next} }

type transport struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	x, ok := r.Context().Value(exchangeKey{}).(*exchange)
	if !ok {
		return t.next.RoundTrip(r)
	}
	x.note("", asked(r)...)
	if x.sampled {
		r = r.Clone(r.Context())
		propagation.TraceContext{}.Inject(r.Context(), propagation.HeaderCarrier(r.Header))
	}
	response, err := t.next.RoundTrip(r)
	if err != nil {
		x.note(errorType(err))
		return response, err
	}
	wrong := ""
	if response.StatusCode >= http.StatusBadRequest {
		wrong = strconv.Itoa(response.StatusCode)
	}
	x.note(wrong, semconv.HTTPResponseStatusCode(response.StatusCode), semconv.NetworkProtocolVersion(strings.TrimPrefix(response.Proto, "HTTP/")))
	return response, nil
}

// asked is what is known of a request before it is sent.
func asked(r *http.Request) []attribute.KeyValue {
	all := []attribute.KeyValue{semconv.HTTPRequestMethodKey.String(r.Method), semconv.ServerAddress(r.URL.Hostname())}
	if port := portOf(r.URL); port != 0 {
		all = append(all, semconv.ServerPort(port))
	}
	if template := gateway.Template(r.Context()); template != "" {
		all = append(all, semconv.URLTemplate(template))
	}
	return all
}

func portOf(u *url.URL) int {
	switch port, err := strconv.Atoi(u.Port()); {
	case err == nil:
		return port
	case u.Scheme == "https":
		return 443
	case u.Scheme == "http":
		return 80
	}
	return 0
}

// errorType is one of a few words for a request that got no answer.
func errorType(err error) string {
	timeout := net.Error(nil)
	switch {
	case errors.Is(err, context.Canceled):
		return "cancelled"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection_refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "connection_lost"
	}
	return semconv.ErrorTypeOther.Value.AsString()
}
