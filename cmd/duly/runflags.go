package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"duly/config"
	"duly/internal/payment"
	"duly/internal/query"
)

// runFlags are the flags of `duly run`; as JSON they are what a re-run repeats.
type runFlags struct {
	Date          string   `json:"date,omitempty"`
	From          string   `json:"from,omitempty"`
	To            string   `json:"to,omitempty"`
	Subscriptions []uint64 `json:"subscriptions,omitempty"`
	Orders        []uint64 `json:"orders,omitempty"`
	Steps         []string `json:"steps,omitempty"`
	Limit         int      `json:"limit,omitempty"`
	// Elsewhen: the run is not for the day that it would be for by itself. It is found out, and not repeated.
	Elsewhen bool `json:"elsewhen,omitempty"`

	dryRun, allowFuture, untilNow, exclusive, noProgress, csv, verbose bool
	rerun                                                              uint64
	parallelism, chunkSize                                             int
	rate                                                               string
	maxDuration                                                        string
	reason                                                             string
	report                                                             string
}

// problems are the mistakes that can be seen without a database.
func (f runFlags) problems(w jobSpec, given func(flag string) bool) []error {
	var found []error
	add := func(format string, args ...any) { found = append(found, fmt.Errorf(format, args...)) }
	for flag, text := range map[string]string{flagDate: f.Date, flagFrom: f.From, flagTo: f.To} {
		date, err := payment.ParseDate(text)
		switch {
		case text == "":
		case err != nil:
			add("--%s: %w", flag, err)
		case date < query.OldestDue:
			add("--%s: %s is before the first due date that is looked at, %s", flag, text, query.OldestDue)
		}
	}
	if f.Limit < 0 {
		add("--limit: %d is negative", f.Limit)
	}
	for name, n := range map[string]int{flagParallelism: f.parallelism, flagChunkSize: f.chunkSize} {
		if n < 0 || n == 0 && given(name) {
			add("--%s: %d, and must be 1 or more", name, n)
		}
	}
	if f.rate != "" {
		if _, err := config.ParseRate(f.rate); err != nil {
			add("--rate: %w", err)
		}
	}
	if _, err := f.bound(); err != nil {
		found = append(found, err)
	}
	if err := f.reportMistake(); err != nil {
		found = append(found, err)
	}
	for _, step := range f.Steps {
		if !w.mayHave(step) {
			found = append(found, fmt.Errorf("--step: %w", unknownWord(w.name+" step", step, w.steps(usualStages))))
		}
	}
	slices.SortFunc(found, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return found
}

// reportMistake says why the report of the run could not be written; nil if it can, or there is to be none.
func (f runFlags) reportMistake() error {
	switch {
	case f.report == "":
		return nil
	case f.dryRun:
		return errors.New("--report: a dry run makes no run to report of")
	case f.report == stdout:
		return errors.New("--report: standard output holds the summary; give a file")
	}
	return fileMistake(flagReport, f.report)
}

// bound is how long the run may take; 0: as long as it needs.
func (f runFlags) bound() (time.Duration, error) {
	if f.maxDuration == "" {
		return 0, nil
	}
	d, err := durationOf("--max-duration", f.maxDuration, "m", "h")
	switch {
	case err != nil:
		return 0, err
	case d <= 0:
		return 0, fmt.Errorf("--max-duration %s leaves no time: give one such as 2h", f.maxDuration)
	case d < leastDuration:
		return 0, fmt.Errorf("--max-duration %s is too short for any work: give %s or more", f.maxDuration, config.FormatDuration(leastDuration))
	}
	return d, nil
}

// partial reports whether the run leaves out a part of what a run of its job without flags does today.
func (f runFlags) partial() bool {
	return f.Elsewhen || len(f.Subscriptions)+len(f.Orders)+len(f.Steps) > 0
}

// overrides are the flags that stand for configuration keys.
func (f runFlags) overrides(w jobSpec) map[string]any {
	set := map[string]any{}
	if f.parallelism > 0 && w.width != "" {
		set[w.width] = f.parallelism
	}
	if f.rate != "" {
		set["gateways.<name>.rate"] = f.rate
	}
	if f.chunkSize > 0 && w.chunk != "" {
		set[w.chunk] = f.chunkSize
	}
	return set
}

// repeat takes over what an earlier run was told, unless the command line says otherwise.
func (f *runFlags) repeat(given func(flag string) bool, date string, params []byte) error {
	var old runFlags
	if err := json.Unmarshal(params, &old); err != nil {
		return fmt.Errorf("read the parameters of run %d: %w", f.rerun, err)
	}
	dated := given(flagDate) || given(flagFrom) || given(flagTo)
	switch {
	case dated:
	case old.From != "" || old.To != "": // one of them alone reached to that run's own date
		f.From, f.To = old.From, cmp.Or(old.To, date)
	default:
		f.Date = date
	}
	if !given(flagSubscription) {
		f.Subscriptions = old.Subscriptions
	}
	if !given(flagOrder) {
		f.Orders = old.Orders
	}
	if !given("step") {
		f.Steps = old.Steps
	}
	if !given(flagLimit) {
		f.Limit = old.Limit
	}
	return nil
}

// usualStages is how many stages are shown where nothing is known of them yet.
const usualStages = 3

// leastDuration is the shortest bound of a run that lets it do anything.
const leastDuration = 100 * time.Millisecond
