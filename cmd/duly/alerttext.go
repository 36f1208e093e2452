package main

import (
	"cmp"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"duly/config"
	"duly/internal/batch"
	"duly/internal/notify"
	"duly/internal/payment"
	"duly/internal/text"
	"duly/writers"
)

const (
	// leftShown and commandsShown bound what an alert lists.
	leftShown     = 5
	commandsShown = 8
	errorsShown   = 6
)

// alertFormatter formats the text of an alert.
type alertFormatter struct {
	code  int
	host  string
	date  string // if no run has one
	clean func(string) string
}

func (a *app) alertFormatter(c *config.Config, code int) alertFormatter {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	secrets := a.redactor(c)
	return alertFormatter{
		code: code, host: host, date: payment.DateOf(a.now().Add(a.shift).In(c.Business.Location())).String(),
		clean: func(text string) string { return secrets.String(discreet(text)) },
	}
}

var panicValue = regexp.MustCompile(`(?s)panic: .*`)

// discreet leaves out of an error what may be anybody's data: the value of a panic. What the database quotes of values is
// taken out where the error comes from.
func discreet(said string) string {
	return panicValue.ReplaceAllString(said, "panic: the log has its stack")
}

// alert is the message about all of it.
func (t *runAlert) alert(by alertFormatter, bad bool, dead []writers.Dead) notify.Alert {
	a := notify.Alert{Title: t.title(by, bad, dead), Facts: t.facts(by, bad)}
	if !bad {
		a.Facts = t.deathFacts(by, dead)
	}
	var well []string
	for _, r := range t.runs {
		lines, _ := r.errors.seen()
		if r.Exit == batch.ExitDone && lines == 0 {
			well = append(well, r.Job)
			continue
		}
		if bad {
			a.Runs = append(a.Runs, r.alert(by, t.job != r.Job))
			a.Commands = append(a.Commands, r.commands()...)
		}
	}
	for _, f := range t.failed {
		if bad && f.code != batch.ExitNotRun {
			a.Runs = append(a.Runs, f.alert(by, t.job != f.job))
			a.Commands = append(a.Commands, "duly doctor", anew(f.job, t.flags))
		}
	}
	for _, d := range dead {
		a.Notes = append(a.Notes, fmt.Sprintf("run %d of %s died on %s, after its heartbeat of %s; a run of its job takes over what it held", d.ID, d.Job, d.Host, instant(d.Beat)))
		if slices.ContainsFunc(t.runs, func(r endedRun) bool { return r.Job == d.Job }) {
			a.Commands = append(a.Commands, fmt.Sprintf("duly show run %d", d.ID))
		} else {
			a.Commands = append(a.Commands, fmt.Sprintf("duly run %s --rerun %d", d.Job, d.ID))
		}
	}
	if len(well) > 0 && t.job == nightlyJob {
		a.Notes = append(a.Notes, "ended well: "+strings.Join(well, ", "))
	}
	a.Commands = first(unique(a.Commands), commandsShown)
	return a
}

func (t *runAlert) title(by alertFormatter, bad bool, dead []writers.Dead) string {
	switch {
	case !bad && len(dead) == 1:
		return fmt.Sprintf("%s: run %d died", dead[0].Job, dead[0].ID)
	case !bad:
		return plural(int64(len(dead)), "run") + " died"
	case by.code == batch.ExitDone, by.code == batch.ExitNotRun:
		return fmt.Sprintf("%s: %s, with errors in its log", t.job, endingOf(by.code).meaning)
	case by.code == 128+int(syscall.SIGINT):
		return t.job + ": stopped by SIGINT"
	case by.code == 128+int(syscall.SIGHUP):
		return t.job + ": stopped by SIGHUP"
	case by.code == 128+int(syscall.SIGTERM):
		return t.job + ": stopped by SIGTERM"
	}
	return fmt.Sprintf("%s: %s", t.job, endingOf(by.code).meaning)
}

