package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"duly/jobs"
)

func listCommand(ses *Session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List what waits for somebody, with the command to type next",
		Long: "Lists what waits, rows with equal reasons together, with their ids and the command to type next. With --verbose each row\n" +
			"stands by itself with every command that moves it on, the usual one first: a command of which the line says that a gateway\n" +
			"is asked is refused where the gateway says otherwise, the others are accepted as they stand, with a reason in place of the\n" +
			"dots. The same filters take many rows at once in duly resolve and duly requeue. It only reads, so a replica will do.",
		Example: "  duly list review\n" +
			"  duly list review --run 17 --what invoice\n" +
			"  duly list findings --kind unknown_there --json",
	}
	for _, spec := range listSpecs() {
		cmd.AddCommand(listOne(ses, spec))
	}
	group(cmd)
	return cmd
}

func listOne(ses *Session, spec listSpec) *cobra.Command {
	var f filterFlags
	limit := listLimit
	cmd := &cobra.Command{
		Use: spec.name, Short: spec.short, Example: "  duly list " + spec.name + "\n  duly list " + spec.name + " --since 2026-01-31 --limit 500", Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if limit < 1 || limit > mostListed {
				err = fmt.Errorf("--limit: %d is not a number from 1 to %d", limit, mostListed)
			}
			if err = errors.Join(err, f.check(ses)); err != nil {
				return usage(err)
			}
			return ses.withSchema(cmd.Context(), func(db *database) error { return list(cmd.Context(), ses, db, spec, f, limit) })
		},
	}
	flags := cmd.Flags()
	addFilters(&f, ses, cmd, flagReason, spec)
	verboseFlag(ses.Screen, cmd, "each row by itself, with every command that moves it on")
	flags.IntVar(&limit, flagLimit, limit, "list so many `ROWS` at most, and count the others")
	return cmd
}

// add gives a command the flags that mean something to its list. matching is how the part of the reason is called.
func addFilters(f *filterFlags, a *Session, cmd *cobra.Command, matching string, spec listSpec) {
	f.matchingFlag, f.spec = matching, spec
	flags := cmd.Flags()
	if !spec.sinks {
		flags.StringSliceVar(&f.gateways, flagGateway, nil, "only rows of the gateway of this `NAME` (repeat, or separate by commas; default all)")
		complete(cmd, flagGateway, func(cmd *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return completeGateway(a, cmd, nil, typed)
		})
	}
	flags.Var(idList{&f.runs}, flagRun, "only rows that the run of this `ID` left so (repeat, or separate by commas; default all)")
	complete(cmd, flagRun, with(a, completeRerun))
	flags.StringVar(&f.matching, matching, "", "only rows whose reason contains this `TEXT`, in any letter case (default any)")
	flags.StringVar(&f.since, flagSince, "", "only rows that have waited since this `DAY` or instant, or for less long (default any)")
	flags.StringVar(&f.until, flagUntil, "", "only rows that have waited since before this `DAY` or instant (default any)")
	add := func(to *[]string, flag, text string, words []string) {
		if len(words) > 1 {
			flags.StringSliceVar(to, flag, nil, text+": "+strings.Join(words, ", ")+" (default all)")
			complete(cmd, flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
		}
	}
	add(&f.whats, flagWhat, "only rows of this `SORT`", spec.whats)
	add(&f.kinds, flagKind, "only findings of this `KIND`", spec.kinds)
	if spec.sinks {
		flags.StringSliceVar(&f.sinks, flagSink, nil, "only deliveries to the receiver of this `NAME`: "+strings.Join(jobs.Sinks(), ", ")+" (default all)")
	}
}

// add gives a command the filters of a list. What sort of row it takes is clear from the command.
func addManyFilters(f *manyFlags, a *Session, cmd *cobra.Command, list string) {
	spec := listSpecs()[slices.IndexFunc(listSpecs(), func(s listSpec) bool { return s.name == list })]
	spec.whats = nil
	addFilters(&f.filterFlags, a, cmd, flagMatching, spec)
	if spec.sinks {
		cmd.Flags().BoolVar(&f.dead, flagDead, false, "every event that was given up")
	}
	cmd.Flags().BoolVar(&f.yes, flagYes, false, "do it to all that the filters select (default false: only show what would be done)")
}
