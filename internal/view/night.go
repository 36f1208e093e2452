package view

import (
	"slices"

	"duly/internal/batch"
)

// Night is the document of `duly run nightly`.
type Night struct {
	Job  string      `json:"job"`
	Exit int         `json:"exit_code"`
	Jobs []NightPart `json:"jobs"`
	// NotBegun are the jobs that the night did not come to.
	NotBegun []string `json:"not_begun"`
}

// NightPart is how one job of the night ended.
type NightPart struct {
	Job   string `json:"job"`
	Exit  int    `json:"exit_code"`
	Error string `json:"error,omitempty"` // why it did not run
	// Document is what the job itself would have printed; null if it did not run.
	Document any `json:"document"`

	Run uint64 `json:"-"` // 0: it has none
	Err error  `json:"-"`
}

// Worst is the exit code of the night: that of the job that an operator must act on first. A job that did not run was
// left out of the night; one that the night did not come to leaves it unfinished.
func (v Night) Worst() int {
	severity := []int{batch.ExitDone, batch.ExitNotRun, batch.ExitReview, batch.ExitUnfinished, batch.ExitFailed, batch.ExitUsage}
	worst := batch.ExitDone
	if len(v.NotBegun) > 0 {
		worst = batch.ExitUnfinished
	}
	for _, p := range v.Jobs {
		if p.Exit > batch.ExitNotRun {
			return p.Exit // a signal
		}
		if slices.Index(severity, p.Exit) > slices.Index(severity, worst) {
			worst = p.Exit
		}
	}
	return worst
}
