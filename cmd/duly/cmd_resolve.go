package main

import (
	"errors"

	"github.com/spf13/cobra"
)

func resolveCommand(ses *Session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "resolve",
		Short: "Settle what waits for a person: an attempt, a payment, an invoice, an order or a finding",
		Long: "Settles what only a person can settle, and records who did it and why:\n\n" +
			"  --as paid GATEWAY_ID  that payment took the money; the gateway is asked\n" +
			"  --as not_executed     nothing was taken: an invoice is open again, an\n" +
			"                        order fails\n" +
			"  --as refunded         the money was refunded; nothing more is charged for it\n" +
			"  --as ignored          nothing more is to be done\n\n" +
			"are said of a charge: of an attempt, a payment of an order, the order that has one, a finding. Of an invoice, once no\n" +
			"attempt of it can take money, also where its subscription's row is gone:\n\n" +
			"  --as paid_outside     the money came another way than by a gateway\n" +
			"  --as void             it is not asked for any more\n" +
			"  --as uncollectible    it is owed, and given up\n\n" +
			"An invoice that is closed so is never charged. The gateway is asked by the charge's own key. Where it cannot say, --as not_executed is your recorded word, taken " +
			"once no request can take effect any more; for an attempt in doubt billing.give_up_after later. What is in flight is " +
			"never resolved by hand: a run asks the gateway. A payment that is still open is settled by hand once its order is in " +
			"review. Exit code 2 if it is refused, with what to type next; 4 for some minutes after the database has lost commits.\n\n" +
			"Instead of an id the filters of duly list take many: without --yes it only shows what would be done; with it each is done in a\n" +
			"transaction of its own, and what is refused is named and passed over. It may be typed again.",
		Example: "  duly resolve attempt 7 --as paid pay_8f3 --reason \"charged by hand on 3 May\"\n" +
			"  duly resolve payment 12 --as refunded --reason \"support gave it back\"\n" +
			"  duly resolve invoice 7 --as paid_outside --reason \"bank transfer of 3 May\"\n" +
			"  duly resolve finding --kind unknown_there --as ignored --reason \"a test\"",
	}
	for _, r := range resolvers(ses) {
		cmd.AddCommand(resolveOne(ses, r))
	}
	group(cmd)
	return cmd
}

func resolveOne(ses *Session, r resolver) *cobra.Command {
	var f resolveFlags
	var many manyFlags
	cmd := &cobra.Command{
		Use: r.what + " [ID] [GATEWAY_ID]", Short: "Settle one " + r.what + ", or those that filters select",
		Example: "  duly resolve " + r.what + " 7 --as " + string(usualAs(r.what)) + " --reason \"asked the provider\"\n" +
			"  duly resolve " + r.what + " --since 2026-01-31 --as " + string(usualAs(r.what)) + " --reason \"asked\"",
		Args: cobra.ArbitraryArgs, ValidArgsFunction: completeWaiting(ses, r.what),
		RunE: func(cmd *cobra.Command, args []string) error {
			if many.given(cmd.Flags().Changed) {
				as, err := f.readMany(r.what)
				if err = errors.Join(many.check(ses, args), err); err != nil {
					return usage(err)
				}
				return ses.asOperator(cmd.Context(), func(db *database) error {
					return doMany(cmd.Context(), ses, db, many, resolveMany(ses, r, f, as))
				})
			}
			n, as, named, err := f.read(r.what, args)
			if err != nil {
				return usage(err)
			}
			return ses.asOperator(cmd.Context(), func(db *database) error {
				detail, err := r.do(cmd.Context(), ses, db, n, named, as, f.action(r.what, n, as, named))
				if err != nil {
					return refusedOr(err)
				}
				if ses.Screen.json {
					return ses.Screen.print(resolved{What: r.what, ID: n, As: string(as), Done: true, Detail: detail})
				}
				ses.Screen.line("%s %d resolved as %s: %s", r.what, n, as, detail)
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&f.as, "as", "", "`WHAT` became of it: "+wordsFor(r.what)+" (needed)")
	cmd.Flags().StringVar(&f.reason, "reason", "", "why: a `TEXT` for those who ask later (needed)")
	addManyFilters(&many, ses, cmd, r.list)
	complete(cmd, "as", cobra.FixedCompletions(resolutions(r.what), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}
