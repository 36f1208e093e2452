package main

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
	Screen  *Screen
	version string // of this program
	logLost *logFailure
	now     func() time.Time
	// every calls tick again and again until the function that it returns is called.
	every func(interval time.Duration, tick func()) (stop func())
	file  string         // --config
	flags map[string]any // configuration keys set on the command line
	bare  bool           // only for tests: nothing is redacted
	dry   bool           // --dry-run: the database refuses every change, and gateways stand in that send nothing
	code  int            // the exit code of a command that did not fail
	// shared, if set, is the database that open gives: for the jobs of the nightly run
	shared *database
	// observe is told of every request to a gateway, and wrap goes around the transports to them; nil: nobody and nothing
	// adapt makes the client of one gateway by its type.
	adapt   func(s *Session, name string, g config.Gateway) (gateway.Gateway, error)
	observe gateway.Observer
	wrap    func(http.RoundTripper) http.RoundTripper
	// watchedWithin bounds how long machines that watch are told anything
	watchedWithin time.Duration
	// alertWithin bounds how long an alert may take, and slackAPI is where a bot's calls go; empty: to Slack
	alertWithin time.Duration
	slackAPI    string
	// only for the demo: its own configuration and clock, and how long payments are left alone before an audit
	config *config.Config
	shift  time.Duration
	lag    time.Duration
}

// every is a ticker with a goroutine of its own.
func every(interval time.Duration, tick func()) (stop func()) {
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

// load reads the configuration, once.
func (s *Session) load() (*config.Config, error) {
	if s.config != nil {
		return s.config, nil
	}
	c, err := config.Load(s.sources())
	if err != nil {
		return nil, usage(err)
	}
	s.config = c
	s.guard(c)
	return c, nil
}

// sources are where the configuration comes from.
func (s *Session) sources() config.Options {
	return config.Options{File: s.file, Env: s.Screen.env, Flags: s.flags}
}

// calendar is how days and instants are written on a screen of now.
func (s *Session) calendar(now time.Time) (calendar, error) {
	c, err := s.load()
	if err != nil {
		return calendar{}, err
	}
	return calendarOf(now, c.Business.Location()), nil
}

// paced is the client of one gateway.
func (s *Session) paced(name string, g config.Gateway) (*gateway.Limited, error) {
	client, err := s.adapter(name, g)
	if err != nil {
		return nil, usage(fmt.Errorf("gateways.%s: %w", name, err))
	}
	return gateway.Limit(name, client, gateway.Limits{Tries: g.Tries, Backoff: g.Backoff, Now: s.now}), nil
}

// hostname is this host's name.
func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return "unknown"
	}
	return name
}

// ending is the exit code of a command that ended with err.
func codeOf(ctx context.Context, ses *Session, err error) int {
	if err == nil {
		return ses.code
	}
	if code := stopCode(ctx); code != 0 {
		return code
	}
	if exit, ok := errors.AsType[exitError](err); ok {
		return exit.code
	}
	return batch.ExitUsage
}

// gatewayNames lists the configured gateways.
func gatewayNames(c *config.Config) []string { return slices.Sorted(maps.Keys(c.Gateways)) }

// newSession is a session of this process: its own clock, and patience of seconds with those who watch and are alerted. adapt makes the client
// of one gateway by its type.
func newSession(screen *Screen, version string, adapt func(s *Session, name string, g config.Gateway) (gateway.Gateway, error)) *Session {
	return &Session{
		Screen: screen, version: version, adapt: adapt, logLost: &logFailure{}, now: time.Now, every: every, lag: jobs.AuditLag,
		alertWithin: alertWithin, watchedWithin: watchedWithin,
	}
}
