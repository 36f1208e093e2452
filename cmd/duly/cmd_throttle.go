package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"duly/internal/cli"
	"duly/internal/decide"
	"duly/internal/exit"
	"duly/internal/operator"
	"duly/internal/registry"
	"duly/internal/session"
	"duly/internal/view"
)

func throttleCommand(ses *session.Session) *cobra.Command {
	var f decide.ThrottleFlags
	cmd := &cobra.Command{
		Use:   "throttle RUN",
		Short: "Change the pace of a run, wherever it runs",
		Long: "Changes how many requests a run has open at once and how many it sends a second,\n" +
			"with its next heartbeat (run.heartbeat); what is in flight goes on. Both are for each\n" +
			"gateway, but for reconcile, where the first is for all of them together. A run never\n" +
			"gets faster than it was started: `none` gives that back. What is not given stays as\n" +
			"it is. Jobs that ask no gateway have no pace.",
		Example: "  duly throttle 17 --parallelism 5 --reason \"the provider asked for it\"\n" +
			"  duly throttle 17 --rate 20/s\n" +
			"  duly throttle 17 --parallelism none --rate none",
		Args: cobra.ArbitraryArgs, ValidArgsFunction: completeRuns(ses, true),
		RunE: func(cmd *cobra.Command, args []string) error {
			parallelism, rate, err := f.Read()
			if err != nil {
				return exit.Usage(err)
			}
			return decide.WithRun(cmd.Context(), ses, args, func(db *session.Database, run uint64) error {
				business, err := ses.Clock(cmd.Context(), db.DB)
				if err != nil {
					return err
				}
				action := session.Action("throttle", fmt.Sprintf("run:%d", run), f.Reason)
				action.Detail = map[string]string{"parallelism": f.Parallelism, "rate": f.Rate}
				s, err := operator.Throttle(cmd.Context(), db.DB, run, parallelism, rate, business(), action, asksGateways)
				return decide.Steered(ses.Screen, action, fmt.Sprintf("of %s on %s, new pace requested", s.Job, s.Host), view.Pace(s.Control)+", with its next heartbeat", err)
			})
		},
	}
	cmd.Flags().StringVar(&f.Parallelism, cli.FlagParallelism, "", "`N` requests at once, or none for what it was started with (default unchanged)")
	cmd.Flags().StringVar(&f.Rate, cli.FlagRate, "", "at most `N/s` requests, such as 20/s, or none for what it was started with (default unchanged)")
	cmd.Flags().StringVar(&f.Reason, cli.FlagReason, "", "why: a `TEXT` for those who ask later (default none)")
	return cmd
}

// asksGateways reports whether a job sends requests to gateways.
func asksGateways(job string) bool {
	w, known := registry.Find(job)
	return known && w.Gateways
}
