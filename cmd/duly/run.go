package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"duly/config"
	"duly/internal/payment"
	"duly/internal/query"
	"duly/jobs"
)

// runFlags are the flags of `duly run`; as JSON they are what a re-run repeats.
type runFlags struct {
	Date          string   `json:"date,omitempty"`
	From          string   `json:"from,omitempty"`
	To            string   `json:"to,omitempty"`
	Subscriptions []uint64 `json:"subscriptions,omitempty"`
	Orders        []uint64 `json:"orders,omitempty"`
	Steps         []string `json:"steps,omitempty"`
	Limit         int      `json:"limit,omitempty"`
	// Elsewhen: the run is not for the day that it would be for by itself. It is found out, and not repeated.
	Elsewhen bool `json:"elsewhen,omitempty"`

	dryRun, allowFuture, untilNow, exclusive, noProgress, csv, verbose bool
	rerun                                                              uint64
	parallelism, chunkSize                                             int
	rate                                                               string
	maxDuration                                                        string
	reason                                                             string
	report                                                             string
}

// The flags that not every job has.
const (
	flagDate         = "date"
	flagFrom         = "from"
	flagTo           = "to"
	flagSubscription = "subscription"
	flagOrder        = "order"
	flagLimit        = "limit"
	flagParallelism  = "parallelism"
	flagRate         = "rate"
	flagChunkSize    = "chunk-size"
	flagAllowFuture  = "allow-future"
	flagCSV          = "csv"
	flagUntilNow     = "until-now"
	flagStep         = "step"
	flagRerun        = "rerun"
)

