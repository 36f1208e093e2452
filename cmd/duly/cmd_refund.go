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
		Long: "Writes a refund into the table refunds, with who asks for it and why; the next run of reconcile executes it, step refund.\n" +
			"The shop can insert such rows itself. Without --amount all that is left is refunded, also after somebody refunded a part\n" +
			"at the provider. Never more than was paid is refunded, even if several ask at the same time. Exit code 2: the invoice or\n" +
			"order was not paid, less is left than is asked for, once the refunds before it are executed, or one of the same amount is\n" +
			"not settled (--again). duly resolve refund ID --as cancelled takes back what was not sent.",
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
