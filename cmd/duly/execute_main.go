package main

import (
	"context"
	"errors"
	_ "time/tzdata"

	"duly/internal/batch"
)

// execute executes one command line and returns the exit code.
func execute(ctx context.Context, a *app, args []string) int {
	root := rootCommand(a)
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		code, err := a.Screen.stdout.result(a.code, nil)
		if err != nil {
			a.Screen.complain(err)
		}
		return a.logLost.result(code)
	}
	a.mistyped(ctx, cmd.CommandPath(), args, err)
	if code := stopCode(ctx); code != 0 {
		return code // it failed because it was told to end
	}
	code := batch.ExitUsage // cobra's own errors are mistakes in the command line
	if exit, ok := errors.AsType[exitError](err); ok {
		code, err = exit.code, exit.err
	}
	if code, err = a.Screen.stdout.result(code, err); err != nil {
		a.Screen.complain(err)
	}
	return code
}
