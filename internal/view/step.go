package view

import (
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"duly/internal/batch"
	"duly/internal/cli"
	"duly/internal/sum"
)

// Moved sums up the money that steps collected, and that they refunded.
func Moved(list []Step) (collected, refunded map[string]int64) {
	collected = map[string]int64{}
	for _, v := range list {
		for currency, amount := range v.Amounts {
			if !v.label.Refunds {
				collected[currency] = sum.Add(collected[currency], amount)
				continue
			}
			if refunded == nil {
				refunded = map[string]int64{}
			}
			refunded[currency] = sum.Add(refunded[currency], amount)
		}
	}
	return collected, refunded
}

// notBegun is the status of a step that the run did not come to.
const notBegun = "not begun"

// Step is a step of a run.
type Step struct {
	Step      string           `json:"step"`
	Status    string           `json:"status"`
	Read      int64            `json:"read"`
	Succeeded int64            `json:"succeeded"`
	Declined  int64            `json:"declined"`
	Released  int64            `json:"released"`
	InDoubt   int64            `json:"in_doubt"`
	Rejected  int64            `json:"rejected"`
	Review    int64            `json:"review"`
	Amounts   map[string]int64 `json:"amounts"` // minor units by currency
	Seconds   float64          `json:"seconds"`

	label   batch.Label
	Due     int64    `json:"-"` // how much it had before it when it began; -1: not known
	found   int64    // of Succeeded: charges that the gateway had taken before
	moved   int64    // put off to another day without a charge
	ended   int64    // closed without a charge
	changed int64    // changed as planned, without an invoice
	Errors  []string `json:"-"` // why it failed, a line a problem
}

// StepOf is a step of a run that this process executes.
func StepOf(x *batch.StepExecution) Step {
	t := x.Tally()
	v := Step{
		Step: x.Step, Status: notBegun, Read: t.Read, Succeeded: t.Succeeded, Declined: t.Declined, Released: t.Released,
		InDoubt: t.InDoubt, Rejected: t.Rejected, Review: t.Review, Amounts: cli.OrNone(t.Amounts), Seconds: x.Took().Seconds(),
		label: x.Label, Due: -1, found: t.Found, moved: t.Moved, ended: t.Ended, changed: t.Changed, Errors: ProblemsOf(x.Err()),
	}
	if x.Begun() {
		v.Status = string(x.Status())
	}
	return v
}

// StepTable prints the steps that did something, or ended otherwise than completed, and names the others in a line.
// A column in which nothing stands is left out, so that an ordinary run fits 80 characters.
func StepTable(screen *cli.Screen, list []Step) {
	header := table.Row{"step", "status", "read", "succeeded", "declined", "released", "in doubt", "rejected", "review", "money", "took"}
	var numbers []int
	for column := 3; column <= len(header); column++ {
		numbers = append(numbers, column)
	}
	var idle []string
	var rows []table.Row
	for _, v := range list {
		if v.Read == 0 && v.Status == string(batch.Completed) {
			idle = append(idle, v.Step)
			continue
		}
		rows = append(rows, v.row())
	}
	if len(rows) > 0 {
		screen.RenderTable(header, rows, numbers...)
	}
	if len(idle) > 0 {
		screen.Line("nothing to do: %s", strings.Join(idle, ", "))
	}
}

func (v Step) row() table.Row {
	status := v.Status
	if status == string(batch.Completed) {
		status = ""
	}
	took := time.Duration(v.Seconds * float64(time.Second)).Round(time.Millisecond)
	return table.Row{
		v.Step, status, Some(v.Read), Some(v.Succeeded), Some(v.Declined), Some(v.Released), Some(v.InDoubt), Some(v.Rejected),
		Some(v.Review), cli.Stacked(strings.Split(cli.Amounts(v.Amounts), ", ")), took,
	}
}

// Some is n, or nothing for none.
func Some(n int64) any {
	if n == 0 {
		return ""
	}
	return n
}
