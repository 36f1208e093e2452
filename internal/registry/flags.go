package registry

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"duly/config"
	"duly/internal/cli"
	"duly/internal/page"
	"duly/internal/payment"
	"duly/internal/query"
	"duly/jobs"
)

// Flags are the flags of `duly run`; as JSON they are what a re-run repeats.
type Flags struct {
	Date          string   `json:"date,omitempty"`
	From          string   `json:"from,omitempty"`
	To            string   `json:"to,omitempty"`
	Subscriptions []uint64 `json:"subscriptions,omitempty"`
	Orders        []uint64 `json:"orders,omitempty"`
	Steps         []string `json:"steps,omitempty"`
	Limit         int      `json:"limit,omitempty"`
	// Now: unpaid invoices are charged before their dates. It is kept, and not repeated.
	Now bool `json:"now,omitempty"`
	// Elsewhen: the run is not for the day that it would be for by itself. It is found out, and not repeated.
	Elsewhen bool `json:"elsewhen,omitempty"`

	DryRun, AllowFuture, UntilNow, Exclusive, NoProgress, CSV, Verbose bool   `json:"-"`
	Rerun                                                              uint64 `json:"-"`
	Parallelism, ChunkSize                                             int    `json:"-"`
	Rate                                                               string `json:"-"`
	MaxDuration                                                        string `json:"-"`
	Reason                                                             string `json:"-"`
	Report                                                             string `json:"-"`
	// Unrepeated says what of an earlier run is not repeated; empty: everything is.
	Unrepeated string `json:"-"`
}

// Problems are the mistakes that can be seen without a database.
func (f Flags) Problems(w Job, given func(flag string) bool) []error {
	var found []error
	add := func(format string, args ...any) { found = append(found, fmt.Errorf(format, args...)) }
	for flag, text := range map[string]string{cli.FlagDate: f.Date, cli.FlagFrom: f.From, cli.FlagTo: f.To} {
		date, err := payment.ParseDate(text)
		switch {
		case text == "":
		case err != nil:
			add("--%s: %w", flag, err)
		case date < query.OldestDue:
			add("--%s: %s is before the first due date that is looked at, %s", flag, text, query.OldestDue)
		}
	}
	if f.Now && len(f.Subscriptions) == 0 && f.Rerun == 0 {
		add("--now: say of which subscriptions: --subscription 42 --now")
	}
	if f.Limit < 0 {
		add("--limit: %d is negative", f.Limit)
	}
	for name, n := range map[string]int{cli.FlagParallelism: f.Parallelism, cli.FlagChunkSize: f.ChunkSize} {
		if n < 0 || n == 0 && given(name) {
			add("--%s: %d, and must be 1 or more", name, n)
		}
	}
	if f.Rate != "" {
		if _, err := config.ParseRate(f.Rate); err != nil {
			add("--rate: %w", err)
		}
	}
	if _, err := f.bound(); err != nil {
		found = append(found, err)
	}
	if err := f.ReportMistake(); err != nil {
		found = append(found, err)
	}
	for _, step := range f.Steps {
		if !w.mayHave(step) {
			found = append(found, fmt.Errorf("--step: %w", cli.UnknownWord(w.Name+" step", step, w.Steps(UsualStages))))
		}
	}
	slices.SortFunc(found, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return found
}

// ReportMistake says why the report of the run could not be written; nil if it can, or there is to be none.
func (f Flags) ReportMistake() error {
	switch {
	case f.Report == "":
		return nil
	case f.DryRun:
		return errors.New("--report: a dry run makes no run to report of")
	case f.Report == page.Stdout:
		return errors.New("--report: standard output holds the summary; give a file")
	}
	return page.FileMistake(cli.FlagReport, f.Report)
}

// bound is how long the run may take; 0: as long as it needs.
func (f Flags) bound() (time.Duration, error) {
	if f.MaxDuration == "" {
		return 0, nil
	}
	d, err := cli.DurationOf("--max-duration", f.MaxDuration, "m", "h")
	switch {
	case err != nil:
		return 0, err
	case d <= 0:
		return 0, fmt.Errorf("--max-duration %s leaves no time: give one such as 2h", f.MaxDuration)
	case d < leastDuration:
		return 0, fmt.Errorf("--max-duration %s is too short for any work: give %s or more", f.MaxDuration, config.FormatDuration(leastDuration))
	}
	return d, nil
}

// Partial reports whether the run leaves out a part of what a run of its job without flags does today.
func (f Flags) Partial() bool {
	return f.Elsewhen || len(f.Subscriptions)+len(f.Orders)+len(f.Steps) > 0
}

// Overrides are the flags that stand for configuration keys.
func (f Flags) Overrides(w Job) map[string]any {
	set := map[string]any{}
	if f.Parallelism > 0 && w.width != "" {
		set[w.width] = f.Parallelism
	}
	if f.Rate != "" {
		set["gateways.<name>.rate"] = f.Rate
	}
	if f.ChunkSize > 0 && w.chunk != "" {
		set[w.chunk] = f.ChunkSize
	}
	return set
}

// Repeat takes over the flags of an earlier run, unless the command line sets them.
func (f *Flags) Repeat(given func(flag string) bool, date string, params []byte) error {
	var old Flags
	if err := json.Unmarshal(params, &old); err != nil {
		return fmt.Errorf("read the parameters of run %d: %w", f.Rerun, err)
	}
	dated := given(cli.FlagDate) || given(cli.FlagFrom) || given(cli.FlagTo)
	switch {
	case dated:
	case old.From != "" || old.To != "": // one of them alone reached to that run's own date
		f.From, f.To = old.From, cmp.Or(old.To, date)
	default:
		f.Date = date
	}
	if !given(cli.FlagSubscription) {
		f.Subscriptions = old.Subscriptions
	}
	if old.Now && !given(cli.FlagNow) {
		f.Unrepeated = fmt.Sprintf("run %d was typed with --now, which is not repeated: duly run billing --rerun %d --now charges at once again", f.Rerun, f.Rerun)
	}
	if !given(cli.FlagOrder) {
		f.Orders = old.Orders
	}
	if !given("step") {
		f.Steps = old.Steps
	}
	if !given(cli.FlagLimit) {
		f.Limit = old.Limit
	}
	return nil
}

// UsualStages is how many stages are shown where nothing is known of them yet.
const UsualStages = 3

// leastDuration is the shortest bound of a run that lets it do anything.
const leastDuration = 100 * time.Millisecond

// ForPart keeps the flags that mean something to the job. The report of a night is of the day before.
func (f Flags) ForPart(w Job) Flags {
	f.MaxDuration, f.Report = "", "" // the night is bounded and reported, not each of its jobs
	if !slices.Contains(w.Takes, cli.FlagLimit) {
		f.Limit = 0
	}
	if date, err := payment.ParseDate(f.Date); err == nil && w.Name == jobs.ReportJob {
		f.Date = (date - 1).String()
	}
	if !slices.Contains(w.Takes, cli.FlagDate) || w.Name == jobs.AuditJob {
		f.Date = ""
	}
	return f
}

// Bounded bounds ctx by --max-duration.
func (f Flags) Bounded(ctx context.Context) (context.Context, context.CancelFunc, error) {
	bound, err := f.bound()
	if err != nil || bound == 0 {
		return ctx, func() {}, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, bound, fmt.Errorf("--max-duration of %s is reached", config.FormatDuration(bound)))
	return ctx, cancel, nil
}
