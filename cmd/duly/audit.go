package main

import (
	"context"
	"fmt"

	"duly/internal/batch"
	"duly/internal/payment"
	"duly/jobs"
	"duly/readers"
)

// auditWork compares our payments with the gateways'.
func auditWork() work {
	return work{
		name:     jobs.AuditJob,
		takes:    []string{flagDate, flagFrom, flagTo, flagParallelism, flagRate},
		gateways: true, width: "gateways.<name>.parallelism",
		steps:    func(int) []string { return jobs.AuditSteps() },
		day:      func(e *execution) payment.Date { return e.today },
		check:    checkDays,
		job:      func(e *execution) (batch.Job, error) { return jobs.Audit(e.deps, e.audit()), nil },
		foretell: foretellAudit,
		sumUp:    sumUpAudit,
		next:     nextFindings,
	}
}

// audit is what an audit is told.
func (e *execution) audit() jobs.AuditOptions {
	s := e.days()
	return jobs.AuditOptions{
		From: s.From, To: s.To, Lag: e.lag, ChunkSize: e.config.Billing.ChunkSize, Steps: e.flags.Steps,
		Note: func(text string) { e.notes = append(e.notes, text) },
	}
}

// foretellAudit says what would be audited.
func foretellAudit(ctx context.Context, e *execution, f forecast) (any, func(), error) {
	text := "what followed the last audit would be compared with what the gateways list"
	if s := e.days(); s.From != 0 || s.To != 0 {
		text = fmt.Sprintf("the payments of %s to %s would be compared with what the gateways list", s.From, s.To)
	} else if until, err := readers.AuditedTo(ctx, e.db.DB); err != nil {
		return nil, nil, err
	} else if !until.IsZero() {
		text += "; that ended at " + instant(until)
	}
	doc := leftForecast{f, []string{text}}
	return doc, func() { e.line("%s", text) }, nil
}

// sumUpAudit adds what the audit has to say, and what is open of earlier ones.
func sumUpAudit(ctx context.Context, e *execution, s *summary) error {
	list, total, err := readers.OpenFindings(ctx, e.db.DB, findingsShown)
	if err != nil {
		return err
	}
	s.Notes, s.Findings, s.OpenFindings = e.notes, list, total
	return nil
}

// findingsShown is how many findings a summary lists.
const findingsShown = 10

// nextFindings names the findings that wait for an operator.
func nextFindings(ctx context.Context, e *execution, run *batch.Run) ([]string, error) {
	list, err := readers.FindingsOf(ctx, e.db.DB, run.ID, reviewsShown)
	var next []string
	for _, f := range list {
		next = append(next, fmt.Sprintf("duly resolve finding %d --as ignored --reason …, once it is put right", f.ID))
	}
	return next, err
}
