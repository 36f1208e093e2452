package app

import (
	"errors"

	"duly/internal/batch"
	"duly/internal/exit"
	"duly/internal/query"
	"duly/internal/view"
)

// StatusNotRun is the status in the document of a job that did not run: it is paused, or another run is live.
const StatusNotRun = "not_run"

// printNotRun prints the document of a job that did not run, with --json. A night has none for such a job.
func (e *Execution) printNotRun(err error) error {
	exit, ok := errors.AsType[exit.Error](err)
	if !ok || exit.Code != batch.ExitNotRun || !e.Screen.JSON || e.Screen.Documents != nil {
		return nil
	}
	return e.Screen.Print(view.Summary{
		Job: e.Job.Name, BusinessDate: e.Business.String(), Status: StatusNotRun, Exit: exit.Code, Error: exit.Error(),
		Steps: []view.Step{}, Collected: map[string]int64{}, Left: []string{}, Causes: []query.Reason{}, Next: []string{"duly status"},
		Reviewed: []view.Listed{}, LeftRows: []view.Listed{},
	})
}
