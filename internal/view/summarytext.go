package view

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"duly/internal/batch"
	"duly/internal/cli"
	"duly/internal/text"
)

// restOf names the steps that had nothing to do, and those that the run did not come to.
func restOf(screen *cli.Screen, s Summary) {
	var idle, missed []string
	counted := false
	for _, v := range s.Steps {
		switch {
		case v.Status == notBegun:
			missed = append(missed, v.Step)
		case v.Idle():
			idle = append(idle, v.Step)
			counted = counted || v.Due == 0
		}
	}
	says := " nothing due: "
	if !counted && len(s.Left) > 0 { // what is left may have been due to them, and somebody else's
		says = " nothing done: "
	}
	if len(idle) > 0 {
		screen.Marked(string(cli.SignNone)+says+folded(idle), cli.SignIndent)
	}
	if len(missed) > 0 {
		screen.Marked(string(cli.SignNone)+" not reached: "+folded(missed), cli.SignIndent)
	}
}

// summaryRows are the block of facts under a run.
func summaryRows(s Summary) []cli.BlockRow {
	rows := append(collectedRows(s), declinedRows(s)...)
	rows = append(rows, changesRows(s)...)
	rows = append(rows, reviewRows(s)...)
	rows = append(rows, guardedRows(s)...)
	rows = append(rows, findingRows(s)...)
	rows = append(rows, leftRows(s)...)
	rows = append(rows, autoRows(s)...)
	rows = append(rows, followRows(s)...)
	return append(rows, fixRows(s)...)
}

// collectedRows say what the run collected and refunded.
func collectedRows(s Summary) []cli.BlockRow {
	var rows []cli.BlockRow
	t := ChargedBy(s.Steps)
	of := t.Succeeded + t.Declined + t.Rejected + t.Review
	switch money := cli.MoneySums(s.Collected); {
	case money != "" && of > 0:
		rows = append(rows, cli.Fact("Collected", fmt.Sprintf("%s · %s of %s (%s)", money, cli.Number(t.Succeeded), cli.Number(of), percent(t.Succeeded, of)), ""))
	case money != "":
		rows = append(rows, cli.Fact("Collected", money, ""))
	case t.Released > 0 && of == 0 && t.InDoubt == 0:
		rows = append(rows, cli.Fact("Collected", fmt.Sprintf("nothing · %s released, none charged", cli.Things(t.Released, "claim")), ""))
	case t.Read > 0 || s.UnpaidN > 0:
		rows = append(rows, cli.Fact("Collected", "nothing", ""))
	}
	if money := cli.MoneySums(s.Refunded); money != "" {
		rows = append(rows, cli.Fact("Refunded", money, ""))
	}
	return rows
}

// autoRows say what `parallelism: auto` found.
func autoRows(s Summary) []cli.BlockRow {
	var found []string
	for _, name := range slices.Sorted(maps.Keys(s.Parallelism)) {
		found = append(found, name+" "+cli.Number(int64(s.Parallelism[name])))
	}
	var slowed []string
	for _, name := range slices.Sorted(maps.Keys(s.Rates)) {
		slowed = append(slowed, fmt.Sprintf("%s %g/s", name, s.Rates[name]))
	}
	var parts []string
	if len(found) > 0 {
		parts = append(parts, "parallelism: "+strings.Join(found, ", "))
	}
	if len(slowed) > 0 {
		parts = append(parts, "rate, for 429 answers: "+strings.Join(slowed, ", "))
	}
	if len(parts) == 0 {
		return nil
	}
	return []cli.BlockRow{cli.Fact("Auto", strings.Join(parts, " · "), "")}
}

