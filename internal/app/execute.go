package app

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"duly/internal/batch"
	"duly/internal/cli"
	"duly/internal/exit"
	"duly/internal/gateway"
	"duly/internal/registry"
	"duly/internal/runs"
	"duly/internal/session"
	"duly/internal/telemetry"
	"duly/internal/view"
)

// RunJob runs one job as the flags say; given tells which of them were typed.
func (a *Command) RunJob(ctx context.Context, w registry.Job, f registry.Flags, given func(flag string) bool) (err error) {
	a.Screen.CSVOnly = f.CSV
	e, err := a.Prepare(ctx, w, f, given)
	if err != nil {
		return err
	}
	defer e.Close()
	if !a.night {
		defer func() { e.cmd.notify(ctx, e.Config, e.Database, e.logs, err) }()
	}
	e.skipPaused()
	if f.DryRun {
		return e.DryRun(ctx)
	}
	if err := e.restoreAnswers(ctx); err != nil {
		return err
	}
	if err := e.mayRun(ctx); err != nil {
		return cmp.Or(e.printNotRun(err), err)
	}
	if err := e.examine(ctx); err != nil {
		return err
	}
	ctx, end, err := f.Bounded(ctx)
	if err != nil {
		return exit.Usage(err)
	}
	defer end()
	return e.execute(ctx)
}

// skipPaused keeps gateways that are paused out of the run: their rows stay as they are.
func (e *Execution) skipPaused() {
	for name, g := range e.Deps.Gateways {
		if pause, paused := e.pauses.Gateway(name); paused {
			skipGateway(g, pause)
		}
	}
}

// skipGateway leaves a paused gateway alone. What the brake has paused needs an operator: a run that leaves nothing else undone
// is not worth repeating.
func skipGateway(g *gateway.Limited, pause runs.Pause) {
	reason := "paused: " + pause.String()
	if pause.ByBrake() {
		g.Pause(reason)
		return
	}
	g.LeaveAlone(reason)
}

// mayRun says whether the job is paused, or another run keeps an exclusive one from starting.
func (e *Execution) mayRun(ctx context.Context) error {
	job := e.Job.Name
	if name, pause, paused := e.paused(e.pauses); paused {
		return notRun(name, pause)
	}
	if !e.Flags.Exclusive {
		return nil
	}
	if _, err := e.Deps.Repository.Abandon(ctx, runs.Taker{}); err != nil {
		return exit.Failed(err)
	}
	if other, err := e.other(ctx, job, 0); err != nil || other == nil {
		return exit.Failed(err)
	} else {
		now := e.Deps.Business()
		return exit.With(batch.ExitNotRun, fmt.Errorf("not run: run %d of %s is live on %s: %s, and its lease lasts up to %s more",
			other.ID, job, other.Host, view.LastHeartbeat(other.Beat, now), view.UpTo(other.FreeAt().Sub(now))))
	}
}

// other is a live run of the job that began before run; 0 for none of one's own.
func (e *Execution) other(ctx context.Context, job string, run uint64) (*runs.Live, error) {
	others, err := e.Deps.Repository.Others(ctx, run)
	if err != nil {
		return nil, err
	}
	for _, o := range others {
		if o.Job == job && (run == 0 || o.ID < run) {
			return &o, nil
		}
	}
	return nil, nil //nolint:nilnil // none
}

