package main

import (
	"github.com/spf13/cobra"

	"duly/internal/cli"
	"duly/internal/decide"
	"duly/internal/exit"
	"duly/internal/session"
)

func refundCommand(ses *session.Session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "refund",
		Short: "Request a refund of an invoice or an order, in whole or in part",
		Long: "Inserts a row into the table refunds, with your name and the reason; the step refund of the next duly run reconcile\n" +
			"executes it. The shop can insert such rows itself. Without --amount duly refunds all that is left, also after a partial\n" +
			"refund at the provider. Refunds never exceed what was paid, even if several are requested at the same time. Exit code 2:\n" +
			"the invoice or order was not paid, the refunds before it leave less than the requested amount, or a refund of the same\n" +
			"amount is not settled (--again). duly resolve refund ID --as cancelled cancels a refund that no run has begun.",
		Example: "  duly refund invoice 7 --reason \"not used\"\n" +
			"  duly refund invoice 7 --amount 5000 --end-subscription --reason \"half a month\"\n" +
			"  duly refund order 9 --restock --reason \"returned\"",
	}
	for _, what := range []string{"invoice", "order"} {
		cmd.AddCommand(refundOne(ses, what))
	}
	group(cmd)
	return cmd
}

func refundOne(ses *session.Session, what string) *cobra.Command {
	var f decide.RefundFlags
	cmd := &cobra.Command{
		Use: what + " ID", Short: "Request a refund of one " + what, Args: cobra.ArbitraryArgs,
		Example: "  duly refund " + what + " 7 --reason \"returned\"\n  duly refund " + what + " 7 --amount 5000 --reason \"half of it\" --dry-run",
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := f.Check(what, args)
			if err != nil {
				return exit.Usage(err)
			}
			return ses.AsOperator(cmd.Context(), func(db *session.Database) error {
				return decide.Refund(cmd.Context(), ses, db, what, id, f)
			})
		},
	}
	flags := cmd.Flags()
	flags.Var(cli.Amount{To: &f.Amount}, "amount", "so many `MINOR` units of its currency: 1299 is 12.99 USD or 1,299 KRW (default all that is left)")
	flags.StringVar(&f.Reason, cli.FlagReason, "", "why: a `TEXT` for those who ask later (needed)")
	if what == "order" {
		flags.Var(cli.ID{To: &f.Payment}, "payment", "the payment of this `ID`, where an order has several (default the only one that has money left)")
		flags.BoolVar(&f.Restock, "restock", false, "put the order's items back into the stock once all of the payment is refunded")
	} else {
		flags.BoolVar(&f.EndSubscription, "end-subscription", false, "cancel the subscription with the refund")
		flags.BoolVar(&f.GiveBack, "give-period-back", false, "make the invoice void with the refund, which must be of all its money")
	}
	flags.BoolVar(&f.Again, "again", false, "request it although a refund of the same amount is requested and not settled")
	flags.BoolVar(&f.Dry, "dry-run", false, "only show what would be requested")
	return cmd
}
