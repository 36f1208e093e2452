package main

import (
	"github.com/spf13/cobra"

	"duly/internal/cli"
	"duly/internal/exit"
	"duly/internal/inspect"
	"duly/internal/session"
)

func runsCommand(ses *session.Session) *cobra.Command {
	limit := 20
	cmd := &cobra.Command{
		Use:     "runs",
		Short:   "List past and present runs, newest first",
		Example: "  duly runs\n  duly runs --limit 100 --json",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if limit < 1 {
				return exit.Usagef("--limit: %d is not a number of runs: give 1 or more", limit)
			}
			return ses.WithSchema(cmd.Context(), func(db *session.Database) error { return inspect.ListRuns(cmd.Context(), ses, db, limit) })
		},
	}
	cmd.Flags().Var(cli.Int{To: &limit}, "limit", "list at most `N` runs")
	return cmd
}