// execute runs the job, shows its progress and sums it up.
func (e *Execution) execute(ctx context.Context) error {
	show := &progress{e: e}
	e.Deps.Died, e.Counted = show.diedRuns, show.before
	job, err := e.Job.Build(e.Request)
	if err != nil {
		return exit.Usage(err)
	}
	params, err := json.Marshal(e.Flags)
	if err != nil {
		return exit.Failed(err)
	}
	others, err := e.Deps.Repository.Living(ctx, 0)
	if err != nil {
		return exit.Failed(err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	runner := engine(e.Session, e.Config, e.Deps, e.Flags.Limit, e.logs.Logger)
	controller, recorder := newRunController(show, cancel), &reportRecorder{progress: show}
	e.Deps.Repository.State, runner.AfterHeartbeat = controller.snapshot, controller.poll
	e.Deps.Repository.Report = recorder.record
	sampled := func() {}
	runner.OnStep = show.began
	runner.Trace, runner.Witness = e.cmd.seen.Tracing(), e.witness
	var began *batch.Run
	runner.OnRun = func(run *batch.Run, steps []*batch.StepExecution) {
		began = run
		e.logs.Run.Store(run.ID)
		e.cmd.seen.Follow(ctx, run, steps, telemetry.Run{Gateways: e.Deps.Gateways, DB: e.Database.DB, Partial: e.Flags.Partial()})
		e.recordRerun(ctx, run)
		if e.cmd.Began != nil {
			e.cmd.Began(run.ID)
		}
		if e.cmd.Started != nil {
			e.cmd.Started()
		}
		if e.Flags.Exclusive {
			e.stayAlone(ctx, job.Name, run, cancel)
		}
		e.header(run.ID, others)
		show.start(run, steps)
		sampled = recorder.start()
	}
	measured := e.measured(ctx)
	result, err := runner.Run(ctx, job, batch.Spec{
		Job: job.Name, BusinessDate: e.Business.String(), Params: params, RerunOf: e.Flags.Rerun,
		Lease: e.Config.Run.Lease, Host: session.Hostname(), PID: os.Getpid(), Version: e.Version,
	})
	e.Deps.Repository.Release(began) // it does nothing any more
	sampled()
	show.stop()
	measured(began, result)
	if err != nil {
		return exit.Failed(err)
	}
	e.lostUnderWay(ctx, began, result)
	e.stayUp(&result)
	e.Code = result.Exit
	if e.cmd.ran != nil {
		*e.cmd.ran = show.run.ID
	}
	err = e.summary(context.WithoutCancel(ctx), show, result)
	e.pageOfRun(ctx, show.run.ID)
	return err
}

// stayAlone ends a run that wants to be alone if another began at the same moment and has the lower number.
func (e *Execution) stayAlone(ctx context.Context, job string, run *batch.Run, cancel context.CancelCauseFunc) {
	other, err := e.other(ctx, job, run.ID)
	switch {
	case err != nil:
		e.logs.WarnContext(ctx, "other runs could not be listed", slog.Uint64("run_id", run.ID), session.Problem(err))
	case other != nil:
		cancel(exit.AlreadyRunningError{Other: other.ID})
	}
}

// header writes the first lines of a run: what it works on, where, and which other runs are live.
func (e *Execution) header(run uint64, others []runs.Live) {
	if e.brief() || e.Screen.People() != e.Screen.Out {
		return // a night has its own; beside a document the log says it
	}
	parts := []string{e.Job.Name, fmt.Sprintf("run %d", run), cli.DayOfYear(e.Business.String()), "times in " + e.Config.Business.Timezone}
	if names := e.gatewayNames(); e.Job.Gateways && len(names) == 1 {
		parts = append(parts, "gateway "+names[0])
	} else if e.Job.Gateways {
		parts = append(parts, "gateways "+strings.Join(names, ", "))
	}
	e.Screen.Say(e.Screen.Out, strings.Join(parts, " · "))
	where := fmt.Sprintf("database %s/%s", e.Database.Address, e.Database.Schema)
	if len(others) > 0 {
		where += " · also running: " + liveNames(others, e.Deps.Business(), e.Deps.Heartbeat)
	}
	e.Screen.Say(e.Screen.Out, where)
}

// brief reports whether the run is told of in one line of a night.
func (e *Execution) brief() bool { return e.cmd.nights != nil }

// liveNames names runs: 45 outbox on vm-2. Of one that has missed a heartbeat it says when the last one was: it may be dead.
func liveNames(live []runs.Live, now time.Time, heartbeat time.Duration) string {
	names := make([]string, len(live))
	for i, o := range live {
		names[i] = fmt.Sprintf("%d %s on %s", o.ID, o.Job, o.Host)
		if now.Sub(o.Beat) > 2*heartbeat {
			names[i] += " (" + view.LastHeartbeat(o.Beat, now) + ")"
		}
	}
	return strings.Join(names, ", ")
}

// gatewayNames lists the gateways, with those that are paused marked.
func (e *Execution) gatewayNames() []string {
	names := slices.Sorted(maps.Keys(e.Deps.Gateways))
	for i, name := range names {
		if _, paused := e.pauses.Gateway(name); paused {
			names[i] += " (paused)"
		}
	}
	return names
}
