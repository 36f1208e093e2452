package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"duly/internal/audit"
	"duly/internal/payment"
	"duly/internal/query"
	"duly/internal/runs"
	"duly/internal/text"
	"duly/jobs"
)

// listLimit is how many rows are listed where nobody says.
const listLimit = 50

// mostListed bounds --limit: a list is held in memory until it is printed.
const mostListed = 10_000

// listView is the document of `duly list`.
type listView struct {
	List string    `json:"list"`
	Rows []listed  `json:"rows"`
	More int64     `json:"more"` // rows that are not listed
	At   time.Time `json:"at"`
}

// listSpec is one of the lists.
type listSpec struct {
	name, short, nothing string
	whats, kinds         []string // that it may hold
	sinks                bool
	open                 func(business payment.Date) query.List
}

func listSpecs() []listSpec {
	return []listSpec{
		{
			name: "review", short: "Rows that wait for an operator: invoices, attempts, subscriptions, orders", nothing: "nothing is in review",
			whats: []string{query.WaitingInvoice, query.WaitingAttempt, query.WaitingSubscription, query.WaitingOrder}, open: query.ReviewList,
		},
		{
			name: "doubt", short: "Charges in flight or in doubt, and orders whose payment is", nothing: "nothing is in flight or in doubt",
			whats: []string{query.WaitingAttempt, query.WaitingOrder}, open: func(payment.Date) query.List { return query.DoubtList() },
		},
		{
			name: "findings", short: "Findings of audits that are open", nothing: "no finding is open",
			kinds: findingKinds(), open: func(payment.Date) query.List { return query.FindingList() },
		},
		{
			name: "dead-events", short: "Events whose delivery was given up", nothing: "no event was given up",
			sinks: true, open: func(payment.Date) query.List { return query.DeadEventList() },
		},
		{
			name: "unknown", short: "Charges that are unknown here, and subscriptions that duly never bills since their status says nothing", nothing: "nothing is unknown",
			whats: []string{query.WaitingCharge, query.WaitingSubscription}, open: query.UnknownList,
		},
	}
}

func findingKinds() []string {
	var words []string
	for _, k := range audit.Kinds() {
		words = append(words, string(k))
	}
	return words
}

func list(ctx context.Context, ses *Session, db *database, spec listSpec, f filterFlags, limit int) error {
	business, err := ses.clock(ctx, db.DB)
	if err != nil {
		return err
	}
	filter, err := f.filter(ctx, ses, db, business())
	if err != nil {
		return err
	}
	c, err := ses.load()
	if err != nil {
		return err
	}
	now := business()
	v := listView{List: spec.name, Rows: []listed{}, At: now.UTC().Truncate(time.Microsecond)}
	today := payment.DateOf(now.In(c.Business.Location()))
	if err := spec.open(today).Each(ctx, db.DB, filter, func(l query.WaitingRow) error {
		if len(v.Rows) == limit {
			v.More++
			return nil
		}
		v.Rows = append(v.Rows, listed{l, waysOut(l, now, asks(c))})
		return nil
	}); err != nil {
		return failed(err)
	}
	if ses.Screen.json {
		return ses.Screen.print(v)
	}
	if len(v.Rows) == 0 {
		if filter.Zero() {
			ses.Screen.line("%s", spec.nothing)
		} else {
			ses.Screen.line("no such row: %s", spec.nothing)
		}
		return nil
	}
	days, err := ses.calendar(now)
	if err != nil {
		return err
	}
	showList(ses.Screen, v.Rows, days)
	if v.More > 0 {
		ses.Screen.line("and %d more; --limit %d lists them", v.More, min(int64(mostListed), v.More+int64(limit)))
	}
	return nil
}

// filterFlags say which waiting rows are meant.
type filterFlags struct {
	gateways, whats, kinds, sinks []string
	runs                          []uint64
	matching, since, until        string

	matchingFlag string
	spec         listSpec
}

