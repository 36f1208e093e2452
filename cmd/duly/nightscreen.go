package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"duly/internal/batch"
	"duly/internal/sum"
	"duly/internal/text"
	"duly/jobs"
)

// nightScreen shows a night for people: a line a job, then what it all means for money and people.
type nightScreen struct {
	screen *Screen
	now    func() time.Time
	dry    bool
	page   string
	began  time.Time
	// each: every job is shown as a run of its own.
	each      bool
	summaries []summary
	idle      []string // jobs that had nothing to do
}

// ended writes the line of a job that has run.
func (n *nightScreen) ended(s summary) {
	n.summaries = append(n.summaries, s)
	if s.Exit == batch.ExitDone && s.nothingDone() {
		n.idle = append(n.idle, s.Job)
		return
	}
	n.screen.marked(jobLine(s), blockIndent+signIndent)
}

// notRunLine is a job that made no run, in a line.
func notRunLine(p nightlyPart) string {
	why := endingOf(p.Exit).verdict
	if lines := problemsOf(p.err); len(lines) > 0 {
		why = strings.Join(lines, "; ")
	}
	return jobLead(endingOf(p.Exit).sign, p.Job) + why
}

// jobLead is how the line of a job begins.
func jobLead(m sign, job string) string { return lead(m, fmt.Sprintf("%-9s", job)) }

// nothingDone reports whether no step of the run had anything to do.
func (s summary) nothingDone() bool {
	return !slices.ContainsFunc(s.Steps, func(v stepView) bool { return !v.idle() })
}

// jobLine is a job that has run, in a line, in its own words.
func jobLine(s summary) string {
	says := s.outcome()
	switch {
	case s.Exit == batch.ExitFailed || s.Exit == batch.ExitUsage:
		why := strings.Join(s.reasons(), "; ")
		if why == "" {
			why = endingOf(s.Exit).verdict
		}
		says = strings.TrimPrefix(says+"; "+why, "; ")
	case s.Exit != batch.ExitDone && s.Exit != batch.ExitReview:
		says = strings.TrimPrefix(says+"; "+endingOf(s.Exit).verdict, "; ")
	}
	if says == "" {
		says = "nothing due"
	}
	return jobLead(endingOf(s.Exit).sign, s.Job) + says + "  " + took(s.took)
}

// reasons are the errors of a run, without what to correct.
func (s summary) reasons() []string {
	var lines []string
	for _, v := range s.Steps {
		lines = append(lines, v.errors...)
	}
	if len(lines) == 0 {
		lines = s.failure
	}
	return unique(lines)
}

// outcome is what became of the items of a run in a line. Charges are counted over all steps, since an item that one step leaves in
// doubt is settled by a later one.
func (s summary) outcome() string {
	charge := stepView{label: batch.Label{Succeeded: "paid"}}
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
		parts = append(parts, number(n)+" due: "+charge.counts(", "))
	}
	return strings.Join(parts, ", ")
}

// end writes what follows the jobs of the night.
func (n *nightScreen) end(v nightlyView) {
	if n.dry {
		n.screen.line("")
		n.screen.line("dry run of the night: each job as the tables stand now, without what the jobs before it would change")
		return
	}
	if len(n.idle) > 0 {
		n.screen.marked(string(signNone)+" nothing due: "+folded(n.idle), signIndent)
	}
	if len(v.NotBegun) > 0 {
		n.screen.marked(string(signNone)+" not reached: "+folded(v.NotBegun), signIndent)
	}
	if rows := n.rows(v); len(rows) > 0 {
		n.screen.line("")
		n.screen.block(rows)
	}
	n.screen.marked(n.verdict(v), signIndent)
}

// rows are the block of facts under a night.
func (n *nightScreen) rows(v nightlyView) []blockRow {
	charges, orders, refunded := map[string]int64{}, map[string]int64{}, map[string]int64{}
	var rows []blockRow
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
	if money := strings.TrimPrefix(strings.TrimSuffix(moneySums(charges)+"; orders "+moneySums(orders), "; orders "), "; "); money != "" {
		rows = append(rows, fact("Collected", money, ""))
	}
	if money := moneySums(refunded); money != "" {
		rows = append(rows, fact("Refunded", money, ""))
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
func (n *nightScreen) review() (row blockRow, waits bool) {
	count, command := int64(0), ""
	var names []string
	last := ""
	for _, s := range n.summaries {
		count += s.reviews
		if s.reviews > 0 && command == "" {
			command, _, _ = strings.Cut(listOf(s.Job, s.Run), " --run ")
		}
		for _, g := range s.groups {
			name := strings.Trim(strings.ReplaceAll(fmt.Sprint(g.ids), " ", ", "), "[]")
			if more := g.count - int64(len(g.ids)); more > 0 {
				name += fmt.Sprintf(" and %s more", number(more))
			}
			if g.what != last { // subscription 42, 43
				name = g.what + " " + name
			}
			last = g.what
			names = append(names, name)
		}
	}
	if count == 0 {
		return blockRow{}, false
	}
	line := number(count)
	if len(names) > 0 {
		line += ": " + strings.Join(names[:min(len(names), groupsShown)], ", ")
	}
	return fact("Review", line, command), true
}

// fixRows are what to correct and to type after a night that did not end well.
func (n *nightScreen) fixRows(v nightlyView) []blockRow {
	var steps []string
	failed := false
	for _, s := range n.summaries {
		if s.Exit == batch.ExitDone || s.Exit == batch.ExitReview {
			continue
		}
		failed = failed || s.Exit == batch.ExitFailed
		steps = append(steps, slices.Concat(s.fixes, s.commands())...)
	}
	for _, p := range v.Jobs {
		if p.run == 0 && p.Exit != batch.ExitNotRun {
			failed = true
			steps = append(steps, fixesOf(p.err)...)
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
	var rows []blockRow
	for i, step := range unique(steps) {
		if failed {
			step = fmt.Sprintf("%d. %s", i+1, step)
		}
		rows = append(rows, fact(label, "", step))
		label = ""
	}
	return rows
}

// verdict is the last line of a night.
func (n *nightScreen) verdict(v nightlyView) string {
	end := endingOf(v.Exit)
	says := end.verdict
	reviews := int64(0)
	for _, s := range n.summaries {
		reviews += s.reviews
	}
	if reviews > 0 {
		says += ", " + number(reviews) + " in review"
	}
	line := fmt.Sprintf("%s night: %s · %s · exit %d", end.sign, says, took(n.now().Sub(n.began)), v.Exit)
	if n.page != "" {
		line += " · page " + text.Line(n.page)
	}
	return line
}
