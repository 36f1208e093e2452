package main

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"duly/internal/app"
	"duly/internal/cli"
	"duly/internal/decide"
	"duly/internal/exit"
	"duly/internal/inspect"
	"duly/internal/registry"
	"duly/internal/session"
	"duly/jobs"
)

// completeFor bounds what a completion waits for: the database may be far away, and somebody waits for the key they pressed.
const completeFor = 2 * time.Second

// completedRuns is how many runs a completion lists.
const completedRuns = 20

// shells are those that completion is written for.
func shells() []string { return []string{"bash", "fish", "powershell", "zsh"} }

func completionCommand(screen *cli.Screen) *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish|powershell",
		Short: "Write a script that completes commands, flags, jobs, steps, gateways and runs",
		Long: "Writes a script for a shell that completes commands, flags, jobs, the steps of the job that was typed, the gateways of the configuration, " +
			"and runs and rows by their ids. For ids it reads the configured database, for two seconds at most.",
		Example: "  source <(duly completion bash)                 # this shell\n" +
			"  duly completion bash > /etc/bash_completion.d/duly\n" +
			"  duly completion zsh > \"${fpath[1]}/_duly\"\n" +
			"  duly completion fish > ~/.config/fish/completions/duly.fish\n" +
			"  duly completion powershell | Out-String | Invoke-Expression",
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: firstOf(shells()...),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 || !slices.Contains(shells(), args[0]) {
				return exit.Usagef("say for which shell: %s", strings.Join(shells(), ", "))
			}
			root := cmd.Root()
			switch args[0] {
			case "bash":
				return exit.Failed(root.GenBashCompletionV2(screen.Out, true))
			case "fish":
				return exit.Failed(root.GenFishCompletion(screen.Out, true))
			case "powershell":
				return exit.Failed(root.GenPowerShellCompletionWithDesc(screen.Out))
			}
			return exit.Failed(root.GenZshCompletion(screen.Out))
		},
	}
}

// completer is what cobra asks for completions.
type completer = func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective)

// with is a completer that looks into the database of ses.
func with(ses *session.Session, list func(ses *session.Session, cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective)) completer {
	return func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return list(ses, cmd, args, typed)
	}
}

// completed sets completions where a command has none: without them shells offer files, which nothing here takes but
// the flags that name one.
func completed(cmd *cobra.Command) {
	if cmd.ValidArgsFunction == nil {
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		name(f)
		if _, has := cmd.GetFlagCompletionFunc(f.Name); has || f.Value.Type() == "bool" {
			return
		}
		fn := cobra.NoFileCompletions
		if f.Value.Type() == fileName {
			fn = cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault)
		}
		complete(cmd, f.Name, fn)
	})
}

// fileName is what flags call their value that is a file.
const fileName = "FILE"

// complete sets the completions of a flag. It fails only for a flag that is not there or has some already.
func complete(cmd *cobra.Command, flag string, fn completer) {
	if err := cmd.RegisterFlagCompletionFunc(flag, fn); err != nil {
		cmd.PrintErrln(err)
	}
}

// firstOf completes the first argument to one of the words.
func firstOf(words ...cobra.Completion) completer {
	return func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			words = nil
		}
		return words, cobra.ShellCompDirectiveNoFileComp
	}
}

// completeSteps completes the steps of the job that was typed, also behind a comma.
func completeSteps(ses *session.Session, _ *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	stages := registry.UsualStages
	if c, err := ses.Load(); err == nil {
		stages = session.BillingPolicy(c).MostStages()
	}
	return registry.Completed(args, typed, stages), cobra.ShellCompDirectiveNoFileComp
}

// completeRuns completes the ids of runs, of the live ones alone if that is all that a command is for.
func completeRuns(ses *session.Session, live bool) completer {
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return completeRows(ses, cmd, args, func(ctx context.Context, db *session.Database) ([]cobra.Completion, error) {
			return inspect.CompletedRuns(ctx, db, live, completedRuns)
		})
	}
}

// completeRerun completes --rerun to runs of the job that was typed.
func completeRerun(ses *session.Session, cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	all, directive := completeRuns(ses, false)(cmd, nil, typed)
	if len(args) == 0 {
		return all, directive
	}
	return slices.DeleteFunc(all, func(c cobra.Completion) bool {
		_, what, _ := strings.Cut(c, "\t")
		return !strings.HasPrefix(what, args[0]+" ")
	}), directive
}

// completeWaiting completes the ids of what waits for an operator.
func completeWaiting(ses *session.Session, what string) completer {
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return completeRows(ses, cmd, args, func(ctx context.Context, db *session.Database) ([]cobra.Completion, error) {
			return inspect.CompletedIDs(ctx, db, what, completedRuns, args)
		})
	}
}

// completeShown completes the ids that `duly show` is most often asked for: runs, and what waits for an operator.
func completeShown(ses *session.Session, what string) completer {
	switch what {
	case "run":
		return completeRuns(ses, false)
	case "invoice", "order":
		return completeWaiting(ses, what)
	}
	return cobra.NoFileCompletions
}

// completeRows completes ids from the configured database: reading alone, and quickly or not at all. A private
// server is not started for it.
func completeRows(ses *session.Session,
	cmd *cobra.Command, args []string, read func(ctx context.Context, db *session.Database) ([]cobra.Completion, error),
) ([]cobra.Completion, cobra.ShellCompDirective) {
	const none = cobra.ShellCompDirectiveNoFileComp
	if len(args) > 0 && !strings.Contains(cmd.Use, "…") { // one id is all that it takes
		return nil, none
	}
	found, err := inspect.ReadCompletions(cmd.Context(), ses, completeFor, read)
	if err != nil {
		return nil, none
	}
	return found, none | cobra.ShellCompDirectiveKeepOrder
}

// completeJob completes the job of `duly run`.
func completeJob() completer {
	words := make([]cobra.Completion, 0, len(registry.Jobs())+1)
	for _, w := range registry.Jobs() {
		words = append(words, cobra.CompletionWithDesc(w.Name, w.Does))
	}
	return firstOf(append(words, cobra.CompletionWithDesc(jobs.NightlyJob, app.NightlyDoes))...)
}

// resolutions are the words of --as for a kind of row.
func resolutions(what string) []cobra.Completion {
	var all []cobra.Completion
	for _, as := range decide.WaysFor(what) {
		all = append(all, string(as))
	}
	return all
}

// completeGateway completes the gateways of the configuration.
func completeGateway(ses *session.Session, cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	c, err := ses.Load()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return firstOf(slices.Sorted(maps.Keys(c.Gateways))...)(cmd, args, typed)
}

// completeUnknownKeys completes the keys of the charges that wait to be adopted.
func completeUnknownKeys(ses *session.Session, cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return completeRows(ses, cmd, nil, func(ctx context.Context, db *session.Database) ([]cobra.Completion, error) {
		return inspect.CompletedKeys(ctx, db, args[0], completedRuns)
	})
}

func completeSubject(ses *session.Session, _ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	switch {
	case len(args) == 0:
		return append(registry.Names(), "gateway"), cobra.ShellCompDirectiveNoFileComp
	case len(args) == 1 && args[0] == "gateway":
		if c, err := ses.Load(); err == nil {
			return session.GatewayNames(c), cobra.ShellCompDirectiveNoFileComp
		}
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}
