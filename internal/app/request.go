package app

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
	work     JobSpec
	flags    Flags
	config   *config.Config
	db       *mysql.DB
	Deps     jobs.Deps
	log      *slog.Logger
	business payment.Date
	today    payment.Date
	stages   int
	sinks    map[string]notify.Notifier // of the outbox
	notes    []string                   // what the audit has to say
	window   payment.Window             // of the audit that is repeated; zero: its own
	// suspicion is why the database may have been restored; empty: nothing says so.
	suspicion string
}

func (r *Request) selection() store.Selection {
	return store.Selection{Business: r.business, Subscriptions: r.flags.Subscriptions, Orders: r.flags.Orders}
}
