package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"duly/config"
	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/jobs"
	"duly/migrations"
	"duly/readers"
)

// runFlags are the flags of `duly run`; as JSON they are what a re-run repeats.
type runFlags struct {
	Date          string   `json:"date,omitempty"`
	Subscriptions []uint64 `json:"subscriptions,omitempty"`
	Steps         []string `json:"steps,omitempty"`
	Limit         int      `json:"limit,omitempty"`

	dryRun, allowFuture, exclusive, noProgress bool
	rerun                                      uint64
	parallelism, chunkSize                     int
	rate                                       string
	maxDuration                                string
}

func (a *app) runCommand() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run JOB",
		Short: "Run a job to completion (" + strings.Join(jobs.Names(), ", ") + ")",
		Long: "Runs a job to completion and exits with a code that says what is left:\n" +
			"  0 done   1 failed   2 bad usage or configuration   3 done, rows need review\n" +
			"  4 unfinished, run again   5 not run   130, 143 stopped by a signal, run again",
		Example: "  duly run billing\n" +
			"  duly run billing --date 2026-01-31 --subscription 42 --dry-run",
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: cobra.FixedCompletions(jobs.Names(), cobra.ShellCompDirectiveNoFileComp),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 || !slices.Contains(jobs.Names(), args[0]) {
				return usagef("say which job to run: %s", strings.Join(jobs.Names(), ", "))
			}
			return a.run(cmd, args[0], f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.Date, "date", "", "business date, such as 2026-01-31 (default today in business.timezone)")
	flags.Var(idList{&f.Subscriptions}, "subscription", "only these subscriptions (repeat, or separate by commas)")
	flags.StringSliceVar(&f.Steps, "step", nil, "only these steps (repeat, or separate by commas)")
	flags.IntVar(&f.Limit, "limit", 0, "charge at most this many invoices (0: no bound)")
	flags.BoolVar(&f.dryRun, "dry-run", false, "print what would be charged; write nothing and call no gateway")
	flags.Uint64Var(&f.rerun, "rerun", 0, "repeat this run: same job, date and selection; what is given beside it wins")
	flags.BoolVar(&f.allowFuture, "allow-future", false, "allow a date after today (for sandboxes)")
	flags.IntVar(&f.parallelism, "parallelism", 0, "requests at once, for every gateway (default gateways.<name>.parallelism)")
	flags.IntVar(&f.chunkSize, "chunk-size", 0, "rows of one claim (default billing.chunk_size)")
	flags.StringVar(&f.rate, "rate", "", "requests a second such as 20/s, for every gateway (default gateways.<name>.rate)")
	flags.StringVar(&f.maxDuration, "max-duration", "", "stop after this time, such as 2h, and leave the rest to a later run")
	flags.BoolVar(&f.exclusive, "exclusive", false, "do not run (exit 5) while another run of the job is live")
	flags.BoolVar(&f.noProgress, "no-progress", false, "no progress line on a terminal")
	return cmd
}

// execution is everything that one `duly run` works with.
type execution struct {
	*app

	flags    runFlags
	config   *config.Config
	db       *database
	deps     jobs.Deps
	business payment.Date
	today    payment.Date
	stages   int
	log      *slog.Logger
}

