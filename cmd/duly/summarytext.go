package main

import (
	"fmt"
	"slices"
	"strings"

	"duly/internal/batch"
	"duly/internal/text"
)

// restOf names the steps that had nothing to do, and those that the run did not come to.
func restOf(screen *Screen, s summary) {
	var idle, missed []string
	for _, v := range s.Steps {
		switch {
		case v.Status == notBegun:
			missed = append(missed, v.Step)
		case v.idle():
			idle = append(idle, v.Step)
		}
	}
	if len(idle) > 0 {
		screen.marked(string(signNone)+" nothing due: "+folded(idle), signIndent)
	}
	if len(missed) > 0 {
		screen.marked(string(signNone)+" not reached: "+folded(missed), signIndent)
	}
}

// summaryRows are the block of facts under a run.
func summaryRows(s summary) []blockRow {
	rows := append(collectedRows(s), declinedRows(s)...)
	rows = append(rows, reviewRows(s)...)
	rows = append(rows, findingRows(s)...)
	rows = append(rows, leftRows(s)...)
	rows = append(rows, followRows(s)...)
	return append(rows, fixRows(s)...)
}

// collectedRows say what the run collected and refunded.
func collectedRows(s summary) []blockRow {
	var rows []blockRow
	t := chargedBy(s.Steps)
	of := t.Succeeded + t.Declined + t.Rejected + t.Review
	switch money := moneySums(s.Collected); {
	case money != "" && of > 0:
		rows = append(rows, fact("Collected", fmt.Sprintf("%s · %s of %s (%s)", money, number(t.Succeeded), number(of), percent(t.Succeeded, of)), ""))
	case money != "":
		rows = append(rows, fact("Collected", money, ""))
	case t.Released > 0 && of == 0 && t.InDoubt == 0:
		rows = append(rows, fact("Collected", fmt.Sprintf("nothing · %s released, none charged", things(t.Released, "claim")), ""))
	case t.Read > 0 || s.unpaidN > 0:
		rows = append(rows, fact("Collected", "nothing", ""))
	}
	if money := moneySums(s.Refunded); money != "" {
		rows = append(rows, fact("Refunded", money, ""))
	}
	return rows
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
func declinedRows(s summary) []blockRow {
	t := chargedBy(s.Steps)
	if t.Declined == 0 {
		return nil
	}
	var parts []string
	rest := t.Declined
	for _, d := range s.declines {
		code := d.Code
		if code == "" {
			code = d.Class
		}
		parts = append(parts, text.Line(code)+" "+number(d.Count))
		rest -= d.Count
	}
	if rest > 0 && len(parts) > 0 {
		parts = append(parts, "others "+number(rest))
	}
	line := number(t.Declined)
	if len(parts) > 0 {
		line += ": " + strings.Join(parts, ", ")
	}
	return []blockRow{fact("Declined", line, "")}
}

// reviewRows say what waits for people.
func reviewRows(s summary) []blockRow {
	var rows []blockRow
	n := s.reviews
	if n == 0 {
		if s.older.review > 0 {
			rows = append(rows, fact("Review", number(s.older.review)+" from earlier runs", "duly list review"))
		}
		return append(rows, s.older.rows()...)
	}
	need := number(n) + " need you"
	if n == 1 {
		need = "1 needs you"
	}
	if s.older.review > 0 {
		need += ", " + number(s.older.review) + " from earlier runs"
	}
	command, _, _ := strings.Cut(listOf(s.Job, s.Run), " --run ")
	rows = append(rows, fact("Review", need, command))
	width := 0
	shown := first(s.groups, groupsShown)
	for _, g := range shown {
		width = max(width, len(g.title()))
	}
	counted := int64(0)
	for _, g := range shown {
		rows = append(rows, fact("", g.said(width), g.command))
		counted += g.count
	}
	if more := n - counted; more > 0 && len(shown) > 0 {
		rows = append(rows, fact("", fmt.Sprintf("and %s more", number(more)), ""))
	}
	return append(rows, s.older.rows()...)
}

// findingRows name the newest open findings of an audit.
func findingRows(s summary) []blockRow {
	var rows []blockRow
	for _, f := range first(s.Findings, groupsShown) {
		rows = append(rows, fact("", text.Sprintf("finding %d  %s: %s", f.ID, strings.TrimSpace(f.Reference+" "+f.PaymentID), f.Text()), ""))
	}
	if more := s.OpenFindings - int64(len(rows)); more > 0 {
		rows = append(rows, fact("", "and "+things(more, "older finding"), ""))
	}
	return rows
}

// leftRows say what is unpaid and what else the run leaves undone.
func leftRows(s summary) []blockRow {
	var rows []blockRow
	if s.unpaidN > 0 {
		rows = append(rows, fact("Unpaid", things(s.unpaidN, "invoice")+" · "+moneySums(s.unpaid), ""))
	}
	label := "Left"
	for _, reason := range s.Left {
		if saidBy(reason, s.failure) || s.unpaidN > 0 && strings.HasSuffix(reason, " due and not charged") { // each cause once
			continue
		}
		rows = append(rows, fact(label, text.Line(reason), ""))
		label = ""
	}
	label = "Cause"
	for _, cause := range s.causes.Reasons {
		switch cause.What {
		case "declined", "in review", "found": // said above
		case "in doubt":
			if cause.Why != "" {
				rows = append(rows, fact("In doubt", number(cause.Rows)+": "+text.Line(cause.Why), ""))
			}
		default:
			rows = append(rows, fact(label, text.Line(cause.String()), ""))
			label = ""
		}
	}
	for _, note := range s.Notes {
		rows = append(rows, fact("Note", text.Line(note), ""))
	}
	return rows
}

// saidBy reports whether an error says the same as a reason: gateway main was left alone: refused our credentials.
func saidBy(reason string, errors []string) bool {
	_, why, ok := strings.Cut(reason, "was left alone: ")
	return ok && slices.ContainsFunc(errors, func(line string) bool { return strings.Contains(line, why) })
}

// followRows say what happens next by itself.
func followRows(s summary) []blockRow {
	var parts []string
	newCards, ended := int64(0), int64(0)
	for _, f := range s.follows {
		switch {
		case f.Date.IsZero():
			ended += f.Count
		case f.NewCard:
			newCards += f.Count
		case f.Count == 1:
			parts = append(parts, dayOf(f.Date.String())+": 1 retry")
		default:
			parts = append(parts, dayOf(f.Date.String())+": "+number(f.Count)+" retries")
		}
	}
	switch {
	case newCards == 1:
		parts = append(parts, "1 needs a new card")
	case newCards > 1:
		parts = append(parts, number(newCards)+" need a new card")
	}
	if ended > 0 {
		parts = append(parts, number(ended)+" unpaid after the last retry")
	}
	if len(parts) == 0 {
		return nil
	}
	return []blockRow{fact("Next", strings.Join(parts, " · "), "")}
}

// fixRows are what to correct and the commands to type, numbered where the run failed.
func fixRows(s summary) []blockRow {
	var rows []blockRow
	if errors := s.unsaid(); len(errors) > 0 {
		label := "Error"
		for _, line := range errors {
			rows = append(rows, fact(label, line, ""))
			label = ""
		}
	}
	commands := s.commands()
	if s.Exit != batch.ExitFailed && s.Exit != batch.ExitUsage {
		label := "Then"
		for _, command := range commands {
			rows = append(rows, fact(label, "", command))
			label = ""
		}
		return rows
	}
	label := "Fix"
	for i, step := range slices.Concat(s.fixes, commands) {
		rows = append(rows, fact(label, "", fmt.Sprintf("%d. %s", i+1, step)))
		label = ""
	}
	return rows
}

// unsaid are the errors of the run that no line of a step says.
func (s summary) unsaid() []string {
	var lines []string
	for _, line := range s.failure {
		said := slices.ContainsFunc(s.Steps, func(v stepView) bool {
			return slices.ContainsFunc(v.errors, func(e string) bool { return strings.Contains(line, e) })
		})
		if !said {
			lines = append(lines, line)
		}
	}
	return lines
}

// commands are those of Next that the rows about review do not say.
func (s summary) commands() []string {
	var list []string
	for _, command := range s.Next {
		said := command == listOf(s.Job, s.Run) && s.reviews > 0 ||
			slices.ContainsFunc(s.groups, func(g reviewGroup) bool { return g.command == command }) ||
			slices.ContainsFunc(s.Reviewed, func(l listed) bool { return len(nextOf([]listed{l})) > 0 && nextOf([]listed{l})[0] == command })
		if !said {
			list = append(list, command)
		}
	}
	return list
}

// verdict is the last line of a run.
func verdict(s summary) string {
	end := endingOf(s.Exit)
	says := end.verdict
	if s.Exit == batch.ExitReview && s.reviews > 0 {
		says += ", " + number(s.reviews) + " in review"
	}
	if s.Exit == batch.ExitReview && s.waits > 0 {
		says += ", " + number(int64(s.waits)) + " to decide"
	}
	return fmt.Sprintf("%s run %d: %s · %s · exit %d", end.sign, s.Run, says, took(s.took), s.Exit)
}

// writeSummary writes the end of a run for people: the steps but for the first ones, which were written already, what it means for money and people, and the
// verdict.
func writeSummary(screen *Screen, s summary, written int) {
	for _, v := range s.Steps[written:] {
		if v.Status != notBegun && !v.idle() {
			screen.marked(v.line(), blockIndent)
		}
	}
	restOf(screen, s)
	if rows := summaryRows(s); len(rows) > 0 {
		screen.line("")
		screen.block(rows)
	}
	if s.Daily != nil {
		screen.line("")
		showDaily(screen, *s.Daily)
	}
	screen.marked(verdict(s), signIndent)
}
