// Command bench measures what duly costs against baselines that it runs itself, and prints one table. A case's
// sides take turns on a private MariaDB with durable commits, and the median of the rounds counts. Absolute
// times differ from machine to machine: every target is a ratio within one run.
//
//	go run ./bench                    all cases
//	go run ./bench -scale 0.1 B2      one case, at a tenth of its size
//	go run ./bench -markdown docs/benchmarks.md -json bench.json -svg docs/bench.svg
//	go run ./bench 10M                ten million subscriptions; only when it is named
package main

import (
	"cmp"
	"context"
	"errors"
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

	"duly/bench/provider"
	"duly/bench/report"
)

// benchmark is one case of the table.
type benchmark struct {
	name  string
	about string
	alone bool // only when it is named
	run   func(ctx context.Context, l *lab) ([]row, error)
}

func benchmarks() []benchmark {
	return []benchmark{
		{name: "B1", about: "gateway slots stay busy", run: slots},
		{name: "B2", about: "cost of our own", run: cost},
		{name: "B3", about: "flat memory", run: memory},
		{name: "B4", about: "flat claims", run: flatClaims},
		{name: "B5", about: "several workers", run: severalWorkers},
		{name: "B6", about: "hot product", run: hot},
		{name: "B7", about: "against what it replaces", run: replaced},
		{name: "B8", about: "start and restart", run: startUp},
		{name: "B9", about: "load on the database", run: databaseLoad},
		{name: "B10", about: "processor time of the worker", run: workerTime},
		{name: "B11", about: "against the tuned job", run: againstTuned},
		{name: "B12", about: "parallelism: auto against the best fixed setting", run: adaptive},
		{name: "R1", about: "stale orders, ten at a time", run: tenAtATime},
		{name: "A1", about: "audit in flat memory", run: audit},
		{name: "10M", about: "ten million subscriptions", alone: true, run: tenMillion},
		{name: "M1", about: "migrations beside a working shop", alone: true, run: migrating},
	}
}

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(150) // as cmd/duly does
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	program, args := run, os.Args[1:]
	if len(args) > 0 && args[0] == baselineCommand {
		program, args = runBaseline, args[1:]
	}
	code := program(ctx, args, os.Stdout, os.Stderr)
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
	markdown := flags.String("markdown", "", "also write table and notes to this `file`, below its line for figures")
	asJSON := flags.String("json", "", "also write all figures to this `file`, as JSON")
	chart := flags.String("svg", "", "also write a chart to this `file`")
	profile := flags.String("profile", "", "write CPU profiles of the worker into this `folder`")
	statements := flags.Bool("statements", false, "print what each statement takes in the server, for cases whose sides take turns")
	kind := flags.String("gateway", provider.Default, "type of the gateway, for B1 and B10")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	chosen, err := choose(flags.Args())
	if err == nil && (*rounds < 1 || *scale <= 0 || *scale > 1) {
		err = fmt.Errorf("-rounds must be at least 1, -scale above 0 and at most 1")
	}
	if err == nil {
		err = provider.Check(*kind, namesOf(chosen))
	}
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "bench:", err)
		return 2
	}
	l := &lab{gateway: *kind, rounds: *rounds, scale: *scale, profile: *profile, statements: *statements, log: stderr, now: time.Now} //nolint:forbidigo // the clock of the program
	rows, err := measure(ctx, l, chosen)
	done := l.report(rows)
	if len(rows) > 0 {
		_, _ = fmt.Fprintln(stdout, done.Table())
	}
	if err == nil {
		err = write(done, *markdown, *asJSON, *chart)
	}
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "bench:", err)
		return 1
	}
	return 0
}

// write writes the files that were asked for.
func write(done report.Run, markdown, asJSON, chart string) error {
	text, err := done.JSON()
	if err != nil {
		return err
	}
	old, err := os.ReadFile(markdown) //nolint:gosec // G304: a file that the user named
	if err != nil && markdown != "" && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("read what is to be written anew: %w", err)
	}
	for _, file := range []struct {
		name string
		text []byte
	}{{markdown, []byte(done.Document(string(old)))}, {asJSON, text}, {chart, []byte(done.Chart())}} {
		if file.name == "" {
			continue
		}
		if err := os.WriteFile(file.name, file.text, 0o644); err != nil { //nolint:gosec // G306: documents for everybody
			return fmt.Errorf("write what was measured: %w", err)
		}
	}
	return nil
}

func namesOf(all []benchmark) []string {
	names := make([]string, len(all))
	for i, b := range all {
		names[i] = b.name
	}
	return names
}

// choose finds the cases that were named; if none was, all but those that want to be named.
func choose(names []string) ([]benchmark, error) {
	all := benchmarks()
	if len(names) == 0 {
		return slices.DeleteFunc(all, func(b benchmark) bool { return b.alone }), nil
	}
	var chosen []benchmark
	for _, name := range names {
		at := slices.IndexFunc(all, func(b benchmark) bool { return strings.EqualFold(b.name, name) })
		if at < 0 {
			return nil, fmt.Errorf("there is no case %q, but %s", name, strings.Join(namesOf(all), ", "))
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
			measured[i].name = cmp.Or(measured[i].name, b.name)
		}
		rows = append(rows, measured...)
	}
	return rows, nil
}
