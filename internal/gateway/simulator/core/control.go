package core

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"duly/internal/gateway/simulator/plan"
	"duly/internal/payment"
)

// Paths of the questions and orders that Control sends. They ask for no token.
const (
	pathHealth     = "/_sim/health"
	pathLedger     = "/_sim/ledger"
	pathStats      = "/_sim/stats"
	pathPayments   = "/_sim/payments"
	pathRequests   = "/_sim/requests"
	pathChanges    = "/_sim/change-requests"
	pathViolations = "/_sim/body-violations"
	pathConfig     = "/_sim/config"
	pathAdvance    = "/_sim/advance"
	pathForget     = "/_sim/forget"
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
	s.mux.HandleFunc("GET "+pathChanges, func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, s.ChangeRequests()) })
	s.mux.HandleFunc("GET "+pathViolations, func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, append([]string{}, s.BodyViolations()...))
	})
	s.mux.HandleFunc("GET "+pathConfig, func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, s.config()) })
	s.mux.HandleFunc("PUT "+pathConfig, func(w http.ResponseWriter, r *http.Request) { s.configure(w, r, plan.Config{}) })
	s.mux.HandleFunc("PATCH "+pathConfig, func(w http.ResponseWriter, r *http.Request) { s.configure(w, r, s.config()) })
	s.mux.HandleFunc("POST "+pathAdvance, s.handleAdvance)
	s.mux.HandleFunc("POST "+pathForget, func(w http.ResponseWriter, _ *http.Request) {
		s.ForgetKeys()
		writeJSON(w, struct{}{})
	})
	s.mux.HandleFunc("POST "+pathPayments, s.injectPayment)
	s.mux.HandleFunc("PATCH "+pathPayments+"/{id}", s.amendPayment)
}

// config is a copy of the configuration.
func (s *Simulator) config() plan.Config {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cfg.Clone()
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
func (s *Simulator) configure(w http.ResponseWriter, r *http.Request, base plan.Config) {
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
	s.Update(func(c *plan.Config) {
		base.Now = c.Now
		*c = base
	})
	writeJSON(w, s.config())
}

func (s *Simulator) handleAdvance(w http.ResponseWriter, r *http.Request) {
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

// injected is the answer to an injection.
type injected struct {
	ID string `json:"id"`
}

func (s *Simulator) injectPayment(w http.ResponseWriter, r *http.Request) {
	var e Entry
	var id string
	_, err := readEntry(w, r, &e)
	if err == nil {
		id, err = s.Inject(e)
	}
	if err != nil {
		refuse(w, err)
		return
	}
	writeJSON(w, injected{id})
}

func (s *Simulator) amendPayment(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	text, err := readEntry(w, r, &Entry{})
	if err == nil {
		err = s.Amend(id, func(e *Entry) { _ = json.Unmarshal(text, e) }) // it can be read, as was just seen
	}
	if err != nil {
		refuse(w, err)
		return
	}
	writeJSON(w, injected{id})
}

// readEntry reads the body, which has no names but those of an Entry, into e.
func readEntry(w http.ResponseWriter, r *http.Request, e *Entry) ([]byte, error) {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	return text, d.Decode(e)
}

// problem is what is wrong with an order.
type problem struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

func refuse(w http.ResponseWriter, err error) {
	JSON(http.StatusBadRequest, problem{"invalid_request", err.Error()}).write(w)
}

func writeJSON(w http.ResponseWriter, v any) {
	JSON(http.StatusOK, v).write(w)
}
