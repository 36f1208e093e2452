package alert

import (
	"cmp"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"duly/config"
	"duly/internal/batch"
	"duly/internal/cli"
	"duly/internal/notify"
	"duly/internal/payment"
	"duly/internal/registry"
	"duly/internal/runs"
	"duly/internal/session"
	"duly/internal/sum"
	"duly/internal/view"
	"duly/jobs"
)

// errorsShown bounds the errors of one run in an alert.
const errorsShown = 6

// Formatter formats the text of an alert.
type Formatter struct {
	code  int
	host  string
	date  string // if no run has one
	clean func(string) string
}

// NewFormatter formats alerts of a command that ended with an exit code.
func NewFormatter(ses *session.Session, c *config.Config, code int) Formatter {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	secrets := ses.Redactor(c)
	return Formatter{
		code: code, host: host, date: payment.DateOf(ses.Now().Add(ses.Shift).In(c.Business.Location())).String(),
		clean: func(text string) string { return secrets.String(discreet(text)) },
	}
}

var panicValue = regexp.MustCompile(`(?s)panic: .*`)

// discreet leaves out of an error what may be anybody's data: the value of a panic. What the database quotes of values is
// taken out where the error comes from.
func discreet(said string) string {
	return panicValue.ReplaceAllString(said, "panic: the log has its stack")
}

// Alert is the message about all of it.
func (t *Collector) Alert(by Formatter, bad bool, dead []runs.Dead) notify.Alert {
	a := notify.Alert{Title: t.title(by, bad, dead), Summary: t.summary(by, bad)}
	add := func(reasons ...string) {
		for _, reason := range reasons {
			a.Reasons = append(a.Reasons, by.clean(reason))
		}
	}
	if bad {
		add(t.failures()...)
	}
	for _, d := range dead {
		add(fmt.Sprintf("run %d of %s died on %s at %s UTC; a run of its job takes over what it held", d.ID, d.Job, d.Host, d.Beat.UTC().Format("2006-01-02 15:04:05")))
	}
	if bad {
		for _, r := range t.Runs {
			add(r.waiting()...)
		}
		for _, r := range t.Runs {
			add(r.left()...)
		}
		for _, r := range t.Runs {
			if n, _ := r.Errors.Seen(); n > 0 || r.Summary.Exit != batch.ExitDone {
				a.Commands = append(a.Commands, r.toType()...)
			}
		}
		for _, f := range t.Failed {
			if f.code != batch.ExitNotRun {
				a.Commands = append(a.Commands, "duly doctor", anew(f.job, t.Told))
			}
		}
	}
	for _, d := range dead {
		if slices.ContainsFunc(t.Runs, func(r EndedRun) bool { return r.Summary.Job == d.Job }) {
			a.Commands = append(a.Commands, fmt.Sprintf("duly show run %d", d.ID))
		} else {
			a.Commands = append(a.Commands, fmt.Sprintf("duly run %s --rerun %d", d.Job, d.ID))
		}
	}
	a.Reasons, a.Commands = view.Unique(a.Reasons), view.Unique(a.Commands)
	return a
}

// title says in a few words why people are told.
func (t *Collector) title(by Formatter, bad bool, dead []runs.Dead) string {
	switch {
	case !bad && len(dead) == 1:
		return fmt.Sprintf("%s: run %d died", dead[0].Job, dead[0].ID)
	case !bad:
		return cli.Plural(int64(len(dead)), "run") + " died"
	}
	what := t.Job
	if t.Job == jobs.NightlyJob {
		what = "Night"
	}
	what += " of " + cli.DayOf(t.date(by))
	reviews := int64(0)
	for _, r := range t.Runs {
		reviews += r.Summary.Reviews
	}
	switch {
	case by.code == batch.ExitDone, by.code == batch.ExitNotRun:
		return what + ": " + view.EndingOf(by.code).Verdict + ", with errors in the log"
	case by.code == batch.ExitReview && reviews == 1:
		return what + ": 1 row needs you"
	case by.code == batch.ExitReview && reviews > 1:
		return what + ": " + cli.Number(reviews) + " rows need you"
	case by.code == batch.ExitReview:
		return what + ": something waits for an operator"
	}
	return what + ": " + view.EndingOf(by.code).Verdict
}

