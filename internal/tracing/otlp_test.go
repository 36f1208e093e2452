package tracing_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"duly/internal/gateway"
	"duly/internal/tracing"
)

// receiver takes spans as a collector does, and notes their names and how they came.
type receiver struct {
	mu    sync.Mutex
	names []string
	came  []string
}

func (c *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	var export collector.ExportTraceServiceRequest
	if err != nil || proto.Unmarshal(body, &export) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	user, password, _ := r.BasicAuth()
	c.came = append(c.came, strings.Join([]string{r.URL.Path, user + password, r.Header.Get("X-Key"), r.Header.Get("X-Other")}, " "))
	for _, resource := range export.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			for _, span := range scope.GetSpans() {
				c.names = append(c.names, span.GetName())
			}
		}
	}
}

// sent makes a run whose traces go to the address, and returns what was said of failures.
func sent(t *testing.T, address string, within time.Duration) []error {
	t.Helper()
	exporter, err := tracing.OTLP(t.Context(), address, []string{"OTEL_EXPORTER_OTLP_HEADERS=x-key=a%20b, x-other = c,,"})
	require.NoError(t, err)
	var failures []error
	tr := tracing.New(tracing.Options{
		Exporter: exporter, Sample: 1, Clean: clean, Failed: func(err error) { failures = append(failures, err) }, Now: time.Now,
	})
	runs(t, tr, func(ctx context.Context) error {
		for range 600 { // more than one batch
			_, told := tr.Request(ctx, charge)
			told(gateway.Answer{Outcome: "succeeded"})
		}
		return nil
	})
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	tr.Close(ctx)
	return failures
}

func TestTracesGoToACollector(t *testing.T) {
	for path, want := range map[string]string{"": "/v1/traces", "/": "/v1/traces", "/otlp/sesame": "/otlp/sesame"} {
		c := &receiver{}
		s := httptest.NewServer(c)
		require.Empty(t, sent(t, strings.Replace(s.URL, "//", "//u:p@", 1)+path, 2*time.Minute))
		s.CloseClientConnections()
		s.Close()
		require.Contains(t, c.names, "run billing")
		require.Contains(t, c.names, "settle")
		require.Contains(t, c.came, want+" up a b c")
	}
}

// A collector that is down, refuses or hangs is told of once, without its address, and holds nothing up.
func TestCollectorThatFails(t *testing.T) {
	release := make(chan struct{})
	for said, h := range map[string]http.HandlerFunc{
		"answered 400 Bad Request":          func(w http.ResponseWriter, r *http.Request) { http.Error(w, r.URL.String(), http.StatusBadRequest) },
		"not all of them were sent in time": func(http.ResponseWriter, *http.Request) { <-release },
	} {
		t.Run(said, func(t *testing.T) {
			s := httptest.NewServer(h)
			defer s.Close()
			within := 2 * time.Minute
			if strings.Contains(said, "in time") {
				within = 200 * time.Millisecond
				defer close(release)
			}
			failures := sent(t, s.URL+"/sesame", within)
			require.Len(t, failures, 1)
			require.ErrorContains(t, failures[0], said)
			require.NotContains(t, failures[0].Error(), secret)
		})
	}
	gone := httptest.NewServer(nil)
	gone.Close()
	failures := sent(t, gone.URL+"/sesame", 2*time.Minute)
	require.Len(t, failures, 1)
	require.ErrorContains(t, failures[0], "connection refused")
	require.NotContains(t, failures[0].Error(), secret)

	_, err := tracing.OTLP(t.Context(), secret, nil)
	require.EqualError(t, err, "not a web address")
	_, err = tracing.OTLP(t.Context(), gone.URL, []string{"OTEL_EXPORTER_OTLP_HEADERS=" + secret})
	require.EqualError(t, err, "OTEL_EXPORTER_OTLP_HEADERS is not made of name=value pairs")
}
