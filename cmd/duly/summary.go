package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"duly/internal/batch"
	"duly/internal/mysql"
	"duly/internal/operator"
	"duly/internal/query"
	"duly/internal/query/worklist"
	"duly/internal/sum"
	"duly/internal/text"
	"duly/jobs"
)

// summary is what every run ends with, for people or as the document of --json.
type summary struct {
	Run          uint64           `json:"run_id"`
	Job          string           `json:"job"`
	BusinessDate string           `json:"business_date"`
	Status       string           `json:"status"`
	Exit         int              `json:"exit_code"`
	Steps        []stepView       `json:"steps"`
	Collected    map[string]int64 `json:"collected"` // minor units by currency
	Left         []string         `json:"left"`      // what is left for a later run, and why
	// Causes are the commonest ones of what is not settled, and of declines; MoreCauses is how many others there are.
	Causes      []query.Reason `json:"causes"`
	MoreCauses  int            `json:"more_causes,omitempty"`
	causes      query.Causes
	Error       string        `json:"error,omitempty"`
	failure     []string      // Error, a line a problem
	fixes       []string      // what an operator must correct
	InReview    query.Reviews `json:"in_review"` // of all runs
	OlderReview int64         `json:"older_in_review"`
	older       olderWaiting
	Next        []string `json:"next"` // commands to type
	// Reviewed are the first rows that the run sent to review, and LeftRows those that it left.
	Reviewed []listed `json:"reviewed"`
	LeftRows []listed `json:"left_rows"`

	// Of the jobs that have them.
	Refunded     map[string]int64 `json:"refunded,omitempty"` // minor units by currency
	Daily        *query.Daily     `json:"daily,omitempty"`
	Notes        []string         `json:"notes,omitempty"`
	Findings     []query.Finding  `json:"findings,omitempty"`      // open ones, newest first
	OpenFindings int64            `json:"open_findings,omitempty"` // how many there are in all

	facts
}

func (e *execution) summary(ctx context.Context, p *progress, r batch.Result) error {
	s := summary{
		Run: p.run.ID, Job: p.run.Job, BusinessDate: e.business.String(), Status: string(r.Status), Exit: r.Exit,
		Steps: []stepView{}, Left: append([]string{}, r.Left...), Reviewed: []listed{}, LeftRows: []listed{},
	}
	if r.Err != nil {
		s.Error, s.failure, s.fixes = r.Err.Error(), text.Lines(r.Err), fixesOf(r.Err)
	}
	s.Steps = append(s.Steps, p.views()...)
	s.took, s.waits, s.selected = e.now().Sub(p.startedAt), r.Waits, e.flags.partial()
	new := r.Tally.Review + r.Tally.Rejected
	var err error
	if s.InReview, err = query.CountReviews(ctx, e.db.DB, e.business); err != nil {
		e.logs.WarnContext(ctx, "rows in review could not be counted", problem(mysql.Classify(ctx, err)))
	}
	s.Collected, s.Refunded = moved(s.Steps)
	s.older = olderOf(s.InReview, p.run.Job, new, e.foundBeside(ctx, p.run))
	s.OlderReview = s.older.all()
	e.name(ctx, &s, p.run, new)
	e.causes(ctx, &s, p.run, r.Tally)
	s.Next = e.next(ctx, p.run, r, new, s)
	if e.work.extendSummary != nil {
		if err := e.work.extendSummary(ctx, e, &s); err != nil {
			e.logs.WarnContext(ctx, "what the job found could not be read", problem(err))
		}
	}
	e.follow(ctx, &s, p, new)
	e.ended(p.run, s)
	e.logEnd(s)
	if e.flags.csv && s.Daily != nil {
		return e.csv(*s.Daily)
	}
	if e.json {
		return e.print(s)
	}
	if e.brief() {
		*e.nights = append(*e.nights, s)
		return nil
	}
	e.writeSummary(p, s)
	return nil
}

// next lists what an operator may want to type.
func (e *execution) next(ctx context.Context, run *batch.Run, r batch.Result, reviews int64, s summary) []string {
	next := append([]string{}, nextOf(s.Reviewed)...)
	switch {
	case r.Exit == batch.ExitDone:
		next = []string{}
	case (r.Exit == batch.ExitReview && r.Waits == 0 || reviews > 0) && e.work.next != nil: // what waits for the shop is not in review
		commands, err := e.work.next(ctx, e, run)
		if err != nil {
			e.logs.WarnContext(ctx, "rows in review could not be listed", problem(err))
		}
		next = append(next, commands...)
	}
	if r.Waits > 0 && e.work.waits != "" {
		next = append(next, e.work.waits)
	}
	if slices.ContainsFunc(s.LeftRows, func(l listed) bool { return l.What != worklist.Invoice }) {
		next = append(next, "duly list doubt")
	}
	switch r.Exit {
	case batch.ExitDone, batch.ExitReview:
	case batch.ExitFailed:
		if adopt := e.adopt(ctx); len(adopt) > 0 {
			return append(append(next, adopt...), againNext(run.Job, run.ID)...)
		}
		fallthrough
	default:
		next = append(next, endingOf(r.Exit).next(run.Job, run.ID)...)
	}
	return next
}

