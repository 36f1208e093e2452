package jobs

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/failedrows"
	"duly/internal/history"
	"duly/internal/methods"
	"duly/internal/payment"
	"duly/internal/planning"
	"duly/internal/query"
	"duly/internal/store"
	"duly/readers"
	"duly/steps"
)

// BillingOptions configures a billing run.
type BillingOptions struct {
	Selection    store.Selection
	Policy       billing.Policy
	CatchUp      billing.CatchUp
	ChunkSize    int
	BrakePercent int
	// GiveUpAfter is how long after its last request could take effect an operator may settle a charge by his word.
	GiveUpAfter time.Duration
	Steps       []string // the names of the steps to run; none: all
	// Blocked names gateways that must be sent nothing, and why; the run fails because of them.
	Blocked   map[string]string
	Suspected func() bool // whether the database may have been restored; nil: it was not
	// AllowFuture: the business date may be later than today, so that charges may be older than their due date.
	AllowFuture bool
	AtOnce      methods.Recorder // records unpaid invoices that are charged before their dates; nil: only those are whose payment method was changed
	// List bounds the comparison of the gateways' lists; zero: defaultBounds.
	List history.Bounds
}

// The steps of the billing job; a retry step is called after its number, from 1.
const (
	StepRecover     = "recover"
	StepIssue       = "issue"
	StepCollect     = "collect"
	StepRetry       = "retry-"
	StepRecoverLast = "recover-last"
)

// flushEvery is how long a settlement waits to be filled.
const flushEvery = 200 * time.Millisecond

// BillingSteps lists the names of the billing job's steps, with as many retries as there are stages.
func BillingSteps(stages int) []string {
	names := []string{StepRecover, StepIssue, StepCollect}
	for stage := 1; stage <= stages; stage++ {
		names = append(names, StepRetry+strconv.Itoa(stage))
	}
	return append(names, StepRecoverLast)
}

// Billing is the job that charges what is due: it recovers what earlier runs left in doubt, issues invoices,
// collects them stage by stage, and recovers again what it could not settle itself. stages is how many
// dunning stages there are, or were when the oldest open invoice was declined.
func Billing(d Deps, o BillingOptions, stages int) batch.Job {
	b := &billingRun{Deps: d, worker: newWorker(d, o.Selection), o: o, doubts: &steps.Doubts{GiveUpAfter: o.GiveUpAfter}}
	b.brake = newBrake(b)
	b.history = &history.History{
		DB: d.DB, Gateways: d.Gateways, Accounts: d.Accounts, KeyPrefixes: d.KeyPrefixes, Clock: d.Clock, Business: d.Business, Zone: d.Zone,
		Controls: b.controlReader(), Effective: b.effective, Suspected: o.Suspected, AllowFuture: o.AllowFuture, Reach: stages + 1, Bounds: o.List,
	}
	all := []batch.Step{
		batch.Tasklet{StepName: StepRecover, StepLabel: LabelOf(StepRecover), Do: b.recoverFirst},
		batch.Tasklet{StepName: StepIssue, StepLabel: LabelOf(StepIssue), Do: b.issue},
		b.collect(StepCollect, 0),
	}
	for stage := 1; stage <= stages; stage++ {
		all = append(all, b.collect(StepRetry+strconv.Itoa(stage), stage))
	}
	all = append(all, batch.Tasklet{StepName: StepRecoverLast, StepLabel: LabelOf(StepRecoverLast), Do: b.recoverLast})
	all = pick(all, o.Steps)
	if slices.ContainsFunc(all, func(s batch.Step) bool { return s.Name() != StepIssue }) { // one that sends charges
		all = b.history.Beside(all)
	}
	return batch.Job{Name: BillingJob, Steps: all, Drained: []string{StepIssue}, Left: b.left(stages), Held: b.held(stages), Waits: b.waits}
}

type billingRun struct {
	Deps
	worker

	o       BillingOptions
	brake   *gatewayBrake
	doubts  *steps.Doubts
	history *history.History
	issuing *issuing // nil before the step issue, and in a run without it

	planned planning.Run // its planned changes
	blocked bool         // skipBlocked was called
	own     uint64       // the run, once a step has begun that sends
}

// skipBlocked sends nothing to the blocked gateways from now on, and fails the step because of them. Later calls in a run do nothing.
func (b *billingRun) skipBlocked(x *batch.StepExecution) {
	b.own = x.Run.ID
	if b.blocked {
		return
	}
	b.blocked = true
	for _, name := range slices.Sorted(maps.Keys(b.o.Blocked)) {
		if g, ok := b.Gateways[name]; ok {
			g.LeaveAlone(b.o.Blocked[name])
			x.Fail(fmt.Errorf("gateway %s is sent nothing: %s", name, b.o.Blocked[name]))
		}
	}
}

// Effective is the later of the business date and today.
func (o BillingOptions) Effective(today payment.Date) payment.Date {
	return max(o.Selection.Business, today)
}

func (b *billingRun) effective() payment.Date { return b.o.Effective(b.Today()) }

// issuedOn is the effective date that the run issues on.
func (b *billingRun) issuedOn() payment.Date {
	if b.issuing != nil {
		return b.issuing.on
	}
	return b.effective()
}

