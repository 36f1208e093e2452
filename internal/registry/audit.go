package registry

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
func auditWork() Job {
	return Job{
		Name:     jobs.AuditJob,
		Does:     "compare our payments with the gateways' lists",
		Takes:    []string{cli.FlagDate, cli.FlagFrom, cli.FlagTo, cli.FlagParallelism, cli.FlagRate, cli.FlagUntilNow},
		Gateways: true, width: "gateways.<name>.parallelism",
		Steps:         func(int) []string { return jobs.AuditSteps() },
		Day:           func(r *Request) payment.Date { return r.Today },
		Check:         checkDays,
		Build:         func(r *Request) (batch.Job, error) { return jobs.Audit(r.Deps, r.audit()), nil },
		Preview:       previewAudit,
		ExtendSummary: extendAuditSummary,
		Next:          nextFindings,
	}
}

// audit configures an audit.
func (r *Request) audit() jobs.AuditOptions {
	s, lag := r.Days(), r.Session.Lag
	if r.Flags.UntilNow {
		lag = 0
	}
	return jobs.AuditOptions{
		Window: r.Window, From: s.From, To: s.To, Lag: lag, ChunkSize: r.Config.Billing.ChunkSize, Steps: r.Flags.Steps,
		Note: func(text string) { r.Notes = append(r.Notes, text) },
	}
}

// AuditForecast is the document of a dry run of the audit.
type AuditForecast struct {
	Head
	preview.AuditForecast
}

// previewAudit says what would be compared.
func previewAudit(ctx context.Context, r *Request, f Head) (any, func(), error) {
	found, err := preview.Audit(ctx, r.Deps, r.audit())
	doc := AuditForecast{f, found}
	return doc, func() { r.showAudit(doc) }, err
}

// showAudit writes a forecast of the audit for people.
func (r *Request) showAudit(f AuditForecast) {
	if !f.From.Before(f.To) {
		r.Session.Screen.Line("there is nothing to audit yet: payments are left alone for %s", config.FormatDuration(r.Session.Lag))
		return
	}
	r.Session.Screen.Line("will compare the payments from %s to %s", r.when(f.From), r.when(f.To))
	if f.AuditedAt != nil {
		r.Session.Screen.Line("audited before: everything up to %s", r.when(*f.AuditedAt))
	}
	for _, gateways := range []struct {
		names []string
		what  string
	}{
		{f.Listed, "with what these gateways list: "}, {f.Asked, "one by one, since these cannot list: "}, {f.LeftAlone, "skipped, since these are paused: "},
	} {
		if len(gateways.names) > 0 {
			r.Session.Screen.Line("%s%s", gateways.what, strings.Join(gateways.names, ", "))
		}
	}
	if len(f.Payments) == 0 {
		r.Session.Screen.Line("none of ours is in it")
		return
	}
	var rows []table.Row
	for _, p := range f.Payments {
		rows = append(rows, table.Row{p.What, p.Gateway, p.Count, payment.Money{Amount: p.Amount, Currency: p.Currency}})
	}
	r.Session.Screen.Line("ours in that time, whatever their result:")
	r.Session.Screen.Table(table.Row{"for", "gateway", "payments", "amount"}, rows)
}

// extendAuditSummary adds what the audit has to say, and what is open of earlier ones.
func extendAuditSummary(ctx context.Context, r *Request, s *view.Summary) error {
	list, total, err := query.OpenFindings(ctx, r.DB, findingsShown)
	if err != nil {
		return err
	}
	s.Notes, s.Findings, s.OpenFindings = r.Notes, list, total
	return nil
}

// findingsShown is how many findings a summary lists.
const findingsShown = 10

// nextFindings names the findings that wait for an operator.
func nextFindings(ctx context.Context, r *Request, run *batch.Run) ([]string, error) {
	list, err := query.FindingsOf(ctx, r.DB, run.ID, ReviewsShown)
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
