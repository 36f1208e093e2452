package main

import (
	"github.com/spf13/cobra"
)

func requeueCommand(ses *Session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "requeue",
		Short: "Make invoices, orders or events due again",
		Long: "Makes rows due again that wait for a person, once what was wrong is put right, and records who did it. What is\n" +
			"unsettled is refused, and the line says what to do instead; so is an invoice whose rejected attempt is not proven to\n" +
			"have taken no money: the gateway is asked first. Exit code 2 if one is refused; the others are done.\n" +
			"Exit code 4, for invoices, for some minutes after the database has lost commits.\n\n" +
			"Instead of ids the filters of duly list take many: without --yes it only shows what would be done; with it each is\n" +
			"done in a transaction of its own. It may be typed again.",
		Example: "  duly requeue invoice 7 8 9\n" +
			"  duly requeue invoice --gateway main --matching \"not configured\"\n" +
			"  duly requeue event --dead --sink webhook --reason \"it is up again\" --yes",
	}
	for _, r := range requeuers(ses) {
		cmd.AddCommand(requeueOne(ses, r))
	}
	group(cmd)
	return cmd
}

func requeueOne(ses *Session, r requeuer) *cobra.Command {
	var reason string
	var many manyFlags
	cmd := &cobra.Command{
		Use: r.what + " [ID…]", Short: r.short, Args: cobra.ArbitraryArgs,
		Example:           "  duly requeue " + r.what + " 7 8\n  duly requeue " + r.what + r.many + " --yes",
		ValidArgsFunction: completeWaiting(ses, r.what),
		RunE: func(cmd *cobra.Command, args []string) error {
			do := func(db *database, id uint64) error {
				return r.do(cmd.Context(), ses, db, id, newAction("requeue", r.what, id, reason, nil), many.sinks)
			}
			if many.given(cmd.Flags().Changed) {
				if err := many.check(ses, args); err != nil {
					return usage(err)
				}
				return ses.asOperator(cmd.Context(), func(db *database) error {
					return doMany(cmd.Context(), ses, db, many, requeueMany(r, reason, do))
				})
			}
			ids, err := idsOf(r.what, args)
			if err != nil {
				return usage(err)
			}
			return ses.asOperator(cmd.Context(), func(db *database) error {
				return requeue(ses.Screen, ids, r.what, r.next, func(id uint64) error { return do(db, id) })
			})
		},
	}
	cmd.Flags().StringVar(&reason, flagReason, "", "why: a `TEXT` for those who ask later (default none)")
	addManyFilters(&many, ses, cmd, r.list)
	return cmd
}
