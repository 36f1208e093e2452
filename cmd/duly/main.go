// Command duly bills subscriptions and settles orders: a worker that runs to completion.
package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"runtime/debug"
	"time"
	_ "time/tzdata" // business time zones, on machines that have none

	"github.com/jonboulle/clockwork"

	"duly/config"
	"duly/internal/batch"
	"duly/internal/gateway"
	"duly/internal/text"
	"duly/jobs"
)

// version is stamped by the build.
var version = "dev"

// The heap is a few megabytes, whatever is due: to collect it half as often costs little memory and saves a tenth
// of the processor time of a run. GOGC still wins.
const gcPercent = 200

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	os.Exit(run(os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}

// run is the whole program; it returns the exit code.
func run(args, env []string, stdout, stderr io.Writer) int {
	ctx, end := interruptible(context.Background())
	defer end()
	return newApp(env, stdout, stderr).run(ctx, args)
}

// app is one command line of duly.
type app struct {
	*Session

	// started, if set, is called when a run exists and before it does anything.
	started func()
	// began, if set, is given the id of each run when it exists.
	began func(run uint64)
	// ticks, if set, is the clock that a schedule goes by.
	ticks clockwork.Clock
	night bool // a job of the nightly run
	// nights, if set, takes the summaries of the jobs of a night, which are then told together
	nights *[]summary
	// ran, if set, is given the id of the run that was made
	ran *uint64
	// seen, if set, is what machines that watch are told of the command
	seen *telemetry
	// runAlert, if set, collects the alert that Slack gets when the command fails
	runAlert *runAlert
}

// fork is a copy for a command line of its own, or for a job of the nightly run.
func (a *app) fork() *app {
	one, session, screen := *a, *a.Session, *a.Screen
	session.Screen = &screen
	one.Session = &session
	return &one
}

// Screen is where a command writes to people and programs.
type Screen struct {
	env      []string
	out, err io.Writer
	stdout   *stdoutRecorder
	// terminal reports whether people read w as it is written.
	terminal func(w io.Writer) bool
	// size is how many columns and lines the terminal behind w has.
	size func(w io.Writer) (width, height int)
	// wide, if set, is how wide what is written may be, whatever is behind it.
	wide    int
	json    bool
	verbose bool // --verbose
	csvOnly bool // --csv
	// documents, if set, takes what print would write.
	documents *[]any
}

// Session is what a command works with: its configuration, clocks, database and gateways.
type Session struct {
	Screen  *Screen
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

func newApp(env []string, stdout, stderr io.Writer) *app {
	recorder := &stdoutRecorder{to: stdout}
	return &app{Session: &Session{
		Screen:  &Screen{env: env, stdout: recorder, out: output{to: recorder}, err: output{to: stderr}, terminal: terminal, size: size},
		logLost: &logFailure{}, now: time.Now, every: every, lag: jobs.AuditLag, alertWithin: alertWithin, watchedWithin: watchedWithin,
	}}
}

// run executes one command line and returns the exit code.
func (a *app) run(ctx context.Context, args []string) int {
	root := a.root()
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		code, err := a.Screen.stdout.result(a.code, nil)
		if err != nil {
			a.Screen.complain(err)
		}
		return a.logLost.result(code)
	}
	a.mistyped(ctx, cmd, args, err)
	if code := stopCode(ctx); code != 0 {
		return code // it failed because it was told to end
	}
	code := batch.ExitUsage // cobra's own errors are mistakes in the command line
	if exit, ok := errors.AsType[exitError](err); ok {
		code, err = exit.code, exit.err
	}
	if code, err = a.Screen.stdout.result(code, err); err != nil {
		a.Screen.complain(err)
	}
	return code
}

// complain writes an error to standard error, a line a problem.
func (s *Screen) complain(err error) {
	for _, line := range text.Lines(err) {
		s.say(s.err, "duly: "+line)
	}
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
