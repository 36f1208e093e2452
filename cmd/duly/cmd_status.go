package main

import (
	"errors"

	"github.com/spf13/cobra"

	"duly/internal/exit"
	"duly/internal/inspect"
	"duly/internal/session"
)

func statusCommand(ses *session.Session) *cobra.Command {
	var watch bool
	every := "2s"
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show who is needed, what is due, claimed, in doubt and paused, and the live runs",
		Long: "Shows who is needed, what is due, claimed, in doubt and paused, the last run, and a line\n" +
			"of each live run: how far it has come, and what slows it down. It only reads, so a\n" +
			"replica will do.\n\n" +
			"With --watch it is shown again and again until SIGINT (Ctrl-C), which ends it with\n" +
			"exit 0: drawn over on a terminal, block after block elsewhere, and a document a line\n" +
			"with --json.",
		Example: "  duly status\n  duly status --watch\n  duly status --watch --interval 10s --json",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			pause, err := inspect.Interval(every)
			if !watch && cmd.Flags().Changed("interval") {
				err = errors.Join(err, errors.New("--interval goes with --watch"))
			}
			if err != nil {
				return exit.Usage(err)
			}
			return ses.WithSchema(cmd.Context(), func(db *session.Database) error {
				if watch {
					return inspect.WatchStatus(cmd.Context(), ses, db, pause)
				}
				return inspect.Status(cmd.Context(), ses, db)
			})
		},
	}
	verboseFlag(ses.Screen, cmd, "of live runs also the gateways and the steps")
	cmd.Flags().BoolVar(&watch, "watch", false, "show it again and again")
	cmd.Flags().StringVar(&every, "interval", every, "with --watch, the `TIME` from one look to the next, such as 5s")
	return cmd
}
