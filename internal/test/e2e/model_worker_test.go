package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/payment"
	"duly/internal/store"
	"duly/readers"
	"duly/steps"
	"duly/writers"
)

// modelRun is one process of a worker, between the start and the end of its run. Its steps are made by the moves
// of the trace from the program's readers, processors and writers.
type modelRun struct {
	name     string // for people: worker and run
	x        *batch.StepExecution
	gateways steps.Gateways
	business payment.Date
	woken    bool               // has missed heartbeats
	stop     context.CancelFunc // asks the run to stop
	stopped  bool
	leave    chan struct{} // lets the run's only step return
	over     chan error
	asleep   bool
	dead     atomic.Bool

	// The step that is under way: nil for none.
	reader    batch.Reader[billing.Claimed]
	processor batch.Processor[billing.Claimed, billing.Result]
	done      bool // the reader's walk is over
	barren    int  // collections in a row that found nothing: what is open, this run has released itself
	slots     []*modelSlot
}

type slotPhase int

const (
	slotClaimed slotPhase = iota // not begun
	slotReady                    // about to send
	slotWaiting                  // sent, and not answered
	slotDone                     // to be settled
)

// modelSlot is one claimed item of a process.
type modelSlot struct {
	run  *modelRun
	item billing.Claimed
	// subscription is as it was when the item was claimed.
	subscription modelSubscription
	phase        slotPhase
	begun        time.Time
	sends        int
	waits        *modelMessage // slotWaiting
	queued       *modelReply   // reached a process that is asleep
	result       billing.Result

	events chan modelEvent
	resume chan struct{}
	over   chan struct{} // closed when nothing of it runs any more
}

type modelSlotKey struct{}

// modelEvent is what a slot comes to by itself.
type modelEvent struct {
	phase   slotPhase
	message *modelMessage
	result  billing.Result
}

func (s *modelSlot) happen(e modelEvent) { s.events <- e }

// mayGoOn waits for the trace before a send; false: the process is dead.
func (s *modelSlot) mayGoOn(down <-chan struct{}) bool {
	if s.run.dead.Load() {
		return false
	}
	s.happen(modelEvent{phase: slotReady})
	select {
	case <-s.resume:
		return !s.run.dead.Load()
	case <-down:
		return false
	}
}

// await lets the slot run until it waits for the trace again.
func (w *modelWorld) await(s *modelSlot) {
	w.t.Helper()
	select {
	case e := <-s.events:
		s.phase, s.waits, s.result = e.phase, e.message, e.result
	case <-time.After(modelPatience):
		w.fail("%s: %s does not come back", s.run.name, s.item.Charge.Key)
	}
	if s.phase == slotWaiting {
		w.arrived(s)
	}
}

// start starts a process.
func (w *modelWorld) start(worker int) {
	w.t.Helper()
	ctx, stop := context.WithCancel(w.t.Context())
	r := &modelRun{
		gateways: w.gateways(), business: w.today(), stop: stop, leave: make(chan struct{}), over: make(chan error, 1),
	}
	begun := make(chan *batch.StepExecution, 1)
	job := batch.Job{Name: "billing", Steps: []batch.Step{batch.Tasklet{
		StepName: "model",
		Do: func(_ context.Context, x *batch.StepExecution) error {
			begun <- x
			<-r.leave
			return nil
		},
	}}}
	runner, spec := w.runner(), w.spec()
	go func() {
		_, err := runner.Run(ctx, job, spec)
		r.over <- err
	}()
	select {
	case r.x = <-begun:
	case err := <-r.over:
		w.fail("a run could not be started: %v", err)
	}
	r.name = fmt.Sprintf("W%d/run %d", worker, r.x.Run.ID)
	w.runs[worker] = r
	w.say("%s starts", r.name)
}

// finish ends a process that has nothing in flight as it ends by itself.
func (w *modelWorld) finish(worker int) {
	w.t.Helper()
	r := w.runs[worker]
	w.runs[worker] = nil
	w.say("%s ends", r.name)
	close(r.leave)
	require.NoError(w.t, <-r.over)
	r.stop()
	closeModelGateways(r.gateways)
}

