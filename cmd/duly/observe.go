package main

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
	"duly/internal/metrics"
	"duly/internal/mysql"
	"duly/internal/notify"
	"duly/internal/text"
	"duly/internal/tracing"
	"duly/jobs"
	"duly/steps"
)

const (
	// countEvery is how often rows are counted while metrics are served.
	countEvery = 30 * time.Second
	// metricsPath is where metrics are served.
	metricsPath = "/metrics"
)

// observation is what a command of `duly run` tells the machines that watch it: metrics, traces and a dead-man's
// switch. None of them changes the run. The nil observation tells nobody anything.
type telemetry struct {
	app    *Session
	config *config.Config

	metrics *metrics.Metrics // nil: nobody wants them
	server  *http.Server     // nil: they are not served
	tracer  *tracing.Tracer  // nil: nothing is traced
	deadman *notify.Deadman  // nil: there is none
	started chan struct{}    // closed when the switch was told of the begin; nil: no run has begun
	partial bool             // the command does a part of its work: the switch is told nothing
	run     uint64           // the last one

	mu   sync.Mutex // of what follows: warnings come from any goroutine
	logs *logs      // of the last run; nil: there is none yet
}

// begin takes what is to be told where from the configuration, once. What goes wrong with it goes to l, if there is one.
func (o *telemetry) begin(ctx context.Context, c *config.Config, l *logs) {
	if o == nil {
		return
	}
	o.mu.Lock()
	o.logs = l
	o.mu.Unlock()
	if o.config != nil {
		return
	}
	o.config = c
	if c.Metrics != (config.Metrics{}) {
		o.metrics = metrics.New(o.app.version)
		o.serve(ctx)
	}
	o.trace(ctx)
	o.app.observe, o.app.wrap = o.observer(), o.transport()
	if c.Deadman.URL == "" {
		return
	}
	var err error
	if o.deadman, err = notify.NewDeadman(c.Deadman.URL.Reveal(), o.app.version, o.app.watchedWithin); err != nil {
		o.warn("the dead-man's switch cannot be used", err)
	}
}

// serve serves the metrics until end.
func (o *telemetry) serve(ctx context.Context) {
	if o.config.Metrics.Listen == "" {
		return
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.config.Metrics.Listen)
	if err != nil {
		o.warn("metrics cannot be served", err)
		return
	}
	mux := http.NewServeMux()
	mux.Handle("GET "+metricsPath, o.metrics.Handler())
	o.server = &http.Server{Handler: mux, ReadHeaderTimeout: o.app.watchedWithin}
	go func() { _ = o.server.Serve(listener) }() // until end closes it
}

// trace begins to trace, if traces are wanted.
func (o *telemetry) trace(ctx context.Context) {
	if o.config.Traces.Endpoint == "" {
		return
	}
	exporter, err := tracing.OTLP(ctx, o.config.Traces.Endpoint.Reveal(), o.app.Screen.env)
	if err != nil {
		o.warn("nothing can be traced", err)
		return
	}
	secrets := o.app.redactor(o.config)
	o.tracer = tracing.New(tracing.Options{
		Exporter: exporter, Sample: o.config.Traces.Sample, Clean: func(s string) string { return text.Line(secrets.String(s)) },
		Failed:  func(err error) { o.warn("traces could not be sent", err) },
		Version: o.app.version, Host: hostname(), Now: o.app.now,
	})
}

// observer is told of every request to a gateway.
func (o *telemetry) observer() gateway.Observer {
	return func(ctx context.Context, r gateway.Request) (context.Context, func(gateway.Answer)) {
		traced, counted := func(gateway.Answer) {}, func(gateway.Answer) {}
		if o.tracer != nil {
			ctx, traced = o.tracer.Request(ctx, r)
		}
		if o.metrics != nil {
			counted = o.metrics.Request(r)
		}
		return ctx, func(a gateway.Answer) {
			counted(a)
			traced(a)
			logRequest(ctx, r, a)
		}
	}
}

