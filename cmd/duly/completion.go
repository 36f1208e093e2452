package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"duly/config"
	"duly/internal/mysql"
	"duly/internal/query/worklist"
	"duly/internal/runs"
)

// completeFor bounds what a completion waits for: the database may be far away, and somebody waits for the key they pressed.
const completeFor = 2 * time.Second

// completedRuns is how many runs a completion lists.
const completedRuns = 20

// shells are those that completion is written for.
func shells() []string { return []string{"bash", "fish", "zsh"} }

func (a *app) completionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish",
		Short: "Write a script that completes commands, flags, jobs, steps, gateways and runs",
		Long: "Writes a script for a shell that completes commands, flags, jobs, the steps of the job that was typed, the gateways of the configuration, " +
			"and runs and rows by their ids. For ids it reads the configured database, for two seconds at most.",
		Example: "  source <(duly completion bash)                 # this shell\n" +
			"  duly completion bash > /etc/bash_completion.d/duly\n" +
			"  duly completion zsh > \"${fpath[1]}/_duly\"\n" +
			"  duly completion fish > ~/.config/fish/completions/duly.fish",
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: firstOf(shells()...),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 || !slices.Contains(shells(), args[0]) {
				return usagef("say for which shell: %s", strings.Join(shells(), ", "))
			}
			root := cmd.Root()
			switch args[0] {
			case "bash":
				return failed(root.GenBashCompletionV2(a.out, true))
			case "fish":
				return failed(root.GenFishCompletion(a.out, true))
			}
			return failed(root.GenZshCompletion(a.out))
		},
	}
}

// completer is what cobra asks for completions.
type completer = func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective)

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
func (a *app) completeSteps(_ *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	const none = cobra.ShellCompDirectiveNoFileComp
	if len(args) == 0 {
		return nil, none
	}
	w, ok := findWork(args[0])
	if !ok {
		return nil, none
	}
	stages := usualStages
	if c, err := a.load(); err == nil {
		stages = len(c.Billing.RetryDays)
	}
	before := typed[:strings.LastIndex(typed, ",")+1]
	var steps []cobra.Completion
	for _, step := range w.steps(stages) {
		if !slices.Contains(strings.Split(before, ","), step) {
			steps = append(steps, before+step)
		}
	}
	return steps, none
}

// completeRuns completes the ids of runs, of the live ones alone if that is all that a command is for.
func (a *app) completeRuns(live bool) completer {
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return a.completeRows(cmd, args, func(ctx context.Context, db *database) ([]cobra.Completion, error) {
			list := runs.LiveRuns
			if !live {
				list = func(ctx context.Context, db *mysql.DB) ([]runs.PastRun, error) {
					return runs.Runs(ctx, db, completedRuns)
				}
			}
			runs, err := list(ctx, db.DB)
			var found []cobra.Completion
			for _, r := range runs {
				found = append(found, cobra.CompletionWithDesc(strconv.FormatUint(r.ID, 10), fmt.Sprintf("%s for %s, %s", r.Job, r.BusinessDate, r.Status)))
			}
			return found, err
		})
	}
}

// completeRerun completes --rerun to runs of the job that was typed.
func (a *app) completeRerun(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	all, directive := a.completeRuns(false)(cmd, nil, typed)
	if len(args) == 0 {
		return all, directive
	}
	return slices.DeleteFunc(all, func(c cobra.Completion) bool {
		_, what, _ := strings.Cut(c, "\t")
		return !strings.HasPrefix(what, args[0]+" ")
	}), directive
}

// completeWaiting completes the ids of what waits for an operator.
func (a *app) completeWaiting(what string) completer {
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return a.completeRows(cmd, args, func(ctx context.Context, db *database) ([]cobra.Completion, error) {
			ids, err := worklist.IDs(ctx, db.DB, what, completedRuns)
			var found []cobra.Completion
			for _, id := range ids {
				if text := strconv.FormatUint(id, 10); !slices.Contains(args, text) {
					found = append(found, text)
				}
			}
			return found, err
		})
	}
}

// completeShown completes the ids that `duly show` is most often asked for: runs, and what waits for an operator.
func (a *app) completeShown(what string) completer {
	switch what {
	case "run":
		return a.completeRuns(false)
	case "invoice", "order":
		return a.completeWaiting(what)
	}
	return cobra.NoFileCompletions
}

// completeRows completes ids from the configured database: reading alone, and quickly or not at all. A private
// server is not started for it.
func (a *app) completeRows(
	cmd *cobra.Command, args []string, read func(ctx context.Context, db *database) ([]cobra.Completion, error),
) ([]cobra.Completion, cobra.ShellCompDirective) {
	const none = cobra.ShellCompDirectiveNoFileComp
	if len(args) > 0 && !strings.Contains(cmd.Use, "…") { // one id is all that it takes
		return nil, none
	}
	c, err := a.load()
	if err != nil || c.Database.DSN == "" || c.Database.DSN.Reveal() == config.Private {
		return nil, none
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completeFor)
	defer cancel()
	a.dry = true
	db, err := a.open(ctx, c)
	if err != nil {
		return nil, none
	}
	defer db.close()
	found, err := read(ctx, db)
	if err != nil {
		return nil, none
	}
	return found, none | cobra.ShellCompDirectiveKeepOrder
}

// completeJob completes the job of `duly run`.
func completeJob() completer {
	words := make([]cobra.Completion, 0, len(registry())+1)
	for _, w := range registry() {
		words = append(words, cobra.CompletionWithDesc(w.name, w.does))
	}
	return firstOf(append(words, cobra.CompletionWithDesc(nightlyJob, nightlyDoes))...)
}

// resolutions are the words of --as for a kind of row.
func resolutions(what string) []cobra.Completion {
	var all []cobra.Completion
	for _, as := range waysFor(what) {
		all = append(all, string(as))
	}
	return all
}
