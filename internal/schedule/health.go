package schedule

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"duly/internal/runs"
)

// How a scheduler is.
const (
	StatusOK       = "ok"
	StatusDown     = "down" // the scheduler or the database does not answer
	StatusStopping = "stopping"
)

// Health is what a scheduler says of itself.
type Health struct {
	Status   string      `json:"status"`
	Database string      `json:"database"` // ok or down
	Zone     string      `json:"timezone"`
	Jobs     []JobHealth `json:"jobs"`
}

// JobHealth is how one job stands. Instants are in UTC.
type JobHealth struct {
	Job      string    `json:"job"`
	Schedule string    `json:"schedule"`
	Next     time.Time `json:"next_at"`
	// Running is the firing under way, and Last the newest that is over, of any scheduler on this database.
	Running *FiringHealth `json:"running,omitempty"`
	Last    *FiringHealth `json:"last,omitempty"`
}

// FiringHealth is a firing.
type FiringHealth struct {
	At    time.Time  `json:"fires_at"`
	Host  string     `json:"host"`
	Run   *uint64    `json:"run_id,omitempty"` // the newest that it began
	Began time.Time  `json:"started_at"`
	Ended *time.Time `json:"finished_at,omitempty"`
	// Exit is nil while it is under way, and if its scheduler died.
	Exit *int `json:"exit_code,omitempty"`
	Died bool `json:"died,omitempty"`
}

// answerWithin bounds what health waits for.
const answerWithin = 2 * time.Second

// Health asks the scheduler and the database.
func (s *Scheduler) Health(ctx context.Context) Health {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	h := Health{Status: s.status(ctx), Database: StatusOK, Zone: s.Zone.String(), Jobs: make([]JobHealth, len(s.Jobs))}
	now := s.Clock.Now()
	for i, job := range s.Jobs {
		h.Jobs[i] = JobHealth{Job: job.Name, Schedule: job.Text, Next: job.When.Next(now).UTC()}
		if h.Database != StatusOK {
			continue
		}
		firings, err := s.Firings.Newest(ctx, job.Name, 2)
		if err != nil {
			h.Database = StatusDown
		}
		for _, f := range firings {
			h.Jobs[i].note(s.told(f), f.Live)
		}
	}
	if h.Database != StatusOK && h.Status == StatusOK {
		h.Status = StatusDown
	}
	return h
}

// status asks the goroutine that keeps the times.
func (s *Scheduler) status(ctx context.Context) string {
	s.mu.Lock()
	cron, stopping := s.cron, s.stopping
	s.mu.Unlock()
	if stopping {
		return StatusStopping
	}
	if cron == nil {
		return StatusDown
	}
	jobs := make(chan int, 1)
	go func() { jobs <- len(cron.Jobs()) }()
	select {
	case n := <-jobs:
		if n == len(s.Jobs) {
			return StatusOK
		}
	case <-ctx.Done():
	}
	return StatusDown
}

// note takes a firing in, the newest first.
func (j *JobHealth) note(f FiringHealth, live bool) {
	switch {
	case live:
		j.Running = &f
	case j.Last == nil:
		j.Last = &f
	}
}

func (s *Scheduler) told(f runs.Firing) FiringHealth {
	h := FiringHealth{
		At: f.At.UTC(), Host: f.Host, Run: f.Run, Began: f.Began.UTC(), Exit: f.Exit, Died: !f.Live && f.Exit == nil,
	}
	if f.Ended != nil {
		ended := f.Ended.UTC()
		h.Ended = &ended
	}
	return h
}

// Handler answers GET /healthz: 200 while the scheduler lives and the database answers, otherwise 503; with a Health
// as JSON.
func (s *Scheduler) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		h := s.Health(r.Context())
		body, err := json.MarshalIndent(h, "", "  ")
		if err != nil {
			http.Error(w, "health cannot be written", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		if h.Status != StatusOK {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_, _ = w.Write(append(body, '\n')) // the client has gone
	})
	return mux
}
