package view

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"duly/internal/batch"
	"duly/internal/cli"
	"duly/internal/payment"
	"duly/internal/runs"
	"duly/internal/session"
	"duly/internal/telemetry/runstate"
	"duly/jobs"
)

// Run is a run as people and programs see it.
type Run struct {
	ID           uint64          `json:"id"`
	Job          string          `json:"job"`
	BusinessDate string          `json:"business_date"`
	Params       json.RawMessage `json:"params"`
	Status       string          `json:"status"`
	Alive        bool            `json:"alive"` // its lease holds
	Exit         *int            `json:"exit_code"`
	RerunOf      *uint64         `json:"rerun_of,omitempty"`
	RecoveredBy  *uint64         `json:"recovered_by,omitempty"` // of one that died: the run that took over what it left
	Host         string          `json:"host"`
	PID          int             `json:"pid"`
	Version      string          `json:"version"`
	StartedAt    time.Time       `json:"started_at"`
	FinishedAt   *time.Time      `json:"finished_at,omitempty"`
	HeartbeatAt  time.Time       `json:"heartbeat_at"`
	Error        string          `json:"error,omitempty"`
	Steps        []Step          `json:"steps"`

	// Of one that is alive: what it tells of itself, what it waits for most, and what it was told.
	State   *runstate.State `json:"state,omitempty"`
	Why     string          `json:"why,omitempty"`
	Control *runs.Control   `json:"control,omitempty"`

	Lease time.Duration `json:"-"`
}

// RunOf is a run with its steps, as of now.
func RunOf(r runs.PastRun, steps []runs.PastStep, now time.Time) (Run, error) {
	v := Run{
		ID: r.ID, Job: r.Job, BusinessDate: r.BusinessDate, Params: r.Params, Status: r.Status, Alive: r.Alive(now), Exit: r.ExitCode,
		RerunOf: r.RerunOf, Host: r.Host, PID: r.PID, Version: r.Version, StartedAt: r.Started, FinishedAt: r.Finished,
		HeartbeatAt: r.Beat, Error: cli.OrBlank(r.Error), Steps: []Step{},
		Lease: time.Duration(r.LeaseMS) * time.Millisecond,
	}
	if r.RecoveredBy != nil && *r.RecoveredBy != 0 {
		v.RecoveredBy = r.RecoveredBy
	}
	if err := v.live(r); err != nil {
		return v, err
	}
	for _, s := range steps {
		step := Step{
			Step: s.Step, Status: s.Status, Read: s.Read, Succeeded: s.Succeeded, Declined: s.Declined, Released: s.Released,
			InDoubt: s.InDoubt, Rejected: s.Rejected, Review: s.Review, Seconds: stepEnd(r, s, now).Sub(s.Started).Seconds(), label: jobs.LabelOf(s.Step),
		}
		if err := json.Unmarshal(s.Amounts, &step.Amounts); err != nil {
			return v, fmt.Errorf("read the amounts of run %d, step %s: %w", r.ID, s.Step, err)
		}
		step.Amounts = cli.OrNone(step.Amounts)
		v.Steps = append(v.Steps, step)
	}
	return v, nil
}

// stepEnd is when a step ended, or up to when it is known to have run: now, or the last heartbeat of a run that died.
func stepEnd(r runs.PastRun, s runs.PastStep, now time.Time) time.Time {
	switch {
	case s.Finished != nil:
		return *s.Finished
	case r.Alive(now):
		return now
	case r.Beat.Before(s.Started):
		return s.Started
	}
	return r.Beat
}

// live adds what a run that is alive tells of itself.
func (v *Run) live(r runs.PastRun) error {
	if !v.Alive {
		return nil
	}
	control, err := runs.ParseControl(r.Control)
	if err != nil {
		return fmt.Errorf("run %d: %w", r.ID, err)
	}
	if control != (runs.Control{}) {
		v.Control = &control
	}
	var state runstate.State
	if len(r.State) > 0 && json.Unmarshal(r.State, &state) == nil { // a run of another version may tell otherwise
		v.State, v.Why = &state, state.Why()
	}
	return nil
}

// Runs adds the steps to runs.
func Runs(ctx context.Context, db *session.Database, past []runs.PastRun, now time.Time) ([]Run, error) {
	ids := make([]uint64, len(past))
	for i, r := range past {
		ids[i] = r.ID
	}
	steps, err := runs.Steps(ctx, db.DB, ids...)
	if err != nil {
		return nil, err
	}
	list := make([]Run, 0, len(past))
	for _, r := range past {
		v, err := RunOf(r, steps[r.ID], now)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

// Collected sums up what the steps took; refunds are no part of it.
func (v Run) Collected() map[string]int64 {
	collected, _ := Moved(v.Steps)
	return collected
}

// died reports whether the run ended without saying so.
func (v Run) died() bool { return v.Status == string(batch.Running) && !v.Alive }

// StateText is the status, with what it does not say.
func (v Run) StateText(days cli.Calendar) string {
	if v.died() {
		return "died " + days.At(v.HeartbeatAt)
	}
	return v.Status
}

// ShownSteps are the steps as people read them: those of a run that died run no more.
func (v Run) ShownSteps() []Step {
	list := slices.Clone(v.Steps)
	for i := range list {
		if v.died() && list[i].Status == string(batch.Running) {
			list[i].Status = "died"
		}
	}
	return list
}

// Date is the business date of the run.
func (v Run) Date(days cli.Calendar) string {
	date, err := payment.ParseDate(v.BusinessDate)
	if err != nil {
		return v.BusinessDate
	}
	return days.Day(date)
}

// StackedSums is money in a cell of a table, a currency a line.
func StackedSums(m map[string]int64) cli.Stacked { return strings.Split(cli.MoneySums(m), " + ") }

// ExitText is the exit code; empty while there is none.
func (v Run) ExitText() string {
	if v.Exit == nil {
		return ""
	}
	return fmt.Sprint(*v.Exit)
}

// Commands are what an operator may want to type about the run itself.
func (v Run) Commands() []string {
	again := fmt.Sprintf("duly run %s --rerun %d", v.Job, v.ID)
	switch {
	case v.Alive:
		return []string{"duly status --watch"}
	case v.Exit == nil:
		return []string{again}
	}
	if *v.Exit == batch.ExitReview {
		return nil
	}
	return EndingOf(*v.Exit).Next(v.Job, v.ID)
}

// Next says in words what an exit code asks for.
func (v Run) Next() []string {
	again := fmt.Sprintf("duly run %s --rerun %d", v.Job, v.ID)
	switch {
	case v.Alive:
		return []string{"it is under way: duly status"}
	case v.RecoveredBy != nil:
		return []string{fmt.Sprintf("nothing: run %d took over what it left: duly show run %d", *v.RecoveredBy, *v.RecoveredBy)}
	case v.Exit == nil:
		return []string{"it died; the next run takes over what it left, if anything: " + again}
	case *v.Exit == 0:
		return []string{"nothing: it left nothing behind"}
	case *v.Exit == 3:
		return []string{"rows wait for an operator: " + ListOf(v.Job, v.ID)}
	case *v.Exit == 1:
		return []string{"fix what failed, then: " + again}
	}
	return []string{"run again: " + again}
}

// WaitingList is the command that lists everything of the kinds that the job leaves to an operator.
func (v Run) WaitingList() string {
	return map[string]string{
		jobs.BillingJob: "duly list review", jobs.ReconcileJob: "duly list review", jobs.OutboxJob: "duly list dead-events", jobs.AuditJob: "duly list findings",
	}[v.Job]
}
