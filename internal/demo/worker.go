package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"

	"duly/internal/batch"
	"duly/internal/exit"
	"duly/internal/gateway/simulator"
	"duly/internal/payment"
	"duly/jobs"
)

const (
	// killAfter is how many charges a worker makes before it is killed, killShare how many of those that are due if that is less.
	killAfter = 600
	killShare = 0.3
	// watchEvery is how often a worker is looked at.
	watchEvery = 5 * time.Millisecond
)

// worker is a process that runs a night.
type worker struct {
	command *exec.Cmd
	ended   chan error
}

// startWorker starts `duly run nightly` as a process of its own, in a folder without a duly.yaml. It ends with ctx.
func (e *environment) startWorker(ctx context.Context, program string, env []string, prints io.Writer) (*worker, error) {
	w := &worker{command: exec.CommandContext(ctx, program, "run", jobs.NightlyJob), ended: make(chan error, 1)} //nolint:gosec // G204: this program itself
	w.command.Dir = e.dir
	w.command.Env = append(Surroundings(env), e.variables()...)
	w.command.Stdout, w.command.Stderr = prints, prints
	if err := w.command.Start(); err != nil {
		return nil, exit.Failed(fmt.Errorf("start a worker: %w", err))
	}
	go func() { w.ended <- w.command.Wait() }()
	return w, nil
}

// pid is the worker's process id.
func (w *worker) pid() int { return w.command.Process.Pid }

// killed reports whether the worker, which has ended, died of SIGKILL.
func (w *worker) killed() bool {
	status, ok := w.command.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// death is what a killed worker left behind.
type death struct {
	pid  int
	run  uint64 // of the billing job
	done int64  // charges that it settled
	// claimed are the keys of the charges that it had claimed and not settled, and known how those of them stand at the gateway that had
	// arrived there.
	claimed []string
	known   map[string]payment.Status
}

// killWorker lets a worker charge some of those that are due, and kills it. billing is called when the worker begins to. It returns nil
// if the worker had nothing to charge and ended before.
func (e *environment) killWorker(ctx context.Context, w *worker, due int, billing func() error) (died *death, err error) {
	defer func() {
		if err != nil {
			_ = w.command.Process.Kill() // it may have ended
		}
	}()
	before := e.sim.Stats().Payments
	enough := max(min(killAfter, int(float64(due)*killShare)), 1)
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	run := uint64(0)
	for e.sim.Stats().Payments-before < enough {
		select {
		case err := <-w.ended:
			return nil, w.endedEarly(ctx, err)
		case <-ticker.C:
		}
		if run != 0 {
			continue
		}
		if run, err = e.billingRun(ctx, w.pid()); err != nil {
			return nil, err
		}
		if run != 0 {
			if err := billing(); err != nil {
				return nil, err
			}
		}
	}
	if err := w.command.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return nil, exit.Failed(fmt.Errorf("kill the worker: %w", err))
	}
	if err := <-w.ended; !w.killed() {
		return nil, w.endedEarly(ctx, err)
	}
	if run == 0 {
		if run, err = e.billingRun(ctx, w.pid()); err != nil {
			return nil, err
		}
	}
	return e.settled(ctx, w.pid(), run)
}

// endedEarly is nil for a worker that did its work before it was killed, as one with little to do may.
func (w *worker) endedEarly(ctx context.Context, err error) error {
	switch code := w.command.ProcessState.ExitCode(); {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case code == batch.ExitDone, code == batch.ExitReview, code == batch.ExitUnfinished:
		return nil
	}
	return exit.Failed(fmt.Errorf("the demo's first worker ended before it was killed: %w", err))
}

const billingRunOf = `SELECT COALESCE(MAX(id), 0) FROM job_runs WHERE job = ? AND pid = ?`

// billingRun is the billing run of a process; 0: there is none yet.
func (e *environment) billingRun(ctx context.Context, pid int) (run uint64, err error) {
	if err := e.db.GetContext(ctx, &run, billingRunOf, jobs.BillingJob, pid); err != nil {
		return 0, exit.Failed(fmt.Errorf("look for the demo's run: %w", err))
	}
	return run, nil
}

