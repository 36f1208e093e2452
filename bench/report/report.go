// Package report lays out what a run of the benchmarks measured: as a table, as a document, as JSON and as a chart.
package report

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
)

// Run is a run of the benchmarks: the machine, how much was measured, and what came out.
type Run struct {
	Cores    int     `json:"cores"`
	Platform string  `json:"platform"` // linux/amd64
	Go       string  `json:"go"`
	Database string  `json:"database"`
	Scale    float64 `json:"scale"`  // share of the full sizes
	Rounds   int     `json:"rounds"` // of each side; the median counts
	Cases    []Case  `json:"cases"`
}

// Case is one line of the table.
type Case struct {
	Name     string    `json:"case"`
	What     string    `json:"what"`
	Figure   string    `json:"figure"`
	Baseline string    `json:"baseline"`
	Ratio    float64   `json:"ratio"`
	Rounds   []float64 `json:"rounds,omitempty"` // the ratio of each round
	Target   Target    `json:"target"`
	Verdict  string    `json:"verdict"`
	Notes    []string  `json:"notes,omitempty"`
	// Absolute: Ratio is a figure of its own, with the target for its only measure.
	Absolute bool `json:"absolute,omitempty"`
}

// Target is what a ratio should be: at least or at most Limit, and under another bound where there is one.
type Target struct {
	AtMost bool    `json:"at_most,omitempty"`
	Limit  float64 `json:"limit"`
	// Least is what is to be kept while Limit is missed; 0: nothing is.
	Least float64 `json:"least,omitempty"`
	// Also is the other bound, for people, and Failed that it was missed.
	Also   string `json:"also,omitempty"`
	Failed bool   `json:"failed,omitempty"`
}

// String is the target for people.
func (t Target) String() string {
	sign := "≥"
	if t.AtMost {
		sign = "≤"
	}
	text := fmt.Sprintf("%s %g", sign, t.Limit)
	if t.Least != 0 {
		text += fmt.Sprintf(", least %g", t.Least)
	}
	if t.Also != "" {
		text += ", " + t.Also
	}
	return text
}

// Verdict says whether a ratio meets the target.
func (t Target) Verdict(ratio float64) string {
	meets := func(limit float64) bool {
		if t.AtMost {
			return ratio <= limit
		}
		return ratio >= limit
	}
	switch {
	case !t.Failed && meets(t.Limit):
		return "met"
	case !t.Failed && t.Least != 0 && meets(t.Least):
		return "not met, least met"
	default:
		return "not met"
	}
}

// spread is the smallest and the largest ratio of a round.
func (c Case) spread() string {
	if len(c.Rounds) < 2 {
		return ""
	}
	return fmt.Sprintf("%.3f to %.3f", slices.Min(c.Rounds), slices.Max(c.Rounds))
}

func (r Run) layout() table.Writer {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.AppendHeader(table.Row{"", "case", "figure", "baseline", "ratio", "rounds", "target", ""})
	for _, c := range r.Cases {
		t.AppendRow(table.Row{c.Name, c.What, c.Figure, c.Baseline, fmt.Sprintf("%.3f", c.Ratio), c.spread(), c.Target, c.Verdict})
	}
	return t
}

// Table is what a terminal shows.
func (r Run) Table() string { return r.layout().Render() }

// figuresBegin is the line below which a document has the figures of the last run.
const figuresBegin = "<!-- figures: written by go run ./bench -markdown -->\n"

// Document is the text of a file that had the text old, with the figures of this run for those below their line; a file
// without such a line has them alone.
func (r Run) Document(old string) string {
	before, _, found := strings.Cut(old, figuresBegin)
	if !found {
		return "# Benchmarks\n\n" + r.Markdown()
	}
	return before + figuresBegin + "\n" + r.Markdown()
}

// Markdown is the figures of a run: the machine, the table, and what they are made of.
func (r Run) Markdown() string {
	var b strings.Builder
	b.WriteString("Written by `go run ./bench`")
	if r.Scale != 1 {
		fmt.Fprintf(&b, ", at %g of the full sizes", r.Scale)
	}
	fmt.Fprintf(&b, ", on %d cores (%s), %s, %s, with durable commits.\n", r.Cores, r.Platform, r.Go, r.Database)
	fmt.Fprintf(&b, "Absolute times differ from machine to machine; the targets are ratios within one run, median of %d.\n\n", r.Rounds)
	b.WriteString(r.layout().RenderMarkdown())
	b.WriteString("\n\n")
	for _, c := range r.Cases {
		if len(c.Notes) == 0 {
			continue
		}
		fmt.Fprintf(&b, "### %s %s\n\n", c.Name, c.What)
		for _, note := range c.Notes {
			fmt.Fprintf(&b, "- %s\n", note)
		}
		b.WriteByte('\n')
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// JSON is the run for programs.
func (r Run) JSON() ([]byte, error) {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the run as JSON: %w", err)
	}
	return append(text, '\n'), nil
}
