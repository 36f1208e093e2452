package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/batch"
	"duly/internal/failedrows"
	"duly/internal/mysql"
	"duly/internal/notify"
	"duly/internal/outbox"
	"duly/internal/query"
	"duly/internal/store"
	"duly/internal/text"
	"duly/readers"
	"duly/steps"
	"duly/writers"
)

// The names of the sinks, as they stand in event_deliveries.
const (
	SinkWebhook = "webhook"
	SinkSlack   = "slack"
)

// Sinks lists the names of the sinks.
func Sinks() []string { return []string{SinkWebhook, SinkSlack} }

// OutboxOptions configures an outbox run.
type OutboxOptions struct {
	// Sinks are the receivers by name; without any the events are kept.
	Sinks map[string]notify.Notifier
	// Tries are the failures after which an event is given up.
	Tries     int
	ChunkSize int
	Selection store.Selection
	// Held counts the payloads that are held, by sink; a sink that it lacks has its own count.
	Held map[string]*outbox.Held
	// Steps are the names of the steps to run; none: all.
	Steps []string
}

// The steps of the outbox job.
const (
	StepFanOut  = "fan-out"
	StepDeliver = "deliver"
)

// OutboxSteps lists the names of the outbox job's steps.
func OutboxSteps() []string { return []string{StepFanOut, StepDeliver} }

// Outbox is the job that delivers events: it gives every sink its deliveries of what is new, and sends what is
// due, in order for each subject. The sinks know nothing of one another.
func Outbox(d Deps, o OutboxOptions) batch.Job {
	b := &outboxRun{Deps: d, worker: newWorker(d, o.Selection), o: o, sent: map[string]*steps.Deliveries{}}
	for name, to := range o.Sinks {
		held := o.Held[name]
		if held == nil {
			held = &outbox.Held{}
		}
		b.sent[name] = &steps.Deliveries{To: to, Tries: o.Tries, Held: held, Now: d.Business, Clock: d.Clock}
	}
	all := []batch.Step{
		batch.Tasklet{StepName: StepFanOut, StepLabel: LabelOf(StepFanOut), Do: b.fanOut},
		batch.Tasklet{StepName: StepDeliver, StepLabel: LabelOf(StepDeliver), Do: b.deliver},
	}
	return batch.Job{Name: OutboxJob, Steps: pick(all, o.Steps), Left: b.left}
}

type outboxRun struct {
	Deps
	worker

	o    OutboxOptions
	own  uint64 // the run, once it delivers
	sent map[string]*steps.Deliveries
}

// NoSinks is what a run says that has nobody to deliver events to.
const NoSinks = "neither outbox.url nor Slack is configured: events are kept, and delivered once one of them is"

// fanOut gives each sink its deliveries of the events that it has none of.
func (b *outboxRun) fanOut(ctx context.Context, x *batch.StepExecution) error {
	if len(b.o.Sinks) == 0 {
		x.Log.InfoContext(ctx, NoSinks)
	}
	for _, sink := range slices.Sorted(maps.Keys(b.o.Sinks)) {
		if err := b.fanTo(ctx, x, sink); err != nil {
			return fmt.Errorf("%s: %w", sink, err)
		}
	}
	return nil
}

// fanTo walks the events from the sink's mark to the newest. A page that failed is written again: what has its
// delivery keeps it.
func (b *outboxRun) fanTo(ctx context.Context, x *batch.StepExecution, sink string) error {
	walk := &readers.NewEvents{DB: b.DB, Sink: sink, Types: b.o.Sinks[sink].Types()}
	var mark readers.EventMark
	err := b.persist(ctx, x, func() error {
		var err error
		mark, err = walk.Begin(x.Work)
		return err
	})
	if err != nil {
		return err
	}
	page := b.o.ChunkSize
	for page == b.o.ChunkSize && ctx.Err() == nil && x.Lease.Left() > 0 {
		err := b.persist(ctx, x, func() error {
			var err error
			page, err = b.fanPage(x.Work, walk)
			return err
		})
		if err != nil {
			return err
		}
	}
	from, to := outbox.Mark{Event: mark.Event, Seen: mark.Seen}, outbox.Mark{Event: mark.Event, Seen: mark.Newest}
	switch {
	case page == b.o.ChunkSize: // stopped on the way
		return nil
	case mark.Restarted:
		to.Event = 0
	case mark.Ripe:
		to.Event = mark.Seen
	case mark.Seen != mark.Event || mark.Newest == mark.Seen: // not yet, or nothing new
		return nil
	}
	return b.persist(ctx, x, func() error {
		return mysql.Tx(x.Work, b.DB, "outbox-mark", func(tx *sqlx.Tx) error { return writers.MoveMark(x.Work, tx, sink, from, to) })
	})
}

func (b *outboxRun) fanPage(ctx context.Context, walk *readers.NewEvents) (int, error) {
	var found []outbox.Event
	err := mysql.Tx(ctx, b.DB, "outbox-fan", func(tx *sqlx.Tx) error {
		var err error
		if found, err = walk.Read(ctx, tx, b.o.ChunkSize); err != nil {
			return err
		}
		return writers.AddDeliveries(ctx, tx, walk.Sink, found, b.Business())
	})
	if err != nil {
		return b.o.ChunkSize, err
	}
	walk.Took(found)
	return len(found), nil
}

