package main

import (
	"context"

	"github.com/spf13/cobra"

	"duly/internal/cli"
	"duly/internal/exit"
	"duly/internal/inspect"
	"duly/internal/session"
)

func showCommand(ses *session.Session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Show one run, subscription, invoice or order: what happened, what comes next, and why",
		Example: "  duly show subscription 42\n" +
			"  duly show invoice 7 --json\n" +
			"  duly show order 12\n" +
			"  duly show run 17",
	}
	add := func(name, short, more string, do func(context.Context, *session.Session, *session.Database, uint64) error) {
		one := &cobra.Command{
			Use: name + " ID", Short: short, Example: "  duly show " + name + " 42", Args: cobra.ArbitraryArgs,
			ValidArgsFunction: completeShown(ses, name),
			RunE: func(cmd *cobra.Command, args []string) error {
				if len(args) != 1 {
					return exit.Usagef("say which %s, by its id: duly show %s 42", name, name)
				}
				n, err := cli.ParseID(args[0])
				if err != nil {
					return err
				}
				return ses.WithSchema(cmd.Context(), func(db *session.Database) error { return do(cmd.Context(), ses, db, n) })
			},
		}
		if more != "" {
			verboseFlag(ses.Screen, one, more)
		}
		cmd.AddCommand(one)
	}
	add("run", "One run and its steps", "", inspect.ShowRun)
	add("subscription", "One subscription: was it charged, was it charged twice, and if not, why", "every invoice with its keys, and the events", inspect.ShowSubscription)
	add("invoice", "One invoice: why it is paid or not, and what to type", "its attempts with their keys, and the events", inspect.ShowInvoice)
	add("order", "One order with its payments, and what becomes of it", "keys and events", inspect.ShowOrder)
	group(cmd)
	return cmd
}
