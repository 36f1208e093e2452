package main

import (
	"github.com/spf13/cobra"

	"duly/internal/decide"
	"duly/internal/session"
)

func resolveChange(ses *session.Session) *cobra.Command {
	var f decide.ResolveFlags
	cmd := &cobra.Command{
		Use: "change ID", Short: "Drop a planned change that is not applied yet",
		Long: "Ends a row of subscription_changes without applying it, and records who did it and why. Its subscription is billed again without\n" +
			"it by the next run, and later changes are applied. A change that should be made is corrected in its row instead. Exit code 2 if\n" +
			"it was applied or dropped already.",
		Example: "  duly resolve change 7 --as dropped --reason \"the customer stays\"",
		Args:    cobra.ArbitraryArgs, ValidArgsFunction: completeWaiting(ses, "change"),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := f.ReadChange(args)
			if err != nil {
				return err
			}
			return ses.AsOperator(cmd.Context(), func(db *session.Database) error {
				return decide.DropChange(cmd.Context(), ses, db, id, f)
			})
		},
	}
	cmd.Flags().StringVar(&f.As, "as", "", "`WHAT` became of it: dropped (needed)")
	cmd.Flags().StringVar(&f.Reason, "reason", "", "why: a `TEXT` for those who ask later (needed)")
	complete(cmd, "as", cobra.FixedCompletions([]string{decide.AsDropped}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}
