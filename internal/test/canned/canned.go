// Package canned answers the requests of tests with what the tests say, and keeps the requests.
package canned

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
)

// Request is one request that a [Server] got.
type Request struct {
	Method, Target string
	Header         http.Header
	Body           string
}

// Server answers requests and keeps them.
type Server struct {
	*httptest.Server

	mu  sync.Mutex
	got []Request
}

// Serve starts a server on this host that answers with h, and closes it when t ends.
func Serve(t *testing.T, h http.HandlerFunc) *Server {
	t.Helper()
	s := &Server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		s.mu.Lock()
		s.got = append(s.got, Request{r.Method, r.URL.RequestURI(), r.Header, string(body)})
		s.mu.Unlock()
		h(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// Requests are those that came so far, in their order.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.got)
}

// Reply answers every request with the same status, headers (name, value, …) and body. It is called JSON unless a header says otherwise.
func Reply(status int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// Reads answers every request that is a POST with post, and any other with a 200 of the body read.
func Reads(read string, post http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			post(w, r)
			return
		}
		Reply(http.StatusOK, read)(w, r)
	}
}

// RoundTrip is an [http.RoundTripper] that is a function.
type RoundTrip func(*http.Request) (*http.Response, error)

// RoundTrip calls f.
func (f RoundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Fields are a JSON object.
type Fields map[string]any

// With returns f with fields set otherwise or, if nil, left out. f stays as it is.
func (f Fields) With(change Fields) Fields {
	out := maps.Clone(f)
	for name, value := range change {
		if out[name] = value; value == nil {
			delete(out, name)
		}
	}
	return out
}

// JSON is the text of f.
func (f Fields) JSON() string {
	b, err := json.Marshal(f)
	if err != nil {
		panic(err)
	}
	return string(b)
}
