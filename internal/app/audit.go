package app

import (
	"context"
	"fmt"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"duly/config"
	"duly/internal/batch"
	"duly/internal/cli"
	"duly/internal/payment"
	"duly/internal/preview"
	"duly/internal/query"
	"duly/internal/view"
	"duly/jobs"
)

// auditWork compares our payments with the gateways'.
func auditWork() JobSpec {
	return JobSpec{
		Name:     jobs.AuditJob,
		Does:     "compare our payments with the gateways' lists",
		takes:    []string{cli.FlagDate, cli.FlagFrom, cli.FlagTo, cli.FlagParallelism, cli.FlagRate, cli.FlagUntilNow},
		Gateways: true, width: "gateways.<name>.parallelism",
		Steps:         func(int) []string { return jobs.AuditSteps() },
		day:           func(e *Execution) payment.Date { return e.today },
		check:         checkDays,
		Job:           func(e *Execution) (batch.Job, error) { return jobs.Audit(e.Deps, e.audit()), nil },
		Preview:       previewAudit,
		extendSummary: extendAuditSummary,
		next:          nextFindings,
	}
}

// audit is what an audit is told.
func (e *Execution) audit() jobs.AuditOptions {
	s, lag := e.days(), e.Lag
	if e.flags.UntilNow {
		lag = 0
	}
	return jobs.AuditOptions{
		Window: e.window, From: s.From, To: s.To, Lag: lag, ChunkSize: e.config.Billing.ChunkSize, Steps: e.flags.Steps,
		Note: func(text string) { e.notes = append(e.notes, text) },
	}
}

// AuditForecast is the document of a dry run of the audit.
type AuditForecast struct {
	ForecastHead
	preview.AuditForecast
}

// previewAudit says what would be compared.
func previewAudit(ctx context.Context, e *Execution, f ForecastHead) (any, func(), error) {
	found, err := preview.Audit(ctx, e.Deps, e.audit())
	doc := AuditForecast{f, found}
	return doc, func() { e.showAudit(doc) }, err
}

// showAudit writes a forecast of the audit for people.
func (e *Execution) showAudit(f AuditForecast) {
	if !f.From.Before(f.To) {
		e.Screen.Line("there is nothing to audit yet: payments are left alone for %s", config.FormatDuration(e.Lag))
		return
	}
	e.Screen.Line("will compare the payments from %s to %s", e.when(f.From), e.when(f.To))
	if f.AuditedAt != nil {
		e.Screen.Line("audited before: everything up to %s", e.when(*f.AuditedAt))
	}
	for _, gateways := range []struct {
		names []string
		what  string
	}{
		{f.Listed, "with what these gateways list: "}, {f.Asked, "one by one, since these cannot list: "}, {f.LeftAlone, "skipped, since these are paused: "},
	} {
		if len(gateways.names) > 0 {
			e.Screen.Line("%s%s", gateways.what, strings.Join(gateways.names, ", "))
		}
	}
	if len(f.Payments) == 0 {
		e.Screen.Line("none of ours is in it")
		return
	}
	var rows []table.Row
	for _, p := range f.Payments {
		rows = append(rows, table.Row{p.What, p.Gateway, p.Count, payment.Money{Amount: p.Amount, Currency: p.Currency}})
	}
	e.Screen.Line("ours in that time, whatever their result:")
	e.Screen.Table(table.Row{"for", "gateway", "payments", "amount"}, rows)
}

// extendAuditSummary adds what the audit has to say, and what is open of earlier ones.
func extendAuditSummary(ctx context.Context, e *Execution, s *view.Summary) error {
	list, total, err := query.OpenFindings(ctx, e.DB.DB, findingsShown)
	if err != nil {
		return err
	}
	s.Notes, s.Findings, s.OpenFindings = e.notes, list, total
	return nil
}

// findingsShown is how many findings a summary lists.
const findingsShown = 10

// nextFindings names the findings that wait for an operator.
func nextFindings(ctx context.Context, e *Execution, run *batch.Run) ([]string, error) {
	list, err := query.FindingsOf(ctx, e.DB.DB, run.ID, reviewsShown)
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
