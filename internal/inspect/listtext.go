package inspect

import (
	"fmt"
	"strings"
	"time"

	"duly/internal/billing"
	"duly/internal/cli"
	"duly/internal/outbox"
	"duly/internal/query/worklist"
	"duly/internal/refunds"
	"duly/internal/text"
	"duly/internal/view"
)

// groupIDs is how many ids are named of a group of rows.
const groupIDs = 3

// rowGroup is rows of one sort that wait for one reason.
type rowGroup struct {
	what, reason string
	reasons      map[string]bool // as the rows have them
	rows         []view.Listed
	since        time.Time // the oldest
}

// showList writes a list for people.
func showList(screen *cli.Screen, rows []view.Listed, days cli.Calendar) {
	if screen.Verbose {
		for _, row := range rows {
			screen.Line("%s", view.TitleOf(row.Row))
			for _, way := range row.Next {
				screen.Command("  %s", way)
			}
		}
		return
	}
	groups := groupsOf(rows)
	column := 0
	for _, g := range groups {
		column = max(column, len(g.name())+2)
	}
	for _, g := range groups {
		parts := []string{g.reason}
		if !g.since.IsZero() && g.what != worklist.Change { // its reason says from when on
			parts = append(parts, "since "+days.At(g.since))
		}
		screen.Item(g.name(), column, parts...)
		screen.Item("", 2, g.ids(), g.next())
		for _, way := range g.words() {
			screen.Marked("  "+capital(way.When)+":", 4)
			screen.Command("    %s", way.Command)
		}
	}
}

// groupsOf joins rows of one sort whose reasons differ in ids, amounts and times alone, in the order of the first of each.
func groupsOf(rows []view.Listed) []*rowGroup {
	var groups []*rowGroup
	at := map[string]*rowGroup{}
	for _, row := range rows {
		reason := whyListed(row.Row)
		key := row.What + "\x00" + alikeKey(reason) + "\x00" + alikeKey(advice(row))
		if held(row) && len(row.Next) > 0 { // a group accepts the same words
			key += fmt.Sprintf("\x00%d %s", len(row.Next), row.Next[0].When)
		}
		g := at[key]
		if g == nil {
			g = &rowGroup{what: row.What, reason: reason, reasons: map[string]bool{}}
			at[key], groups = g, append(groups, g)
		}
		g.rows, g.reasons[reason] = append(g.rows, row), true
		if g.since.IsZero() || row.Since.Before(g.since) {
			g.since = row.Since
		}
	}
	for _, g := range groups {
		if len(g.reasons) > 1 {
			g.reason = g.common()
		}
	}
	return groups
}

// alikeKey is a reason without the words that hold a digit.
func alikeKey(reason string) string {
	words := strings.Fields(reason)
	for i, word := range words {
		if strings.ContainsAny(word, "0123456789") {
			words[i] = "\x00"
		}
	}
	return strings.Join(words, " ")
}

// common is what the reasons of a group say alike.
func (g *rowGroup) common() string {
	if strings.HasPrefix(g.reason, "gateway booked ") {
		return "gateway amount differs"
	}
	var list []text.Counted
	for reason := range g.reasons {
		list = append(list, text.Counted{Text: reason, N: 1})
	}
	return text.Alike(list)[0].Text
}

// name counts the rows: 6 invoices.
func (g *rowGroup) name() string { return cli.Things(int64(len(g.rows)), g.what) }

// ids are the first ids of the rows.
func (g *rowGroup) ids() string {
	var ids []string
	for _, row := range g.rows[:min(len(g.rows), groupIDs)] {
		ids = append(ids, fmt.Sprint(row.ID))
	}
	line := strings.Join(ids, ", ")
	if more := len(g.rows) - groupIDs; more > 0 {
		line += fmt.Sprintf(" and %s more", cli.Number(int64(more)))
	}
	return line
}

// next is the command to type next, for the first row of the group or for all of them.
func (g *rowGroup) next() string {
	first := g.rows[0]
	switch {
	case first.What == worklist.Subscription && first.Reason != "" && active(first):
		return "fix the " + map[bool]string{true: "row; a run clears it", false: "rows; a run clears them"}[len(g.rows) == 1]
	case first.What == worklist.Attempt && len(g.rows) > 1 && unsettled(first):
		return "duly run billing --step recover"
	case first.What == worklist.Event:
		return nextOfEvents(g.rows)
	case first.What == worklist.Charge:
		return "duly adopt " + text.Word(first.Gateway, "NAME")
	}
	return advice(first)
}