// percent is a share with one decimal, which is never 100 % of less than all.
func percent(n, of int64) string {
	share := float64(n) * 100 / float64(of)
	if n < of && share > 99.9 {
		share = 99.9
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", share), ".0") + "%"
}

// declinedRows count the declines by their codes.
func declinedRows(s Summary) []cli.BlockRow {
	t := ChargedBy(s.Steps)
	if t.Declined == 0 {
		return nil
	}
	var parts []string
	rest := t.Declined
	for _, d := range s.Declines {
		code := d.Code
		if code == "" {
			code = d.Class
		}
		parts = append(parts, text.Line(code)+" "+cli.Number(d.Count))
		rest -= d.Count
	}
	if rest > 0 && len(parts) > 0 {
		parts = append(parts, "others "+cli.Number(rest))
	}
	line := cli.Number(t.Declined)
	if len(parts) > 0 {
		line += ": " + strings.Join(parts, ", ")
	}
	return []cli.BlockRow{cli.Fact("Declined", line, "")}
}

// reviewRows say what waits for people.
func reviewRows(s Summary) []cli.BlockRow {
	var rows []cli.BlockRow
	n := s.Reviews
	if n == 0 {
		if s.Older.review > 0 {
			rows = append(rows, cli.Fact("Review", cli.Number(s.Older.review)+" from earlier runs", "duly list review"))
		}
		return append(rows, s.Older.rows()...)
	}
	need := cli.Number(n) + " need you"
	if n == 1 {
		need = "1 needs you"
	}
	if s.Older.review > 0 {
		need += ", " + cli.Number(s.Older.review) + " from earlier runs"
	}
	command, _, _ := strings.Cut(ListOf(s.Job, s.Run), " --run ")
	rows = append(rows, cli.Fact("Review", need, command))
	width := 0
	shown := First(s.Groups, groupsShown)
	for _, g := range shown {
		width = max(width, len(g.Title()))
	}
	counted := int64(0)
	for _, g := range shown {
		rows = append(rows, cli.Fact("", g.said(width), g.command))
		counted += g.count
	}
	if more := n - counted; more > 0 && len(shown) > 0 {
		rows = append(rows, cli.Fact("", fmt.Sprintf("and %s more", cli.Number(more)), ""))
	}
	return append(rows, s.Older.rows()...)
}

// findingRows name the newest open findings of an audit.
func findingRows(s Summary) []cli.BlockRow {
	var rows []cli.BlockRow
	for _, f := range First(s.Findings, groupsShown) {
		rows = append(rows, cli.Fact("", text.Sprintf("finding %d  %s: %s", f.ID, strings.TrimSpace(f.Reference+" "+f.PaymentID), f.Text()), ""))
	}
	if more := s.OpenFindings - int64(len(rows)); more > 0 {
		rows = append(rows, cli.Fact("", "and "+cli.Things(more, "older finding"), ""))
	}
	return rows
}

// leftRows say what is unpaid and what else the run leaves undone.
func leftRows(s Summary) []cli.BlockRow {
	var rows []cli.BlockRow
	if s.UnpaidN > 0 {
		rows = append(rows, cli.Fact("Unpaid", cli.Things(s.UnpaidN, "invoice")+" · "+cli.MoneySums(s.Unpaid), ""))
	}
	label := "Left"
	for _, reason := range s.Left {
		if SaidBy(reason, s.Failure) || s.UnpaidN > 0 && strings.HasSuffix(reason, " due and not charged") { // each cause once
			continue
		}
		rows = append(rows, cli.Fact(label, text.Line(reason), ""))
		label = ""
	}
	label = "Cause"
	for _, cause := range s.AllCauses.Reasons {
		switch cause.What {
		case "declined", "in review", "found": // said above
		case "in doubt":
			if cause.Why != "" {
				rows = append(rows, cli.Fact("In doubt", cli.Number(cause.Rows)+": "+text.Line(cause.Why), ""))
			}
		default:
			rows = append(rows, cli.Fact(label, text.Line(cause.String()), ""))
			label = ""
		}
	}
	for _, note := range s.Notes {
		rows = append(rows, cli.Fact("Note", text.Line(note), ""))
	}
	return rows
}

// SaidBy reports whether an error says the same as a reason: gateway main was left alone: refused our credentials.
func SaidBy(reason string, errors []string) bool {
	_, why, ok := strings.Cut(reason, "was left alone: ")
	return ok && slices.ContainsFunc(errors, func(line string) bool { return strings.Contains(line, why) })
}

// followRows say what happens next by itself.
func followRows(s Summary) []cli.BlockRow {
	var parts []string
	newCards, ended := int64(0), int64(0)
	for _, f := range s.Follows {
		switch {
		case f.Date.IsZero():
			ended += f.Count
		case f.NewCard:
			newCards += f.Count
		case f.Count == 1:
			parts = append(parts, cli.DayOf(f.Date.String())+": 1 retry")
		default:
			parts = append(parts, cli.DayOf(f.Date.String())+": "+cli.Number(f.Count)+" retries")
		}
	}
	switch {
	case newCards == 1:
		parts = append(parts, "1 needs a new card")
	case newCards > 1:
		parts = append(parts, cli.Number(newCards)+" need a new card")
	}
	if ended > 0 {
		parts = append(parts, cli.Number(ended)+" unpaid after the last retry")
	}
	if len(parts) == 0 {
		return nil
	}
	return []cli.BlockRow{cli.Fact("Next", strings.Join(parts, " · "), "")}
}

// fixRows are what to correct and the commands to type, numbered where the run failed.
func fixRows(s Summary) []cli.BlockRow {
	var rows []cli.BlockRow
	if errors := s.Unsaid(); len(errors) > 0 {
		label := "Error"
		for _, line := range errors {
			rows = append(rows, cli.Fact(label, line, ""))
			label = ""
		}
	}
	commands := s.Commands()
	if s.Exit != batch.ExitFailed && s.Exit != batch.ExitUsage {
		label := "Then"
		for _, command := range commands {
			rows = append(rows, cli.Fact(label, "", command))
			label = ""
		}
		return rows
	}
	label := "Fix"
	for i, step := range slices.Concat(s.Fixes, commands) {
		rows = append(rows, cli.Fact(label, "", fmt.Sprintf("%d. %s", i+1, step)))
		label = ""
	}
	return rows
}

// Unsaid are the errors of the run that no line of a step says.
func (s Summary) Unsaid() []string {
	var lines []string
	for _, line := range s.Failure {
		said := slices.ContainsFunc(s.Steps, func(v Step) bool {
			return slices.ContainsFunc(v.Errors, func(e string) bool { return strings.Contains(line, e) })
		})
		if !said {
			lines = append(lines, line)
		}
	}
	return lines
}

// Commands are those of Next that the rows about review do not say.
func (s Summary) Commands() []string {
	var list []string
	for _, command := range s.Next {
		said := command == ListOf(s.Job, s.Run) && s.Reviews > 0 ||
			slices.ContainsFunc(s.Groups, func(g ReviewGroup) bool { return g.command == command }) ||
			slices.ContainsFunc(s.Reviewed, func(l Listed) bool { return len(NextOf([]Listed{l})) > 0 && NextOf([]Listed{l})[0] == command })
		if !said {
			list = append(list, command)
		}
	}
	return list
}

// verdict is the last line of a run.
func verdict(s Summary) string {
	end := EndingOf(s.Exit)
	says := end.Verdict
	if s.Exit == batch.ExitReview && s.Reviews > 0 {
		says += ", " + cli.Number(s.Reviews) + " in review"
	}
	if s.Exit == batch.ExitReview && s.Waits > 0 {
		says += ", " + cli.Number(int64(s.Waits)) + " to decide"
	}
	return fmt.Sprintf("%s run %d: %s · %s · exit %d", end.sign, s.Run, says, cli.Took(s.Took), s.Exit)
}

// WriteSummary writes the end of a run for people: the steps but for the first ones, which were written already, what it means for money and people, and the
// verdict.
func WriteSummary(screen *cli.Screen, s Summary, written int) {
	for _, v := range s.Steps[written:] {
		if v.Status != notBegun && !v.Idle() {
			screen.Marked(v.Line(), cli.BlockIndent)
		}
	}
	restOf(screen, s)
	if rows := summaryRows(s); len(rows) > 0 {
		screen.Line("")
		screen.Block(rows)
	}
	if s.Daily != nil {
		screen.Line("")
		ShowDaily(screen, *s.Daily)
	}
	screen.Marked(verdict(s), cli.SignIndent)
}
