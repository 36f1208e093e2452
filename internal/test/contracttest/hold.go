package contracttest

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"duly/internal/gateway/simulator/core"
)

// Hold puts the contract between a client and a simulator: t fails on each request that breaks it, and on each answer but
// those that a fault was to spoil. It is safe for concurrent use. Questions and orders below /_sim/ pass.
func (c *Contract) Hold(t testing.TB, sim http.Handler) http.Handler {
	t.Helper()
	return holder{contract: c, t: t, next: sim, requests: true}
}

// HoldAnswers is Hold for tests that send broken requests on purpose.
func (c *Contract) HoldAnswers(t testing.TB, sim http.Handler) http.Handler {
	t.Helper()
	return holder{contract: c, t: t, next: sim}
}

type holder struct {
	contract *Contract
	t        testing.TB
	next     http.Handler
	requests bool
}

// ServeHTTP implements [http.Handler].
func (h holder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/_sim/") {
		h.next.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil { // the client broke off
		h.next.ServeHTTP(w, r)
		return
	}
	asked := r.Clone(r.Context())
	r.Body, asked.Body = io.NopCloser(bytes.NewReader(body)), io.NopCloser(bytes.NewReader(body))
	if h.requests {
		if err := h.contract.CheckRequest(asked); err != nil {
			h.t.Errorf("%v\n%s", err, body)
		}
	}
	copied := &recorder{ResponseWriter: w}
	lawful := false
	ctx := core.WithWitness(r.Context(), func(told bool) { lawful = told })
	h.next.ServeHTTP(copied, r.WithContext(ctx))
	if !lawful {
		return
	}
	if err := h.contract.CheckAnswer(asked, copied.status, w.Header(), copied.body.Bytes()); err != nil {
		h.t.Errorf("%v", err)
	}
}

// recorder copies what is written.
type recorder struct {
	http.ResponseWriter

	status int
	body   bytes.Buffer
}

// WriteHeader implements [http.ResponseWriter].
func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (r *recorder) Write(p []byte) (int, error) {
	r.body.Write(p)
	return r.ResponseWriter.Write(p)
}

// Unwrap lets the server's own abilities through, such as that of closing the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