func (a *app) runCommand() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run JOB",
		Short: "Run a job to completion: " + strings.Join(workNames(), ", "),
		Long:  runHelp(),
		Example: "  duly run billing\n" +
			"  duly run billing --date 2026-01-31 --subscription 42 --dry-run\n" +
			"  duly run billing --rerun 17 --max-duration 2h",
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: completeJob(),
		RunE: func(cmd *cobra.Command, args []string) error {
			a.Screen.verbose = f.verbose
			return a.withAlert(cmd.Context(), jobOf(args), f, func() error {
				return a.observing(cmd.Context(), f, func() error {
					if len(args) == 1 && args[0] == nightlyJob {
						return a.nightly(cmd, f)
					}
					w, err := oneJob(args)
					if err != nil {
						return err
					}
					return a.runJob(cmd.Context(), w, f, cmd.Flags().Changed)
				})
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.Date, flagDate, "", "business `DATE`, such as 2026-01-31 (default today in business.timezone; report: yesterday)")
	flags.StringVar(&f.From, flagFrom, "", "report and audit: the first business `DATE` of several (default that of --to)")
	flags.StringVar(&f.To, flagTo, "", "report and audit: the last business `DATE` of several (default that of --from, or yesterday)")
	flags.Var(idList{&f.Subscriptions}, flagSubscription, "only the subscription of this `ID` (repeat, or separate by commas; default all)")
	flags.Var(idList{&f.Orders}, flagOrder, "only the order of this `ID` (repeat, or separate by commas; default all)")
	flags.StringSliceVar(&f.Steps, flagStep, nil, "only this `STEP` (repeat, or separate by commas; default all)")
	flags.IntVar(&f.Limit, flagLimit, 0, "work on at most `N` invoices, orders or events (default, and 0: no bound)")
	flags.BoolVar(&f.dryRun, "dry-run", false, "print what would be done; write nothing and call no gateway")
	flags.Uint64Var(&f.rerun, flagRerun, 0, "repeat this `RUN`: same job, date and selection; what is given beside it wins (default none)")
	flags.StringVar(&f.reason, "reason", "", "with --rerun: `WHY`, for those who ask later (default none)")
	flags.BoolVar(&f.untilNow, flagUntilNow, false, "audit: up to this minute (default up to 15 minutes ago, since later payments may be under way)")
	flags.BoolVar(&f.allowFuture, flagAllowFuture, false, "allow a date after today (for sandboxes)")
	flags.IntVar(&f.parallelism, flagParallelism, 0, "`N` requests at once (default gateways.<name>.parallelism for every gateway, or reconcile.parallelism)")
	flags.IntVar(&f.chunkSize, flagChunkSize, 0, "`N` rows of one claim (default billing.chunk_size or reconcile.chunk_size)")
	flags.StringVar(&f.rate, flagRate, "", "at most `N/s` requests, such as 20/s, to each gateway (default gateways.<name>.rate)")
	flags.StringVar(&f.maxDuration, "max-duration", "", "stop after this `TIME`, such as 90m or 2h, and leave the rest to a later run (default no bound)")
	flags.BoolVar(&f.exclusive, "exclusive", false, "do not run (exit 5) while another run of the job is live")
	flags.BoolVar(&f.noProgress, "no-progress", false, "no progress lines on a terminal")
	flags.BoolVar(&f.verbose, "verbose", false, "nightly: show each job as a run of its own; with --dry-run: sums and the first rows")
	flags.BoolVar(&f.csv, flagCSV, false, "report: print the days as CSV on standard output")
	flags.StringVar(&f.report, flagReport, "", "write a page about the run to this `FILE` when it ends (default none)")
	complete(cmd, flagStep, with(a.Session, completeSteps))
	complete(cmd, flagRerun, with(a.Session, completeRerun))
	return cmd
}

// runHelp is what the help of run begins with.
func runHelp() string {
	var list strings.Builder
	for _, w := range registry() {
		fmt.Fprintf(&list, "  %-10s %s\n", w.name, w.does)
	}
	return "Runs a job to completion:\n\n" + list.String() + fmt.Sprintf("  %-10s %s\n\n", nightlyJob, nightlyDoes) +
		"It exits with a code that says what is left:\n\n" +
		"  0         done, nothing left behind: power off\n" +
		"  1         failed; work remains, nothing is lost: stay up\n" +
		"  2         bad usage or configuration; nothing was touched: stay up\n" +
		"  3         done, but this run sent rows to review: power off, look at them\n" +
		"  4         unfinished, a later run will do it: run again\n" +
		"  5         not run: paused, or --exclusive and another run is live\n" +
		"  130, 143  stopped by SIGINT or SIGTERM (129: SIGHUP) after draining: run again\n\n" +
		"A second signal ends it at once; the next run recovers what was in flight. Declines are results, not failures.\n\n" +
		"Steps of billing: " + strings.Join(jobs.BillingSteps(usualStages), ", ") + " (a retry for each of billing.retry_days). " +
		"The steps of another job are named by a mistake in --step, and by completion."
}

// problems are the mistakes that can be seen without a database.
func (f runFlags) problems(w jobSpec, given func(flag string) bool) []error {
	var found []error
	add := func(format string, args ...any) { found = append(found, fmt.Errorf(format, args...)) }
	for flag, text := range map[string]string{flagDate: f.Date, flagFrom: f.From, flagTo: f.To} {
		date, err := payment.ParseDate(text)
		switch {
		case text == "":
		case err != nil:
			add("--%s: %w", flag, err)
		case date < query.OldestDue:
			add("--%s: %s is before the first due date that is looked at, %s", flag, text, query.OldestDue)
		}
	}
	if f.Limit < 0 {
		add("--limit: %d is negative", f.Limit)
	}
	for name, n := range map[string]int{flagParallelism: f.parallelism, flagChunkSize: f.chunkSize} {
		if n < 0 || n == 0 && given(name) {
			add("--%s: %d, and must be 1 or more", name, n)
		}
	}
	if f.rate != "" {
		if _, err := config.ParseRate(f.rate); err != nil {
			add("--rate: %w", err)
		}
	}
	if _, err := f.bound(); err != nil {
		found = append(found, err)
	}
	if err := f.reportMistake(); err != nil {
		found = append(found, err)
	}
	for _, step := range f.Steps {
		if !w.mayHave(step) {
			found = append(found, fmt.Errorf("--step: %w", unknownWord(w.name+" step", step, w.steps(usualStages))))
		}
	}
	slices.SortFunc(found, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return found
}

// reportMistake says why the report of the run could not be written; nil if it can, or there is to be none.
func (f runFlags) reportMistake() error {
	switch {
	case f.report == "":
		return nil
	case f.dryRun:
		return errors.New("--report: a dry run makes no run to report of")
	case f.report == stdout:
		return errors.New("--report: standard output holds the summary; give a file")
	}
	return fileMistake(flagReport, f.report)
}

// usualStages is how many stages are shown where nothing is known of them yet.
const usualStages = 3

// mayHave reports whether the job may have the step; how many retries there are is known once the tables are read.
func (w jobSpec) mayHave(step string) bool {
	if number, ok := strings.CutPrefix(step, jobs.StepRetry); ok && w.name == jobs.BillingJob {
		n, err := strconv.Atoi(number)
		return err == nil && n > 0
	}
	return slices.Contains(w.steps(0), step)
}

// leastDuration is the shortest bound of a run that lets it do anything.
const leastDuration = 100 * time.Millisecond

// bound is how long the run may take; 0: as long as it needs.
func (f runFlags) bound() (time.Duration, error) {
	if f.maxDuration == "" {
		return 0, nil
	}
	d, err := durationOf("--max-duration", f.maxDuration, "m", "h")
	switch {
	case err != nil:
		return 0, err
	case d <= 0:
		return 0, fmt.Errorf("--max-duration %s leaves no time: give one such as 2h", f.maxDuration)
	case d < leastDuration:
		return 0, fmt.Errorf("--max-duration %s is too short for any work: give %s or more", f.maxDuration, config.FormatDuration(leastDuration))
	}
	return d, nil
}

// partial reports whether the run leaves out a part of what a run of its job without flags does today.
func (f runFlags) partial() bool {
	return f.Elsewhen || len(f.Subscriptions)+len(f.Orders)+len(f.Steps) > 0
}

// overrides are the flags that stand for configuration keys.
func (f runFlags) overrides(w jobSpec) map[string]any {
	set := map[string]any{}
	if f.parallelism > 0 && w.width != "" {
		set[w.width] = f.parallelism
	}
	if f.rate != "" {
		set["gateways.<name>.rate"] = f.rate
	}
	if f.chunkSize > 0 && w.chunk != "" {
		set[w.chunk] = f.chunkSize
	}
	return set
}

// repeat takes over what an earlier run was told, unless the command line says otherwise.
func (f *runFlags) repeat(given func(flag string) bool, date string, params []byte) error {
	var old runFlags
	if err := json.Unmarshal(params, &old); err != nil {
		return fmt.Errorf("read the parameters of run %d: %w", f.rerun, err)
	}
	dated := given(flagDate) || given(flagFrom) || given(flagTo)
	switch {
	case dated:
	case old.From != "" || old.To != "": // one of them alone reached to that run's own date
		f.From, f.To = old.From, cmp.Or(old.To, date)
	default:
		f.Date = date
	}
	if !given(flagSubscription) {
		f.Subscriptions = old.Subscriptions
	}
	if !given(flagOrder) {
		f.Orders = old.Orders
	}
	if !given("step") {
		f.Steps = old.Steps
	}
	if !given(flagLimit) {
		f.Limit = old.Limit
	}
	return nil
}

// idList reads ids separated by commas.
type idList struct{ ids *[]uint64 }

// Type implements pflag.Value.
func (l idList) Type() string { return "ID" }

// String implements pflag.Value.
func (l idList) String() string { return "" }

// Set implements pflag.Value.
func (l idList) Set(s string) error {
	for part := range strings.SplitSeq(s, ",") {
		n, err := id(strings.TrimSpace(part))
		if err != nil {
			return errors.Unwrap(err)
		}
		if !slices.Contains(*l.ids, n) {
			*l.ids = append(*l.ids, n)
		}
	}
	return nil
}
