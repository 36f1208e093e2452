package metrics_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/stretchr/testify/require"

	"duly/internal/telemetry/metrics"
)

func TestPush(t *testing.T) {
	m := metrics.New("v1")
	filled(t, m, func() {})
	var names []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if r.Method != http.MethodPut || r.URL.Path != "/metrics/job/duly" || user != "u" || password != "sesame" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		decoder := expfmt.NewDecoder(r.Body, expfmt.ResponseFormat(r.Header))
		for family := new(dto.MetricFamily); decoder.Decode(family) == nil; family = new(dto.MetricFamily) {
			names = append(names, family.GetName())
		}
	}))
	defer s.Close()
	require.NoError(t, m.Push(t.Context(), strings.Replace(s.URL, "//", "//u:sesame@", 1), time.Second))
	require.Contains(t, names, "duly_last_success_timestamp_seconds")
	require.Contains(t, names, "duly_step_items_total")
}

// What goes wrong is said without the address, whose path or password may be secret.
func TestPushFails(t *testing.T) {
	m := metrics.New("v1")
	release := make(chan struct{})
	handlers := map[string]http.HandlerFunc{
		"answered 503 Service Unavailable": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, r.URL.String()+" sesame")
		},
		"answered 307 Temporary Redirect": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "/sesame")
			w.WriteHeader(http.StatusTemporaryRedirect)
		},
		"no answer in time": func(http.ResponseWriter, *http.Request) { <-release },
	}
	for said, h := range handlers {
		t.Run(said, func(t *testing.T) {
			s := httptest.NewServer(h)
			defer s.Close()
			if said == "no answer in time" {
				defer close(release)
			}
			err := m.Push(t.Context(), s.URL+"/sesame", 100*time.Millisecond)
			require.ErrorContains(t, err, said)
			require.NotContains(t, err.Error(), "sesame")
		})
	}
	gone := httptest.NewServer(nil)
	gone.Close()
	err := m.Push(t.Context(), gone.URL+"/sesame", time.Second)
	require.ErrorContains(t, err, "connection refused")
	require.NotContains(t, err.Error(), "sesame")
	require.ErrorContains(t, m.Push(t.Context(), "sesame", time.Second), "push metrics: not a web address")
}
