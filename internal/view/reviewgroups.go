package view

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"duly/internal/cli"
	"duly/internal/query/worklist"
	"duly/internal/text"
)

// ReviewGroup is rows of one kind that wait for an operator for one reason.
type ReviewGroup struct {
	what   string
	IDs    []uint64 // the first ones
	count  int64
	Reason string
	fix    string // what to do about each of them
	// command shows the first of them; empty: there is no command that shows one.
	command string
}

// Grouped groups rows by kind and reason, the most rows first.
func Grouped(rows []Listed) []ReviewGroup {
	var counted []text.Counted
	for _, r := range rows {
		counted = append(counted, text.Counted{Kind: r.What, Text: r.Reason, N: 1})
	}
	groups := make([]ReviewGroup, 0, len(rows))
	for _, alike := range text.AlikeRows(counted) {
		g := ReviewGroup{what: alike.Kind, Reason: text.Line(alike.Text), count: alike.N}
		g.command, g.fix = firstStep(rows[alike.Rows[0]])
		for _, row := range First(alike.Rows, idsShown) {
			g.IDs = append(g.IDs, rows[row].ID)
		}
		groups = append(groups, g)
	}
	slices.SortStableFunc(groups, func(a, b ReviewGroup) int { return cmp.Compare(b.count, a.count) })
	return groups
}

// firstStep is what to do about a row first: a command, or what the shop must fix.
func firstStep(r Listed) (command, fix string) {
	if r.What == worklist.Subscription {
		return "", "fix the row"
	}
	if next := NextOf([]Listed{r}); len(next) > 0 {
		return next[0], ""
	}
	return "", ""
}

// Title names the rows of the group: subscription 42, or 6 invoices.
func (g ReviewGroup) Title() string {
	if g.count == 1 && len(g.IDs) == 1 {
		return g.what + " " + strconv.FormatUint(g.IDs[0], 10)
	}
	return cli.Things(g.count, g.what)
}

// List names the first rows of a group of several: 2075, 2076, 2080 and 3 more.
func (g ReviewGroup) List() string {
	if g.count == 1 {
		return ""
	}
	names := make([]string, len(g.IDs))
	for i, id := range g.IDs {
		names[i] = strconv.FormatUint(id, 10)
	}
	list := strings.Join(names, ", ")
	if more := g.count - int64(len(g.IDs)); more > 0 {
		list += fmt.Sprintf(" and %s more", cli.Number(more))
	}
	return list
}

// said is the group in a line, without its command.
func (g ReviewGroup) said(width int) string {
	line := fmt.Sprintf("%-*s  %s", width, g.Title(), g.Reason)
	if list := g.List(); list != "" {
		line += " (" + list + ")"
	}
	if g.fix != "" {
		line += ": " + g.fix
	}
	return line
}