// date is the business date of the command.
func (t *Collector) date(by Formatter) string {
	if len(t.Runs) > 0 && t.Job != jobs.NightlyJob {
		return cmp.Or(t.Runs[0].Summary.BusinessDate, by.date)
	}
	if _, err := payment.ParseDate(t.Told); err == nil {
		return t.Told
	}
	return by.date
}

// summary is the line of numbers: money, charges, exit code and host.
func (t *Collector) summary(by Formatter, bad bool) string {
	if !bad {
		return t.Job + " on " + by.host + " found this"
	}
	collected := map[string]int64{}
	paid, of := int64(0), int64(0)
	var parts []string
	for _, r := range t.Runs {
		for currency, amount := range r.Summary.Collected {
			collected[currency] = sum.Add(collected[currency], amount)
		}
		c := view.ChargedBy(r.Summary.Steps)
		paid, of = paid+c.Succeeded, of+c.Succeeded+c.Declined+c.Rejected+c.Review
	}
	if money := cli.MoneySums(collected); money != "" {
		parts = append(parts, money)
	}
	if of > 0 {
		parts = append(parts, cli.Number(paid)+" of "+cli.Number(of)+" paid")
	}
	if len(t.Runs) == 1 && t.Job != jobs.NightlyJob {
		parts = append(parts, fmt.Sprintf("run %d", t.Runs[0].Summary.Run))
	}
	return strings.Join(append(parts, fmt.Sprintf("exit %d", by.code), by.host), " · ")
}

// failures are the errors, of jobs that did not run first.
func (t *Collector) failures() []string {
	var lines []string
	for _, f := range t.Failed {
		if f.code == batch.ExitNotRun {
			continue
		}
		for _, line := range view.First(view.ProblemsOf(f.err), errorsShown) {
			if t.Job != f.job { // the title names it otherwise
				line = f.job + " did not run: " + line
			}
			lines = append(lines, line)
		}
	}
	for _, r := range t.Runs {
		for _, v := range r.Summary.Steps {
			for _, line := range v.Errors {
				lines = append(lines, v.Step+": "+line)
			}
		}
		lines = append(lines, view.First(r.Summary.Unsaid(), errorsShown)...)
		n, messages := r.Errors.Seen()
		for _, message := range messages {
			lines = append(lines, "in the log: "+message)
		}
		if more := n - int64(len(messages)); more > 0 {
			lines = append(lines, cli.Plural(more, "more error line")+" in the log")
		}
	}
	return lines
}

// waiting says what the run sent to review, equal reasons together.
func (r EndedRun) waiting() []string {
	var lines []string
	for _, g := range r.Summary.Groups {
		line := g.Title() + ": " + g.Reason
		if list := g.List(); list != "" {
			line += " (" + list + ")"
		}
		lines = append(lines, line)
	}
	if len(lines) > 0 {
		return lines
	}
	for _, cause := range r.Summary.AllCauses.Reasons {
		if cause.What != "declined" && cause.What != "in doubt" && cause.What != "released" {
			lines = append(lines, cause.String())
		}
	}
	return lines
}

// left says what the run leaves undone, but for what an error says.
func (r EndedRun) left() []string {
	var lines []string
	for _, reason := range r.Summary.Left {
		if !view.SaidBy(reason, r.Summary.Failure) {
			lines = append(lines, reason)
		}
	}
	for _, cause := range r.Summary.AllCauses.Reasons {
		if cause.What == "in doubt" && cause.Why != "" {
			lines = append(lines, cause.String())
		}
	}
	return lines
}

// toType are the commands that carry on after the run. What waits in review is listed by one.
func (r EndedRun) toType() []string {
	var list []string
	if r.Summary.Reviews > 0 {
		command, _, _ := strings.Cut(view.ListOf(r.Summary.Job, r.Summary.Run), " --run ")
		list = append(list, command)
	}
	if list = append(list, r.Summary.Commands()...); len(list) == 0 {
		return []string{fmt.Sprintf("duly show run %d", r.Summary.Run)}
	}
	return list
}

// anew is the command that does a job that did not come to run.
func anew(job, date string) string {
	if !slices.Contains(registry.Names(), job) {
		return "duly run --help"
	}
	command := "duly run " + job
	if _, err := payment.ParseDate(date); err == nil {
		command += " --date " + date
	}
	return command
}
