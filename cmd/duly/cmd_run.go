package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"duly/internal/app"
	"duly/internal/cli"
	"duly/internal/registry"
	"duly/jobs"
)

func runCommand(a *app.Command) *cobra.Command {
	var f registry.Flags
	cmd := &cobra.Command{
		Use:   "run JOB",
		Short: "Run a job to completion: " + strings.Join(registry.Names(), ", "),
		Long:  runHelp(),
		Example: "  duly run billing\n" +
			"  duly run billing --date 2026-01-31 --subscription 42 --dry-run\n" +
			"  duly run billing --rerun 17 --max-duration 2h",
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: completeJob(),
		RunE: func(cmd *cobra.Command, args []string) error {
			a.Screen.Verbose = f.Verbose
			ended := a.Told(cmd.Context(), app.JobOf(args), f)
			err := runJob(cmd, a, args, f)
			ended(err)
			return err
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.Date, cli.FlagDate, "", "business `DATE`, such as 2026-01-31 (default today in business.timezone; report: yesterday)")
	flags.StringVar(&f.From, cli.FlagFrom, "", "report and audit: the first business `DATE` of several (default that of --to)")
	flags.StringVar(&f.To, cli.FlagTo, "", "report and audit: the last business `DATE` of several (default that of --from, or yesterday)")
	flags.Var(cli.IDs{To: &f.Subscriptions}, cli.FlagSubscription, "only the subscription of this `ID` (repeat, or separate by commas; default all)")
	flags.Var(cli.IDs{To: &f.Orders}, cli.FlagOrder, "only the order of this `ID` (repeat, or separate by commas; default all)")
	flags.StringSliceVar(&f.Steps, cli.FlagStep, nil, "only this `STEP` (repeat, or separate by commas; default all)")
	flags.Var(cli.Int{To: &f.Limit}, cli.FlagLimit, "work on at most `N` invoices, orders or events (default, and 0: no bound)")
	flags.BoolVar(&f.DryRun, "dry-run", false, "print what would be done; write nothing and call no gateway")
	flags.Var(cli.ID{To: &f.Rerun}, cli.FlagRerun, "repeat this `RUN`: same job, date and selection; what is given beside it wins (default none)")
	flags.StringVar(&f.Reason, "reason", "", "with --rerun or --now: `WHY`, for those who ask later (default none)")
	flags.BoolVar(&f.Now, cli.FlagNow, false, "billing, with --subscription: charge unpaid invoices at once, before their next date; a decline uses no retry")
	flags.BoolVar(&f.UntilNow, cli.FlagUntilNow, false, "audit: up to this minute (default up to 15 minutes ago, since later payments may be under way)")
	flags.BoolVar(&f.AllowFuture, cli.FlagAllowFuture, false, "allow a date after today (for sandboxes)")
	flags.Var(cli.Int{To: &f.Parallelism}, cli.FlagParallelism, "`N` requests at once (default gateways.<name>.parallelism for every gateway, or reconcile.parallelism)")
	flags.Var(cli.Int{To: &f.ChunkSize}, cli.FlagChunkSize, "`N` rows of one claim (default billing.chunk_size or reconcile.chunk_size)")
	flags.StringVar(&f.Rate, cli.FlagRate, "", "at most `N/s` requests, such as 20/s, to each gateway (default gateways.<name>.rate)")
	flags.StringVar(&f.MaxDuration, "max-duration", "", "stop after this `TIME`, such as 90m or 2h, and leave the rest to a later run (default no bound)")
	flags.BoolVar(&f.Exclusive, "exclusive", false, "do not run (exit 5) while another run of the job is live")
	flags.BoolVar(&f.NoProgress, "no-progress", false, "no progress lines on a terminal")
	flags.BoolVar(&f.Verbose, "verbose", false, "nightly: show each job as a run of its own; with --dry-run: sums and the first rows")
	flags.BoolVar(&f.CSV, cli.FlagCSV, false, "report: print the days as CSV on standard output")
	flags.StringVar(&f.Report, cli.FlagReport, "", "write a page about the run to this `FILE` when it ends (default none)")
	complete(cmd, cli.FlagStep, with(a.Session, completeSteps))
	complete(cmd, cli.FlagRerun, with(a.Session, completeRerun))
	return cmd
}

// runJob runs the job, or the night, that args name.
func runJob(cmd *cobra.Command, a *app.Command, args []string, f registry.Flags) error {
	if len(args) == 1 && args[0] == jobs.NightlyJob {
		return a.Nightly(cmd.Context(), f, cmd.Flags().Changed)
	}
	w, err := registry.Named(args)
	if err != nil {
		return err
	}
	return a.RunJob(cmd.Context(), w, f, cmd.Flags().Changed)
}

// runHelp is what the help of run begins with.
func runHelp() string {
	var list strings.Builder
	for _, w := range registry.Jobs() {
		fmt.Fprintf(&list, "  %-10s %s\n", w.Name, w.Does)
	}
	return "Runs a job to completion:\n\n" + list.String() + fmt.Sprintf("  %-10s %s\n\n", jobs.NightlyJob, app.NightlyDoes) +
		"It exits with a code that says what is left:\n\n" +
		"  0         done, nothing left behind: power off\n" +
		"  1         failed; work remains, nothing is lost: stay up\n" +
		"  2         bad usage or configuration; nothing was touched: stay up\n" +
		"  3         done, but rows need a person: this run sent them to review, or no\n" +
		"            run can go on with them: power off, look at them\n" +
		"  4         unfinished, a later run will do it: run again\n" +
		"  5         not run: paused, or --exclusive and another run is live\n" +
		"  130, 143  stopped by SIGINT or SIGTERM (129: SIGHUP) after draining: run again\n\n" +
		"A second signal ends it at once; the next run recovers what was in flight. Declines are results, not failures.\n\n" +
		"Steps of billing: " + strings.Join(jobs.BillingSteps(registry.UsualStages), ", ") + " (a retry for each of billing.retry_days). " +
		"The steps of another job are named by a mistake in --step, and by completion."
}
