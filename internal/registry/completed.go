package registry

import (
	"slices"
	"strings"
)

// Completed returns the completions of --step for the typed job, each after the steps before the last comma; none without a job.
func Completed(args []string, typed string, stages int) []string {
	if len(args) == 0 {
		return nil
	}
	w, ok := Find(args[0])
	if !ok {
		return nil
	}
	before := typed[:strings.LastIndex(typed, ",")+1]
	var steps []string
	for _, step := range w.Steps(stages) {
		if !slices.Contains(strings.Split(before, ","), step) {
			steps = append(steps, before+step)
		}
	}
	return steps
}
