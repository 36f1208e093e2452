package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"duly/internal/batch"
	"duly/internal/failedrows"
	"duly/internal/leasewait"
	"duly/internal/mysql"
	"duly/internal/runs"
	"duly/internal/store"
	"duly/steps"
)

// worker is what the jobs that talk to gateways share.
type worker struct {
	deps     Deps
	reported map[string]bool // gateways whose misconfiguration or answers were reported
	controls *steps.Controls
	// unwritten are the rows that the run leaves because the database failed on them.
	unwritten *failedrows.Rows
	// partial: the run is one of some rows alone, and recovers no other of a run that died.
	partial bool
	// watched are the claims of other runs that the run has waited for at its end; nil: it has not come to that.
	watched *leasewait.Watch
}

func newWorker(d Deps, s store.Selection) worker {
	return worker{deps: d, partial: s.Partial(), reported: map[string]bool{}, controls: &steps.Controls{Now: d.Business}, unwritten: &failedrows.Rows{}}
}

// controlReader finds payments that the gateways must show.
func (w *worker) controlReader() *store.Controls {
	return &store.Controls{DB: w.deps.DB, Accounts: w.deps.Accounts, Retention: func(name string) time.Duration {
		if g, ok := w.deps.Gateways[name]; ok {
			return g.Capabilities().Retention
		}
		return 0
	}, Now: w.deps.Business}
}

// denied notes which gateways do not show what they took: the run leaves their rows as they are, and ends 4.
func (w *worker) denied(x *batch.StepExecution) {
	for _, name := range slices.Sorted(maps.Keys(w.deps.Gateways)) {
		if notice := w.controls.Notice(name); notice != "" {
			x.Leave(notice)
		}
	}
}

// probe reports whether the database accepts writes.
func (w *worker) probe(ctx context.Context) error { return mysql.WriteProbe(ctx, w.deps.DB) }

// run runs a step, and says so once of each gateway that refused our credentials or whose answers cannot be read.
func (w *worker) run(ctx context.Context, x *batch.StepExecution, step batch.Step) error {
	if err := step.Run(ctx, x); err != nil {
		return err
	}
	return w.refused()
}

// refused says of each gateway that refused our credentials, or whose answers cannot be read, that it did, once.
func (w *worker) refused() error {
	var refused []error
	for _, name := range slices.Sorted(maps.Keys(w.deps.Gateways)) {
		g, check := w.deps.Gateways[name], ""
		switch {
		case w.reported[name]:
		case g.Stats().Misconfigured > 0:
			check = fmt.Sprintf("gateways.%s.token and .url", name)
		case g.Illegible():
			check = fmt.Sprintf("gateways.%s.url, and which version of its API the provider speaks", name)
		}
		if check != "" {
			w.reported[name] = true
			reason, _ := g.Closed()
			refused = append(refused, &MisconfiguredError{Gateway: name, Reason: reason, Check: check})
		}
	}
	return errors.Join(refused...)
}

// MisconfiguredError is a gateway that cannot be used as it is configured. Only an operator can fix that.
type MisconfiguredError struct {
	Gateway string
	Reason  string
	Check   string // the keys to correct
}

// Error implements error.
func (m *MisconfiguredError) Error() string {
	return fmt.Sprintf("gateway %s: %s; check %s", m.Gateway, m.Reason, m.Check)
}

// alone lists the gateways that are left alone for the rest of the run.
func (w *worker) alone() []string {
	var names []string
	for name := range w.deps.Gateways {
		if s := w.deps.Gateways.State(name); s == batch.LaneClosed || s == batch.LanePaused {
			names = append(names, name)
		}
	}
	return names
}

// abandon marks the runs that are dead as abandoned, as soon as the database can be reached. It reports whether there
// were any, also if the answer to that was lost once.
func (w *worker) abandon(ctx context.Context, x *batch.StepExecution) (found bool, err error) {
	taker := runs.Taker{Run: x.Run.ID, Job: x.Run.Job}
	if w.partial {
		taker.Job = ""
	}
	for {
		dead, err := w.deps.Repository.Abandon(x.Work, taker)
		found = found || len(dead) > 0
		for _, id := range dead {
			x.Log.WarnContext(ctx, "a run died; what it held is taken over", slog.Uint64("dead_run_id", id))
		}
		if len(dead) > 0 && w.deps.Died != nil {
			w.deps.Died(x.Work, dead)
		}
		switch {
		case err == nil:
			return found, nil
		case !errors.Is(err, batch.ErrUnavailable) && !errors.Is(err, batch.ErrLocked), x.Lease.Left() <= 0, batch.Wait(ctx, leasewait.LookAgain) != nil:
			return found, fmt.Errorf("abandon dead runs: %w", err)
		}
	}
}
