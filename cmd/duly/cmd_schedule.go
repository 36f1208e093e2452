package main

import (
	"context"

	"github.com/spf13/cobra"

	"duly/internal/app"
	"duly/internal/schedule"
	"duly/jobs"
)

func scheduleCommand(a *app.Command) *cobra.Command {
	list := false
	cmd := &cobra.Command{
		Use:   "schedule",
		Short: "Stay up and run jobs at the times of the configuration",
		Long: "Stays up and runs each job that has a time: the keys schedule.nightly, schedule.billing and so on, cron expressions (minute, hour, " +
			"day of month, month, day of week) in business.timezone. A run is what `duly run JOB` is, with the configuration as it stands then; " +
			"a change of the schedule, the zone, the database or the log takes a restart.\n\n" +
			"Of several schedulers on one database, one fires. A job that is under way is not begun again. After downtime there is one run for " +
			"today: at the start the latest firing of today that nobody took, or that a signal cut short, is made up for at once, those of earlier " +
			"days are not. If a scheduler dies in a run, the next firing recovers it, as every run does.\n\n" +
			"Where the clock is put forward over 02:30, 02:30 fires at 03:30; where it is put back and shows 02:30 twice, the first fires.\n\n" +
			"SIGTERM, SIGINT and SIGHUP let the run under way finish within run.drain. The exit code is 0, or 143, 130 or 129 if a run was cut " +
			"short; " +
			"a second signal ends it at once. schedule.listen answers GET /healthz with each job's next firing, last run and exit code.",
		Example: "  duly schedule --list\n" +
			"  DULY_SCHEDULE_NIGHTLY='30 2 * * *' DULY_SCHEDULE_LISTEN=127.0.0.1:9465 \\\n" +
			"    duly schedule\n" +
			"  curl --fail http://127.0.0.1:9465/healthz",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			firing := a.Fork() // each begins with what the process was given, and a configuration that is yet to be read
			c, times, err := schedule.Times(a.Session, !list, func(job string) bool { return job == jobs.NightlyJob || asksGateways(job) })
			if err != nil {
				return err
			}
			if list {
				return schedule.Print(a.Session, c, times)
			}
			return schedule.Serve(cmd.Context(), a.Session, firing.Session, c, times, a.Ticks, func(ctx context.Context, job string, began func(run uint64)) int {
				return fire(ctx, firing, job, began)
			})
		},
	}
	cmd.Flags().BoolVar(&list, "list", false, "print the next firings of each job, and end; no database is asked")
	return cmd
}

// fire is `duly run JOB`.
func fire(ctx context.Context, a *app.Command, job string, began func(run uint64)) int {
	one := a.Fork()
	one.Began = began
	args := []string{"run", job, "--no-progress"}
	if a.File != "" {
		args = append(args, "--config", a.File)
	}
	if a.Screen.JSON {
		args = append(args, "--json")
	}
	return execute(ctx, one, args)
}
