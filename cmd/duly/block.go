package main

import (
	"fmt"
	"strings"

	pretty "github.com/jedib0t/go-pretty/v6/text"

	"duly/internal/text"
)

const (
	// blockIndent is where the texts of a block begin, and what follows the name of a step; signIndent what follows a mark.
	blockIndent = 11
	signIndent  = 2
)

// blockRow is a row of the block of facts under a run: a label, which is empty where it is that of the row above, a text, and a
// command that stays in one piece.
type blockRow struct{ label, text, command string }

// block writes rows, none wider than the terminal unless a command is.
func (a *app) block(rows []blockRow) {
	for _, r := range rows {
		for _, line := range a.blockLines(r) {
			fmt.Fprintln(a.out, line)
		}
	}
}

func (a *app) blockLines(r blockRow) []string {
	begin := r.label + strings.Repeat(" ", max(blockIndent-pretty.StringWidth(r.label), 1))
	if r.text == "" {
		return []string{a.symbols(text.Finished(begin + r.command))}
	}
	lines := a.wrapped(begin+r.text, blockIndent)
	if r.command == "" {
		return lines
	}
	last := &lines[len(lines)-1]
	command := a.symbols(text.Finished(r.command))
	if width := a.columns(a.out); width == 0 || pretty.StringWidth(*last+a.symbols(" · ")+command) <= width {
		*last += a.symbols(" · ") + command
		return lines
	}
	return append(lines, strings.Repeat(" ", blockIndent)+command)
}

// marked writes a line that begins with a mark.
func (a *app) marked(line string, indent int) {
	for _, l := range a.wrapped(line, indent) {
		fmt.Fprintln(a.out, l)
	}
}

// wrapped breaks a line between words where it is wider than the terminal; what goes on begins at the indent.
func (a *app) wrapped(line string, indent int) []string {
	line = a.symbols(text.Finished(line))
	if width := a.columns(a.out); width > 0 {
		return strings.Split(wrapAt(line, width, indent), "\n")
	}
	return []string{line}
}

// cut cuts a line to a width.
func cut(line string, width int) string { return pretty.Trim(line, max(width, 0)) }
