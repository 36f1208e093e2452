package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"duly/internal/batch"
	"duly/internal/query/worklist"
	"duly/internal/text"
)

// reviewGroup is rows of one kind that wait for an operator for one reason.
type reviewGroup struct {
	what   string
	ids    []uint64 // the first ones
	count  int64
	reason string
	fix    string // what to do about each of them
	// command shows the first of them; empty: there is no command that shows one.
	command string
}

// groupReviews groups the rows that went to review since the instant by their reasons, the most rows first.
func (e *execution) groupReviews(ctx context.Context, s *summary, run *batch.Run, since time.Time) error {
	if s.reviews == 0 && !since.Before(run.Started) {
		return nil
	}
	rows, err := e.reviewed(ctx, run, since, reviewsGrouped)
	if err != nil {
		return err
	}
	now, canAsk := e.deps.Business(), asks(e.config)
	for i := range rows {
		rows[i].Next = waysOut(rows[i].Row, now, canAsk)
	}
	s.reviews = max(s.reviews, int64(len(rows)))
	s.groups = grouped(rows)
	return nil
}

func grouped(rows []listed) []reviewGroup {
	var counted []text.Counted
	for _, r := range rows {
		counted = append(counted, text.Counted{Kind: r.What, Text: r.Reason, N: 1})
	}
	groups := make([]reviewGroup, 0, len(rows))
	for _, alike := range text.AlikeRows(counted) {
		g := reviewGroup{what: alike.Kind, reason: text.Line(alike.Text), count: alike.N}
		g.command, g.fix = firstStep(rows[alike.Rows[0]])
		for _, row := range first(alike.Rows, idsShown) {
			g.ids = append(g.ids, rows[row].ID)
		}
		groups = append(groups, g)
	}
	slices.SortStableFunc(groups, func(a, b reviewGroup) int { return cmp.Compare(b.count, a.count) })
	return groups
}

// firstStep is what to do about a row first: a command, or what the shop must put right.
func firstStep(r listed) (command, fix string) {
	if r.What == worklist.Subscription {
		return "", "fix the row"
	}
	if next := nextOf([]listed{r}); len(next) > 0 {
		return next[0], ""
	}
	return "", ""
}

// title names the rows of the group: subscription 42, or 6 invoices.
func (g reviewGroup) title() string {
	if g.count == 1 && len(g.ids) == 1 {
		return g.what + " " + strconv.FormatUint(g.ids[0], 10)
	}
	return things(g.count, g.what)
}

// list names the first rows of a group of several: 2075, 2076, 2080 and 3 more.
func (g reviewGroup) list() string {
	if g.count == 1 {
		return ""
	}
	names := make([]string, len(g.ids))
	for i, id := range g.ids {
		names[i] = strconv.FormatUint(id, 10)
	}
	list := strings.Join(names, ", ")
	if more := g.count - int64(len(g.ids)); more > 0 {
		list += fmt.Sprintf(" and %s more", number(more))
	}
	return list
}

// said is the group in a line, without its command.
func (g reviewGroup) said(width int) string {
	line := fmt.Sprintf("%-*s  %s", width, g.title(), g.reason)
	if list := g.list(); list != "" {
		line += " (" + list + ")"
	}
	if g.fix != "" {
		line += ": " + g.fix
	}
	return line
}