// logRequest writes a line about a request that was sent. What the gateway said beside the outcome may be about a
// customer, and is left out.
func logRequest(ctx context.Context, r gateway.Request, a gateway.Answer) {
	x := batch.Execution(ctx)
	if x == nil || a.Unsent || !x.Log.Enabled(ctx, slog.LevelDebug) {
		return
	}
	x.Log.LogAttrs(ctx, slog.LevelDebug, "gateway request",
		slog.String("gateway", r.Gateway), slog.String("request_id", r.ID), slog.String("kind", string(r.Kind)), slog.Int("try", r.Try),
		slog.String("outcome", a.Outcome), slog.Float64("ms", float64(a.Took.Microseconds())/1000))
}

// tracing is told of the engine's work; nil: nobody is.
func (o *telemetry) tracing() batch.Tracer {
	if o == nil || o.tracer == nil {
		return nil
	}
	return o.tracer.Span
}

// transport goes around the transports to gateways; nil: nothing does.
func (o *telemetry) transport() func(http.RoundTripper) http.RoundTripper {
	if o.tracer == nil {
		return nil
	}
	return o.tracer.Transport
}

// watchedRun is what machines read of a run.
type watchedRun struct {
	gateways steps.Gateways
	db       *mysql.DB
	partial  bool // the run does a part of the work of its job
}

// follow is called when a run of the command has begun; it does not wait for anybody.
func (o *telemetry) follow(ctx context.Context, run *batch.Run, steps []*batch.StepExecution, w watchedRun) {
	if o == nil {
		return
	}
	o.run, o.partial = run.ID, o.partial || w.partial
	if o.deadman != nil && o.started == nil && !o.partial {
		o.started = make(chan struct{})
		go func() {
			defer close(o.started)
			if err := o.deadman.Started(context.WithoutCancel(ctx)); err != nil {
				o.warn("the dead-man's switch could not be told of the begin", err)
			}
		}()
	}
	if o.metrics != nil {
		o.metrics.Follow(metrics.Live{
			Job: run.Job, Steps: steps, GivesBack: givesBack, Gateways: w.gateways, DB: w.db,
		})
	}
}

// end tells how the command ended, and waits for whom it tells: all at the same time, for watchedWithin at most.
func (o *telemetry) end(ctx context.Context, exit int) {
	if o.config == nil {
		return // nobody knows whom to tell
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), o.app.watchedWithin)
	defer cancel()
	var telling sync.WaitGroup
	if o.deadman != nil {
		telling.Go(func() { o.switchOff(ctx, exit) })
	}
	if push := o.config.Metrics.Pushgateway; push != "" && o.run != 0 {
		telling.Go(func() {
			if err := o.metrics.Push(ctx, push.Reveal(), o.app.watchedWithin); err != nil {
				o.warn("metrics could not be pushed", err)
			}
		})
	}
	if o.tracer != nil {
		telling.Go(func() { o.tracer.Close(ctx) })
	}
	telling.Wait()
	if o.server != nil {
		_ = o.server.Close() // a scrape that is under way is cut off
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.logs != nil {
		o.logs.close()
	}
}

// switchOff tells the dead-man's switch of the end, after it was told of the begin. Of what was not to run, and of a part of the
// work, it is told nothing.
func (o *telemetry) switchOff(ctx context.Context, exit int) {
	defer o.deadman.Close()
	if o.started != nil {
		<-o.started // bounded by itself
	}
	if exit == batch.ExitNotRun || o.partial {
		return
	}
	if err := o.deadman.Ended(ctx, exit); err != nil {
		o.warn("the dead-man's switch could not be told of the end", err)
	}
}

// warn logs what went wrong with those that watch.
func (o *telemetry) warn(message string, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.logs == nil {
		l, logErr := o.app.logger(o.config)
		if logErr != nil {
			o.app.Screen.complain(fmt.Errorf("%s: %w", message, errors.Join(err, logErr)))
			return
		}
		o.logs = l
	}
	o.logs.Warn(message, problem(err)) //nolint:sloglint // its callers give constants
}

// givesBack is the step whose money goes to customers.
const givesBack = jobs.StepRefund
