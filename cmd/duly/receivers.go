package main

import (
	"context"
	"fmt"
	"slices"

	"duly/internal/outbox"
	"duly/internal/query/worklist"
	"duly/jobs"
)

// tryReceiver is the command that says whether a receiver takes events; empty if there is none.
func tryReceiver(sink string) string {
	switch sink {
	case jobs.SinkWebhook:
		return "duly doctor --webhook"
	case jobs.SinkSlack:
		return "duly doctor --slack"
	}
	return ""
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

// requeueWay is the command that delivers an event again that was given up, and why that is right only later, if its row is at fault.
func requeueWay(event uint64, reason string) wayOut {
	w := wayOut{Command: fmt.Sprintf("duly requeue event %d", event)}
	if column := outbox.AtFault(reason); column != "" {
		w.When = fmt.Sprintf("once %s of row %d in table events is put right", column, event)
	}
	return w
}

func waysOfEvent(l worklist.Row) []wayOut {
	w := requeueWay(l.ID, l.Reason)
	if w.When != "" {
		w.When += ": no receiver can take it before; then duly run outbox"
		return []wayOut{w}
	}
	w.When = "once the receiver is up again; then duly run outbox"
	if try := tryReceiver(l.Sink); try != "" {
		w.When = "once " + try + " says that the receiver is up again; then duly run outbox"
	}
	return []wayOut{w}
}
