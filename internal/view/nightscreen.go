package view

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"duly/internal/batch"
	"duly/internal/cli"
	"duly/internal/sum"
	"duly/internal/text"
	"duly/jobs"
)

// NightScreen shows a night for people: a line a job, then what it all means for money and people.
type NightScreen struct {
	Screen *cli.Screen
	Now    func() time.Time
	Dry    bool
	Page   string
	Began  time.Time
	// Each: every job is shown as a run of its own.
	Each      bool
	summaries []Summary
	idle      []string // jobs that had nothing to do
}

// Ended writes the line of a job that has run.
func (n *NightScreen) Ended(s Summary) {
	n.summaries = append(n.summaries, s)
	if s.Exit == batch.ExitDone && s.nothingDone() {
		n.idle = append(n.idle, s.Job)
		return
	}
	n.Screen.Marked(jobLine(s), cli.BlockIndent+cli.SignIndent)
}

// NotRunLine is a job that made no run, in a line.
func NotRunLine(p NightPart) string {
	why := EndingOf(p.Exit).Verdict
	if lines := ProblemsOf(p.Err); len(lines) > 0 {
		why = strings.Join(lines, "; ")
	}
	return jobLead(EndingOf(p.Exit).sign, p.Job) + why
}

// jobLead is how the line of a job begins.
func jobLead(m cli.Sign, job string) string { return lead(m, fmt.Sprintf("%-9s", job)) }

// nothingDone reports whether no step of the run had anything to do.
func (s Summary) nothingDone() bool {
	return !slices.ContainsFunc(s.Steps, func(v Step) bool { return !v.Idle() })
}

// jobLine is a job that has run, in a line, in its own words.
func jobLine(s Summary) string {
	says := s.outcome()
	switch {
	case s.Exit == batch.ExitFailed || s.Exit == batch.ExitUsage:
		why := strings.Join(s.reasons(), "; ")
		if why == "" {
			why = EndingOf(s.Exit).Verdict
		}
		says = strings.TrimPrefix(says+"; "+why, "; ")
	case s.Exit != batch.ExitDone && s.Exit != batch.ExitReview:
		says = strings.TrimPrefix(says+"; "+EndingOf(s.Exit).Verdict, "; ")
	}
	if says == "" {
		says = "nothing due"
	}
	return jobLead(EndingOf(s.Exit).sign, s.Job) + says + "  " + cli.Took(s.Took)
}

// reasons are the errors of a run, without what to correct.
func (s Summary) reasons() []string {
	var lines []string
	for _, v := range s.Steps {
		lines = append(lines, v.Errors...)
	}
	if len(lines) == 0 {
		lines = s.Failure
	}
	return Unique(lines)
}

// outcome is what became of the items of a run in a line. Charges are counted over all steps, since an item that one step leaves in
// doubt is settled by a later one.
func (s Summary) outcome() string {
	charge := Step{label: batch.Label{Succeeded: "paid"}}
	released := int64(0)
	unit := ""
	var parts []string
	for _, v := range s.Steps {
		switch {
		case v.label.Charges:
			charge.Succeeded += v.Succeeded
			charge.Declined += v.Declined
			charge.Rejected += v.Rejected
			charge.found += v.found
			released += v.Released
			charge.InDoubt = v.InDoubt // of the last step that had any
		case v.label.Bookkeeping:
			charge.Review += v.Review // rows that could not become charges
		default:
			if v.label.Unit == unit { // it is said already
				v.label.Unit = ""
			} else {
				unit = v.label.Unit
			}
			if counts := v.counts(", "); counts != "" {
				parts = append(parts, counts)
			}
		}
		if v.label.Charges {
			charge.Review += v.Review
		}
	}
	if n := charge.done(); n > 0 {
		charge.Released = released
		n += released
		parts = append(parts, cli.Number(n)+" due: "+charge.counts(", "))
	}
	return strings.Join(parts, ", ")
}

// End writes what follows the jobs of the night.
func (n *NightScreen) End(v Night) {
	if n.Dry {
		n.Screen.Line("")
		n.Screen.Line("dry run of the night: each job as the tables stand now, without what the jobs before it would change")
		return
	}
	if len(n.idle) > 0 {
		n.Screen.Marked(string(cli.SignNone)+" nothing due: "+folded(n.idle), cli.SignIndent)
	}
	if len(v.NotBegun) > 0 {
		n.Screen.Marked(string(cli.SignNone)+" not reached: "+folded(v.NotBegun), cli.SignIndent)
	}
	if rows := n.rows(v); len(rows) > 0 {
		n.Screen.Line("")
		n.Screen.Block(rows)
	}
	n.Screen.Marked(n.verdict(v), cli.SignIndent)
}

