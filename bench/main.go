// Command bench measures what duly costs against baselines that it runs itself, and prints one table. A case's
// sides take turns on a private MariaDB with durable commits, and the median of the rounds counts. Absolute
// times differ from machine to machine: every target is a ratio within one run.
//
//	go run ./bench                    all cases
//	go run ./bench -scale 0.1 B2      one case, at a tenth of its size
//	go run ./bench -markdown docs/benchmarks.md
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"
)

// benchmark is one case of the table.
type benchmark struct {
	name  string
	about string
	run   func(ctx context.Context, l *lab) ([]row, error)
}

func benchmarks() []benchmark {
	return []benchmark{
		{"B1", "gateway slots stay busy", slots},
		{"B2", "cost of our own", cost},
		{"B3", "flat memory", memory},
		{"B6", "hot product", hot},
		{"R1", "stale orders, ten at a time", tenAtATime},
		{"B12", "parallelism: auto against the best fixed setting", adaptive},
		{"A1", "audit in flat memory", audit},
	}
}

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(200) // as cmd/duly does
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code) //nolint:forbidigo // a program's end
}

// run is the whole program; it returns the exit code: 1 if a case could not be measured, 2 for wrong arguments.
// A target that is missed is a figure in the table, not a failure.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	rounds := flags.Int("rounds", 3, "how often each side is measured; the median counts")
	scale := flags.Float64("scale", 1, "share of the full sizes, for quick runs")
	markdown := flags.String("markdown", "", "also write the table to this `file`")
	profile := flags.String("profile", "", "write CPU profiles of the worker into this `folder`")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	chosen, err := choose(flags.Args())
	if err == nil && (*rounds < 1 || *scale <= 0 || *scale > 1) {
		err = fmt.Errorf("-rounds must be at least 1, -scale above 0 and at most 1")
	}
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "bench:", err)
		return 2
	}
	l := &lab{rounds: *rounds, scale: *scale, profile: *profile, log: stderr, now: time.Now} //nolint:forbidigo // the clock of the program
	rows, err := measure(ctx, l, chosen)
	if len(rows) > 0 {
		_, _ = fmt.Fprintln(stdout, tableOf(rows).Render())
	}
	if err == nil && *markdown != "" {
		err = os.WriteFile(*markdown, []byte(l.report(rows)), 0o644) //nolint:gosec // G306: a document for everybody
	}
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "bench:", err)
		return 1
	}
	return 0
}

// choose finds the cases that were named; all, if none was.
func choose(names []string) ([]benchmark, error) {
	all := benchmarks()
	if len(names) == 0 {
		return all, nil
	}
	var chosen []benchmark
	for _, name := range names {
		at := slices.IndexFunc(all, func(b benchmark) bool { return strings.EqualFold(b.name, name) })
		if at < 0 {
			return nil, fmt.Errorf("there is no case %q", name)
		}
		chosen = append(chosen, all[at])
	}
	return chosen, nil
}

// measure runs the cases one after the other. What was measured before an error is returned with it.
func measure(ctx context.Context, l *lab, chosen []benchmark) (rows []row, err error) {
	if err := l.open(ctx); err != nil {
		return nil, err
	}
	defer func() {
		if closing := l.close(); err == nil {
			err = closing
		}
	}()
	for _, b := range chosen {
		l.say("%s %s", b.name, b.about)
		measured, err := b.run(ctx, l)
		if err != nil {
			return rows, fmt.Errorf("%s: %w", b.name, err)
		}
		for i := range measured {
			measured[i].name = b.name
		}
		rows = append(rows, measured...)
	}
	return rows, nil
}
