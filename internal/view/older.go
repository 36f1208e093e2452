package view

import (
	"duly/internal/cli"
	"duly/internal/query"
	"duly/jobs"
)

// OlderWaiting is what waited for an operator before a run, by the list of `duly list` that shows it.
type OlderWaiting struct{ review, deadEvents, findings int64 }

// OlderOf takes what a run of that job has sent to review, and the findings that it made beside, from what waits now.
func OlderOf(r query.Reviews, job string, sent, found int64) OlderWaiting {
	o := OlderWaiting{r.Invoices + r.Attempts + r.Subscriptions + r.Orders + r.Refunds, r.Events, r.Findings - found}
	switch job {
	case jobs.OutboxJob:
		o.deadEvents -= sent
	case jobs.AuditJob:
		o.findings -= sent
	default:
		o.review -= sent
	}
	return OlderWaiting{max(0, o.review), max(0, o.deadEvents), max(0, o.findings)}
}

// All is how many rows of all kinds waited.
func (o OlderWaiting) All() int64 { return o.review + o.deadEvents + o.findings }

// rows say what waited before a run, each kind with the command that lists it.
func (o OlderWaiting) rows() []cli.BlockRow {
	var rows []cli.BlockRow
	add := func(label string, n int64, what, list string) {
		if n > 0 {
			rows = append(rows, cli.Fact(label, cli.Things(n, what)+" from earlier runs", "duly list "+list))
		}
	}
	add("Given up", o.deadEvents, "event", "dead-events")
	add("Findings", o.findings, "finding", "findings")
	return rows
}