// foundBeside counts the findings that a run which is no audit made: of charges that a gateway lists and that are unknown here.
func (e *execution) foundBeside(ctx context.Context, run *batch.Run) int64 {
	if run.Job == jobs.AuditJob { // its tally has them
		return 0
	}
	n, err := query.NewFindings(ctx, e.db.DB, run.ID)
	if err != nil {
		e.logs.WarnContext(ctx, "the findings of the run could not be counted", problem(err))
	}
	return n
}

// adopt lists the commands for charges that wait to be adopted, if the run charges: their gateways are sent nothing before.
func (e *execution) adopt(ctx context.Context) []string {
	if !e.work.charges {
		return nil
	}
	waiting, err := operator.CountUnknownCharges(ctx, e.db.DB)
	if err != nil {
		e.logs.WarnContext(ctx, "unknown charges could not be counted", problem(err))
	}
	var commands []string
	for _, of := range waiting {
		if _, configured := e.deps.Gateways[of.Gateway]; configured {
			commands = append(commands, "duly adopt "+of.Gateway)
		}
	}
	return commands
}

// moved sums up the money that steps collected, and that they refunded.
func moved(list []stepView) (collected, refunded map[string]int64) {
	collected = map[string]int64{}
	for _, v := range list {
		for currency, amount := range v.Amounts {
			if !v.label.Refunds {
				collected[currency] = sum.Add(collected[currency], amount)
				continue
			}
			if refunded == nil {
				refunded = map[string]int64{}
			}
			refunded[currency] = sum.Add(refunded[currency], amount)
		}
	}
	return collected, refunded
}

// notBegun is the status of a step that the run did not come to.
const notBegun = "not begun"

// stepView is a step of a run.
type stepView struct {
	Step      string           `json:"step"`
	Status    string           `json:"status"`
	Read      int64            `json:"read"`
	Succeeded int64            `json:"succeeded"`
	Declined  int64            `json:"declined"`
	Released  int64            `json:"released"`
	InDoubt   int64            `json:"in_doubt"`
	Rejected  int64            `json:"rejected"`
	Review    int64            `json:"review"`
	Amounts   map[string]int64 `json:"amounts"` // minor units by currency
	Seconds   float64          `json:"seconds"`

	label  batch.Label
	due    int64    // how much it had before it when it began; -1: not known
	found  int64    // of Succeeded: charges that the gateway had taken before
	errors []string // why it failed, a line a problem
}

func stepOf(x *batch.StepExecution) stepView {
	t := x.Tally()
	v := stepView{
		Step: x.Step, Status: notBegun, Read: t.Read, Succeeded: t.Succeeded, Declined: t.Declined, Released: t.Released,
		InDoubt: t.InDoubt, Rejected: t.Rejected, Review: t.Review, Amounts: orNone(t.Amounts), Seconds: x.Took().Seconds(),
		label: x.Label, due: -1, found: t.Found, errors: problemsOf(x.Err()),
	}
	if x.Begun() {
		v.Status = string(x.Status())
	}
	return v
}

// steps prints the steps that did something, or ended otherwise than completed, and names the others in a line.
// A column in which nothing stands is left out, so that an ordinary run fits 80 characters.
func (a *app) steps(list []stepView) {
	header := table.Row{"step", "status", "read", "succeeded", "declined", "released", "in doubt", "rejected", "review", "money", "took"}
	var numbers []int
	for column := 3; column <= len(header); column++ {
		numbers = append(numbers, column)
	}
	var idle []string
	var rows []table.Row
	for _, v := range list {
		if v.Read == 0 && v.Status == string(batch.Completed) {
			idle = append(idle, v.Step)
			continue
		}
		rows = append(rows, v.row())
	}
	if len(rows) > 0 {
		a.renderTable(header, rows, numbers...)
	}
	if len(idle) > 0 {
		a.line("nothing to do: %s", strings.Join(idle, ", "))
	}
}

func (v stepView) row() table.Row {
	status := v.Status
	if status == string(batch.Completed) {
		status = ""
	}
	took := time.Duration(v.Seconds * float64(time.Second)).Round(time.Millisecond)
	return table.Row{
		v.Step, status, some(v.Read), some(v.Succeeded), some(v.Declined), some(v.Released), some(v.InDoubt), some(v.Rejected),
		some(v.Review), stacked(strings.Split(amounts(v.Amounts), ", ")), took,
	}
}

// some is n, or nothing for none.
func some(n int64) any {
	if n == 0 {
		return ""
	}
	return n
}
