package main

import (
	"cmp"
	"runtime"
	"slices"

	"duly/bench/report"
)

// row is one line of the table.
type row struct {
	name     string // the case's, if empty
	what     string
	figure   string
	baseline string
	ratio    float64
	rounds   []float64 // the ratio of each round, where sides took turns
	target   target
	notes    []string
	absolute bool // the ratio is a figure of its own, with the target for its only measure
}

// target is what a ratio should be: at least or at most limit, and under another bound where there is one.
type target struct {
	atMost bool
	limit  float64
	least  float64 // what is to be kept while limit is missed; 0: nothing is
	also   string  // the other bound, for people
	failed bool    // the other bound was missed
}

// report is the run for those who read it.
func (l *lab) report(rows []row) report.Run {
	run := report.Run{
		Cores: runtime.NumCPU(), Platform: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version(), Database: "MariaDB " + l.version,
		Scale: l.scale, Rounds: l.rounds,
	}
	for _, r := range rows {
		t := report.Target{AtMost: r.target.atMost, Limit: r.target.limit, Least: r.target.least, Also: r.target.also, Failed: r.target.failed}
		run.Cases = append(run.Cases, report.Case{
			Name: r.name, What: r.what, Figure: r.figure, Baseline: r.baseline, Ratio: r.ratio, Rounds: r.rounds, Target: t, Verdict: t.Verdict(r.ratio),
			Notes: r.notes, Absolute: r.absolute,
		})
	}
	return run
}

// median of at least one value.
func median[T cmp.Ordered](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// ratios are those of each round.
func ratios(ours, theirs []float64) []float64 {
	out := make([]float64, len(ours))
	for i := range ours {
		out[i] = ours[i] / theirs[i]
	}
	return out
}
