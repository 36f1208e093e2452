package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"duly/config"
	"duly/internal/app"
	"duly/internal/cli"
	"duly/internal/exit"
	"duly/internal/registry"
)

func rootCommand(a *app.Command) *cobra.Command {
	root := &cobra.Command{
		Use:   "duly",
		Short: "Bills subscriptions, and runs to completion",
		Long: "duly charges every subscription that is due, retries declined ones, and exits with a code that says\n" +
			"what is left. It works on MySQL 8+ or MariaDB 10.11+.",
		Example: "  duly migrate up\n" +
			"  duly run billing --dry-run\n" +
			"  duly run billing\n" +
			"  duly show subscription 42",
		Version:            a.Version,
		SilenceErrors:      true,
		SilenceUsage:       true,
		DisableSuggestions: true, // they are said in one line, by unknownCommand
		PersistentPreRun:   func(cmd *cobra.Command, _ []string) { withoutSecrets(a.Session, cmd) },
	}
	root.SetOut(a.Screen.Out)
	root.SetErr(a.Screen.Err)
	root.PersistentFlags().StringVar(&a.File, "config", "", "configuration `FILE` (default "+config.DefaultFile+", if it is there)")
	root.PersistentFlags().BoolVar(&a.Screen.JSON, "json", false, "print one JSON document on standard output; logs go to standard error")
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(runCommand(a), scheduleCommand(a), showCommand(a.Session), runsCommand(a.Session), statusCommand(a.Session), pauseCommand(a.Session), resumeCommand(a.Session), stopCommand(a.Session), reportCommand(a.Session), throttleCommand(a.Session), resolveCommand(a.Session), requeueCommand(a.Session), refundCommand(a.Session), adoptCommand(a.Session), reopenCommand(a.Session), listCommand(a.Session), migrateCommand(a.Session), doctorCommand(a.Session), gatewaysCommand(a.Session), demoCommand(a), versionCommand(a.Session))
	group(root)
	helpful(a.Screen, root)
	return root
}

// group makes cmd one that does nothing without a subcommand, and says so in one line.
func group(cmd *cobra.Command) {
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var names []string
		for _, sub := range cmd.Commands() {
			if sub.IsAvailableCommand() {
				names = append(names, sub.Name())
			}
		}
		switch {
		case len(args) > 0:
			return exit.Usage(unknownCommand(cmd, args[0], names))
		case cmd.HasParent():
			return exit.Usagef("%s needs a command: %s", cmd.CommandPath(), strings.Join(names, ", "))
		}
		return cmd.Help()
	}
}

// flagError says what is right instead of a flag that is wrong.
func flagError(cmd *cobra.Command, err error) error {
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok {
		return exit.Usage(unknownFlag(cmd, unknown.GetSpecifiedName()))
	}
	if value, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		f := value.GetFlag()
		return exit.Usagef("--%s: %q is not %s: %s", f.Name, value.GetValue(), kind(typeOf(f)), f.Usage)
	}
	if missing, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		f := missing.GetFlag()
		return exit.Usagef("--%s needs a value: %s", f.Name, f.Usage)
	}
	return exit.Usage(err)
}

// kind says what a flag of that type takes.
func kind(flagType string) string {
	switch flagType {
	case cli.TypeInt:
		return "a whole number"
	case "bool":
		return "true or false"
	case cli.TypeID:
		return "an id such as 42"
	case cli.TypeAmount:
		return "an amount above 0 such as 1299"
	}
	return "a " + flagType
}

// noArguments refuses arguments, in one line.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return exit.Usagef("%s takes no argument, and was given %q", cmd.CommandPath(), args[0])
	}
	return nil
}

// unknownCommand says that a command has no such subcommand.
func unknownCommand(cmd *cobra.Command, typed string, names []string) error {
	path := strings.TrimPrefix(cmd.CommandPath()+" ", cmd.Root().Name()+" ")
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(typed); len(near) > 0 {
		return fmt.Errorf("unknown command %q; did you mean duly %s%s?", path+typed, path, strings.Join(near, " or duly "+path))
	}
	if job := cli.Meant(typed, registry.Names()); job != "" && !cmd.HasParent() {
		return fmt.Errorf("unknown command %q; did you mean duly run %s?", typed, job)
	}
	if !cmd.HasParent() {
		return fmt.Errorf("unknown command %q; try duly help", typed)
	}
	return fmt.Errorf("unknown command %q; %s %s", path+typed, cmd.CommandPath(), cli.Alternatives(names))
}

// unknownFlag says that a command has no such flag.
func unknownFlag(cmd *cobra.Command, typed string) error {
	var names []string
	add := func(f *pflag.Flag) { names = append(names, f.Name) }
	cmd.NonInheritedFlags().VisitAll(add)
	cmd.InheritedFlags().VisitAll(add)
	if near := cli.Meant(typed, names); near != "" {
		return fmt.Errorf("unknown flag --%s; did you mean --%s?", typed, near)
	}
	return fmt.Errorf("unknown flag --%s; try %s --help", typed, cmd.CommandPath())
}
