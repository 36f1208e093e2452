package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"duly/internal/exit"
)

// abortTime limits the abort hooks of a process that a second signal ends.
const abortTime = time.Second

// interruptible returns a context that SIGINT, SIGTERM or SIGHUP cancels: a terminal that is closed stops a run as an
// operator does. A second signal ends the process at once. A reader of its output that goes away ends nothing.
func interruptible(ctx context.Context) (context.Context, func()) {
	hooks := &exit.AbortHooks{}
	ctx, cancel := context.WithCancelCause(hooks.With(ctx))
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	signal.Ignore(syscall.SIGPIPE)
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for n := 0; ; n++ {
			select {
			case <-done:
				return
			case got := <-signals:
				s, _ := got.(syscall.Signal)
				if n > 0 {
					hooks.Run(abortTime)
					os.Exit(128 + int(s)) // the second signal is meant to end it at once
				}
				cancel(exit.SignalError{Signal: s})
			}
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		<-ended
		cancel(nil)
	}
}
