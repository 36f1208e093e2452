package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"duly/internal/operator"
)

func throttleCommand(ses *Session) *cobra.Command {
	var f throttleFlags
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
			parallelism, rate, err := f.read()
			if err != nil {
				return usage(err)
			}
			return withRun(cmd.Context(), ses, args, func(db *database, run uint64) error {
				business, err := ses.clock(cmd.Context(), db.DB)
				if err != nil {
					return err
				}
				action := do("throttle", fmt.Sprintf("run:%d", run), f.reason)
				action.Detail = map[string]string{"parallelism": f.parallelism, "rate": f.rate}
				s, err := operator.Throttle(cmd.Context(), db.DB, run, parallelism, rate, business(), action, asksGateways)
				return steered(ses.Screen, action, fmt.Sprintf("of %s on %s, new pace requested", s.Job, s.Host), pace(s.Control)+", with its next heartbeat", err)
			})
		},
	}
	cmd.Flags().StringVar(&f.parallelism, flagParallelism, "", "`N` requests at once, or none for what it was started with (default unchanged)")
	cmd.Flags().StringVar(&f.rate, flagRate, "", "at most `N/s` requests, such as 20/s, or none for what it was started with (default unchanged)")
	cmd.Flags().StringVar(&f.reason, flagReason, "", "why: a `TEXT` for those who ask later (default none)")
	return cmd
}

// asksGateways reports whether a job sends requests to gateways.
func asksGateways(job string) bool {
	w, known := findWork(job)
	return known && w.gateways
}