// persist calls do until it succeeds, as long as the database can be waited for.
func (b *outboxRun) persist(ctx context.Context, x *batch.StepExecution, do func() error) error {
	for {
		err := do()
		if err == nil || !errors.Is(err, batch.ErrUnavailable) && !errors.Is(err, batch.ErrLocked) || x.Lease.Left() <= 0 {
			return err
		}
		x.Log.WarnContext(ctx, "the database failed, trying again", slog.Any("error", err))
		if batch.Wait(ctx, time.Second) != nil {
			x.Leave("the database could not be reached")
			return nil //nolint:nilerr // the run was told to end
		}
	}
}

// deliver delivers everything, in the end also what other runs have left.
func (b *outboxRun) deliver(ctx context.Context, x *batch.StepExecution) error {
	b.own = x.Run.ID
	if _, err := b.abandon(ctx, x); err != nil {
		return err
	}
	if err := b.deliverToAll(ctx, x); err != nil {
		return err
	}
	return b.takeOver(ctx, x, func(ctx context.Context) ([]query.Owner, error) {
		return query.DeliveryHolders(ctx, b.DB, slices.Collect(maps.Keys(b.o.Sinks)), b.o.Selection, b.own)
	}, func() error { return b.deliverToAll(ctx, x) })
}

// deliverToAll delivers to all sinks at the same time, each at its own pace.
func (b *outboxRun) deliverToAll(ctx context.Context, x *batch.StepExecution) error {
	var running sync.WaitGroup
	names := slices.Sorted(maps.Keys(b.o.Sinks))
	errs := make([]error, len(names))
	for i, sink := range names {
		running.Go(func() { errs[i] = b.deliverTo(ctx, x, sink) })
	}
	running.Wait()
	return errors.Join(errs...)
}

// deliverTo delivers what is due to one sink: pass after pass, as long as one brings anything to an end, since of a
// subject no more than a piece is claimed at once.
func (b *outboxRun) deliverTo(ctx context.Context, x *batch.StepExecution, sink string) (err error) {
	defer func() { // on a goroutine of its own, where the engine does not see it
		if p := recover(); p != nil {
			x.Log.ErrorContext(ctx, "panic while delivering", slog.Any("panic", batch.PanicError(p)), slog.String("stack", string(debug.Stack())))
			err = fmt.Errorf("%s: %w", sink, batch.PanicError(p))
		}
	}()
	to := b.sent[sink]
	for ended := -1; ended != to.Ended() && ctx.Err() == nil; {
		ended = to.Ended()
		if err := b.chunk(sink, to).Run(ctx, x); err != nil {
			return fmt.Errorf("%s: %w", sink, err)
		}
	}
	if reason, gone := to.Closed(); gone {
		return fmt.Errorf("%s: %s: it wants no more events; point the configuration to another address, or take it out", sink, reason)
	}
	return nil
}

func (b *outboxRun) chunk(sink string, to *steps.Deliveries) *batch.Chunk[outbox.Claimed, outbox.Result] {
	_, together := to.To.(notify.Joiner)
	return &batch.Chunk[outbox.Claimed, outbox.Result]{
		StepName:  StepDeliver,
		Reader:    &readers.Deliveries{DB: b.DB, Sink: sink, Selection: b.o.Selection, Now: b.Business, Held: to.Held, Together: together},
		Processor: to,
		Writer:    &writers.Deliveries{DB: b.DB, Sink: sink, Now: b.Business},
		Fail:      to.FailDelivery,
		Lane:      func(outbox.Claimed) string { return sink },
		Width:     func(string) int { return to.To.Parallelism() },
		State:     to.State,
		Probe:     b.probe,
		Unwritten: func(ctx context.Context, r outbox.Result, cause error) {
			b.unwritten.Note(ctx, b.DB, store.FailedRow{Kind: failedrows.KindEvent, ID: r.Events[0].ID}, "marked as delivered", cause)
		},
		Size: b.o.ChunkSize, FlushEvery: flushEvery,
	}
}

// left names what each sink has not got yet, with numbers.
func (b *outboxRun) left(ctx context.Context) ([]string, error) {
	if len(b.o.Steps) > 0 && !slices.Contains(b.o.Steps, StepDeliver) {
		return nil, nil
	}
	var reasons []string
	for _, sink := range slices.Sorted(maps.Keys(b.o.Sinks)) {
		u, err := query.CountUndelivered(ctx, b.DB, sink, b.o.Selection)
		if err != nil {
			return reasons, err
		}
		if u.Pending == 0 {
			continue
		}
		owners, err := query.DeliveryHolders(ctx, b.DB, []string{sink}, b.o.Selection, b.own)
		if err != nil {
			return reasons, err
		}
		for i, claimed := range b.claims(owners, "event") {
			reasons = append(reasons, sink+": "+claimed)
			u.Pending -= owners[i].Claimed
		}
		reason := text.Plural(u.Pending, "event") + " not delivered to " + sink
		if u.Failed > 0 {
			reason += fmt.Sprintf("; %d failed, the next try is at %s UTC", u.Failed, u.NextTry.UTC().Format(time.DateTime))
		}
		if u.Pending > 0 {
			reasons = append(reasons, reason)
		}
		if closed, _ := b.sent[sink].Closed(); closed != "" {
			reasons = append(reasons, sink+" was left alone: "+closed)
		}
	}
	return append(reasons, b.unwritten.Reasons()...), nil
}
