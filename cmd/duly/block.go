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
func (s *Screen) block(rows []blockRow) {
	for _, r := range rows {
		for _, line := range s.blockLines(r) {
			fmt.Fprintln(s.out, line)
		}
	}
}

func (s *Screen) blockLines(r blockRow) []string {
	begin := r.label + strings.Repeat(" ", max(blockIndent-pretty.StringWidth(r.label), 1))
	if r.text == "" {
		return []string{s.symbols(text.Finished(begin + r.command))}
	}
	lines := s.wrapped(begin+r.text, blockIndent)
	if r.command == "" {
		return lines
	}
	last := &lines[len(lines)-1]
	command := s.symbols(text.Finished(r.command))
	if width := s.columns(s.out); width == 0 || pretty.StringWidth(*last+s.symbols(" · ")+command) <= width {
		*last += s.symbols(" · ") + command
		return lines
	}
	return append(lines, strings.Repeat(" ", blockIndent)+command)
}

// marked writes a line that begins with a mark.
func (s *Screen) marked(line string, indent int) {
	for _, l := range s.wrapped(line, indent) {
		fmt.Fprintln(s.out, l)
	}
}

// wrapped breaks a line between words where it is wider than the terminal; what goes on begins at the indent.
func (s *Screen) wrapped(line string, indent int) []string {
	line = s.symbols(text.Finished(line))
	if width := s.columns(s.out); width > 0 {
		return strings.Split(wrapAt(line, width, indent), "\n")
	}
	return []string{line}
}

// cut cuts a line to a width.
func cut(line string, width int) string { return pretty.Trim(line, max(width, 0)) }

// fact is a row of a block: what it is about, what is to say, and the command that shows more of it.
func fact(label, text, command string) blockRow { return blockRow{label, text, command} }
