package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"duly/internal/cli"
	"duly/internal/decide"
	"duly/internal/operator"
	"duly/internal/session"
)

func stopCommand(ses *session.Session) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:   "stop RUN",
		Short: "Let a run drain and end, wherever it runs",
		Long: "Tells a run to stop, from any machine: with its next heartbeat (run.heartbeat) it\n" +
			"claims no more, finishes what is in flight within run.drain, and ends with exit 4.\n" +
			"Of a night it ends that one job; `duly pause nightly` ends all of it.",
		Example: "  duly stop 17 --reason \"the shop is being moved\"",
		Args:    cobra.ArbitraryArgs, ValidArgsFunction: completeRuns(ses, true),
		RunE: func(cmd *cobra.Command, args []string) error {
			return decide.WithRun(cmd.Context(), ses, args, func(db *session.Database, run uint64) error {
				business, err := ses.Clock(cmd.Context(), db.DB)
				if err != nil {
					return err
				}
				action := session.Action("stop", fmt.Sprintf("run:%d", run), reason)
				s, err := operator.Stop(cmd.Context(), db.DB, run, business(), action)
				return decide.Steered(ses.Screen, action, fmt.Sprintf("of %s on %s is told to stop", s.Job, s.Host), "it drains with its next heartbeat and ends with exit 4", err)
			})
		},
	}
	cmd.Flags().StringVar(&reason, cli.FlagReason, "", "why: a `TEXT` for those who ask later (default none)")
	return cmd
}
