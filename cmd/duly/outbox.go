package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"duly/internal/batch"
	"duly/internal/query"
	"duly/jobs"
)

// eventsAtOnce is how many events one transaction of the outbox takes.
const eventsAtOnce = 500

// outboxWork delivers events.
func outboxWork() jobSpec {
	return jobSpec{
		name:    jobs.OutboxJob,
		does:    "deliver events to the webhook and to Slack",
		takes:   []string{flagLimit},
		writes:  []string{"event_deliveries", "outbox_marks"},
		steps:   func(int) []string { return jobs.OutboxSteps() },
		check:   checkSinks,
		job:     func(e *execution) (batch.Job, error) { return jobs.Outbox(e.deps, e.outbox()), nil },
		preview: previewOutbox,
		next:    nextEvents,

		extendSummary: tryReceivers,
	}
}

// outbox is what an outbox run is told.
func (e *execution) outbox() jobs.OutboxOptions {
	return jobs.OutboxOptions{
		Sinks: e.sinks, Tries: e.config.Outbox.Tries, ChunkSize: eventsAtOnce, Selection: e.selection(), Steps: e.flags.Steps,
	}
}

// outboxForecast is the document of a dry run of the outbox.
type outboxForecast struct {
	forecast
	jobs.OutboxForecast
}

// previewOutbox says what would be delivered.
func previewOutbox(ctx context.Context, e *execution, f forecast) (any, func(), error) {
	found, err := jobs.ForecastOutbox(ctx, e.deps, e.outbox(), firstRows, e.flags.Limit)
	doc := outboxForecast{f, found}
	return doc, func() { e.showOutbox(doc) }, err
}

// showOutbox writes a forecast of the outbox for people. Of what events are about it says nothing.
func (e *execution) showOutbox(f outboxForecast) {
	switch {
	case len(f.Sinks) == 0:
		e.Screen.line("%s", jobs.NoSinks)
		return
	case len(f.Pending) == 0:
		e.Screen.line("nothing will be delivered to %s", strings.Join(f.Sinks, ", "))
		return
	}
	var sums, first []table.Row
	for _, p := range f.Pending {
		later := ""
		if p.NextTryAt != nil {
			later = fmt.Sprintf("%d%s", p.Later, e.from(p.NextTryAt))
		}
		sums = append(sums, table.Row{p.Sink, cmp.Or(p.Type, "(gone)"), some(p.New), some(p.Due), later})
	}
	e.Screen.line("events to deliver:")
	e.Screen.table(table.Row{"to", "type", "new", "due", "later"}, sums)
	for _, d := range f.First {
		first = append(first, table.Row{d.Sink, d.Event, d.Type, e.when(d.CreatedAt), d.Tries})
	}
	if len(first) > 0 {
		e.Screen.line("first of those tried before:")
		e.Screen.table(table.Row{"to", "event", "type", "written", "failed tries"}, first)
	}
	if f.Limited {
		e.Screen.line("--limit will end the run before everything is delivered")
	}
}

// checkSinks makes the receivers of events, as configured.
func checkSinks(_ context.Context, e *execution) ([]error, error) {
	made, err := e.receivers(e.config)
	if err != nil {
		return []error{err}, nil //nolint:nilerr // a mistake of the operator's, no error of ours
	}
	e.sinks = made
	return nil, nil
}

// nextEvents names events that were given up.
func nextEvents(ctx context.Context, e *execution, _ *batch.Run) ([]string, error) {
	dead, err := query.DeadEvents(ctx, e.db.DB, reviewsShown)
	var next []string
	for _, event := range dead {
		next = append(next, requeueWay(event.ID, event.Reason).String())
	}
	if len(dead) > 0 {
		next = append(next, "duly list dead-events")
	}
	return next, err
}

// tryReceivers puts the commands that try the receivers at which events failed before all others of the summary.
func tryReceivers(_ context.Context, e *execution, s *summary) error {
	var commands []string
	for _, sink := range sinkNames(e.config) {
		if s.causes.FailsAt(sink) {
			commands = append(commands, tryReceiver(sink))
		}
	}
	s.Next = slices.Concat(commands, s.Next)
	return nil
}
