package tracing_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"duly/internal/batch"
	"duly/internal/gateway"
	"duly/internal/telemetry/tracing"
)

func TestSampledCallsCarryTheTraceToTheGateway(t *testing.T) {
	for sample, want := range map[float64]bool{0: false, 1: true} {
		var header string
		s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { header = r.Header.Get("Traceparent") }))
		tr, end := tracer(t, sample)
		next := &http.Transport{}
		runs(t, tr, func(ctx context.Context) error {
			ctx, told := tr.Request(ctx, charge)
			request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL, http.NoBody)
			if err != nil {
				return err
			}
			response, err := tr.Transport(next).RoundTrip(request)
			if err != nil {
				return err
			}
			require.Empty(t, request.Header, "the caller's request is left as it is")
			told(gateway.Answer{Outcome: "succeeded"})
			return response.Body.Close()
		})
		next.CloseIdleConnections()
		s.Close()
		spans := end()
		require.Equal(t, want, header != "")
		if want {
			call := find(t, spans, "gateway charge").SpanContext
			require.Equal(t, fmt.Sprintf("00-%s-%s-01", call.TraceID(), call.SpanID()), header)
		}
	}
}

// private stands in the path and the query of a request, as what a card is charged by does at some providers.
const private = "billing_sesame"

// exchanged makes one request of that try to a service, and returns the attributes of its span that are not ours.
func exchanged(t *testing.T, sample float64, next http.RoundTripper, address string, try int, a gateway.Answer) map[string]string {
	t.Helper()
	tr, end := tracer(t, sample)
	runs(t, tr, func(ctx context.Context) error {
		ctx, told := tr.Request(ctx, gateway.Request{Gateway: "main", Kind: gateway.RequestCharge, Try: try})
		ctx = gateway.WithTemplate(ctx, "/v1/billing/{billing_key}")
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, address+"/v1/billing/"+private+"?key="+private, strings.NewReader(private))
		if err != nil {
			return err
		}
		request.Header.Set("Authorization", private)
		response, err := tr.Transport(next).RoundTrip(request)
		if err == nil {
			_, _ = io.Copy(io.Discard, response.Body)
			err = response.Body.Close()
		}
		told(a)
		return err
	})
	spans := end()
	require.NotContains(t, fmt.Sprint(spans), secret)
	call := find(t, spans, "gateway charge")
	require.Equal(t, trace.SpanKindClient, call.SpanKind)
	all := attributesOf(call)
	for name := range all {
		if strings.HasPrefix(name, "duly.") {
			delete(all, name)
		}
	}
	return all
}

// Spans of requests tell of HTTP by OpenTelemetry's semantic conventions, and nothing of what stands in an address.
func TestRequestsByTheSemanticConventions(t *testing.T) {
	answer := http.StatusOK
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(answer) }))
	next := &http.Transport{}
	t.Cleanup(func() {
		next.CloseIdleConnections()
		s.Close()
	})
	host, port, _ := strings.Cut(strings.TrimPrefix(s.URL, "http://"), ":")
	want := func(more ...string) map[string]string {
		all := map[string]string{
			"http.request.method": "POST", "server.address": host, "server.port": port, "url.template": "/v1/billing/{billing_key}",
			"network.protocol.version": "1.1",
		}
		for i := 0; i < len(more); i += 2 {
			all[more[i]] = more[i+1]
		}
		return all
	}
	require.Equal(t, want("http.response.status_code", "200"), exchanged(t, 1, next, s.URL, 1, gateway.Answer{Outcome: "succeeded"}))
	require.Equal(t, want("http.response.status_code", "200", "error.type", "differs"), exchanged(t, 1, next, s.URL, 1, gateway.Answer{Outcome: "differs"}))
	answer = http.StatusPaymentRequired
	require.Equal(t, want("http.response.status_code", "402"), exchanged(t, 1, next, s.URL, 1, gateway.Answer{Outcome: "declined"}), "an answer is no error")
	answer = http.StatusBadGateway
	for _, sample := range []float64{0, 1} {
		require.Equal(t, want("http.response.status_code", "502", "error.type", "502", "http.request.resend_count", "2"),
			exchanged(t, sample, next, s.URL, 3, gateway.Answer{Outcome: "in_doubt"}), "in the sample or not")
	}
}

