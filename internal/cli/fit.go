package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	pretty "github.com/jedib0t/go-pretty/v6/text"

	"duly/internal/text"
)

// columns is how wide what is written to w may be; 0: as wide as it is.
func (s *Screen) columns(w io.Writer) int {
	if s.Wide > 0 {
		return s.Wide
	}
	if !s.Terminal(w) {
		return 0
	}
	width, _ := s.Size(w)
	return width
}

// Say writes a line to w, broken between words where it is too wide for the terminal.
func (s *Screen) Say(w io.Writer, line string) {
	line = s.Symbols(text.Finished(line))
	if width := s.columns(w); width > 0 {
		line = wrap(line, width)
	}
	fmt.Fprintln(w, line)
}

// wrap breaks a line between words. What goes on begins two columns further in. A word is never broken.
func wrap(line string, width int) string {
	return wrapAt(line, width, len(line)-len(strings.TrimLeft(line, " "))+2)
}

// wrapAt breaks a line between words. What goes on begins at the indent. A word is never broken.
func wrapAt(line string, width, indent int) string {
	if pretty.StringWidth(line) <= width {
		return line
	}
	next := strings.Repeat(" ", indent)
	var out []string
	for rest := line; ; {
		end := breakAt(rest, width)
		out = append(out, strings.TrimRight(rest[:end], " "))
		if rest = strings.TrimLeft(rest[end:], " "); rest == "" {
			return strings.Join(out, "\n")
		}
		rest = next + rest
	}
}

// breakAt is where a line that may be so wide ends: behind its last word that fits, or else behind its first.
func breakAt(line string, width int) int {
	if pretty.StringWidth(line) <= width {
		return len(line)
	}
	best, begun := 0, false
	for i, r := range line {
		switch {
		case r != ' ':
			begun = true
		case begun && (best == 0 || pretty.StringWidth(line[:i]) <= width):
			best = i
		}
	}
	if best == 0 {
		return len(line)
	}
	return best
}

// RenderTable writes a table without rules and without the columns in which nothing stands, as wide as the terminal lets it. right are the
// columns, from 1, that are aligned so.
func (s *Screen) RenderTable(header table.Row, rows []table.Row, right ...int) {
	header, rows, right = without(header, cellsOf(rows), right)
	t := table.NewWriter()
	style := table.StyleLight
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box.PaddingLeft, style.Box.PaddingRight = "", strings.Repeat(" ", columnGap)
	t.SetStyle(style)
	configs := make([]table.ColumnConfig, len(header))
	for _, column := range right {
		configs[column-1].Align = pretty.AlignRight
	}
	widths, fits := fitColumns(header, rows, s.columns(s.Out))
	if !fits {
		s.records(header, rows)
		return
	}
	for i := range configs {
		configs[i].Number, configs[i].WidthMax, configs[i].WidthMaxEnforcer = i+1, widths[i], pretty.WrapSoft
	}
	t.SetColumnConfigs(configs)
	if slices.ContainsFunc(header, func(cell any) bool { return cell != "" }) {
		t.AppendHeader(header)
	}
	t.AppendRows(rows)
	for line := range strings.SplitSeq(t.Render(), "\n") {
		fmt.Fprintln(s.Out, s.Symbols(strings.TrimRight(line, " ")))
	}
}

// columnGap is how many blanks stand between two columns.
const columnGap = 2

// Stacked are texts of one cell, one below the other.
type Stacked []string

// String writes one text a line.
func (s Stacked) String() string {
	shown := make([]string, len(s))
	for i, line := range s {
		shown[i] = text.Short(line, text.CellLength)
	}
	return strings.Join(shown, "\n")
}

// cellsOf makes every cell a text of one line, but stacked ones.
func cellsOf(rows []table.Row) []table.Row {
	out := make([]table.Row, len(rows))
	for i, row := range rows {
		out[i] = make(table.Row, len(row))
		for n, cell := range row {
			switch v := cell.(type) {
			case Stacked:
				out[i][n] = v.String()
			case int, int64, uint64, float64: // aligned as numbers
				out[i][n] = v
			default:
				out[i][n] = text.Short(fmt.Sprint(cell), text.CellLength)
			}
		}
	}
	return out
}

// without leaves out the columns in which nothing stands.
func without(header table.Row, rows []table.Row, right []int) (table.Row, []table.Row, []int) {
	kept, place := table.Row{}, map[int]int{}
	out := make([]table.Row, len(rows))
	for i := range header {
		some := false
		for _, row := range rows {
			some = some || fmt.Sprint(row[i]) != ""
		}
		if !some && len(rows) > 0 {
			continue
		}
		kept = append(kept, header[i])
		place[i+1] = len(kept)
		for n, row := range rows {
			out[n] = append(out[n], row[i])
		}
	}
	var aligned []int
	for _, column := range right {
		if at, ok := place[column]; ok {
			aligned = append(aligned, at)
		}
	}
	return kept, out, aligned
}

// fitColumns is how wide the text of each column may be for a table to fit; 0 fits any. It takes from the widest, and no
// word is broken: false if that is not enough.
func fitColumns(header table.Row, rows []table.Row, width int) (widths []int, fits bool) {
	least := make([]int, len(header))
	widths = make([]int, len(header))
	all := -columnGap
	for i := range header {
		for _, row := range append([]table.Row{header}, rows...) {
			cell := fmt.Sprint(row[i])
			widths[i] = max(widths[i], pretty.LongestLineLen(cell))
			for word := range strings.FieldsSeq(cell) {
				least[i] = max(least[i], pretty.StringWidth(word))
			}
		}
		all += widths[i] + columnGap
	}
	for ; width > 0 && all > width; all-- {
		widest := -1
		for i := range widths {
			if widths[i] > least[i] && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return widths, false
		}
		widths[widest]--
	}
	return widths, true
}

// records writes the rows of a table that does not fit one below the other.
func (s *Screen) records(header table.Row, rows []table.Row) {
	widest := 0
	for _, h := range header {
		widest = max(widest, pretty.StringWidth(fmt.Sprint(h)))
	}
	for n, row := range rows {
		if n > 0 {
			fmt.Fprintln(s.Out)
		}
		for i, h := range header {
			for k, line := range strings.Split(fmt.Sprint(row[i]), "\n") {
				label := ""
				if k == 0 {
					label = strings.ToUpper(fmt.Sprint(h))
				}
				if line != "" {
					s.Say(s.Out, fmt.Sprintf("  %-*s  %s", widest, label, line))
				}
			}
		}
	}
}
