package main

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"golang.org/x/term"

	"duly/config"
	"duly/internal/batch"
	"duly/internal/mysql"
	"duly/internal/payment"
)

// terminal reports whether people read w as it is written.
func terminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) //nolint:gosec // a descriptor fits an int
}

// logger writes to standard error: text on a terminal, else JSON.
func (a *app) logger(c *config.Config) *slog.Logger {
	options := &slog.HandlerOptions{}
	_ = options
	if terminal(a.err) {
		return slog.New(slog.NewTextHandler(a.err, options))
	}
	return slog.New(slog.NewJSONHandler(a.err, options))
}

// first is the first line of every run: what it works on, where, and who else is at it.
func (e *execution) first(job string, others []mysql.Live) {
	names := slices.Sorted(maps.Keys(e.deps.Gateways))
	also := "nobody else is running"
	if len(others) > 0 {
		var runs []string
		for _, o := range others {
			runs = append(runs, fmt.Sprintf("%d (%s on %s)", o.ID, o.Job, o.Host))
		}
		also = "also running: " + strings.Join(runs, ", ")
	}
	fmt.Fprintf(e.human(), "%s for %s (%s), database %s/%s, gateways %s; %s\n", job, e.business, e.config.Business.Timezone,
		e.db.Host, e.db.Schema, strings.Join(names, ", "), also)
}

// human is where text for people goes: with --json standard output holds the document alone.
func (a *app) human() interface{ Write([]byte) (int, error) } {
	if a.json {
		return a.err
	}
	return a.out
}

// show tells how far a run has come.
type show struct {
	e     *execution
	run   *batch.Run
	steps []*batch.StepExecution
	done  chan struct{}
	ended chan struct{}
}

func (e *execution) progress() *show {
	return &show{e: e, done: make(chan struct{}), ended: make(chan struct{})}
}

func (s *show) start(run *batch.Run, steps []*batch.StepExecution) {
	s.run, s.steps = run, steps
	go func() {
		defer close(s.ended)
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			select {
			case <-s.done:
				return
			case <-ticker.C:
				s.tell()
			}
		}
	}()
}

func (s *show) tell() {
	for _, x := range s.steps {
		if x.Begun() && !x.Ended() {
			t := x.Tally()
			s.e.log.InfoContext(context.Background(), "progress", "run_id", s.run.ID, "step", x.Step, "read", t.Read,
				"succeeded", t.Succeeded, "declined", t.Declined, "in_doubt", t.InDoubt)
		}
	}
}

func (s *show) stop() {
	if s.run == nil {
		return
	}
	close(s.done)
	<-s.ended
}

// summary is what every run ends with.
func (e *execution) summary(s *show, r batch.Result) error {
	if e.json {
		return e.print(map[string]any{"run": s.run.ID, "status": r.Status, "exit_code": r.Exit, "left": r.Left, "tally": r.Tally})
	}
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.AppendHeader(table.Row{"step", "read", "succeeded", "declined", "released", "in doubt", "rejected", "review", "collected", "took"})
	for _, x := range s.steps {
		n := x.Tally()
		t.AppendRow(table.Row{x.Step, n.Read, n.Succeeded, n.Declined, n.Released, n.InDoubt, n.Rejected, n.Review, amounts(n.Amounts), x.Took().Round(time.Millisecond)})
	}
	fmt.Fprintln(e.out, t.Render())
	for _, reason := range r.Left {
		fmt.Fprintln(e.out, "left for a later run: "+reason)
	}
	if r.Err != nil {
		fmt.Fprintln(e.out, "failed: "+r.Err.Error())
	}
	fmt.Fprintf(e.out, "run %d %s, exit code %d\n", s.run.ID, r.Status, r.Exit)
	return nil
}

func amounts(m map[string]int64) string {
	var parts []string
	for _, currency := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, payment.Money{Amount: m[currency], Currency: currency}.String())
	}
	return strings.Join(parts, ", ")
}

func (e *execution) dryRun(context.Context, string) error { return usagef("--dry-run: not built") }