const (
	settledBy = `SELECT COUNT(*) FROM payment_attempts WHERE run_id = ? AND status <> 'in_flight'`
	claimedBy = `SELECT idempotency_key FROM payment_attempts WHERE run_id = ? AND status = 'in_flight' ORDER BY id`
)

// settled is what a dead worker left behind, once its last requests have come to rest at the gateway and in the database.
func (e *environment) settled(ctx context.Context, pid int, run uint64) (*death, error) {
	const rest = 50 * time.Millisecond
	ticker := time.NewTicker(rest)
	defer ticker.Stop()
	for last := int64(-1); ; {
		d := &death{pid: pid, run: run, known: map[string]payment.Status{}}
		if err := e.db.GetContext(ctx, &d.done, settledBy, run); err != nil {
			return nil, exit.Failed(fmt.Errorf("count what the worker settled: %w", err))
		}
		if err := e.db.SelectContext(ctx, &d.claimed, claimedBy, run); err != nil {
			return nil, exit.Failed(fmt.Errorf("read what the worker claimed: %w", err))
		}
		stats := e.sim.Stats()
		now := int64(stats.Payments)<<32 + d.done
		if e.requests.Load() == 0 && stats.StillLate == 0 && now == last {
			d.compare(e.sim)
			return d, nil
		}
		last = now
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-ticker.C:
		}
	}
}

// compare finds out how the claimed charges stand at the gateway.
func (d *death) compare(sim *simulator.Simulator) {
	claimed := make(map[string]bool, len(d.claimed))
	for _, key := range d.claimed {
		claimed[key] = true
	}
	for entry := range sim.Entries() {
		if claimed[entry.Key] {
			d.known[entry.Key] = entry.Status
		}
	}
}

// at counts the claimed charges that stand so at the gateway.
func (d *death) at(status payment.Status) (n int) {
	for _, s := range d.known {
		if s == status {
			n++
		}
	}
	return n
}

// recovery is what became of the charges that a dead worker had claimed.
type recovery struct {
	paid, declined, pending int    // when the worker died, at the gateway
	sent                    int    // by the next worker, under the same keys
	left                    int    // not settled yet
	witness                 string // the key of one that was paid then; empty: none was
	// waited is how long the next worker had nothing to do but to wait for the dead one's lease.
	waited time.Duration
}

const waitedForLease = `SELECT GREATEST(0, TIMESTAMPDIFF(MICROSECOND, s.finished_at, dead.finished_at)) FROM job_runs dead
JOIN job_runs next ON next.job = dead.job AND next.id > dead.id JOIN step_runs s ON s.run_id = next.id AND s.step = ?
WHERE dead.id = ? AND dead.finished_at IS NOT NULL AND s.finished_at IS NOT NULL ORDER BY next.id LIMIT 1`

// recovered compares the charges that d had claimed with the tables and with what the gateway was sent.
func (e *environment) recovered(ctx context.Context, d *death) (r recovery, err error) {
	var waited []int64
	if err := e.db.SelectContext(ctx, &waited, waitedForLease, jobs.StepCollect, d.run); err != nil {
		return r, exit.Failed(fmt.Errorf("read how long the demo's run waited: %w", err))
	}
	if len(waited) > 0 {
		r.waited = time.Duration(waited[0]) * time.Microsecond
	}
	settled, err := e.settledKeys(ctx)
	if err != nil {
		return r, err
	}
	for _, key := range d.claimed {
		switch status, known := d.known[key]; {
		case !settled[key]:
			r.left++
		case !known:
			r.sent++
		case status == payment.Succeeded:
			r.paid++
			r.witness = key
		case status == payment.Declined:
			r.declined++
		default:
			r.pending++
		}
	}
	return r, nil
}

const settledAttempts = `SELECT idempotency_key FROM payment_attempts WHERE status IN ('succeeded', 'declined')`

// settledKeys are the keys of the charges whose outcome is in the tables.
func (e *environment) settledKeys(ctx context.Context) (map[string]bool, error) {
	var keys []string
	if err := e.db.SelectContext(ctx, &keys, settledAttempts); err != nil {
		return nil, exit.Failed(fmt.Errorf("read the demo's outcomes: %w", err))
	}
	settled := make(map[string]bool, len(keys))
	for _, key := range keys {
		settled[key] = true
	}
	return settled, nil
}
