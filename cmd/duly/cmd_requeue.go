package main

import (
	"github.com/spf13/cobra"

	"duly/internal/cli"
	"duly/internal/decide"
	"duly/internal/exit"
	"duly/internal/session"
)

func requeueCommand(ses *session.Session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "requeue",
		Short: "Make invoices, orders or events due again",
		Long: "Makes rows due again that wait for a person, once what was wrong is fixed, and records who did it. What is\n" +
			"unsettled is refused, and the line says what to do instead; so is an invoice whose rejected attempt is not proven to\n" +
			"have taken no money: the gateway is asked first. Exit code 2 if one is refused; the others are done.\n" +
			"Exit code 4, for invoices, for some minutes after the database has lost commits.\n\n" +
			"Instead of ids the filters of duly list take many: without --yes it only shows what would be done; with it each is\n" +
			"done in a transaction of its own. It may be typed again.",
		Example: "  duly requeue invoice 7 8 9\n" +
			"  duly requeue invoice --gateway main --matching \"not configured\"\n" +
			"  duly requeue event --dead --sink webhook --reason \"it is up again\" --yes",
	}
	for _, r := range decide.Requeuers(ses) {
		cmd.AddCommand(requeueOne(ses, r))
	}
	group(cmd)
	return cmd
}

func requeueOne(ses *session.Session, r decide.Requeuer) *cobra.Command {
	var reason string
	var many decide.ManyFlags
	cmd := &cobra.Command{
		Use: r.What + " [ID…]", Short: r.Short, Args: cobra.ArbitraryArgs,
		Example:           "  duly requeue " + r.What + " 7 8\n  duly requeue " + r.What + r.Many + " --yes",
		ValidArgsFunction: completeWaiting(ses, r.What),
		RunE: func(cmd *cobra.Command, args []string) error {
			do := func(db *session.Database, id uint64) error {
				return r.Do(cmd.Context(), ses, db, id, session.ActionOn("requeue", r.What, id, reason, nil), many.Sinks)
			}
			if many.Given(cmd.Flags().Changed) {
				if err := many.Check(ses, args); err != nil {
					return exit.Usage(err)
				}
				return ses.AsOperator(cmd.Context(), func(db *session.Database) error {
					return decide.Many(cmd.Context(), ses, db, many, decide.RequeueMany(r, reason, do))
				})
			}
			ids, err := decide.IdsOf(r.What, args)
			if err != nil {
				return exit.Usage(err)
			}
			return ses.AsOperator(cmd.Context(), func(db *session.Database) error {
				return decide.Requeue(ses.Screen, ids, r.What, r.Next, func(id uint64) error { return do(db, id) })
			})
		},
	}
	cmd.Flags().StringVar(&reason, cli.FlagReason, "", "why: a `TEXT` for those who ask later (default none)")
	addManyFilters(&many, ses, cmd, r.List)
	return cmd
}
