package cli

import (
	"fmt"
	"strings"

	pretty "github.com/jedib0t/go-pretty/v6/text"

	"duly/internal/text"
)

const (
	// BlockIndent is where the texts of a block begin, and what follows the name of a step.
	BlockIndent = 11
	// SignIndent is where what follows a sign goes on in the next line.
	SignIndent = 2
)

// BlockRow is a row of the block of facts under a run: a label, which is empty where it is that of the row above, a text, and a
// command that stays in one piece.
type BlockRow struct{ label, text, command string }

// Block writes rows, none wider than the terminal unless a command is.
func (s *Screen) Block(rows []BlockRow) {
	for _, r := range rows {
		for _, line := range s.blockLines(r) {
			fmt.Fprintln(s.Out, line)
		}
	}
}

func (s *Screen) blockLines(r BlockRow) []string {
	begin := r.label + strings.Repeat(" ", max(BlockIndent-pretty.StringWidth(r.label), 1))
	if r.text == "" {
		return []string{s.Symbols(text.Finished(begin + r.command))}
	}
	lines := s.Wrapped(begin+r.text, BlockIndent)
	if r.command == "" {
		return lines
	}
	last := &lines[len(lines)-1]
	command := s.Symbols(text.Finished(r.command))
	if width := s.columns(s.Out); width == 0 || pretty.StringWidth(*last+s.Symbols(" · ")+command) <= width {
		*last += s.Symbols(" · ") + command
		return lines
	}
	return append(lines, strings.Repeat(" ", BlockIndent)+command)
}

// Marked writes a line that begins with a mark.
func (s *Screen) Marked(line string, indent int) {
	for _, l := range s.Wrapped(line, indent) {
		fmt.Fprintln(s.Out, l)
	}
}

// Wrapped breaks a line between words where it is wider than the terminal; what goes on begins at the indent.
func (s *Screen) Wrapped(line string, indent int) []string {
	line = s.Symbols(text.Finished(line))
	if width := s.columns(s.Out); width > 0 {
		return strings.Split(wrapAt(line, width, indent), "\n")
	}
	return []string{line}
}

// Folded breaks a line between words where it is wider than width; what goes on begins at the indent, and a word that is wider is cut.
func Folded(line string, width, indent int) []string {
	lines := strings.Split(wrapAt(line, width, indent), "\n")
	for i := range lines {
		lines[i] = Cut(lines[i], width)
	}
	return lines
}

// Cut cuts a line to a width.
func Cut(line string, width int) string { return pretty.Trim(line, max(width, 0)) }

// Fact is a row of a block: what it is about, what is to say, and the command that shows more of it.
func Fact(label, text, command string) BlockRow { return BlockRow{label, text, command} }
