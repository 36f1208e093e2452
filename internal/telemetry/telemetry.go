package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"duly/config"
	"duly/internal/batch"
	"duly/internal/gateway"
	"duly/internal/mysql"
	"duly/internal/notify"
	"duly/internal/session"
	"duly/internal/telemetry/metrics"
	"duly/internal/telemetry/tracing"
	"duly/internal/text"
	"duly/jobs"
	"duly/steps"
)

const (
	// CountEvery is how often rows are counted while metrics are served.
	CountEvery = 30 * time.Second
	// metricsPath is where metrics are served.
	metricsPath = "/metrics"
)

// Command is what a command of `duly run` tells the machines that watch it: metrics, traces and a dead-man's
// switch. None of them changes the run. The nil observation tells nobody anything.
type Command struct {
	App    *session.Session
	Config *config.Config

	Metrics *metrics.Metrics // nil: nobody wants them
	Server  *http.Server     // nil: they are not served
	tracer  *tracing.Tracer  // nil: nothing is traced
	deadman *notify.Deadman  // nil: there is none
	started chan struct{}    // closed when the switch was told of the begin; nil: no run has begun
	Partial bool             // the command does a part of its work: the switch is told nothing
	run     uint64           // the last one

	mu   sync.Mutex    // of what follows: warnings come from any goroutine
	logs *session.Logs // of the last run; nil: there is none yet
}

// Begin takes what is to be told where from the configuration, once. What goes wrong with it goes to l, if there is one.
func (o *Command) Begin(ctx context.Context, c *config.Config, l *session.Logs) {
	if o == nil {
		return
	}
	o.mu.Lock()
	o.logs = l
	o.mu.Unlock()
	if o.Config != nil {
		return
	}
	o.Config = c
	if c.Metrics != (config.Metrics{}) {
		o.Metrics = metrics.New(o.App.Version)
		o.serve(ctx)
	}
	o.trace(ctx)
	if c.Deadman.URL == "" {
		return
	}
	var err error
	if o.deadman, err = notify.NewDeadman(c.Deadman.URL.Reveal(), o.App.Version, o.App.WatchedWithin); err != nil {
		o.Warn("the dead-man's switch cannot be used", err)
	}
}

// serve serves the metrics until end.
func (o *Command) serve(ctx context.Context) {
	if o.Config.Metrics.Listen == "" {
		return
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.Config.Metrics.Listen)
	if err != nil {
		o.Warn("metrics cannot be served", err)
		return
	}
	mux := http.NewServeMux()
	mux.Handle("GET "+metricsPath, o.Metrics.Handler())
	o.Server = &http.Server{Handler: mux, ReadHeaderTimeout: o.App.WatchedWithin}
	go func() { _ = o.Server.Serve(listener) }() // until end closes it
}

// trace begins to trace, if traces are wanted.
func (o *Command) trace(ctx context.Context) {
	endpoint := tracing.Endpoint(o.Config.Traces.Endpoint.Reveal(), o.App.Screen.Env)
	if endpoint == "" {
		return
	}
	exporter, err := tracing.OTLP(ctx, endpoint, o.App.Screen.Env)
	if err != nil {
		o.Warn("nothing can be traced", err)
		return
	}
	secrets := o.App.Redactor(o.Config)
	o.tracer = tracing.New(tracing.Options{
		Exporter: exporter, Sample: o.Config.Traces.Sample, Clean: func(s string) string { return text.Line(secrets.String(s)) },
		Failed:  func(err error) { o.Warn("traces could not be sent", err) },
		Version: o.App.Version, Host: session.Hostname(), Database: o.Config.Database.Address(), Now: o.App.Now,
	})
}

// Watch is what gateways are made with after Begin: who is told of each request, and what goes around the transports; nil for nobody and nothing.
func (o *Command) Watch() (observe gateway.Observer, wrap func(http.RoundTripper) http.RoundTripper) {
	if o == nil || o.Config == nil {
		return nil, nil
	}
	return o.observer(), o.transport()
}

// observer is told of every request to a gateway.
func (o *Command) observer() gateway.Observer {
	return func(ctx context.Context, r gateway.Request) (context.Context, func(gateway.Answer)) {
		if o.tracer == nil && o.Metrics == nil && !logged(ctx) {
			return ctx, func(gateway.Answer) {} // nobody is to be told
		}
		traced, counted := func(gateway.Answer) {}, func(gateway.Answer) {}
		if o.tracer != nil {
			ctx, traced = o.tracer.Request(ctx, r)
		}
		if o.Metrics != nil {
			counted = o.Metrics.Request(r)
		}
		return ctx, func(a gateway.Answer) {
			counted(a)
			traced(a)
			logRequest(ctx, r, a)
		}
	}
}

