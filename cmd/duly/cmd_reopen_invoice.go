package main

import (
	"github.com/spf13/cobra"

	"duly/internal/cli"
	"duly/internal/decide"
	"duly/internal/exit"
	"duly/internal/session"
)

func reopenInvoiceCommand(ses *session.Session) *cobra.Command {
	var f decide.ReopenInvoiceFlags
	cmd := &cobra.Command{
		Use: "invoice ID…", Short: "Have invoices charged again whose dunning has ended, or whose charge took nothing",
		Long: "Reopens an uncollectible invoice in its last stage, due today. A subscription that duly cancelled or paused with it\n" +
			"becomes past_due, unless somebody wrote its row since. It reopens a paid invoice if the gateway says that its charge\n" +
			"was declined.\n\n" +
			"It refuses an invoice with an unsettled charge, one that an operator closed, and one whose payment method was declined\n" +
			"for good. Without --reason it only shows what would happen to each. Exit code 2 if one is refused; the others are done.",
		Example: "  duly reopen invoice 7\n  duly reopen invoice 7 8 --reason \"she pays with a new card\"",
		Args:    cobra.ArbitraryArgs, ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			ids, err := f.Read(args, cmd.Flags().Changed(cli.FlagReason))
			if err != nil {
				return exit.Usage(err)
			}
			return ses.AsOperator(cmd.Context(), func(db *session.Database) error {
				return decide.ReopenInvoices(cmd.Context(), ses, db, ids, f)
			})
		},
	}
	cmd.Flags().StringVar(&f.Reason, cli.FlagReason, "", "why: a `TEXT` for those who ask later (default none: nothing is changed)")
	cmd.Flags().BoolVar(&f.Dry, "dry-run", false, "only show what would happen to each")
	return cmd
}