func (a *app) run(cmd *cobra.Command, job string, f runFlags) error {
	e, err := a.prepare(cmd, job, f)
	if err != nil {
		return err
	}
	defer e.close()
	if f.dryRun {
		return e.dryRun(cmd.Context(), job)
	}
	ctx := cmd.Context()
	if e.flags.maxDuration != "" {
		limit, err := config.ParseDuration(e.flags.maxDuration)
		if err != nil || limit <= 0 {
			return usagef("--max-duration: %q is not a duration such as 2h", e.flags.maxDuration)
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	if err := e.mayRun(ctx, job); err != nil {
		return err
	}
	return e.execute(ctx, job)
}

// prepare reads the configuration, opens what the run needs and checks everything that can be checked before
// anything is touched.
func (a *app) prepare(cmd *cobra.Command, job string, f runFlags) (_ *execution, err error) {
	ctx := cmd.Context()
	if err := a.overrides(f); err != nil {
		return nil, err
	}
	c, err := a.load()
	if err != nil {
		return nil, err
	}
	e := &execution{app: a, config: c, flags: f}
	if err := e.checkFlags(); err != nil {
		return nil, err
	}
	if err := errors.Join(c.Require(true, false), c.Require(false, true)); err != nil {
		return nil, usage(err)
	}
	e.log = a.logger(c)
	gateways, err := a.gateways(c)
	if err != nil {
		return nil, err
	}
	e.deps.Gateways = gateways
	defer func() {
		if err != nil {
			e.close()
		}
	}()
	if e.db, err = a.open(ctx, c); err != nil {
		return nil, err
	}
	if err := migrations.Check(ctx, e.db.DB.DB.DB); err != nil {
		return nil, startError(err)
	}
	if err := mysql.Probe(ctx, e.db.DB); err != nil {
		return nil, startError(err)
	}
	business, err := a.clock(ctx, e.db.DB)
	if err != nil {
		return nil, err
	}
	e.deps = a.deps(c, e.db.DB, gateways, business)
	e.today = payment.DateOf(business().In(c.Business.Location()))
	if err := e.repeat(ctx, cmd, job); err != nil {
		return nil, err
	}
	if err := e.date(); err != nil {
		return nil, err
	}
	open, err := readers.MaxOpenStage(ctx, e.db.DB)
	if err != nil {
		return nil, failed(fmt.Errorf("look for the highest stage: %w", mysql.Classify(ctx, err)))
	}
	e.stages = max(open, len(c.Billing.RetryDays))
	return e, e.checkSteps()
}

// startError tells what an operator must mend (exit 2) from a database that is down (exit 4).
func startError(err error) error {
	if errors.Is(err, batch.ErrUnavailable) {
		return failed(err)
	}
	return usage(err)
}

func (e *execution) close() {
	closeAll(e.deps.Gateways)
	if e.db != nil {
		e.db.close()
	}
}

// overrides hands flags that stand for configuration keys to the configuration.
func (a *app) overrides(f runFlags) error {
	set := map[string]any{}
	if f.parallelism < 0 || f.chunkSize < 0 || f.Limit < 0 {
		return usagef("--parallelism, --chunk-size and --limit must not be negative")
	}
	if f.parallelism > 0 {
		set["gateways.<name>.parallelism"] = f.parallelism
	}
	if f.rate != "" {
		if _, err := config.ParseRate(f.rate); err != nil {
			return usagef("--rate: %w", err)
		}
		set["gateways.<name>.rate"] = f.rate
	}
	if f.chunkSize > 0 {
		set["billing.chunk_size"] = f.chunkSize
	}
	if a.flags == nil {
		a.flags = set
	}
	return nil
}

func (e *execution) checkFlags() error {
	if e.flags.Date != "" {
		if _, err := payment.ParseDate(e.flags.Date); err != nil {
			return usagef("--date: %w", err)
		}
	}
	if e.flags.maxDuration != "" {
		if d, err := config.ParseDuration(e.flags.maxDuration); err != nil || d <= 0 {
			return usagef("--max-duration: %q is not a duration such as 2h", e.flags.maxDuration)
		}
	}
	return nil
}

func (e *execution) checkSteps() error {
	known := jobs.BillingSteps(e.stages)
	for _, name := range e.flags.Steps {
		if !slices.Contains(known, name) {
			return usagef("--step: %q is not a step of billing: %s", name, strings.Join(known, ", "))
		}
	}
	return nil
}

// date settles the business date: today, or the one that was given.
func (e *execution) date() error {
	e.business = e.today
	if e.flags.Date == "" {
		return nil
	}
	date, err := payment.ParseDate(e.flags.Date)
	if err != nil {
		return usagef("--date: %w", err)
	}
	if date > e.today && !e.flags.allowFuture && !e.flags.dryRun {
		return usagef("--date: %s is after today, %s in %s; --allow-future is for sandboxes", date, e.today, e.config.Business.Timezone)
	}
	e.business = date
	return nil
}

// repeat takes over what --rerun names, unless the command line says otherwise.
func (e *execution) repeat(ctx context.Context, cmd *cobra.Command, job string) error {
	if e.flags.rerun == 0 {
		return nil
	}
	old, err := mysql.FindRun(ctx, e.db.DB, e.flags.rerun)
	if err != nil {
		return failed(err)
	}
	if old == nil {
		return usagef("--rerun: there is no run %d; `duly runs` lists them", e.flags.rerun)
	}
	if old.Job != job {
		return usagef("--rerun: run %d was a run of %s, not of %s", old.ID, old.Job, job)
	}
	var params runFlags
	if err := json.Unmarshal(old.Params, &params); err != nil {
		return failed(fmt.Errorf("read the parameters of run %d: %w", old.ID, err))
	}
	if !cmd.Flags().Changed("date") {
		e.flags.Date = old.BusinessDate
	}
	if !cmd.Flags().Changed("subscription") {
		e.flags.Subscriptions = params.Subscriptions
	}
	if !cmd.Flags().Changed("step") {
		e.flags.Steps = params.Steps
	}
	if !cmd.Flags().Changed("limit") {
		e.flags.Limit = params.Limit
	}
	return nil
}

// mayRun says whether the job is paused, or another run keeps an exclusive one from starting.
func (e *execution) mayRun(ctx context.Context, job string) error {
	pause, err := mysql.Paused(ctx, e.db.DB, job)
	if err != nil {
		return failed(err)
	}
	if pause != nil {
		return exitError{batch.ExitNotRun, fmt.Errorf("not run: %s was paused by %s: %s", job, pause.Who, pause.Reason)}
	}
	if !e.flags.exclusive {
		return nil
	}
	if _, err := e.deps.Repository.Abandon(ctx); err != nil {
		return failed(err)
	}
	others, err := e.deps.Repository.Others(ctx, 0)
	if err != nil {
		return failed(err)
	}
	for _, o := range others {
		if o.Job == job {
			return exitError{batch.ExitNotRun, fmt.Errorf("not run: run %d of %s is live on %s", o.ID, job, o.Host)}
		}
	}
	return nil
}

func (e *execution) billingJob() batch.Job {
	b := e.config.Billing
	return jobs.Billing(e.deps, jobs.BillingOptions{
		Selection: readers.Selection{Business: e.business, Subscriptions: e.flags.Subscriptions},
		Policy:    billing.Policy{RetryDays: b.RetryDays}, CatchUp: billing.CatchUp(b.CatchUp),
		ChunkSize: b.ChunkSize, BrakePercent: b.BrakePercent, Steps: e.flags.Steps,
	}, e.stages)
}

// execute runs the job, shows its progress and sums it up.
func (e *execution) execute(ctx context.Context, job string) error {
	params, err := json.Marshal(e.flags)
	if err != nil {
		return failed(err)
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	others, err := e.deps.Repository.Others(ctx, 0)
	if err != nil {
		return failed(err)
	}
	e.first(job, others)
	runner := e.runner(e.config, e.deps, e.flags.Limit, e.log)
	show := e.progress()
	runner.Started = show.start
	result, err := runner.Run(ctx, e.billingJob(), batch.Spec{
		Job: job, BusinessDate: e.business.String(), Params: params, RerunOf: e.flags.rerun,
		Lease: e.config.Run.Lease, Host: host, PID: os.Getpid(), Version: version,
	})
	show.stop()
	if err != nil {
		return failed(err)
	}
	e.code = result.Exit
	return e.summary(show, result)
}

// idList reads numbers separated by commas.
type idList struct{ ids *[]uint64 }

func (l idList) Type() string   { return "ID" }
func (l idList) String() string { return "" }

func (l idList) Set(s string) error {
	for part := range strings.SplitSeq(s, ",") {
		var id uint64
		if _, err := fmt.Sscanf(strings.TrimSpace(part), "%d", &id); err != nil || id == 0 || fmt.Sprint(id) != strings.TrimSpace(part) {
			return fmt.Errorf("%q is not an id such as 42", part)
		}
		*l.ids = append(*l.ids, id)
	}
	return nil
}

// every is how often progress is told where there is no terminal.
const every = 10 * time.Second