func (t *runAlert) facts(by alertFormatter, bad bool) []notify.Fact {
	date := cmp.Or(t.flags.Date, by.date)
	if len(t.runs) > 0 && t.job != nightlyJob {
		date = t.runs[0].BusinessDate
	}
	facts := []notify.Fact{{Name: "Job", Value: t.job}, {Name: "Date", Value: date}, {Name: "Host", Value: by.host}}
	if t.job != nightlyJob && len(t.runs) == 1 {
		facts = append(facts, notify.Fact{Name: "Run", Value: strconv.FormatUint(t.runs[0].Run, 10)})
	}
	if bad {
		facts = append(facts, notify.Fact{Name: "Exit code", Value: strconv.Itoa(by.code)})
	}
	return facts
}

// deathFacts are those of runs that died, told by one that ended well.
func (t *runAlert) deathFacts(by alertFormatter, dead []writers.Dead) []notify.Fact {
	var facts []notify.Fact
	if len(dead) == 1 {
		d := dead[0]
		facts = []notify.Fact{{Name: "Job", Value: d.Job}, {Name: "Date", Value: d.BusinessDate}, {Name: "Host", Value: d.Host}}
	}
	return append(facts, notify.Fact{Name: "Told by", Value: t.job + " on " + by.host})
}

// alert is what is told of a run; named says whether it has to say which.
func (r endedRun) alert(by alertFormatter, named bool) notify.AlertRun {
	var out notify.AlertRun
	if named {
		out.Title = fmt.Sprintf("run %d of %s: %s (exit code %d)", r.Run, r.Job, endingOf(r.Exit).meaning, r.Exit)
	}
	for _, s := range r.Steps {
		if s.Read > 0 || s.Status != string(batch.Completed) && s.Status != notBegun {
			out.Steps = append(out.Steps, s.numbers())
		}
	}
	for _, cause := range r.causes.Lines() {
		out.Reasons = append(out.Reasons, by.clean(cause))
	}
	for _, left := range first(r.Left, leftShown) {
		out.Left = append(out.Left, by.clean(left))
	}
	out.Errors = errorTexts(by, r.failure)
	if n, messages := r.errors.seen(); n > 0 {
		for _, message := range messages {
			out.Errors = append(out.Errors, "in the log: "+by.clean(message))
		}
		if more := n - int64(len(messages)); more > 0 {
			out.Errors = append(out.Errors, "and "+plural(more, "error line")+" more in the log")
		}
	}
	return out
}

// numbers formats the counts of a step in one line.
func (v stepView) numbers() string {
	numbers := []string{fmt.Sprintf("%s: %d read", v.Step, v.Read)}
	add := func(rows int64, what string) {
		if rows > 0 {
			numbers = append(numbers, fmt.Sprintf("%d %s", rows, what))
		}
	}
	add(v.Succeeded, "succeeded")
	add(v.Declined, "declined")
	add(v.Released, "released")
	add(v.InDoubt, "in doubt")
	add(v.Rejected, "rejected")
	add(v.Review, "to review")
	text := strings.Join(numbers, ", ")
	if sums := amounts(v.Amounts); sums != "" {
		text += "; " + sums
	}
	if v.Status != string(batch.Completed) {
		text += " (" + v.Status + ")"
	}
	return text
}

// commands are those that carry on after the run.
func (r endedRun) commands() []string {
	if len(r.Next) > 0 {
		return r.Next
	}
	return []string{fmt.Sprintf("duly show run %d", r.Run)}
}

// alert is what is told of a job that did not come to run.
func (f failedJob) alert(by alertFormatter, named bool) notify.AlertRun {
	out := notify.AlertRun{Errors: errorTexts(by, text.Lines(f.err))}
	if named {
		out.Title = fmt.Sprintf("%s did not run (exit code %d)", f.job, f.code)
	}
	return out
}

// errorTexts is an error, a line a problem.
func errorTexts(by alertFormatter, problems []string) []string {
	var lines []string
	for _, problem := range problems {
		lines = append(lines, by.clean(problem))
	}
	return first(lines, errorsShown)
}

// anew is the command that does a job that did not come to run.
func anew(job string, f runFlags) string {
	if !slices.Contains(workNames(), job) {
		return "duly run --help"
	}
	command := "duly run " + job
	if _, err := payment.ParseDate(f.Date); err == nil {
		command += " --date " + f.Date
	}
	return command
}

// first is the beginning of a list.
func first[T any](list []T, most int) []T { return list[:min(len(list), most)] }

func unique(list []string) []string {
	var out []string
	for _, s := range list {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}
