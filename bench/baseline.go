package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"golang.org/x/sync/errgroup"

	"duly/bench/plain"
	"duly/bench/tuned"
	"duly/internal/payment"
)

// baselineCommand is the first argument of this program as a baseline that is compared with a process of duly: it is a
// process of its own as well.
const baselineCommand = "baseline"

// The baselines that are processes.
const (
	baselineTuned = "tuned" // the tuned job
	baselineBare  = "bare"  // a client that posts charges
)

// baseline is the command of one.
func (l *lab) baseline(ctx context.Context, name string, args ...string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	args = append([]string{baselineCommand, "-today", l.today().String()}, append(args, name)...)
	return exec.CommandContext(ctx, self, args...), nil //nolint:gosec // G204: this program
}

// runBaseline is the program as a baseline; it returns the exit code.
func runBaseline(ctx context.Context, args []string, _, stderr io.Writer) int {
	flags := flag.NewFlagSet(baselineCommand, flag.ContinueOnError)
	flags.SetOutput(stderr)
	url := flags.String("url", "", "address of the gateway")
	dsn := flags.String("dsn", "", "database")
	charges := flags.Int("charges", 0, "how many to post")
	date := flags.String("today", "", "business date")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	today, err := payment.ParseDate(*date)
	if err == nil {
		switch flags.Arg(0) {
		case baselineTuned:
			err = runTuned(ctx, *dsn, today, plain.NewClient(*url, gatewayToken, tuned.Workers, tuned.Timeout).Charge)
		case baselineBare:
			err = postAll(ctx, plain.NewClient(*url, gatewayToken, tuned.Workers, 0), *charges, today)
		default:
			err = fmt.Errorf("there is no baseline %q", flags.Arg(0))
		}
	}
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "bench:", err)
		return 1
	}
	return 0
}

// runTuned runs the tuned job to its end.
func runTuned(ctx context.Context, dsn string, today payment.Date, charge func(ctx context.Context, c payment.Charge) (string, error)) error {
	db, err := tuned.Open(dsn)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()                                              // nothing is lost with it
	return tuned.Job{DB: db, Today: today, Charge: charge, Now: time.Now}.Run(ctx) //nolint:forbidigo // the clock of the program
}

// postAll posts the charges of so many subscriptions.
func postAll(ctx context.Context, client *plain.Client, n int, today payment.Date) error {
	var group errgroup.Group
	group.SetLimit(tuned.Workers)
	for id := 1; id <= n; id++ {
		group.Go(func() error {
			_, err := client.Charge(ctx, enrolled(id).charge(today))
			return err
		})
	}
	return group.Wait()
}
