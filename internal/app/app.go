package app

import (
	_ "time/tzdata"

	"github.com/jonboulle/clockwork"

	"duly/internal/alert"
	"duly/internal/session"
	"duly/internal/telemetry"
	"duly/internal/view"
)

// Command is one command line of duly.
type Command struct {
	*session.Session

	// Started, if set, is called when a run exists and before it does anything.
	Started func()
	// Began, if set, is given the id of each run when it exists.
	Began func(run uint64)
	// Ticks, if set, is the clock that a schedule goes by.
	Ticks clockwork.Clock
	night bool // a job of the nightly run
	// nights, if set, takes the summaries of the jobs of a night, which are then told together
	nights *[]view.Summary
	// ran, if set, is given the id of the run that was made
	ran *uint64
	// seen, if set, is what machines that watch are told of the command
	seen *telemetry.Command
	// runAlert, if set, collects the alert that Slack gets when the command fails
	runAlert *alert.Collector
}

// Fork is a copy for a command line of its own, or for a job of the nightly run.
func (a *Command) Fork() *Command {
	one, session, screen := *a, *a.Session, *a.Screen
	session.Screen = &screen
	one.Session = &session
	return &one
}