// chunk is the charging step around a reader and a processor; state is that of its lanes.
func (b *billingRun) chunk(name string, reader batch.Reader[billing.Claimed], processor batch.Processor[billing.Claimed, billing.Result],
	state func(gateway string) batch.LaneState,
) *batch.Chunk[billing.Claimed, billing.Result] {
	return &batch.Chunk[billing.Claimed, billing.Result]{
		StepName:  name,
		Reader:    reader,
		Processor: processor,
		Writer:    braked{b.settler(), b.brake},
		Fail:      steps.Fail,
		Lane:      func(item billing.Claimed) string { return item.Gateway },
		Width:     b.width,
		Pace:      b.pace,
		State:     state,
		Probe:     b.probe,
		Unwritten: func(ctx context.Context, r billing.Result, cause error) {
			b.unwritten.Note(ctx, b.DB, store.FailedRow{Kind: failedrows.KindInvoice, ID: r.Claimed.Invoice.ID}, "settled", cause)
		},
		Spill: b.spill,
		Size:  b.o.ChunkSize, FlushEvery: flushEvery,
	}
}

// collect charges the open invoices of one stage.
func (b *billingRun) collect(name string, stage int) batch.Step {
	return batch.Tasklet{StepName: name, StepLabel: LabelOf(name), Do: func(ctx context.Context, x *batch.StepExecution) error {
		issues := stage == 0 && b.issuing != nil
		if issues {
			defer b.issuing.rest()
		}
		if err := b.lookForChanges(x); err != nil {
			return err
		}
		b.skipBlocked(x)
		b.brake.begin(ctx, x)
		(&methods.Ahead{DB: b.DB, Selection: b.o.Selection, Stage: stage, Size: b.o.ChunkSize, Policy: b.o.Policy, Effective: b.effective(), Now: b.Business(), Known: b.Known, Skip: b.alone(), AtOnce: b.o.AtOnce}).All(ctx, x)
		reader := &readers.OpenInvoices{
			DB: b.DB, Server: b.Server, Selection: b.o.Selection, Stage: stage, Policy: b.o.Policy, Known: b.Known, Terms: b.terms, KeyPrefix: b.keyPrefix,
			Today: b.effective, Now: b.Business, Clock: b.Clock, Decided: b.decided, Changes: b.planned.Source,
			Left: b.unwritten.Left(b.DB, failedrows.KindInvoice, "charged"),
		}
		processor := &steps.OpenInvoices{Gateways: b.Gateways, Brake: b.brake.count, Now: b.Clock, History: b.history}
		step := b.chunk(name, reader, processor, b.history.State)
		step.Bound = b.bound
		if issues {
			step.Reader, step.Idle = b.issuing.charges(reader), b.issuing.page
		}
		b.history.Await(ctx, x, step.Idle)
		return b.run(ctx, x, step)
	}}
}

func (b *billingRun) recoverFirst(ctx context.Context, x *batch.StepExecution) error {
	return b.recover(ctx, x, true)
}

// recover takes over what ended runs left in flight, and asks about what is in doubt.
func (b *billingRun) recover(ctx context.Context, x *batch.StepExecution, all bool) error {
	b.skipBlocked(x)
	if _, err := b.abandon(ctx, x); err != nil {
		return err
	}
	if err := b.complete(ctx, x); err != nil {
		return err
	}
	var dead []uint64
	if b.partial { // another run is noted when it finds them
		var err error
		if dead, err = query.LeftBehind(x.Work, b.DB, b.o.Selection); err != nil {
			return err
		}
	}
	if err := b.lookForChanges(x); err != nil {
		return err
	}
	b.brake.begin(ctx, x)
	reader := &readers.UnsettledAttempts{
		DB: b.DB, Server: b.Server, Selection: b.o.Selection, All: all, Now: b.Business, Clock: b.Clock, Guards: b.o.Policy.Guards, Controls: b.controlReader(),
		Changes: b.planned.Source,
	}
	processor := &steps.UnsettledAttempts{
		Gateways: b.Gateways, Controls: b.controls, Doubts: b.doubts, Brake: b.brake.count, Now: b.Clock, More: all && Selected(b.o.Steps, StepRecoverLast),
		History: b.history,
	}
	defer b.denied(x)
	if err := b.run(ctx, x, b.chunk(x.Step, reader, processor, b.Gateways.State)); err != nil {
		return err
	}
	return b.Repository.Recovered(x.Work, x.Run.ID, dead)
}

// recoverLast recovers what this run left in doubt, and what other runs leave: it waits for their leases, and for checks that come due
// meanwhile.
func (b *billingRun) recoverLast(ctx context.Context, x *batch.StepExecution) error {
	wait := b.watch()
	wait.Owners = func(ctx context.Context) ([]query.Owner, error) {
		return query.Owners(ctx, b.DB, b.o.Selection, x.Run.ID)
	}
	wait.Check = func(ctx context.Context) (time.Time, error) {
		return query.NextCheck(ctx, b.DB, b.o.Selection, b.alone())
	}
	for {
		if err := b.recover(ctx, x, false); err != nil || x.Halted() != nil {
			return err
		}
		if again, err := wait.Next(ctx, x); err != nil || !again {
			return err
		}
	}
}
