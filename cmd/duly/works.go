package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"duly/internal/batch"
	"duly/internal/payment"
	"duly/jobs"
)

// work is what the command line knows of one job.
type jobSpec struct {
	name string
	// does says in a few words what it does.
	does string
	// takes are the flags that mean something to it, beside those of every job.
	takes []string
	// gateways: it calls them, so that they must be configured.
	gateways bool
	// charges: it takes money, and must know whether the tables were set back.
	charges bool
	// writes lists the tables that must accept its changes.
	writes []string
	// chunk and width are the configuration keys that --chunk-size and --parallelism stand for.
	chunk, width string
	// slots is how many requests of all gateways together may be open; nil: each has its own bound alone.
	slots func(e *execution) int
	// steps lists its steps when an open invoice may be at that many stages.
	steps func(stages int) []string
	// day is the business date of its runs, where that is not today or --date.
	day func(e *execution) payment.Date
	// check finds mistakes in what was selected.
	check func(ctx context.Context, e *execution) ([]error, error)
	job   func(e *execution) (batch.Job, error)
	// due counts what a step has before it; -1 if that is not known.
	due func(ctx context.Context, e *execution, step string) (int64, error)
	// preview says what a run would do: the document, and how to write it for people.
	preview func(ctx context.Context, e *execution, f forecast) (document any, show func(), err error)
	// extendSummary adds to the summary what only this job has.
	extendSummary func(ctx context.Context, e *execution, s *summary) error
	// next lists commands about the rows that the run sent to review.
	next func(ctx context.Context, e *execution, run *batch.Run) ([]string, error)
	// waits is the command that lists what the runs of this job wait for somebody to decide, and that is not in review.
	waits string
}

// works lists the jobs of `duly run`, in the order of the nightly one.
func registry() []jobSpec {
	return []jobSpec{reconcileWork(), billingWork(), outboxWork(), reportWork(), auditWork(), pruneWork()}
}

// workNames lists the jobs by name.
func workNames() []string {
	var names []string
	for _, w := range registry() {
		names = append(names, w.name)
	}
	return append(names, jobs.NightlyJob)
}

func findWork(name string) (jobSpec, bool) {
	all := registry()
	i := slices.IndexFunc(all, func(w jobSpec) bool { return w.name == name })
	if i < 0 {
		return jobSpec{}, false
	}
	return all[i], true
}

// oneJob is the job that the arguments of `run` name.
func oneJob(args []string) (jobSpec, error) {
	names := strings.Join(workNames(), ", ")
	if len(args) == 0 {
		return jobSpec{}, usagef("say which job to run: %s", names)
	}
	w, ok := findWork(args[0])
	switch {
	case !ok:
		return jobSpec{}, usage(unknownWord("job", args[0], workNames()))
	case len(args) > 1:
		return jobSpec{}, usagef("one job at a time: %q is one too many", args[1])
	}
	return w, nil
}

// someFlags are those that not every job has.
func someFlags() []string {
	return []string{flagDate, flagFrom, flagTo, flagSubscription, flagOrder, flagLimit, flagParallelism, flagRate, flagChunkSize, flagAllowFuture, flagCSV, flagUntilNow}
}

// misplaced finds flags that mean nothing to the job.
func (w jobSpec) misplaced(given func(flag string) bool) []error {
	var found []error
	for _, flag := range someFlags() {
		if given(flag) && !slices.Contains(w.takes, flag) {
			found = append(found, fmt.Errorf("--%s: %s has no use for it%s", flag, w.name, w.instead()))
		}
	}
	return found
}

// instead names the flags that the job has.
func (w jobSpec) instead() string {
	if len(w.takes) == 0 {
		return ""
	}
	return "; it takes --" + strings.Join(w.takes, ", --")
}

// mayHave reports whether the job may have the step; how many retries there are is known once the tables are read.
func (w jobSpec) mayHave(step string) bool {
	if number, ok := strings.CutPrefix(step, jobs.StepRetry); ok && w.name == jobs.BillingJob {
		n, err := strconv.Atoi(number)
		return err == nil && n > 0
	}
	return slices.Contains(w.steps(0), step)
}
