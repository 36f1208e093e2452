package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"duly/config"
	"duly/internal/batch"
	"duly/internal/payment"
	"duly/internal/preview"
	"duly/internal/query"
	"duly/jobs"
)

// auditWork compares our payments with the gateways'.
func auditWork() jobSpec {
	return jobSpec{
		name:     jobs.AuditJob,
		does:     "compare our payments with the gateways' lists",
		takes:    []string{flagDate, flagFrom, flagTo, flagParallelism, flagRate, flagUntilNow},
		gateways: true, width: "gateways.<name>.parallelism",
		steps:         func(int) []string { return jobs.AuditSteps() },
		day:           func(e *execution) payment.Date { return e.today },
		check:         checkDays,
		job:           func(e *execution) (batch.Job, error) { return jobs.Audit(e.deps, e.audit()), nil },
		preview:       previewAudit,
		extendSummary: extendAuditSummary,
		next:          nextFindings,
	}
}

// audit is what an audit is told.
func (e *execution) audit() jobs.AuditOptions {
	s, lag := e.days(), e.lag
	if e.flags.untilNow {
		lag = 0
	}
	return jobs.AuditOptions{
		Window: e.window, From: s.From, To: s.To, Lag: lag, ChunkSize: e.config.Billing.ChunkSize, Steps: e.flags.Steps,
		Note: func(text string) { e.notes = append(e.notes, text) },
	}
}

// auditForecast is the document of a dry run of the audit.
type auditForecast struct {
	forecast
	preview.AuditForecast
}

// previewAudit says what would be compared.
func previewAudit(ctx context.Context, e *execution, f forecast) (any, func(), error) {
	found, err := preview.Audit(ctx, e.deps, e.audit())
	doc := auditForecast{f, found}
	return doc, func() { e.showAudit(doc) }, err
}

// showAudit writes a forecast of the audit for people.
func (e *execution) showAudit(f auditForecast) {
	if !f.From.Before(f.To) {
		e.line("there is nothing to audit yet: payments are left alone for %s", config.FormatDuration(e.lag))
		return
	}
	e.line("will compare the payments from %s to %s", e.when(f.From), e.when(f.To))
	if f.AuditedAt != nil {
		e.line("audited before: everything up to %s", e.when(*f.AuditedAt))
	}
	for _, gateways := range []struct {
		names []string
		what  string
	}{
		{f.Listed, "with what these gateways list: "}, {f.Asked, "one by one, since these cannot list: "}, {f.LeftAlone, "skipped, since these are paused: "},
	} {
		if len(gateways.names) > 0 {
			e.line("%s%s", gateways.what, strings.Join(gateways.names, ", "))
		}
	}
	if len(f.Payments) == 0 {
		e.line("none of ours is in it")
		return
	}
	var rows []table.Row
	for _, p := range f.Payments {
		rows = append(rows, table.Row{p.What, p.Gateway, p.Count, payment.Money{Amount: p.Amount, Currency: p.Currency}})
	}
	e.line("ours in that time, whatever their result:")
	e.table(table.Row{"for", "gateway", "payments", "amount"}, rows)
}

// extendAuditSummary adds what the audit has to say, and what is open of earlier ones.
func extendAuditSummary(ctx context.Context, e *execution, s *summary) error {
	list, total, err := query.OpenFindings(ctx, e.db.DB, findingsShown)
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
	list, err := query.FindingsOf(ctx, e.db.DB, run.ID, reviewsShown)
	var next []string
	for _, f := range list {
		if f.Resolved == nil {
			next = append(next, f.Next())
		}
	}
	if len(next) > 0 {
		next = append(next, fmt.Sprintf("duly list findings --run %d", run.ID))
	}
	return next, err
}
