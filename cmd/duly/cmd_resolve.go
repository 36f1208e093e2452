package main

import (
	"errors"

	"github.com/spf13/cobra"

	"duly/internal/decide"
	"duly/internal/exit"
	"duly/internal/session"
)

func resolveCommand(ses *session.Session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "resolve",
		Short: "Settle what waits for a person: an attempt, a payment, an invoice, an order, a refund, a finding or a planned change",
		Long: "Settles what only a person can settle, and records who did it and why. A planned change can only be ignored: it is never applied.\n\n" +
			"For a charge: an attempt, a payment of an order, the order that has one, or a finding:\n\n" +
			"  --as paid GATEWAY_ID  that payment took the money; the gateway is asked\n" +
			"  --as not_executed     nothing was taken: an invoice is open again, an\n" +
			"                        order fails\n" +
			"  --as refunded         the money was refunded; nothing more is charged for it\n" +
			"  --as ignored          nothing more is to be done\n\n" +
			"For a refund: not_executed, refunded and ignored, and\n\n" +
			"  --as cancelled        no run has begun it: it is cancelled\n\n" +
			"For an invoice, once no attempt of it can take money, also if its subscription's row is gone:\n\n" +
			"  --as paid_outside     the money came another way than by a gateway\n" +
			"  --as void             nobody has to pay it any more\n" +
			"  --as uncollectible    it is owed, and given up\n" +
			"  --as approved         its amount is right, though it is beyond\n" +
			"                        billing.max_amount or billing.max_factor: the\n" +
			"                        next run charges it\n\n" +
			"A closed invoice is never charged; an approval counts for its invoice alone. duly asks the gateway by the charge's own key. If the gateway cannot say, duly records your --as not_executed and accepts it " +
			"once no request can take effect any more; for an attempt in doubt billing.give_up_after later. A charge in flight is " +
			"never resolved by hand: a run asks the gateway. A payment that is still open is settled by hand once its order is in " +
			"review. Exit code 2 if it is refused, with what to type next; 4 for some minutes after the database has lost commits.\n\n" +
			"Several ids are settled one after the other; --as paid takes one, and the payment. Instead of ids the filters of duly list take many: without --yes it only shows what would be done; with it each row\n" +
			"is settled in its own transaction, and refused rows are named and skipped. It may be typed again.",
		Example: "  duly resolve attempt 7 --as paid pay_8f3 --reason \"charged by hand on 3 May\"\n" +
			"  duly resolve payment 12 --as refunded --reason \"refunded by support\"\n" +
			"  duly resolve invoice 7 --as paid_outside --reason \"bank transfer of 3 May\"\n" +
			"  duly resolve finding --kind unknown_there --as ignored --reason \"a test\"",
	}
	for _, r := range decide.Resolvers(ses) {
		cmd.AddCommand(resolveOne(ses, r))
	}
	group(cmd)
	return cmd
}

func resolveOne(ses *session.Session, r decide.Resolver) *cobra.Command {
	var f decide.ResolveFlags
	var many decide.ManyFlags
	cmd := &cobra.Command{
		Use: r.What + " [ID…] [GATEWAY_ID]", Short: "Settle one " + r.What + " or more, or those that filters select",
		Example: "  duly resolve " + r.What + " 7 --as " + string(decide.UsualAs(r.What)) + " --reason \"asked the provider\"\n" +
			"  duly resolve " + r.What + " --since 2026-01-31 --as " + string(decide.UsualAs(r.What)) + " --reason \"asked\"",
		Args: cobra.ArbitraryArgs, ValidArgsFunction: completeWaiting(ses, r.What),
		RunE: func(cmd *cobra.Command, args []string) error {
			if many.Given(cmd.Flags().Changed) {
				as, err := f.ReadMany(r.What)
				if err = errors.Join(many.Check(ses, args), err); err != nil {
					return exit.Usage(err)
				}
				return ses.AsOperator(cmd.Context(), func(db *session.Database) error {
					return decide.Many(cmd.Context(), ses, db, many, decide.ResolveMany(ses, r, f, as))
				})
			}
			ids, as, named, err := f.Read(r.What, args)
			if err != nil {
				return exit.Usage(err)
			}
			return ses.AsOperator(cmd.Context(), func(db *session.Database) error {
				return decide.Resolve(cmd.Context(), ses, db, r, f, ids, as, named)
			})
		},
	}
	cmd.Flags().StringVar(&f.As, "as", "", "the resolution, `WHAT` to record: "+decide.WordsFor(r.What)+" (needed)")
	cmd.Flags().StringVar(&f.Reason, "reason", "", "why: a `TEXT` for those who ask later (needed)")
	addManyFilters(&many, ses, cmd, r.List)
	complete(cmd, "as", cobra.FixedCompletions(resolutions(r.What), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}
