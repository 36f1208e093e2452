// Command duly bills subscriptions and settles orders: a worker that runs to completion.
package main

import (
	"context"
	"io"
	"os"
	"runtime/debug"
	"time"
	_ "time/tzdata" // business time zones, on machines that have none

	"duly/internal/adapters"
	"duly/internal/app"
	"duly/internal/cli"
	"duly/internal/session"
)

// The heap is a few megabytes, whatever is due: to collect it less often than Go does costs little memory and saves
// processor time of a run. GOGC still wins.
const gcPercent = 150

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	os.Exit(run(os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}

// run is the whole program; it returns the exit code.
func run(args, env []string, stdout, stderr io.Writer) int {
	ctx, end := interruptible(context.Background())
	defer end()
	return execute(ctx, newApp(env, stdout, stderr), args)
}

func newApp(env []string, stdout, stderr io.Writer) *app.Command {
	return &app.Command{Session: session.New(cli.NewScreen(env, stdout, stderr), versionOf(), time.Now, adapters.New)}
}