// rows are the block of facts under a night.
func (n *NightScreen) rows(v Night) []cli.BlockRow {
	charges, orders, refunded := map[string]int64{}, map[string]int64{}, map[string]int64{}
	var rows []cli.BlockRow
	for _, s := range n.summaries {
		into := charges
		if s.Job != jobs.BillingJob {
			into = orders
		}
		for currency, amount := range s.Collected {
			into[currency] = sum.Add(into[currency], amount)
		}
		for currency, amount := range s.Refunded {
			refunded[currency] = sum.Add(refunded[currency], amount)
		}
	}
	if money := strings.TrimPrefix(strings.TrimSuffix(cli.MoneySums(charges)+"; orders "+cli.MoneySums(orders), "; orders "), "; "); money != "" {
		rows = append(rows, cli.Fact("Collected", money, ""))
	}
	if money := cli.MoneySums(refunded); money != "" {
		rows = append(rows, cli.Fact("Refunded", money, ""))
	}
	if row, waits := n.review(); waits {
		rows = append(rows, row)
	}
	for _, s := range n.summaries {
		rows = append(rows, leftRows(s)...)
	}
	for _, s := range n.summaries {
		rows = append(rows, followRows(s)...)
	}
	return append(rows, n.fixRows(v)...)
}

// review is what waits for people, in a row.
func (n *NightScreen) review() (row cli.BlockRow, waits bool) {
	count, command := int64(0), ""
	var names []string
	last := ""
	for _, s := range n.summaries {
		count += s.Reviews
		if s.Reviews > 0 && command == "" {
			command, _, _ = strings.Cut(ListOf(s.Job, s.Run), " --run ")
		}
		for _, g := range s.Groups {
			name := strings.Trim(strings.ReplaceAll(fmt.Sprint(g.IDs), " ", ", "), "[]")
			if more := g.count - int64(len(g.IDs)); more > 0 {
				name += fmt.Sprintf(" and %s more", cli.Number(more))
			}
			if g.what != last { // subscription 42, 43
				name = g.what + " " + name
			}
			last = g.what
			names = append(names, name)
		}
	}
	if count == 0 {
		return cli.BlockRow{}, false
	}
	line := cli.Number(count)
	if len(names) > 0 {
		line += ": " + strings.Join(names[:min(len(names), groupsShown)], ", ")
	}
	return cli.Fact("Review", line, command), true
}

// fixRows are what to correct and to type after a night that did not end well.
func (n *NightScreen) fixRows(v Night) []cli.BlockRow {
	var steps []string
	failed := false
	for _, s := range n.summaries {
		if s.Exit == batch.ExitDone || s.Exit == batch.ExitReview {
			continue
		}
		failed = failed || s.Exit == batch.ExitFailed
		steps = append(steps, slices.Concat(s.Fixes, s.Commands())...)
	}
	for _, p := range v.Jobs {
		if p.Run == 0 && p.Exit != batch.ExitNotRun {
			failed = true
			steps = append(steps, FixesOf(p.Err)...)
			steps = append(steps, "duly doctor", "duly run "+p.Job)
		}
	}
	if len(v.NotBegun) > 0 {
		steps = append(steps, "duly run "+jobs.NightlyJob)
	}
	label := "Then"
	if failed {
		label = "Fix"
	}
	var rows []cli.BlockRow
	for i, step := range Unique(steps) {
		if failed {
			step = fmt.Sprintf("%d. %s", i+1, step)
		}
		rows = append(rows, cli.Fact(label, "", step))
		label = ""
	}
	return rows
}

// verdict is the last line of a night.
func (n *NightScreen) verdict(v Night) string {
	end := EndingOf(v.Exit)
	says := end.Verdict
	reviews := int64(0)
	for _, s := range n.summaries {
		reviews += s.Reviews
	}
	if reviews > 0 {
		says += ", " + cli.Number(reviews) + " in review"
	}
	line := fmt.Sprintf("%s night: %s · %s · exit %d", end.sign, says, cli.Took(n.Now().Sub(n.Began)), v.Exit)
	if n.Page != "" {
		line += " · page " + text.Line(n.Page)
	}
	return line
}
