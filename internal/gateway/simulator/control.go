package simulator

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"duly/internal/payment"
)

// Paths of the questions and orders that Control sends. They ask for no token.
const (
	pathHealth     = "/_sim/health"
	pathLedger     = "/_sim/ledger"
	pathStats      = "/_sim/stats"
	pathRequests   = "/_sim/requests"
	pathViolations = "/_sim/body-violations"
	pathConfig     = "/_sim/config"
	pathAdvance    = "/_sim/advance"
)

const ndjson = "application/x-ndjson"

func (s *Simulator) routeControl() {
	s.mux.HandleFunc("GET "+pathHealth, func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, struct {
			Status string    `json:"status"`
			Now    time.Time `json:"now"`
		}{"ok", s.Now().UTC()})
	})
	s.mux.HandleFunc("GET "+pathLedger, s.showLedger)
	s.mux.HandleFunc("GET "+pathStats, func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, s.Stats()) })
	s.mux.HandleFunc("GET "+pathRequests, func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, s.Requests()) })
	s.mux.HandleFunc("GET "+pathViolations, func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, append([]string{}, s.BodyViolations()...))
	})
	s.mux.HandleFunc("GET "+pathConfig, func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, s.config()) })
	s.mux.HandleFunc("PUT "+pathConfig, func(w http.ResponseWriter, r *http.Request) { s.configure(w, r, Config{}) })
	s.mux.HandleFunc("PATCH "+pathConfig, func(w http.ResponseWriter, r *http.Request) { s.configure(w, r, s.config()) })
	s.mux.HandleFunc("POST "+pathAdvance, s.advance)
}

// config is a copy of the configuration.
func (s *Simulator) config() Config {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cfg.clone()
}

// showLedger streams the ledger, one JSON object a line.
func (s *Simulator) showLedger(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	f := Filter{Reference: q.Get("reference"), Key: q.Get("key"), Status: payment.Status(q.Get("status"))}
	w.Header().Set("Content-Type", ndjson)
	enc := json.NewEncoder(w)
	for e := range s.Entries() {
		if f.selects(e) && enc.Encode(e) != nil {
			return
		}
	}
}

// configure reads the body over base and makes it the configuration, if it is sound.
func (s *Simulator) configure(w http.ResponseWriter, r *http.Request, base Config) {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err == nil {
		err = json.Unmarshal(text, &base)
	}
	if err == nil {
		err = base.Validate()
	}
	if err != nil {
		refuse(w, err)
		return
	}
	s.Update(func(c *Config) {
		base.Now = c.Now
		*c = base
	})
	writeJSON(w, s.config())
}

func (s *Simulator) advance(w http.ResponseWriter, r *http.Request) {
	d, err := time.ParseDuration(r.URL.Query().Get("d"))
	if err == nil && d < 0 {
		err = errors.New("the clock only goes forward")
	}
	if err != nil {
		refuse(w, err)
		return
	}
	s.Advance(d)
	writeJSON(w, struct {
		Now time.Time `json:"now"`
	}{s.Now().UTC()})
}

func refuse(w http.ResponseWriter, err error) {
	failed(http.StatusBadRequest, "invalid_request", err.Error()).write(w)
}

func writeJSON(w http.ResponseWriter, v any) {
	answer{code: http.StatusOK, payload: v}.write(w)
}