// logged reports whether the run logs requests.
func logged(ctx context.Context) bool {
	x := batch.Execution(ctx)
	return x != nil && x.Log.Enabled(ctx, slog.LevelDebug)
}

// logRequest writes a line about a request that was sent. What the gateway said beside the outcome may be about a
// customer, and is left out.
func logRequest(ctx context.Context, r gateway.Request, a gateway.Answer) {
	if a.Unsent || !logged(ctx) {
		return
	}
	batch.Execution(ctx).Log.LogAttrs(ctx, slog.LevelDebug, "gateway request",
		slog.String("gateway", r.Gateway), slog.String("request_id", r.ID), slog.String("kind", string(r.Kind)), slog.Int("try", r.Try),
		slog.String("outcome", a.Outcome), slog.Float64("ms", float64(a.Took.Microseconds())/1000))
}

// Tracing is told of the engine's work; nil: nobody is.
func (o *Command) Tracing() batch.Tracer {
	if o == nil || o.tracer == nil {
		return nil
	}
	return o.tracer.Span
}

// transport goes around the transports to gateways; nil: nothing does.
func (o *Command) transport() func(http.RoundTripper) http.RoundTripper {
	if o.tracer == nil {
		return nil
	}
	return o.tracer.Transport
}

// Run is what machines read of a run.
type Run struct {
	Gateways steps.Gateways
	DB       *mysql.DB
	Partial  bool // the run does a part of the work of its job
}

// Follow is called when a run of the command has begun; it does not wait for anybody.
func (o *Command) Follow(ctx context.Context, run *batch.Run, steps []*batch.StepExecution, w Run) {
	if o == nil {
		return
	}
	o.run, o.Partial = run.ID, o.Partial || w.Partial
	if o.deadman != nil && o.started == nil && !o.Partial {
		o.started = make(chan struct{})
		go func() {
			defer close(o.started)
			if err := o.deadman.Started(context.WithoutCancel(ctx)); err != nil {
				o.Warn("the dead-man's switch could not be told of the begin", err)
			}
		}()
	}
	if o.Metrics != nil {
		o.Metrics.Follow(metrics.Live{
			Job: run.Job, Steps: steps, GivesBack: givesBack, Gateways: w.Gateways, DB: w.DB,
		})
	}
}

// End tells how the command ended, and waits for whom it tells: all at the same time, for watchedWithin at most.
func (o *Command) End(ctx context.Context, exit int) {
	if o.Config == nil {
		return // nobody knows whom to tell
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), o.App.WatchedWithin)
	defer cancel()
	var telling sync.WaitGroup
	if o.deadman != nil {
		telling.Go(func() { o.switchOff(ctx, exit) })
	}
	if push := o.Config.Metrics.Pushgateway; push != "" && o.run != 0 {
		telling.Go(func() {
			if err := o.Metrics.Push(ctx, push.Reveal(), o.App.WatchedWithin); err != nil {
				o.Warn("metrics could not be pushed", err)
			}
		})
	}
	if o.tracer != nil {
		telling.Go(func() { o.tracer.Close(ctx) })
	}
	telling.Wait()
	if o.Server != nil {
		_ = o.Server.Close() // a scrape that is under way is cut off
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.logs != nil {
		o.logs.Close()
	}
}

// switchOff tells the dead-man's switch of the end, after it was told of the begin. Of what was not to run, and of a part of the
// work, it is told nothing.
func (o *Command) switchOff(ctx context.Context, exit int) {
	defer o.deadman.Close()
	if o.started != nil {
		<-o.started // bounded by itself
	}
	if exit == batch.ExitNotRun || o.Partial {
		return
	}
	if err := o.deadman.Ended(ctx, exit); err != nil {
		o.Warn("the dead-man's switch could not be told of the end", err)
	}
}

// Warn logs what went wrong with those that watch.
func (o *Command) Warn(message string, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.logs == nil {
		l, logErr := o.App.Logger(o.Config)
		if logErr != nil {
			o.App.Screen.Complain(fmt.Errorf("%s: %w", message, errors.Join(err, logErr)))
			return
		}
		o.logs = l
	}
	o.logs.Warn(message, session.Problem(err)) //nolint:sloglint // its callers give constants
}

// givesBack is the step whose money goes to customers.
const givesBack = jobs.StepRefund
