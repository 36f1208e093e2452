package tracing_test

import (
	"compress/gzip"
	"context"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"duly/internal/gateway"
	"duly/internal/telemetry/tracing"
)

// receiver takes spans as a collector does, and notes their names, how they came and of which service they are.
type receiver struct {
	mu       sync.Mutex
	names    []string
	came     []string
	services []string
}

func (c *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	export := &collector.ExportTraceServiceRequest{}
	body, err := io.ReadAll(plain(r))
	if err != nil || proto.Unmarshal(body, export) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	user, password, _ := r.BasicAuth()
	c.came = append(c.came, strings.Join([]string{r.URL.Path, user + password, r.Header.Get("X-Key"), r.Header.Get("X-Other"), r.Header.Get("Content-Encoding")}, " "))
	for _, resource := range export.GetResourceSpans() {
		for _, a := range resource.GetResource().GetAttributes() {
			if a.GetKey() == "service.name" {
				c.services = append(c.services, a.GetValue().GetStringValue())
			}
		}
		for _, scope := range resource.GetScopeSpans() {
			for _, span := range scope.GetSpans() {
				c.names = append(c.names, span.GetName())
			}
		}
	}
}

// plain is the body of a request as it was before it was compressed.
func plain(r *http.Request) io.Reader {
	if r.Header.Get("Content-Encoding") != "gzip" {
		return r.Body
	}
	unpacked, err := gzip.NewReader(r.Body)
	if err != nil {
		return strings.NewReader("not gzip")
	}
	return unpacked
}

// sent makes a run whose traces go to the configured address, and returns what was said of failures.
func sent(t *testing.T, configured string, within time.Duration, env ...string) []error {
	t.Helper()
	exporter, err := tracing.OTLP(t.Context(), tracing.Endpoint(configured, env), env)
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

// collecting serves h until the end of the test.
func collecting(t *testing.T, h http.Handler) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s
}

const longEnough = 2 * time.Minute

func TestTracesGoToACollector(t *testing.T) {
	for path, want := range map[string]string{"": "/v1/traces", "/": "/v1/traces", "/otlp/sesame": "/otlp/sesame"} {
		c := &receiver{}
		s := collecting(t, c)
		require.Empty(t, sent(t, strings.Replace(s.URL, "//", "//u:p@", 1)+path, longEnough, "OTEL_EXPORTER_OTLP_HEADERS=x-key=a%20b, x-other = c,,"))
		require.Contains(t, c.names, "run billing")
		require.Contains(t, c.names, "settle")
		require.Contains(t, c.came, want+" up a b c ")
	}
}

func TestEndpoint(t *testing.T) {
	const base, whole = "OTEL_EXPORTER_OTLP_ENDPOINT=http://base:4318/otlp/", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://traces:4318"
	for _, c := range []struct {
		configured string
		env        []string
		want       string
	}{
		{"", nil, ""},
		{"http://configured:4318", []string{base, whole}, "http://configured:4318/v1/traces"},
		{"https://u:p@configured/x", nil, "https://u:p@configured/x"},
		{"", []string{base}, "http://base:4318/otlp/v1/traces"},
		{"", []string{base, whole}, "http://traces:4318"},
		{"", []string{whole, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="}, ""},
		{"", []string{base, "OTEL_SDK_DISABLED=false", "OTEL_TRACES_EXPORTER=otlp"}, "http://base:4318/otlp/v1/traces"},
		{"http://configured", []string{"OTEL_SDK_DISABLED=TRUE"}, ""},
		{"http://configured", []string{"OTEL_TRACES_EXPORTER=none"}, ""},
		{":", nil, ":"},
	} {
		require.Equal(t, c.want, tracing.Endpoint(c.configured, c.env), "%s %s", c.configured, c.env)
	}
}

// The exporter heeds the standard variables of the process.
func TestStandardVariables(t *testing.T) {
	c := &receiver{}
	s := httptest.NewTLSServer(c)
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	file := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600))
	t.Setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", file)
	t.Setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
	t.Setenv("OTEL_SERVICE_NAME", "billing-worker")
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-key=other")
	require.Empty(t, sent(t, "", longEnough, "OTEL_EXPORTER_OTLP_ENDPOINT="+s.URL,
		"OTEL_EXPORTER_OTLP_HEADERS=x-key=general,x-other=general", "OTEL_EXPORTER_OTLP_TRACES_HEADERS=x-key=of-traces"))
	require.Contains(t, c.came, "/v1/traces  of-traces  gzip")
	require.Contains(t, c.names, "run billing")
	require.Contains(t, c.services, "billing-worker")
	require.NotContains(t, c.services, "duly")
}

