package registry

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"duly/internal/batch"
	"duly/internal/cli"
	"duly/internal/exit"
	"duly/internal/payment"
	"duly/internal/view"
	"duly/jobs"
)

// Job is what the command line knows of one job.
type Job struct {
	Name string
	// Does says in a few words what it does.
	Does string
	// Takes are the flags that mean something to it, beside those of every job.
	Takes []string
	// Gateways: it calls them, so that they must be configured.
	Gateways bool
	// Charges: it takes money, and must know whether the tables were set back.
	Charges bool
	// Writes lists the tables that must accept its changes.
	Writes []string
	// chunk and width are the configuration keys that --chunk-size and --parallelism stand for.
	chunk, width string
	// Slots is how many requests of all gateways together may be open; nil: each has its own bound alone.
	Slots func(r *Request) int
	// Steps lists its steps when an open invoice may be at that many stages.
	Steps func(stages int) []string
	// Day is the business date of its runs, where that is not today or --date.
	Day func(r *Request) payment.Date
	// Check finds mistakes in what was selected.
	Check func(ctx context.Context, r *Request) ([]error, error)
	Build func(r *Request) (batch.Job, error)
	// Due counts what a step has before it; -1 if that is not known.
	Due func(ctx context.Context, r *Request, step string) (int64, error)
	// Preview says what a run would do: the document, and how to write it for people.
	Preview func(ctx context.Context, r *Request, f Head) (document any, show func(), err error)
	// ExtendSummary adds to the summary what only this job has.
	ExtendSummary func(ctx context.Context, r *Request, s *view.Summary) error
	// Next lists commands about the rows that the run sent to review.
	Next func(ctx context.Context, r *Request, run *batch.Run) ([]string, error)
}

// Jobs lists the jobs of `duly run`, in the order of the nightly one.
func Jobs() []Job {
	return []Job{reconcileWork(), noticesWork(), billingWork(), outboxWork(), reportWork(), auditWork(), pruneWork()}
}

// Names lists the jobs by name.
func Names() []string {
	var names []string
	for _, w := range Jobs() {
		names = append(names, w.Name)
	}
	return append(names, jobs.NightlyJob)
}

// Find is the entry of a job by its name.
func Find(name string) (Job, bool) {
	all := Jobs()
	i := slices.IndexFunc(all, func(w Job) bool { return w.Name == name })
	if i < 0 {
		return Job{}, false
	}
	return all[i], true
}

// Named is the job that the arguments of `run` name.
func Named(args []string) (Job, error) {
	names := strings.Join(Names(), ", ")
	if len(args) == 0 {
		return Job{}, exit.Usagef("say which job to run: %s", names)
	}
	w, ok := Find(args[0])
	switch {
	case !ok:
		return Job{}, exit.Usage(cli.UnknownWord("job", args[0], Names()))
	case len(args) > 1:
		return Job{}, exit.Usagef("one job at a time: %q is one too many", args[1])
	}
	return w, nil
}

// someFlags are those that not every job has.
func someFlags() []string {
	return []string{cli.FlagDate, cli.FlagFrom, cli.FlagTo, cli.FlagSubscription, cli.FlagOrder, cli.FlagLimit, cli.FlagParallelism, cli.FlagRate, cli.FlagChunkSize, cli.FlagAllowFuture, cli.FlagCSV, cli.FlagUntilNow, cli.FlagNow}
}

// Misplaced finds flags that mean nothing to the job.
func (w Job) Misplaced(given func(flag string) bool) []error {
	var found []error
	for _, flag := range someFlags() {
		if given(flag) && !slices.Contains(w.Takes, flag) {
			found = append(found, fmt.Errorf("--%s: %s has no use for it%s", flag, w.Name, w.instead()))
		}
	}
	return found
}

// instead names the flags that the job has.
func (w Job) instead() string {
	if len(w.Takes) == 0 {
		return ""
	}
	return "; it takes --" + strings.Join(w.Takes, ", --")
}

// mayHave reports whether the job may have the step; how many retries there are is known once the tables are read.
func (w Job) mayHave(step string) bool {
	if number, ok := strings.CutPrefix(step, jobs.StepRetry); ok && w.Name == jobs.BillingJob {
		n, err := strconv.Atoi(number)
		return err == nil && n > 0
	}
	return slices.Contains(w.Steps(0), step)
}

// ReviewsShown is how many rows a run names of those that it sent to review, and of those that it left.
const ReviewsShown = 5
