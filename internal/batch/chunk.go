package batch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// ClaimRequest says what a claim may take.
type ClaimRequest struct {
	// Limit is the largest number of items.
	Limit int
	// Skip reports lanes whose items must be left unclaimed for now. It is asked once for every item of
	// such a lane that the claim passes over.
	Skip func(lane string) bool
	// Room returns how many items of a lane may be claimed now; nil where no lane is bounded. See [ClaimRequest.Rooms].
	Room func(lane string) int
	// Postponed: claim only what earlier claims postponed.
	Postponed bool
}

// Claim is what one claim brought.
type Claim[I any] struct {
	Items []I
	// Taken is how much of the limit the items stand for; 0: their number.
	Taken int
	// Done: the walk over the work is at its end. A Read after it begins a new walk, unless it wants what was postponed.
	Done bool
	// Postponed are the lanes of which the reader has postponed items, for lack of room. They belong to the walk.
	Postponed []string
}

// Reader claims items.
type Reader[I any] interface {
	// Read returns only after its claim is committed. A reader of a step that bounds lanes takes no item that
	// [ClaimRequest.Rooms] has no room for; it postpones such items, and leaves those of a lane that is skipped.
	Read(ctx context.Context, want ClaimRequest) (Claim[I], error)
}

// Processor does the outside work.
type Processor[I, O any] interface {
	// Process runs outside any transaction, concurrently, at most once for each claimed item.
	Process(ctx context.Context, item I) (O, error)
}

// Writer settles outcomes.
type Writer[O any] interface {
	// Write settles the outcomes in one transaction of its own. It is repeatable: after a deadlock or a lost
	// answer it is called again; Process never is. The slice is the caller's, who uses it again after Write has returned.
	Write(ctx context.Context, outcomes []O) (Tally, error)
	// Reject sets one outcome aside whose row's values keep Write from succeeding. It may return [ErrLeave].
	Reject(ctx context.Context, outcome O, cause error) (Tally, error)
	// Keep saves outcomes that this run may not or cannot settle (the lease is lost, a row stays locked, a write fails) where
	// the next run finds them.
	Keep(ctx context.Context, outcomes []O) error
}

// Gate holds outcomes back until later ones have been seen. It is used by one goroutine at a time.
type Gate[O any] interface {
	// Pass is given each outcome as it arrives, and returns those that may be settled now.
	Pass(ctx context.Context, outcome O) []O
	// Rest returns what is still held once no more will come.
	Rest(ctx context.Context) []O
}

// LaneState is whether a lane's items can be worked on.
type LaneState int

// The states of a lane.
const (
	LaneOpen   LaneState = iota
	LaneHeld             // not now; claimed items wait, unclaimed ones are left alone
	LaneClosed           // not any more in this run
	LanePaused           // not before an operator resumes it: like closed, but no later run need try
)

// Chunk is a step that claims, processes and settles, all three at the same time: while one chunk is being
// processed the next is claimed and the last one is settled.
//
// At most twice Size items (or Size and twice the width, at its pace, of the widest lane, if that is more) are claimed and
// unsettled in the lanes that are open. There is no barrier: a slow item delays no other.
type Chunk[I, O any] struct {
	StepName  string
	StepLabel Label
	Reader    Reader[I]
	Processor Processor[I, O]
	Writer    Writer[O]
	// Gate, if there is one, stands before the writer.
	Gate Gate[O]
	// Fail is the outcome of an item that was not processed (ErrStopped) or whose processing failed.
	Fail func(item I, err error) O
	// Lane names the lane of an item, Width how many of a lane are processed at once, State whether the
	// lane's items can be worked on.
	Lane  func(item I) string
	Width func(lane string) int
	State func(lane string) LaneState
	// Pace, if it is set, is how many are at the moment: no more than Width. It changes in a run, and claims follow it.
	Pace func(lane string) int
	// Bound, if it is set, is how many items of a lane may be claimed and unsettled at once; 0 for no bound.
	Bound func(lane string) int
	// Probe reports whether the database accepts writes; it is called after errors of an unknown kind. nil: it does.
	Probe func(ctx context.Context) error
	// Unwritten is called when the step ends, for each outcome that could not be written and is left for a later run; nil: the
	// run only says that there are some.
	Unwritten func(ctx context.Context, outcome O, cause error)
	// Spill saves outcomes on this host that Keep did not take, and returns where; empty if there was nothing to save.
	Spill func(ctx context.Context, outcomes []O) (where string, err error)
	// Idle, if it is set, does a piece of other work on the goroutine that claims, and reports whether there is more: again and again
	// after claims have waited for room for a while and no settlement runs or has just ended, and once claiming has ended, for whatever reason, until there is no more. Its ctx is
	// that of what is in flight. It is never called while a claim is made.
	Idle func(ctx context.Context) (more bool)
	// Size is the largest number of items of one claim and of one settlement.
	Size int
	// FlushEvery is how long a settlement may wait to be filled.
	FlushEvery time.Duration
}

