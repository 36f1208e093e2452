package main

import (
	"github.com/spf13/cobra"
)

func runsCommand(ses *Session) *cobra.Command {
	limit := 20
	cmd := &cobra.Command{
		Use:     "runs",
		Short:   "List past and present runs, newest first",
		Example: "  duly runs\n  duly runs --limit 100 --json",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if limit < 1 {
				return usagef("--limit: %d is not a number of runs: give 1 or more", limit)
			}
			return ses.withSchema(cmd.Context(), func(db *database) error { return listRuns(cmd.Context(), ses, db, limit) })
		},
	}
	cmd.Flags().IntVar(&limit, "limit", limit, "list at most `N` runs")
	return cmd
}
