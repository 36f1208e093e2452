package registry

import (
	"log/slog"

	"duly/config"
	"duly/internal/mysql"
	"duly/internal/notify"
	"duly/internal/payment"
	"duly/internal/session"
	"duly/internal/store"
	"duly/jobs"
)

// Request is what a run, or a dry run, of one job is asked to do, and what it is made of.
type Request struct {
	Session  *session.Session
	Job      Job
	Flags    Flags
	Config   *config.Config
	DB       *mysql.DB
	Deps     jobs.Deps
	Log      *slog.Logger
	Business payment.Date
	Today    payment.Date
	Stages   int
	Sinks    map[string]notify.Notifier // of the outbox
	Notes    []string                   // what the audit has to say
	Window   payment.Window             // of the audit that is repeated; zero: its own
	// Suspicion is why the database may have been restored; empty: nothing says so.
	Suspicion string
	// Counted is how much a step had before it when it began, -1 if that is not known; nil: nothing was counted.
	Counted func(step string) int64
}

// before is what [Request.Counted] says of a step.
func (r *Request) before(step string) int64 {
	if r.Counted == nil {
		return -1
	}
	return r.Counted(step)
}

// Selection is what the run is narrowed to.
func (r *Request) Selection() store.Selection {
	return store.Selection{Business: r.Business, Subscriptions: r.Flags.Subscriptions, Orders: r.Flags.Orders}
}
