package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"duly/internal/cli"
	"duly/internal/exit"
)

// helpWidth is how wide help is: it fits the narrowest terminal that people use.
const helpWidth = 80

// helpful sets what every command of the tree has alike: how its help looks, and what its arguments and flags are
// completed to where the command itself does not say.
func helpful(screen *cli.Screen, root *cobra.Command) {
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetHelpCommand(helpCommand())
	root.AddCommand(completionCommand(screen))
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) { fmt.Fprint(cmd.OutOrStdout(), help(cmd)) })
	each(root, completed)
}

// each calls do for a command and all below it.
func each(cmd *cobra.Command, do func(*cobra.Command)) {
	do(cmd)
	for _, sub := range cmd.Commands() {
		each(sub, do)
	}
}

func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND]",
		Short:   "Show what a command does, its flags and an example",
		Example: "  duly help\n  duly help run\n  duly help migrate up",
		Args:    cobra.ArbitraryArgs,
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			var names []cobra.Completion
			if at, rest, err := cmd.Root().Find(args); err == nil && len(rest) == 0 {
				for _, sub := range at.Commands() {
					if sub.IsAvailableCommand() {
						names = append(names, cobra.CompletionWithDesc(sub.Name(), sub.Short))
					}
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			at, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return exit.Usagef("unknown command %q; try duly help", strings.Join(args, " "))
			}
			return at.Help()
		},
	}
}

// help is what --help prints.
func help(cmd *cobra.Command) string {
	cmd.InitDefaultHelpFlag()
	cmd.InitDefaultVersionFlag()
	var b strings.Builder
	part := func(title, text string) {
		if text = strings.TrimRight(text, "\n "); text != "" {
			fmt.Fprintf(&b, "\n%s:\n%s\n", title, text)
		}
	}
	text := cmd.Long
	if text == "" {
		text = cmd.Short + "."
	}
	b.WriteString(fold(text, helpWidth) + "\n")
	part("Usage", "  "+usageLine(cmd))
	part("Examples", cmd.Example)
	part("Commands", commandList(cmd))
	part("Flags", flagUsages(cmd.LocalFlags()))
	if cmd.HasParent() {
		part("Flags of every command", flagUsages(cmd.InheritedFlags()))
	}
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "\n%s COMMAND --help tells more of each.\n", cmd.CommandPath())
	}
	return b.String()
}

// flagUsages lists flags. A switch is shown without a value: pflag would write [=true|false] behind each.
func flagUsages(flags *pflag.FlagSet) string {
	shown := pflag.NewFlagSet("", pflag.ContinueOnError)
	flags.VisitAll(func(f *pflag.Flag) {
		one := *f
		if f.Value.Type() == "bool" {
			one.Value, one.NoOptDefVal = switchValue{f.Value}, ""
		}
		shown.AddFlag(&one)
	})
	return shown.FlagUsagesWrapped(helpWidth)
}

// switchValue hides from pflag that a value is a switch.
type switchValue struct{ pflag.Value }

// usageLine is how the command is typed.
func usageLine(cmd *cobra.Command) string {
	if cmd.HasAvailableSubCommands() {
		return cmd.CommandPath() + " COMMAND"
	}
	return cmd.UseLine()
}

// commandList lists the commands below cmd.
func commandList(cmd *cobra.Command) string {
	widest := 0
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			widest = max(widest, len(sub.Name()))
		}
	}
	var b strings.Builder
	for _, sub := range cmd.Commands() {
		if !sub.IsAvailableCommand() {
			continue
		}
		lines := strings.Split(fold(sub.Short, helpWidth-widest-4), "\n")
		fmt.Fprintf(&b, "  %-*s  %s\n", widest, sub.Name(), strings.Join(lines, "\n"+strings.Repeat(" ", widest+4)))
	}
	return b.String()
}

// fold breaks paragraphs anew, so that no line is wider than width. Lines that are indented stay as they are.
func fold(text string, width int) string {
	var out []string
	open := false // the last line goes on
	for line := range strings.SplitSeq(text, "\n") {
		if line == "" || strings.HasPrefix(line, " ") {
			out, open = append(out, line), false
			continue
		}
		for word := range strings.FieldsSeq(line) {
			last := len(out) - 1
			if !open || len([]rune(out[last]))+1+len([]rune(word)) > width {
				out, open = append(out, word), true
				continue
			}
			out[last] += " " + word
		}
	}
	return strings.Join(out, "\n")
}

// named is the value of a flag that help has a name for.
type named struct {
	pflag.Value

	name string
}

// Type implements pflag.Value.
func (n named) Type() string { return n.name }

// name takes the name of a flag's value out of its usage, where it stands in back-quotes: completion shows usages as they are.
func name(f *pflag.Flag) {
	word, text := pflag.UnquoteUsage(f)
	if text == f.Usage {
		return
	}
	if f.DefValue == "[]" {
		f.DefValue = ""
	}
	f.Usage, f.Value = text, named{f.Value, word}
}

// typeOf is the type of a flag's value, whatever its name.
func typeOf(f *pflag.Flag) string {
	if n, ok := f.Value.(named); ok {
		return n.Value.Type()
	}
	return f.Value.Type()
}

// verboseFlag gives a command the flag that shows what people need seldom.
func verboseFlag(screen *cli.Screen, cmd *cobra.Command, usage string) {
	cmd.Flags().BoolVar(&screen.Verbose, "verbose", false, "show more: "+usage)
}