// Name implements Step.
func (c *Chunk[I, O]) Name() string { return c.StepName }

// Label implements Step.
func (c *Chunk[I, O]) Label() Label { return c.StepLabel }

const (
	// how often a step that waits for room or for a held lane looks again.
	recheck = 50 * time.Millisecond
	// idleAfter is how long claims wait for room before the time is used for other work: so long that it is the outside that is slow.
	idleAfter = 250 * time.Millisecond
)

// Run implements Step.
func (c *Chunk[I, O]) Run(ctx context.Context, x *StepExecution) (err error) {
	e := &chunkRun[I, O]{
		Chunk: c, x: x,
		outcomes: make(chan settled[O], c.Size),
		moved:    make(chan struct{}, 1),
		lanes:    map[string]*lane[I]{},
		skipped:  map[string]bool{},
		shut:     map[string]bool{},
		failures: Failures{Probe: c.Probe, Limit: 2 * x.Run.Lease, Now: x.Now},
	}
	var settler errgroup.Group
	settler.Go(e.settleAll)
	defer func() { // also when a reader panics: what was claimed is settled
		e.closeLanes()
		close(e.outcomes)
		err = errors.Join(err, settler.Wait())
		if halted := x.Halted(); !errors.Is(err, ErrHalt) { // by one of the last items, when nothing was left to claim
			err = errors.Join(err, halted)
		}
	}()
	err = e.claimAll(ctx)
	for more := c.Idle != nil; more; {
		more = c.Idle(x.Work)
	}
	return err
}

// chunkRun is the state of one Run.
type chunkRun[I, O any] struct {
	*Chunk[I, O]
	x        *StepExecution
	outcomes chan settled[O]
	moved    chan struct{} // an item was settled
	running  sync.WaitGroup

	mu      sync.Mutex
	lanes   map[string]*lane[I]
	skipped map[string]bool // lanes passed over since the walk began
	shut    map[string]bool // lanes that took no room when room was looked for
	failed  error           // a settlement failed for good: claim no more

	settling  bool
	settledAt time.Time // when the last settlement ended

	failures  Failures       // of settlements; the settler's own, like the rest
	unwritten []unwritten[O] // rows that were left
	held      []O            // what Keep did not take
}

// settled is an outcome on its way to the writer.
type settled[O any] struct {
	origin

	outcome O
}

// origin is where an outcome comes from.
type origin struct {
	lane string
	free bool // it takes no room in its lane any more
}

type lane[I any] struct {
	name      string
	queue     chan *I // into what was claimed
	unsettled int
	width     int
}

// claimAll claims until the walk is done, the run is stopped or the budget is spent.
func (e *chunkRun[I, O]) claimAll(ctx context.Context) error {
	var page Claim[I]
	postponed, tries := false, 0
	for {
		var err error
		if postponed, err = e.awaitRoom(ctx, page.Done, page.Postponed, postponed); err != nil {
			return ended(err)
		}
		limit := e.x.Budget.Take(e.Size)
		if limit == 0 {
			return nil // the runner says so, if something is left
		}
		// A stop must not tear a claim apart: it is short, and finishes.
		claimed, err := e.claim(ClaimRequest{Limit: limit, Skip: e.skip, Room: e.room, Postponed: postponed})
		e.x.Budget.Return(limit - max(len(claimed.Items), claimed.Taken))
		if err != nil {
			tries++
			if err = e.again(ctx, err, tries); err != nil {
				return ended(err)
			}
			continue
		}
		page, tries = claimed, 0
		e.x.Count(Tally{Read: int64(len(page.Items))})
		for i := range page.Items {
			e.enqueue(ctx, &page.Items[i])
		}
		page.Items = nil // they go once they are processed
		if !page.Done || len(page.Postponed) > 0 {
			continue
		}
		if more, err := e.awaitHeld(ctx); err != nil || !more {
			return ended(err)
		}
		page.Done = false
	}
}

func (e *chunkRun[I, O]) claim(want ClaimRequest) (page Claim[I], err error) {
	ctx, ended := e.x.span(SpanClaim)
	defer func() { ended(SpanEnd{Items: len(page.Items), Err: err}) }()
	return e.Reader.Read(ctx, want)
}

// ended turns the ways in which a step is told to end into success: the run knows of them.
func ended(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrStopped) {
		return nil
	}
	return err
}

// claimTries is how often in a row a claim may fail with an error of the database that is not known.
const claimTries = 3