// check finds mistakes that need no database, all at once.
func (f *filterFlags) check(a *Session) error {
	var found []error
	among := func(flag string, given, words []string) {
		for _, word := range given {
			if !slices.Contains(words, word) {
				found = append(found, fmt.Errorf("--%s: %w", flag, unknownWord("value", word, words)))
			}
		}
	}
	among(flagWhat, f.whats, f.spec.whats)
	among(flagKind, f.kinds, f.spec.kinds)
	among(flagSink, f.sinks, jobs.Sinks())
	if _, _, err := f.times(a); err != nil {
		found = append(found, err)
	}
	return errors.Join(found...)
}

func (f *filterFlags) times(a *Session) (since, until time.Time, err error) {
	if f.since == "" && f.until == "" {
		return since, until, nil
	}
	c, err := a.load()
	if err != nil {
		return since, until, err
	}
	since, sinceErr := momentOf(flagSince, f.since, c.Business.Location())
	until, untilErr := momentOf(flagUntil, f.until, c.Business.Location())
	return since, until, errors.Join(sinceErr, untilErr)
}

// momentOf reads a day in the business' time zone, or an instant; nothing for none.
func momentOf(flag, text string, zone *time.Location) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if at, err := time.ParseInLocation(time.DateOnly, text, zone); err == nil {
		return at, nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	return time.Time{}, fmt.Errorf("--%s: %q is neither a day such as 2026-01-31 nor an instant such as 2026-01-31T09:00:00Z", flag, text)
}

// filter is what the flags mean now.
func (f *filterFlags) filter(ctx context.Context, a *Session, db *database, now time.Time) (query.ListFilter, error) {
	since, until, err := f.times(a)
	if err != nil {
		return query.ListFilter{}, usage(err)
	}
	if err := knownRuns(ctx, db, f.runs); err != nil {
		return query.ListFilter{}, err
	}
	filter := query.ListFilter{
		What: f.whats, Kinds: f.kinds, Gateways: f.gateways, Sinks: f.sinks, Reason: f.matching, Since: since, Until: until,
	}
	for _, id := range f.runs {
		run, err := runs.FindRun(ctx, db.DB, id)
		if err != nil || run == nil {
			return filter, failed(err)
		}
		filter.Runs = append(filter.Runs, listRun(*run, now))
	}
	return filter, nil
}

// listRun is the time in which a run changed rows.
func listRun(run runs.PastRun, now time.Time) query.ListRun {
	r := query.ListRun{ID: run.ID, From: run.Started, To: now}
	if run.Finished != nil {
		r.To = *run.Finished
	}
	return r
}

// typed is the flags as they are typed again.
func (f *filterFlags) typed() string {
	var b strings.Builder
	add := func(flag string, values ...string) {
		if text := strings.Join(values, ","); text != "" {
			fmt.Fprintf(&b, " --%s %s", flag, quoted(text))
		}
	}
	add(flagGateway, f.gateways...)
	for _, id := range f.runs {
		add(flagRun, strconv.FormatUint(id, 10))
	}
	add(f.matchingFlag, f.matching)
	add(flagSince, f.since)
	add(flagUntil, f.until)
	add(flagWhat, f.whats...)
	add(flagKind, f.kinds...)
	add(flagSink, f.sinks...)
	return b.String()
}

// quoted is an argument as a shell reads it in one piece.
func quoted(value string) string {
	if value == "" {
		return `""`
	}
	return text.Word(value, `"…"`)
}

// given reports whether one of the flags was typed.
func (f *filterFlags) given(changed func(flag string) bool) bool {
	return slices.ContainsFunc([]string{flagGateway, flagRun, f.matchingFlag, flagSince, flagUntil, flagWhat, flagKind, flagSink}, changed)
}

// knownRuns says which of the runs are not there.
func knownRuns(ctx context.Context, db *database, ids []uint64) error {
	var found []error
	for _, id := range ids {
		switch run, err := runs.FindRun(ctx, db.DB, id); {
		case err != nil:
			return failed(err)
		case run == nil:
			found = append(found, fmt.Errorf("--run: no run %d; see duly runs", id))
		}
	}
	return usage(errors.Join(found...))
}