// words are what an operator may say of the first row, each with its condition, where none of them is right by itself.
func (g *rowGroup) words() []view.WayOut {
	if first := g.rows[0]; held(first) {
		return first.Next
	}
	return nil
}

// held reports whether a row is a refund in review, or waits for one.
func held(row view.Listed) bool {
	return row.What == worklist.Refund && (row.Behind != 0 || row.Status == string(refunds.Review))
}

// nextOfEvents is what to do about events that were given up: what fails at its row alone is no receiver's fault.
func nextOfEvents(rows []view.Listed) string {
	first := rows[0]
	command, these := fmt.Sprintf("duly requeue event %d", first.ID), fmt.Sprintf("row %d", first.ID)
	if len(rows) > 1 {
		command, these = "duly requeue event --dead --sink "+text.Word(first.Sink, "NAME"), "these rows"
	}
	if column := outbox.AtFault(first.Reason); column != "" {
		return fmt.Sprintf("fix %s of %s in table events, then %s", column, these, command)
	}
	if try := view.TryReceiver(first.Sink); try != "" {
		return try + ", then " + command
	}
	return command
}

// active reports whether a listed subscription is one that is billed.
func active(row view.Listed) bool {
	status := billing.StatusOf(row.Status)
	return status == billing.Active || status == billing.PastDue
}

// unsettled reports whether a listed attempt is the gateway's to decide.
func unsettled(row view.Listed) bool {
	status := billing.AttemptStatus(row.Status)
	return status == billing.AttemptInFlight || status == billing.AttemptInDoubt
}

// advice is the command to type about a row. An operator looks at the row before deciding about money.
func advice(row view.Listed) string {
	switch {
	case row.What == worklist.Invoice, row.What == worklist.Attempt && !unsettled(row):
		return fmt.Sprintf("duly show invoice %d", row.Invoice)
	case row.What == worklist.Order && row.Reason != "" && !row.Gone:
		return fmt.Sprintf("duly show order %d", row.ID)
	case row.Behind != 0:
		return fmt.Sprintf("refund %d of the same payment is in review, and comes first", row.Behind)
	case held(row):
		return ""
	case len(row.Next) > 0:
		return row.Next[0].Command
	}
	return ""
}

// whyListed says why a row waits.
func whyListed(l worklist.Row) string {
	parts := []string{}
	if l.Kind != "" && l.What != worklist.Change { // its reason names it
		parts = append(parts, l.Kind)
	}
	if l.Sink != "" {
		parts = append(parts, "to "+l.Sink)
	}
	if l.What == worklist.Attempt {
		parts = append(parts, attemptWord(l.Status))
	}
	if l.What == worklist.Refund {
		parts = append(parts, refundWord(l.Status))
	}
	why := strings.Join(parts, " ")
	switch {
	case l.Reason == "" && l.What == worklist.Order:
		why = "in doubt"
	case l.Reason != "" && why != "":
		why += ": " + l.Reason
	case l.Reason != "":
		why = l.Reason
	}
	if l.Reason == "" && l.Gateway != "" {
		why += " at gateway " + l.Gateway
	}
	return text.Line(strings.TrimSpace(why))
}

// refundWord is the status of a refund as people read it.
func refundWord(status string) string {
	switch refunds.Status(status) {
	case refunds.InFlight:
		return "claimed"
	case refunds.Review:
		return "in review"
	case refunds.InDoubt:
		return "in doubt"
	case refunds.Requested, refunds.Refunded, refunds.Refused, refunds.Cancelled:
	}
	return status
}

// attemptWord is the status of an attempt as people read it.
func attemptWord(status string) string {
	switch billing.AttemptStatus(status) {
	case billing.AttemptInFlight:
		return "claimed"
	case billing.AttemptInDoubt:
		return "in doubt"
	case billing.AttemptSucceeded:
		return "paid"
	case billing.AttemptReleased:
		return "not sent"
	case billing.AttemptReview:
		return "in review"
	case billing.AttemptDeclined, billing.AttemptRejected:
	}
	return status
}
