package view

import (
	"fmt"

	"duly/internal/outbox"
	"duly/internal/query/worklist"
	"duly/jobs"
)

// TryReceiver is the command that says whether a receiver takes events; empty if there is none.
func TryReceiver(sink string) string {
	switch sink {
	case jobs.SinkWebhook:
		return "duly doctor --webhook"
	case jobs.SinkSlack:
		return "duly doctor --slack"
	}
	return ""
}

// RequeueWay is the command that delivers an event again that was given up, and why that is right only later, if its row is at fault.
func RequeueWay(event uint64, reason string) WayOut {
	w := WayOut{Command: fmt.Sprintf("duly requeue event %d", event)}
	if column := outbox.AtFault(reason); column != "" {
		w.When = fmt.Sprintf("once %s of row %d in table events is fixed", column, event)
	}
	return w
}

func waysOfEvent(l worklist.Row) []WayOut {
	w := RequeueWay(l.ID, l.Reason)
	if w.When != "" {
		w.When += ": no receiver can take it before; then duly run outbox"
		return []WayOut{w}
	}
	w.When = "once the receiver is up again; then duly run outbox"
	if try := TryReceiver(l.Sink); try != "" {
		w.When = "once " + try + " says that the receiver is up again; then duly run outbox"
	}
	return []WayOut{w}
}
