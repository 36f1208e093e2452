package session

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"time"
	_ "time/tzdata"

	"duly/config"
	"duly/internal/batch"
	"duly/internal/cli"
	"duly/internal/exit"
	"duly/internal/gateway"
	"duly/jobs"
)

const (
	// alertWithin bounds by how much telling people delays the end of a run. Some of it is kept for the tables.
	alertWithin = 10 * time.Second
	// watchedWithin bounds how long machines that watch are told something; the end of a run waits no longer.
	watchedWithin = 5 * time.Second
)

// Session is what a command works with: its configuration, clocks, database and gateways.
type Session struct {
	Screen  *cli.Screen
	Version string // of this program
	LogLost *logFailure
	Now     func() time.Time
	// Every calls tick again and again until the function that it returns is called.
	Every     func(interval time.Duration, tick func()) (stop func())
	File      string         // --config
	Overrides map[string]any // configuration keys set on the command line
	Bare      bool           // only for tests: nothing is redacted
	Dry       bool           // --dry-run: the database refuses every change, and gateways stand in that send nothing
	Code      int            // the exit code of a command that did not fail
	// Shared, if set, is the database that open gives: for the jobs of the nightly run
	Shared *Database
	// observe is told of every request to a gateway, and wrap goes around the transports to them; nil: nobody and nothing
	// adapt makes the client of one gateway by its type.
	adapt   func(s *Session, name string, g config.Gateway) (gateway.Gateway, error)
	Observe gateway.Observer
	Wrap    func(http.RoundTripper) http.RoundTripper
	// WatchedWithin bounds how long machines that watch are told anything
	WatchedWithin time.Duration
	// AlertWithin bounds how long an alert may take, and slackAPI is where a bot's calls go; empty: to Slack
	AlertWithin time.Duration
	SlackAPI    string
	// only for the demo: its own configuration and clock, and how long payments are left alone before an audit
	Loaded *config.Config
	Shift  time.Duration
	Lag    time.Duration
}

// Every is a ticker with a goroutine of its own.
func Every(interval time.Duration, tick func()) (stop func()) {
	ticker := time.NewTicker(interval)
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		defer ticker.Stop()
		for {
			select {
			case <-end:
				return
			case <-ticker.C:
				tick()
			}
		}
	}()
	return func() { close(end); <-ended }
}

// Load reads the configuration, once.
func (s *Session) Load() (*config.Config, error) {
	if s.Loaded != nil {
		return s.Loaded, nil
	}
	c, err := config.Load(s.Sources())
	if err != nil {
		return nil, exit.Usage(err)
	}
	s.Loaded = c
	s.guard(c)
	return c, nil
}

// Sources are where the configuration comes from.
func (s *Session) Sources() config.Options {
	return config.Options{File: s.File, Env: s.Screen.Env, Flags: s.Overrides}
}

// Calendar is how days and instants are written on a screen of now.
func (s *Session) Calendar(now time.Time) (cli.Calendar, error) {
	c, err := s.Load()
	if err != nil {
		return cli.Calendar{}, err
	}
	return cli.NewCalendar(now, c.Business.Location()), nil
}

// Paced is the client of one gateway.
func (s *Session) Paced(name string, g config.Gateway) (*gateway.Limited, error) {
	client, err := s.Adapter(name, g)
	if err != nil {
		return nil, exit.Usage(fmt.Errorf("gateways.%s: %w", name, err))
	}
	return gateway.Limit(name, client, gateway.Limits{Tries: g.Tries, Backoff: g.Backoff, Now: s.Now}), nil
}

// Hostname is this host's name.
func Hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return "unknown"
	}
	return name
}

// ExitCode is the exit code of a command that ended with err.
func ExitCode(ctx context.Context, ses *Session, err error) int {
	if err == nil {
		return ses.Code
	}
	if code := exit.StopCode(ctx); code != 0 {
		return code
	}
	if exit, ok := errors.AsType[exit.Error](err); ok {
		return exit.Code
	}
	return batch.ExitUsage
}

// GatewayNames lists the configured gateways.
func GatewayNames(c *config.Config) []string { return slices.Sorted(maps.Keys(c.Gateways)) }

// New is a session of this process: its own clock, and patience of seconds with those who watch and are alerted. adapt makes the client
// of one gateway by its type.
func New(screen *cli.Screen, version string, now func() time.Time, adapt func(s *Session, name string, g config.Gateway) (gateway.Gateway, error)) *Session {
	return &Session{
		Screen: screen, Version: version, adapt: adapt, LogLost: &logFailure{}, Now: now, Every: Every, Lag: jobs.AuditLag,
		AlertWithin: alertWithin, WatchedWithin: watchedWithin,
	}
}
