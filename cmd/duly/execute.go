package main

import (
	"context"
	"errors"
	_ "time/tzdata"

	"duly/internal/app"
	"duly/internal/batch"
	"duly/internal/exit"
)

// execute executes one command line and returns the exit code.
func execute(ctx context.Context, a *app.Command, args []string) int {
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
	if code := exit.StopCode(ctx); code != 0 {
		return code // it failed because it was told to end
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
