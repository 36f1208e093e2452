package main

import (
	"errors"

	"github.com/spf13/cobra"

	"duly/internal/cli"
	"duly/internal/decide"
	"duly/internal/exit"
	"duly/internal/payment"
	"duly/internal/session"
)

func reopenCommand(ses *session.Session) *cobra.Command {
	var f decide.ReopenFlags
	cmd := &cobra.Command{
		Use:   "reopen",
		Short: "Take back declines that a gateway was at fault for, so that they are charged again",
		Long: "Takes back a wave of declines: after an account was suspended, or a method was switched off at the provider. Their\n" +
			"invoices are open again in the stage that they were declined in, due today, and the next run of billing charges\n" +
			"them under the next key, also by the method that was declined.\n\n" +
			"Without --reason it only shows what would happen to each, and the command to type next. With --reason each\n" +
			"is taken back in a transaction of its own, recorded with who did it and why.\n\n" +
			"What duly made of the subscription is taken back too: past_due, or paused or cancelled after the last stage, is what\n" +
			"it was before, and its date moves past the periods that began meanwhile. If somebody wrote the subscription's row\n" +
			"since, a pause stays, and an invoice of a cancelled one is refused. It refuses, by their ids, invoices that\n" +
			"have a newer attempt, or are paid or in review.\n\n" +
			"It may be typed again: what was taken back is passed over. Exit code 2 if one is refused; the others are done.",
		Example: "  duly reopen --run 17 --gateway main\n" +
			"  duly reopen --run 17,18 --gateway main --reason \"account suspended\"",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			classes, err := decide.Reopens(ses, f)
			if cmd.Flags().Changed(cli.FlagReason) && !session.HasReason(f.Reason) {
				err = errors.Join(err, errors.New("--reason: say why, for those who ask later"))
			}
			if err != nil {
				return exit.Usage(err)
			}
			f.Dry = f.Dry || f.Reason == ""
			return ses.AsOperator(cmd.Context(), func(db *session.Database) error { return decide.Reopen(cmd.Context(), ses, db, f, classes) })
		},
	}
	flags := cmd.Flags()
	flags.Var(cli.IDs{To: &f.Runs}, cli.FlagRun, "declines of the run of this `ID` (repeat, or separate by commas; needed)")
	flags.StringVar(&f.Gateway, cli.FlagGateway, "", "declines by the gateway of this `NAME` (needed)")
	flags.StringSliceVar(&f.Classes, cli.FlagClass, []string{string(payment.Hard), string(payment.Action)}, "declines of this `CLASS`: hard, action or soft (repeat, or separate by commas)")
	flags.StringVar(&f.Reason, cli.FlagReason, "", "why: a `TEXT` for those who ask later (default none: nothing is taken back)")
	flags.BoolVar(&f.Dry, "dry-run", false, "only show what would happen to each")
	complete(cmd, cli.FlagRun, with(ses, completeRerun))
	complete(cmd, cli.FlagGateway, func(cmd *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return completeGateway(ses, cmd, nil, typed)
	})
	complete(cmd, cli.FlagClass, cobra.FixedCompletions(decide.WordsOf(decide.Classes()), cobra.ShellCompDirectiveNoFileComp))
	cmd.AddCommand(reopenInvoiceCommand(ses))
	return cmd
}
