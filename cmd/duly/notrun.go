package main

import (
	"errors"

	"duly/internal/batch"
	"duly/internal/query"
)

// statusNotRun is the status in the document of a job that did not run: it is paused, or another run is live.
const statusNotRun = "not_run"

// printNotRun prints the document of a job that did not run, with --json. A night has none for such a job.
func (e *execution) printNotRun(err error) error {
	exit, ok := errors.AsType[exitError](err)
	if !ok || exit.code != batch.ExitNotRun || !e.Screen.json || e.Screen.documents != nil {
		return nil
	}
	return e.Screen.print(summary{
		Job: e.work.name, BusinessDate: e.business.String(), Status: statusNotRun, Exit: exit.code, Error: exit.Error(),
		Steps: []stepView{}, Collected: map[string]int64{}, Left: []string{}, Causes: []query.Reason{}, Next: []string{"duly status"},
		Reviewed: []listed{}, LeftRows: []listed{},
	})
}