// die ends a process at once: what it knew is lost, and what it sent goes on its way.
func (r *modelRun) die() error {
	r.dead.Store(true)
	r.x.Lease.Lose() // so that the engine writes nothing more
	for _, s := range r.slots {
		switch s.phase {
		case slotReady:
			close(s.resume)
		case slotWaiting:
			s.waits.reply <- modelReply{}
		case slotClaimed, slotDone:
			continue
		}
		<-s.over
	}
	close(r.leave)
	err := <-r.over
	r.stop()
	closeModelGateways(r.gateways)
	return err
}

// stage begins the step that charges the open invoices of a stage.
func (w *modelWorld) stage(r *modelRun, stage int) {
	r.reader = &readers.OpenInvoices{
		DB: w.program, Selection: store.Selection{Business: r.business}, Stage: stage, Policy: modelPolicy(),
		Known: func(name string) bool { return r.gateways[name] != nil },
		Today: w.today, Now: w.clock.now, Clock: w.clock.now,
		Decided: func(ctx context.Context, tx *sqlx.Tx, list []billing.Decided) (batch.Tally, error) {
			return writers.Decide(ctx, tx, w.clock.now(), list)
		},
	}
	r.processor = &steps.OpenInvoices{Gateways: r.gateways, Brake: &steps.Brake{}, Now: w.clock.now}
	r.done = false
}

// recovery begins the step that asks about what is in doubt.
func (w *modelWorld) recovery(r *modelRun, all bool) {
	controls := &store.Controls{DB: w.program, Retention: func(string) time.Duration { return 0 }, Now: w.clock.now}
	r.reader = &readers.UnsettledAttempts{
		DB: w.program, Selection: store.Selection{Business: r.business}, All: all, Now: w.clock.now, Clock: w.clock.now, Controls: controls,
	}
	r.processor = &steps.UnsettledAttempts{
		Gateways: r.gateways, Controls: &steps.Controls{Now: w.clock.now}, Doubts: &steps.Doubts{}, Brake: &steps.Brake{}, Now: w.clock.now, More: all,
	}
	r.done = false
}

// claim claims the next few items of the step.
func (w *modelWorld) claim(r *modelRun) int {
	w.t.Helper()
	page, err := r.reader.Read(r.x.Work, batch.ClaimRequest{
		Limit: 1 + w.random.IntN(3),
		Skip:  func(name string) bool { return r.gateways.State(name) != batch.LaneOpen },
	})
	require.NoError(w.t, err)
	r.done, w.written = page.Done, true
	for _, item := range page.Items {
		if w.kept[item.Charge.Key] && item.Kept == nil {
			w.fail("%s takes %s up and does not know the answer that was kept", r.name, item.Charge.Key)
		}
		r.slots = append(r.slots, &modelSlot{
			run: r, item: item, subscription: w.before.subscriptions[item.Invoice.SubscriptionID], events: make(chan modelEvent, 1), resume: make(chan struct{}), over: make(chan struct{}),
		})
		w.say("%s claims %s", r.name, item.Charge.Key)
	}
	return len(page.Items)
}

// begin begins to process an item: it comes to its first send, or to its end.
func (w *modelWorld) begin(s *modelSlot) {
	w.t.Helper()
	s.begun = w.clock.now()
	w.net.expect(s.item.Charge.RequestID, s)
	r := s.run
	ctx := context.WithValue(r.x.Work, modelSlotKey{}, s)
	if r.stopped {
		s.phase, s.result = slotDone, steps.Fail(s.item, batch.ErrStopped)
		return
	}
	go func() {
		result, err := r.processor.Process(ctx, s.item)
		if err != nil {
			result = steps.Fail(s.item, err)
		}
		s.happen(modelEvent{phase: slotDone, result: result})
		close(s.over)
	}()
	w.await(s)
}