// failing is a transport that gets no answer.
type failing struct{ err error }

// RoundTrip implements http.RoundTripper.
func (f failing) RoundTrip(*http.Request) (*http.Response, error) { return nil, f.err }

func TestRequestsWithoutAnAnswer(t *testing.T) {
	for word, err := range map[string]error{
		"timeout": context.DeadlineExceeded, "cancelled": context.Canceled, "connection_refused": syscall.ECONNREFUSED,
		"connection_lost": io.ErrUnexpectedEOF, "_OTHER": errors.New(secret),
	} {
		for address, port := range map[string]string{"http://pay.example": "80", "https://pay.example": "443", "https://pay.example:8443": "8443"} {
			require.Equal(t, map[string]string{
				"http.request.method": "POST", "server.address": "pay.example", "server.port": port, "url.template": "/v1/billing/{billing_key}", "error.type": word,
			}, exchanged(t, 1, failing{err}, address, 1, gateway.Answer{Outcome: "unanswered", Failure: true}))
		}
	}
}

// A request that is not an observed one, such as a probe, goes through as it is.
func TestProbesAreNotTraced(t *testing.T) {
	tr, end := tracer(t, 1)
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
	_, err := tr.Transport(failing{io.EOF}).RoundTrip(request) //nolint:bodyclose // there is none
	require.ErrorIs(t, err, io.EOF)
	require.Empty(t, request.Header)
	require.Empty(t, end())
}

// Spans of the database's work say where it is, by OpenTelemetry's semantic conventions, and the server's error number.
func TestDatabaseByTheSemanticConventions(t *testing.T) {
	ends := func(database string, failure error) map[string]string {
		memory := newKept()
		tr := tracing.New(tracing.Options{Exporter: memory, Clean: clean, Failed: func(err error) { t.Error(err) }, Now: time.Now, Database: database})
		for _, kind := range []batch.SpanKind{batch.SpanClaim, batch.SpanStep} {
			_, ended := tr.Span(t.Context(), batch.Span{Kind: kind, Run: &batch.Run{ID: 7, Job: "billing"}, Step: "collect"})
			ended(batch.SpanEnd{Err: failure})
		}
		tr.Close(t.Context())
		spans := memory.GetSpans()
		step := find(t, spans, "step collect")
		require.Equal(t, trace.SpanKindInternal, step.SpanKind)
		require.NotContains(t, fmt.Sprint(step.Attributes), "db.")
		claim := find(t, spans, "claim")
		require.Equal(t, trace.SpanKindClient, claim.SpanKind)
		require.Equal(t, failure != nil, claim.Status.Code == codes.Error)
		all := attributesOf(claim)
		for _, name := range []string{"duly.run_id", "duly.job", "duly.step", "duly.items"} {
			require.Contains(t, all, name)
			delete(all, name)
		}
		return all
	}
	require.Equal(t, map[string]string{"db.system.name": "mysql", "db.namespace": "shop", "server.address": "::1", "server.port": "3307"}, ends("[::1]:3307/shop", nil))
	require.Equal(t, map[string]string{"db.system.name": "mysql", "db.namespace": "shop", "server.address": "/run/db.sock"}, ends("/run/db.sock/shop", nil))
	require.Equal(t, map[string]string{
		"db.system.name": "mysql", "db.response.status_code": "1213", "error.type": "1213",
	}, ends("private", fmt.Errorf("claim: %w", &mysql.MySQLError{Number: 1213, Message: "Deadlock found"})))
	require.Equal(t, map[string]string{"db.system.name": "mysql", "error.type": "_OTHER"}, ends("", errors.New("lost")))
}
