package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"duly/internal/cli"
	"duly/internal/decide"
	"duly/internal/exit"
	"duly/internal/inspect"
	"duly/internal/session"
	"duly/jobs"
)

func listCommand(ses *session.Session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List what waits for somebody, with the command to type next",
		Long: "Lists what waits, rows with equal reasons together, with their ids and the command to type next. With --verbose it shows\n" +
			"each row by itself with every command that settles it, the usual one first. If a line says that its gateway is asked, duly\n" +
			"refuses the command if the gateway says otherwise; it accepts the other commands as they stand, with a reason in place of\n" +
			"the dots. duly resolve and duly requeue accept the same filters, for many rows at once. It only reads: use a replica if you like.",
		Example: "  duly list review\n" +
			"  duly list review --run 17 --what invoice\n" +
			"  duly list findings --kind unknown_there --json",
	}
	for _, spec := range inspect.ListSpecs() {
		cmd.AddCommand(listOne(ses, spec))
	}
	group(cmd)
	return cmd
}

func listOne(ses *session.Session, spec inspect.ListSpec) *cobra.Command {
	var f inspect.FilterFlags
	limit := inspect.ListLimit
	cmd := &cobra.Command{
		Use: spec.Name, Short: spec.Short, Example: "  duly list " + spec.Name + "\n  duly list " + spec.Name + " --since 2026-01-31 --limit 500", Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if limit < 1 || limit > inspect.MostListed {
				err = fmt.Errorf("--limit: %d is not a number from 1 to %d", limit, inspect.MostListed)
			}
			if err = errors.Join(err, f.Check(ses)); err != nil {
				return exit.Usage(err)
			}
			return ses.WithSchema(cmd.Context(), func(db *session.Database) error { return inspect.List(cmd.Context(), ses, db, spec, f, limit) })
		},
	}
	flags := cmd.Flags()
	addFilters(&f, ses, cmd, cli.FlagReason, spec)
	verboseFlag(ses.Screen, cmd, "each row by itself, with every command that moves it on")
	flags.Var(cli.Int{To: &limit}, cli.FlagLimit, "list so many `ROWS` at most, and count the others")
	return cmd
}

// add gives a command the flags that mean something to its list. matching is how the part of the reason is called.
func addFilters(f *inspect.FilterFlags, a *session.Session, cmd *cobra.Command, matching string, spec inspect.ListSpec) {
	f.MatchingFlag, f.Spec = matching, spec
	flags := cmd.Flags()
	if !spec.Sinks {
		flags.StringSliceVar(&f.Gateways, cli.FlagGateway, nil, "only rows of the gateway of this `NAME` (repeat, or separate by commas; default all)")
		complete(cmd, cli.FlagGateway, func(cmd *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return completeGateway(a, cmd, nil, typed)
		})
	}
	flags.Var(cli.IDs{To: &f.Runs}, cli.FlagRun, "only rows that the run of this `ID` left so (repeat, or separate by commas; default all)")
	complete(cmd, cli.FlagRun, with(a, completeRerun))
	flags.StringVar(&f.Matching, matching, "", "only rows whose reason contains this `TEXT`, in any letter case (default any)")
	flags.StringVar(&f.Since, cli.FlagSince, "", "only rows that have waited since this `DAY` or instant, or for less long (default any)")
	flags.StringVar(&f.Until, cli.FlagUntil, "", "only rows that have waited since before this `DAY` or instant (default any)")
	add := func(to *[]string, flag, text string, words []string) {
		if len(words) > 1 {
			flags.StringSliceVar(to, flag, nil, text+": "+strings.Join(words, ", ")+" (default all)")
			complete(cmd, flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
		}
	}
	add(&f.Whats, cli.FlagWhat, "only rows of this `SORT`", spec.Whats)
	add(&f.Kinds, cli.FlagKind, "only rows of this `KIND`", spec.Kinds)
	if spec.Sinks {
		flags.StringSliceVar(&f.Sinks, cli.FlagSink, nil, "only deliveries to the receiver of this `NAME`: "+strings.Join(jobs.Sinks(), ", ")+" (default all)")
	}
}

// add gives a command the filters of a list. What sort of row it takes is clear from the command.
func addManyFilters(f *decide.ManyFlags, a *session.Session, cmd *cobra.Command, list string) {
	spec := inspect.ListSpecs()[slices.IndexFunc(inspect.ListSpecs(), func(s inspect.ListSpec) bool { return s.Name == list })]
	spec.Whats = nil
	addFilters(&f.FilterFlags, a, cmd, cli.FlagMatching, spec)
	if spec.Sinks {
		cmd.Flags().BoolVar(&f.Dead, cli.FlagDead, false, "every event that was given up")
	}
	cmd.Flags().BoolVar(&f.Yes, cli.FlagYes, false, "do it to all that the filters select (default false: only show what would be done)")
}
