package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	_ "time/tzdata"

	"duly/internal/app"
	"duly/internal/batch"
	"duly/internal/exit"
	"duly/internal/text"
	"duly/internal/view"
)

// runPath is the command that begins runs.
const runPath = "duly run"

// execute executes one command line and returns the exit code.
func execute(ctx context.Context, a *app.Command, args []string) int {
	began := false
	if told := a.Began; told != nil {
		a.Began = func(run uint64) { began = true; told(run) }
	} else {
		a.Began = func(uint64) { began = true }
	}
	root := rootCommand(a)
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		code, err := a.Screen.Stdout.Result(a.Code, nil)
		if err != nil {
			a.Screen.Complain(err)
		}
		return a.LogLost.Result(code)
	}
	a.Mistyped(ctx, cmd.CommandPath(), args, err)
	if code := exit.StopCode(ctx); code != 0 { // it failed because it was told to end
		if cmd.CommandPath() == runPath && !began && !a.Dry {
			a.Screen.Complain(fmt.Errorf("stopped by %s before a run began: nothing was issued, claimed or sent; again: duly %s", view.SignalName(code), commandLine(args)))
		}
		return code
	}
	code := batch.ExitUsage // cobra's own errors are mistakes in the command line
	if exit, ok := errors.AsType[exit.Error](err); ok {
		code, err = exit.Code, exit.Err
	}
	if code, err = a.Screen.Stdout.Result(code, err); err != nil {
		a.Screen.Complain(err)
	}
	return code
}

// commandLine is a command line as somebody types it into a shell.
func commandLine(args []string) string {
	words := make([]string, len(args))
	for i, arg := range args {
		flag, value, is := strings.Cut(arg, "=")
		switch {
		case !strings.HasPrefix(arg, "-"):
			words[i] = text.Word(arg, "VALUE")
		case is:
			words[i] = flag + "=" + text.Word(value, "VALUE")
		default:
			words[i] = arg
		}
	}
	return strings.Join(words, " ")
}