// answer lets a waiting slot have a reply, now or when its process wakes.
func (w *modelWorld) answer(s *modelSlot, reply modelReply) {
	w.t.Helper()
	if s.run.asleep {
		s.queued = &reply
		return
	}
	s.waits.reply <- reply
	w.await(s)
}

// settle writes what became of the first n results that are to be settled.
func (w *modelWorld) settle(r *modelRun, n int) {
	w.t.Helper()
	var results []billing.Result
	var keys []string
	rest := r.slots[:0:0]
	for _, s := range r.slots {
		if s.phase != slotDone || len(results) == n {
			rest = append(rest, s)
			continue
		}
		results = append(results, s.result)
		keys = append(keys, s.item.Charge.Key+" "+s.result.Answer.Outcome.Kind.String())
	}
	r.slots = rest
	w.say("%s settles %s", r.name, strings.Join(keys, ", "))
	writer := &writers.OpenInvoices{DB: w.program, Policy: modelPolicy(), Today: w.today, Now: w.clock.now}
	if w.chance(10) {
		writer.DB = w.losing
		defer w.loseCommit()()
	}
	w.written = true
	left := r.x.Lease.Left()
	tally, err := writer.Write(r.x.Work, results)
	for range 3 {
		if !errors.Is(err, batch.ErrUnavailable) {
			break
		}
		w.count("settlements repeated")
		tally, err = writer.Write(r.x.Work, results)
	}
	switch {
	case errors.Is(err, batch.ErrLeaseLost):
		w.count("settlements fenced")
		w.say("%s is fenced", r.name)
		if left > modelPatience { // the database has counted the real time too
			w.fail("%s lost its lease and does not know", r.name)
		}
		w.keep(r, writer, results)
	case err != nil:
		w.fail("%s cannot settle: %v", r.name, err)
	case left <= 0:
		w.fail("%s has settled and had lost its lease", r.name)
	default:
		w.count("settlements")
		w.fruitless = 0
		require.LessOrEqual(w.t, tally.Done(), int64(len(results)))
	}
}

// keep adds answers that may not be settled any more where the next worker finds them.
func (w *modelWorld) keep(r *modelRun, writer *writers.OpenInvoices, results []billing.Result) {
	w.t.Helper()
	err := writer.Keep(r.x.Work, results)
	switch {
	case errors.Is(err, batch.ErrUnavailable): // lost; the gateway will be asked
	case err != nil:
		w.fail("%s cannot keep its answers: %v", r.name, err)
	default:
		for _, result := range results {
			if result.Definite() {
				w.kept[result.Claimed.Charge.Key] = true
				w.count("answers kept")
			}
		}
	}
}

// loseCommit makes the next COMMIT through the proxy fail, before or after it takes effect. The function it
// returns takes that back, if there was none.
func (w *modelWorld) loseCommit() func() {
	var lost <-chan struct{}
	if w.chance(50) {
		w.say("the next COMMIT is lost")
		lost = w.proxy.LoseCommit()
	} else {
		w.say("the answer to the next COMMIT is lost")
		lost = w.proxy.LoseCommitAnswer()
	}
	return func() {
		w.t.Helper()
		if tx, err := w.losing.BeginTxx(w.t.Context(), nil); err == nil {
			_ = tx.Commit() // lost, if no other was
		}
		<-lost
	}
}

// waiting lists the slots of processes in a phase.
func (w *modelWorld) waiting(phase slotPhase, asleep bool) []*modelSlot {
	var found []*modelSlot
	for _, r := range w.runs {
		if r == nil || r.asleep && !asleep {
			continue
		}
		for _, s := range r.slots {
			if s.phase == phase && s.queued == nil {
				found = append(found, s)
			}
		}
	}
	return found
}

// waiter is the slot that waits for the answer to m, if there is one.
func (w *modelWorld) waiter(m *modelMessage) *modelSlot {
	slots := w.waiting(slotWaiting, true)
	if i := slices.IndexFunc(slots, func(s *modelSlot) bool { return s.waits == m }); i >= 0 {
		return slots[i]
	}
	return nil
}