// A variable that cannot be read is said, without its value.
func TestVariablesThatCannotBeRead(t *testing.T) {
	for variable, said := range map[string]string{
		"OTEL_EXPORTER_OTLP_TIMEOUT=" + secret:             "a variable OTEL_EXPORTER_OTLP_… cannot be used: parse duration",
		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=::" + secret:   "a variable OTEL_EXPORTER_OTLP_… cannot be used: parse url",
		"OTEL_EXPORTER_OTLP_CERTIFICATE=/none/" + secret:   "a variable OTEL_EXPORTER_OTLP_… cannot be used: read tls ca cert file",
		"OTEL_EXPORTER_OTLP_PROTOCOL=grpc":                 "a variable OTEL_EXPORTER_OTLP_… cannot be used: grpc is not a valid protocol for OTLP/HTTP, defaulting to http/protobuf",
		"OTEL_EXPORTER_OTLP_HEADERS=" + secret:             "OTEL_EXPORTER_OTLP_HEADERS is not made of name=value pairs",
		"OTEL_EXPORTER_OTLP_TRACES_HEADERS=x=%zz" + secret: "OTEL_EXPORTER_OTLP_TRACES_HEADERS is not made of name=value pairs",
		"OTEL_RESOURCE_ATTRIBUTES=" + secret:               "OTEL_RESOURCE_ATTRIBUTES is not made of name=value pairs",
	} {
		t.Run(said, func(t *testing.T) {
			name, value, _ := strings.Cut(variable, "=")
			t.Setenv(name, value)
			_, err := tracing.OTLP(t.Context(), "http://127.0.0.1:4318/"+secret, []string{variable})
			require.EqualError(t, err, said)
		})
	}
	for address, said := range map[string]string{
		secret:                      "not a web address",
		"unix:///" + secret:         "not a web address",
		"http://h/v1?key=" + secret: "h: the address has a query, which is not sent to collectors; put a key into OTEL_EXPORTER_OTLP_HEADERS",
	} {
		_, err := tracing.OTLP(t.Context(), address, nil)
		require.EqualError(t, err, said)
	}
}

// A collector that is busy for a moment gets the spans again.
func TestSpansAreTriedAgain(t *testing.T) {
	c := &receiver{}
	var once sync.Once
	s := collecting(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		busy := false
		once.Do(func() { busy = true })
		if busy {
			_, _ = io.Copy(io.Discard, r.Body)
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		c.ServeHTTP(w, r)
	}))
	require.Empty(t, sent(t, s.URL, longEnough))
	require.Len(t, c.names, 605, "the run, its step, two claims, a settlement and 600 requests")
}

// A collector that is down, refuses or hangs is told of once, without its address and its answer, and holds nothing up.
func TestCollectorThatFails(t *testing.T) {
	release := make(chan struct{})
	for said, h := range map[string]http.HandlerFunc{
		" answered 400 Bad Request": func(w http.ResponseWriter, r *http.Request) { http.Error(w, r.URL.String(), http.StatusBadRequest) },
		" asked to be tried later (429, 502, 503 or 504), and later was too late": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", "3600")
			http.Error(w, r.URL.String(), http.StatusTooManyRequests)
		},
		" rejected some of them": func(w http.ResponseWriter, r *http.Request) {
			body, _ := proto.Marshal(&collector.ExportTraceServiceResponse{
				PartialSuccess: &collector.ExportTracePartialSuccess{RejectedSpans: 3, ErrorMessage: r.URL.String()},
			})
			w.Header().Set("Content-Type", "application/x-protobuf")
			_, _ = w.Write(body)
		},
		" cannot be reached: EOF": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"not all of them were sent in time": func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			<-release
		},
	} {
		t.Run(said, func(t *testing.T) {
			s := collecting(t, h)
			within := longEnough
			if strings.Contains(said, "in time") {
				within = 200 * time.Millisecond
				defer close(release)
			}
			failures := sent(t, s.URL+"/sesame", within)
			require.Len(t, failures, 1)
			require.Regexp(t, `^(127\.0\.0\.1:\d+|not all)`, failures[0].Error())
			require.ErrorContains(t, failures[0], said)
			require.NotContains(t, failures[0].Error(), secret)
		})
	}
	gone := httptest.NewServer(nil)
	gone.Close()
	failures := sent(t, gone.URL+"/sesame", longEnough)
	require.Len(t, failures, 1)
	require.ErrorContains(t, failures[0], "connection refused")
	require.NotContains(t, failures[0].Error(), secret)
}
