package registry

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"duly/internal/batch"
	"duly/internal/cli"
	"duly/internal/preview"
	"duly/internal/query/worklist"
	"duly/internal/session"
	"duly/internal/view"
	"duly/jobs"
)

// eventsAtOnce is how many events one transaction of the outbox takes.
const eventsAtOnce = 500

// outboxWork delivers events.
func outboxWork() Job {
	return Job{
		Name:    jobs.OutboxJob,
		Does:    "deliver events to the webhook and to Slack",
		Takes:   []string{cli.FlagLimit},
		Writes:  []string{"event_deliveries", "outbox_marks"},
		Steps:   func(int) []string { return jobs.OutboxSteps() },
		Check:   checkSinks,
		Build:   func(r *Request) (batch.Job, error) { return jobs.Outbox(r.Deps, r.outbox()), nil },
		Preview: previewOutbox,
		Next:    nextEvents,

		ExtendSummary: tryReceivers,
	}
}

// outbox configures an outbox run.
func (r *Request) outbox() jobs.OutboxOptions {
	return jobs.OutboxOptions{
		Sinks: r.Sinks, Tries: r.Config.Outbox.Tries, ChunkSize: eventsAtOnce, Selection: r.Selection(), Steps: r.Flags.Steps,
	}
}

// OutboxForecast is the document of a dry run of the outbox.
type OutboxForecast struct {
	Head
	preview.OutboxForecast
}

// previewOutbox says what would be delivered.
func previewOutbox(ctx context.Context, r *Request, f Head) (any, func(), error) {
	found, err := preview.Outbox(ctx, r.Deps, r.outbox(), firstRows, r.Flags.Limit)
	doc := OutboxForecast{f, found}
	return doc, func() { r.showOutbox(doc) }, err
}

// showOutbox writes a forecast of the outbox for people. Of what events are about it says nothing.
func (r *Request) showOutbox(f OutboxForecast) {
	switch {
	case len(f.Sinks) == 0:
		r.Session.Screen.Line("%s", jobs.NoSinks)
		return
	case len(f.Pending) == 0:
		r.Session.Screen.Line("nothing will be delivered to %s", strings.Join(f.Sinks, ", "))
		return
	}
	var sums, first []table.Row
	for _, p := range f.Pending {
		later := ""
		if p.NextTryAt != nil {
			later = fmt.Sprintf("%d%s", p.Later, r.from(p.NextTryAt))
		}
		sums = append(sums, table.Row{p.Sink, cmp.Or(p.Type, "(gone)"), view.Some(p.New), view.Some(p.Due), later})
	}
	r.Session.Screen.Line("events to deliver:")
	r.Session.Screen.Table(table.Row{"to", "type", "new", "due", "later"}, sums)
	for _, d := range f.First {
		first = append(first, table.Row{d.Sink, d.Event, d.Type, r.when(d.CreatedAt), d.Tries})
	}
	if len(first) > 0 {
		r.Session.Screen.Line("first of those tried before:")
		r.Session.Screen.Table(table.Row{"to", "event", "type", "written", "failed tries"}, first)
	}
	if f.Limited {
		r.Session.Screen.Line("--limit will end the run before everything is delivered")
	}
}

// checkSinks makes the receivers of events, as configured.
func checkSinks(_ context.Context, r *Request) ([]error, error) {
	made, err := r.Session.Receivers(r.Config)
	if err != nil {
		return []error{err}, nil //nolint:nilerr // a mistake of the operator's, no error of ours
	}
	r.Sinks = made
	return nil, nil
}

// nextEvents names events that were given up.
func nextEvents(ctx context.Context, r *Request, _ *batch.Run) ([]string, error) {
	dead, err := worklist.DeadEvents(ctx, r.DB, ReviewsShown)
	var next []string
	for _, event := range dead {
		next = append(next, view.RequeueWay(event.ID, event.Reason).String())
	}
	if len(dead) > 0 {
		next = append(next, "duly list dead-events")
	}
	return next, err
}

// tryReceivers puts the commands that try the receivers at which events failed before all others of the summary.
func tryReceivers(_ context.Context, r *Request, s *view.Summary) error {
	var commands []string
	for _, sink := range session.SinkNames(r.Config) {
		if s.AllCauses.FailsAt(sink) {
			commands = append(commands, view.TryReceiver(sink))
		}
	}
	s.Next = slices.Concat(commands, s.Next)
	return nil
}
