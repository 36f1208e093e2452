package app

import (
	"context"
	"math"
	"slices"

	"duly/internal/batch"
	"duly/internal/cli"
	"duly/internal/mysql"
	"duly/internal/operator"
	"duly/internal/query"
	"duly/internal/query/worklist"
	"duly/internal/session"
	"duly/internal/text"
	"duly/internal/view"
	"duly/jobs"
)

func (e *Execution) summary(ctx context.Context, p *progress, r batch.Result) error {
	s := view.Summary{
		Run: p.run.ID, Job: p.run.Job, BusinessDate: e.Business.String(), Status: string(r.Status), Exit: r.Exit,
		Steps: []view.Step{}, Left: append([]string{}, r.Left...), Reviewed: []view.Listed{}, LeftRows: []view.Listed{},
	}
	if r.Err != nil {
		s.Error, s.Failure, s.Fixes = r.Err.Error(), text.Lines(r.Err), view.FixesOf(r.Err)
	}
	s.Steps = append(s.Steps, p.views()...)
	s.Took, s.Waits, s.Selected = e.Now().Sub(p.startedAt), len(r.Waits), e.Flags.Partial()
	new := r.Tally.Review + r.Tally.Rejected
	var err error
	if s.InReview, err = query.CountReviews(ctx, e.Database.DB, e.Business); err != nil {
		e.logs.WarnContext(ctx, "rows in review could not be counted", session.Problem(mysql.Classify(ctx, err)))
	}
	s.Collected, s.Refunded = view.Moved(s.Steps)
	s.Parallelism, s.Rates = e.parallelism()
	s.Older = view.OlderOf(s.InReview, p.run.Job, new, e.foundBeside(ctx, p.run))
	s.OlderReview = s.Older.All()
	e.name(ctx, &s, p.run, new)
	e.causes(ctx, &s, p.run, r.Tally)
	s.Next = e.next(ctx, p.run, r, new, s)
	if e.Job.ExtendSummary != nil {
		if err := e.Job.ExtendSummary(ctx, e.Request, &s); err != nil {
			e.logs.WarnContext(ctx, "what the job found could not be read", session.Problem(err))
		}
	}
	e.follow(ctx, &s, p, new)
	e.ended(p.run, s)
	e.logEnd(s)
	if e.Flags.CSV && s.Daily != nil {
		return view.DailyCSV(e.Screen, *s.Daily)
	}
	if e.Screen.JSON {
		return e.Screen.Print(s)
	}
	if e.brief() {
		*e.cmd.nights = append(*e.cmd.nights, s)
		return nil
	}
	for _, line := range p.deaths() {
		e.Screen.Marked(line, cli.SignIndent)
	}
	view.WriteSummary(e.Screen, s, p.shown)
	return nil
}

// parallelism is what the run found best for gateways that it used, where that is for it to find, and to how many requests a second it
// has slowed them down.
func (e *Execution) parallelism() (found map[string]int, rates map[string]float64) {
	found, rates = map[string]int{}, map[string]float64{}
	for name, g := range e.Deps.Gateways {
		if n := g.Found(); n > 0 {
			found[name] = n
		}
		if rate := g.FoundRate(); rate > 0 {
			rates[name] = math.Round(10*rate) / 10
		}
	}
	return found, rates
}

// waitsNext names each list of what waits for somebody to decide once.
func waitsNext(waits []batch.Waiting) []string {
	var next []string
	for _, w := range waits {
		if w.Next != "" {
			next = append(next, w.Next)
		}
	}
	slices.Sort(next)
	return slices.Compact(next)
}

// next lists what an operator may want to type.
func (e *Execution) next(ctx context.Context, run *batch.Run, r batch.Result, reviews int64, s view.Summary) []string {
	next := append([]string{}, view.NextOf(s.Reviewed)...)
	switch {
	case r.Exit == batch.ExitDone:
		next = []string{}
	case (r.Exit == batch.ExitReview && len(r.Waits) == 0 || reviews > 0) && e.Job.Next != nil: // what waits for the shop is not in review
		commands, err := e.Job.Next(ctx, e.Request, run)
		if err != nil {
			e.logs.WarnContext(ctx, "rows in review could not be listed", session.Problem(err))
		}
		next = append(next, commands...)
	}
	next = append(next, waitsNext(r.Waits)...)
	if slices.ContainsFunc(s.LeftRows, func(l view.Listed) bool { return l.What != worklist.Invoice }) {
		next = append(next, "duly list doubt")
	}
	switch r.Exit {
	case batch.ExitDone, batch.ExitReview:
	case batch.ExitFailed:
		if adopt := e.adopt(ctx); len(adopt) > 0 {
			return append(append(next, adopt...), view.AgainNext(run.Job, run.ID)...)
		}
		fallthrough
	default:
		next = append(next, view.EndingOf(r.Exit).Next(run.Job, run.ID)...)
	}
	return next
}

// foundBeside counts the findings that a run which is no audit made: of charges that a gateway lists and that are unknown here.
func (e *Execution) foundBeside(ctx context.Context, run *batch.Run) int64 {
	if run.Job == jobs.AuditJob { // its tally has them
		return 0
	}
	n, err := query.NewFindings(ctx, e.Database.DB, run.ID)
	if err != nil {
		e.logs.WarnContext(ctx, "the findings of the run could not be counted", session.Problem(err))
	}
	return n
}

// adopt lists the commands for charges that wait to be adopted, if the run charges: their gateways are sent nothing before.
func (e *Execution) adopt(ctx context.Context) []string {
	if !e.Job.Charges {
		return nil
	}
	waiting, err := operator.CountUnknownCharges(ctx, e.Database.DB)
	if err != nil {
		e.logs.WarnContext(ctx, "unknown charges could not be counted", session.Problem(err))
	}
	var commands []string
	for _, of := range waiting {
		if _, configured := e.Deps.Gateways[of.Gateway]; configured {
			commands = append(commands, "duly adopt "+of.Gateway)
		}
	}
	return commands
}
