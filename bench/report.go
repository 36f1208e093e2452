package main

import (
	"cmp"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
)

// row is one line of the table.
type row struct {
	name     string
	what     string
	figure   string
	baseline string
	ratio    float64
	target   target
	notes    []string
}

// target is what a ratio should be: at least or at most limit, and under another bound where there is one.
type target struct {
	atMost bool
	limit  float64
	also   string // the other bound, for people
	failed bool   // the other bound was missed
}

func (t target) String() string {
	sign := "≥"
	if t.atMost {
		sign = "≤"
	}
	text := fmt.Sprintf("%s %g", sign, t.limit)
	if t.also != "" {
		text += ", " + t.also
	}
	return text
}

func (t target) met(ratio float64) bool {
	if t.failed {
		return false
	}
	if t.atMost {
		return ratio <= t.limit
	}
	return ratio >= t.limit
}

// tableOf lays the rows out.
func tableOf(rows []row) table.Writer {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.AppendHeader(table.Row{"", "case", "figure", "baseline", "ratio", "target", ""})
	for _, r := range rows {
		met := "met"
		if !r.target.met(r.ratio) {
			met = "not met"
		}
		t.AppendRow(table.Row{r.name, r.what, r.figure, r.baseline, fmt.Sprintf("%.3f", r.ratio), r.target, met})
	}
	return t
}

// report is the document of a run: the machine, the table, and what the figures are made of.
func (l *lab) report(rows []row) string {
	var b strings.Builder
	b.WriteString("# Benchmarks\n\nWritten by `go run ./bench -markdown docs/benchmarks.md`")
	if l.scale != 1 {
		fmt.Fprintf(&b, ", at %g of the full sizes", l.scale)
	}
	fmt.Fprintf(&b, ", on %d cores (%s/%s), %s, MariaDB %s, with durable commits.\n", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), l.version)
	fmt.Fprintf(&b, "Absolute times differ from machine to machine; the targets are ratios within one run, median of %d.\n\n", l.rounds)
	b.WriteString(tableOf(rows).RenderMarkdown())
	b.WriteString("\n\n")
	for _, r := range rows {
		if len(r.notes) == 0 {
			continue
		}
		fmt.Fprintf(&b, "## %s %s\n\n", r.name, r.what)
		for _, note := range r.notes {
			fmt.Fprintf(&b, "- %s\n", note)
		}
		b.WriteByte('\n')
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// median of at least one value.
func median[T cmp.Ordered](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