// again decides what a failed claim means: nil to claim again after a pause, else the error of the step. tries is how often it
// failed in a row.
func (e *chunkRun[I, O]) again(ctx context.Context, err error, tries int) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	passing := errors.Is(err, ErrUnavailable) || errors.Is(err, ErrLocked) || errors.Is(err, ErrDatabase) && tries < claimTries
	if !passing {
		return fmt.Errorf("claim: %w", err)
	}
	if e.x.Lease.Left() <= 0 {
		return fmt.Errorf("claim: %w (%v)", ErrLeaseLost, err) //nolint:errorlint // what matters is the lease
	}
	e.x.Log.WarnContext(ctx, "claim failed, trying again", slog.Any("error", err))
	return Wait(ctx, time.Second)
}

// skip tells a reader which lanes to pass over, and remembers that it did. A lane that opened after room was
// looked for is passed over too: its items were not counted.
func (e *chunkRun[I, O]) skip(name string) bool {
	open := e.State(name) == LaneOpen
	e.mu.Lock()
	defer e.mu.Unlock()
	if open && !e.shut[name] {
		return false
	}
	e.skipped[name] = true
	return true
}

// broken is why nothing more can be settled; nil if it can.
func (e *chunkRun[I, O]) broken() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.failed
}

// awaitHeld is called at the end of a walk. It reports whether lanes that were passed over can be walked
// again, and waits while they are held.
func (e *chunkRun[I, O]) awaitHeld(ctx context.Context) (bool, error) {
	for {
		if err := e.x.Halted(); err != nil {
			return false, err
		}
		held, open := false, false
		var closed []string
		e.mu.Lock()
		for name := range e.skipped {
			switch e.State(name) {
			case LaneOpen:
				open = true
			case LaneHeld:
				held = true
			case LaneClosed:
				closed = append(closed, name)
			case LanePaused:
			}
		}
		if open {
			clear(e.skipped)
		}
		failed := e.failed
		e.mu.Unlock()
		switch {
		case failed != nil:
			return false, failed
		case open:
			return true, nil
		case !held:
			if len(closed) > 0 {
				slices.Sort(closed)
				e.x.Leave("left alone for the rest of the run: " + strings.Join(closed, ", "))
			}
			return false, nil
		}
		if err := Wait(ctx, recheck); err != nil {
			return false, err
		}
	}
}

// enqueue puts an item into its lane; a lane starts with its first item.
func (e *chunkRun[I, O]) enqueue(ctx context.Context, item *I) {
	name := e.Lane(*item)
	e.mu.Lock()
	l := e.lanes[name]
	if l == nil {
		width := max(1, e.Width(name))
		l = &lane[I]{name: name, queue: make(chan *I, 2*e.Size+2*width), width: width}
		e.lanes[name] = l
		e.running.Go(func() { e.serve(ctx, l) })
	}
	l.unsettled++
	e.mu.Unlock()
	l.queue <- item
}

// closeLanes ends the lanes and waits until their items are processed.
func (e *chunkRun[I, O]) closeLanes() {
	e.mu.Lock()
	for _, l := range e.lanes {
		close(l.queue)
	}
	e.mu.Unlock()
	e.running.Wait()
}

// serve processes the items of one lane, as many at once as it is wide. One item's failure cancels no other. A goroutine starts for an
// item that no other is free for, and stays: so its stack grows once.
func (e *chunkRun[I, O]) serve(ctx context.Context, l *lane[I]) {
	var group errgroup.Group
	work, started := make(chan *I), 0
	for item := range l.queue {
		select {
		case work <- item:
			continue
		default:
		}
		if started == l.width {
			work <- item
			continue
		}
		started++
		group.Go(func() error { e.work(ctx, l, item, work); return nil })
	}
	close(work)
	_ = group.Wait() // the functions return no error: a failure is an outcome
}

// work processes items of a lane, beginning with first, until there are no more.
func (e *chunkRun[I, O]) work(ctx context.Context, l *lane[I], first *I, more <-chan *I) {
	for item, ok := first, true; ok; item, ok = <-more {
		e.outcomes <- settled[O]{outcome: e.process(ctx, *item), origin: origin{lane: l.name}}
	}
}

// process turns whatever becomes of an item into an outcome.
func (e *chunkRun[I, O]) process(ctx context.Context, item I) (out O) {
	if ctx.Err() != nil || e.x.Halted() != nil || e.broken() != nil {
		return e.Fail(item, ErrStopped)
	}
	defer func() {
		if p := recover(); p != nil {
			e.x.Log.ErrorContext(ctx, "panic while processing an item", slog.Any("panic", PanicError(p)), slog.String("stack", string(debug.Stack())))
			out = e.Fail(item, PanicError(p))
		}
	}()
	out, err := e.Processor.Process(e.x.Work, item)
	if err != nil {
		return e.Fail(item, err)
	}
	return out
}
