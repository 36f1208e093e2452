package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"duly/config"
	"duly/internal/batch"
	"duly/internal/notify"
	"duly/internal/operator"
	"duly/internal/preview"
	"duly/internal/query/worklist"
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
	preview.OutboxForecast
}

// previewOutbox says what would be delivered.
func previewOutbox(ctx context.Context, e *execution, f forecast) (any, func(), error) {
	found, err := preview.Outbox(ctx, e.deps, e.outbox(), firstRows, e.flags.Limit)
	doc := outboxForecast{f, found}
	return doc, func() { e.showOutbox(doc) }, err
}

// showOutbox writes a forecast of the outbox for people. Of what events are about it says nothing.
func (e *execution) showOutbox(f outboxForecast) {
	switch {
	case len(f.Sinks) == 0:
		e.line("%s", jobs.NoSinks)
		return
	case len(f.Pending) == 0:
		e.line("nothing will be delivered to %s", strings.Join(f.Sinks, ", "))
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
	e.line("events to deliver:")
	e.table(table.Row{"to", "type", "new", "due", "later"}, sums)
	for _, d := range f.First {
		first = append(first, table.Row{d.Sink, d.Event, d.Type, e.when(d.CreatedAt), d.Tries})
	}
	if len(first) > 0 {
		e.line("first of those tried before:")
		e.table(table.Row{"to", "event", "type", "written", "failed tries"}, first)
	}
	if f.Limited {
		e.line("--limit will end the run before everything is delivered")
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

// closer is a receiver with connections.
type closer interface{ Close() }

// webhook is the receiver at outbox.url.
func (a *app) webhook(c *config.Config) (*notify.Webhook, error) {
	hook, err := notify.NewWebhook(notify.WebhookConfig{
		URL: c.Outbox.URL.Reveal(), Secret: c.Outbox.Secret.Reveal(), Version: version, Now: a.now,
	})
	if err != nil {
		return nil, fmt.Errorf("outbox.%w", err)
	}
	return hook, nil
}

// receivers makes the receivers of events by their names. The caller must close them.
func (a *app) receivers(c *config.Config) (map[string]notify.Notifier, error) {
	made := map[string]notify.Notifier{}
	if c.Outbox.URL != "" {
		hook, err := a.webhook(c)
		if err != nil {
			return nil, err
		}
		made[jobs.SinkWebhook] = hook
	}
	if c.Slack.Enabled() {
		slack, err := a.slack(c)
		if err != nil {
			closeReceivers(made)
			return nil, err
		}
		made[jobs.SinkSlack] = slack
	}
	return made, nil
}

func closeReceivers(all map[string]notify.Notifier) {
	for _, r := range all {
		if c, ok := r.(closer); ok {
			c.Close()
		}
	}
}

// sinkNames lists the configured receivers.
func sinkNames(c *config.Config) []string {
	var names []string
	if c.Outbox.URL != "" {
		names = append(names, jobs.SinkWebhook)
	}
	if c.Slack.Enabled() {
		names = append(names, jobs.SinkSlack)
	}
	return names
}

// nextEvents names events that were given up.
func nextEvents(ctx context.Context, e *execution, _ *batch.Run) ([]string, error) {
	dead, err := worklist.DeadEvents(ctx, e.db.DB, reviewsShown)
	var next []string
	for _, event := range dead {
		next = append(next, requeueWay(event.ID, event.Reason).String())
	}
	if len(dead) > 0 {
		next = append(next, "duly list dead-events")
	}
	return next, err
}

// requeueEvent makes an event due again at the receivers that it was given up for: those that are named, or all.
func (a *app) requeueEvent(ctx context.Context, db *database, id uint64, action operator.Action, sinks []string) error {
	business, err := a.clock(ctx, db.DB)
	if err != nil {
		return err
	}
	return operator.RequeueEvent(ctx, db.DB, id, business(), action, sinks...)
}
