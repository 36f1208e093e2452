package inspect

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"duly/internal/audit"
	"duly/internal/billing/planned"
	"duly/internal/cli"
	"duly/internal/exit"
	"duly/internal/payment"
	"duly/internal/query/worklist"
	"duly/internal/runs"
	"duly/internal/session"
	"duly/internal/text"
	"duly/internal/view"
	"duly/jobs"
)

// ListLimit is how many rows are listed where nobody says.
const ListLimit = 50

// MostListed bounds --limit: a list is held in memory until it is printed.
const MostListed = 10_000

// ListView is the document of `duly list`.
type ListView struct {
	List string        `json:"list"`
	Rows []view.Listed `json:"rows"`
	More int64         `json:"more"` // rows that are not listed
	At   time.Time     `json:"at"`
}

// ListSpec is one of the lists.
type ListSpec struct {
	Name, Short, nothing string
	Whats, Kinds         []string // that it may hold
	Sinks                bool
	Open                 func(business payment.Date) worklist.List
}

// ListSpecs lists the lists of `duly list`.
func ListSpecs() []ListSpec {
	return []ListSpec{
		{
			Name: "review", Short: "Rows that wait for an operator: invoices, attempts, subscriptions, orders, refunds", nothing: "nothing is in review",
			Whats: []string{worklist.Invoice, worklist.Attempt, worklist.Subscription, worklist.Order, worklist.Refund}, Open: worklist.InReview,
		},
		{
			Name: "doubt", Short: "Charges in flight or in doubt, and orders whose payment is", nothing: "nothing is in flight or in doubt",
			Whats: []string{worklist.Attempt, worklist.Order}, Open: func(payment.Date) worklist.List { return worklist.InDoubt() },
		},
		{
			Name: "findings", Short: "Findings of audits that are open", nothing: "no finding is open",
			Kinds: FindingKinds(), Open: func(payment.Date) worklist.List { return worklist.Findings() },
		},
		{
			Name: "dead-events", Short: "Events whose delivery was given up", nothing: "no event was given up",
			Sinks: true, Open: func(payment.Date) worklist.List { return worklist.DeadDeliveries() },
		},
		{
			Name: "refunds", Short: "Refunds that are requested and not settled, including those in review", nothing: "no refund is requested",
			Open: func(payment.Date) worklist.List { return worklist.Refunds() },
		},
		{
			Name: "unknown", Short: "Charges that are unknown here, and subscriptions that duly never bills since their status says nothing", nothing: "nothing is unknown",
			Whats: []string{worklist.Charge, worklist.Subscription}, Open: worklist.Unknown,
		},
		{
			Name: "changes", Short: "Planned changes of subscriptions that are not applied yet, including those that cannot be", nothing: "no change is planned",
			Kinds: changeKinds(), Open: func(payment.Date) worklist.List { return worklist.Changes() },
		},
	}
}

func changeKinds() []string {
	var words []string
	for _, k := range planned.Kinds() {
		words = append(words, string(k))
	}
	return words
}

// FindingKinds lists the kinds of findings, as they are typed.
func FindingKinds() []string {
	var words []string
	for _, k := range audit.Kinds() {
		words = append(words, string(k))
	}
	return words
}

// List writes what waits on a list, at most limit rows, and counts the others.
func List(ctx context.Context, ses *session.Session, db *session.Database, spec ListSpec, f FilterFlags, limit int) error {
	return db.Snapshot(ctx, func(db *session.Database) error { return listAt(ctx, ses, db, spec, f, limit) })
}

func listAt(ctx context.Context, ses *session.Session, db *session.Database, spec ListSpec, f FilterFlags, limit int) error {
	business, err := ses.Clock(ctx, db.DB)
	if err != nil {
		return err
	}
	filter, err := f.Filter(ctx, ses, db, business())
	if err != nil {
		return err
	}
	c, err := ses.Load()
	if err != nil {
		return err
	}
	now := business()
	v := ListView{List: spec.Name, Rows: []view.Listed{}, At: now.UTC().Truncate(time.Microsecond)}
	today := payment.DateOf(now.In(c.Business.Location()))
	if err := spec.Open(today).Each(ctx, db.DB, filter, func(l worklist.Row) error {
		if len(v.Rows) == limit {
			v.More++
			return nil
		}
		v.Rows = append(v.Rows, view.Listed{Row: l, Next: view.WaysOut(l, now, view.Asks(c))})
		return nil
	}); err != nil {
		return exit.Failed(err)
	}
	if ses.Screen.JSON {
		return ses.Screen.Print(v)
	}
	if len(v.Rows) == 0 {
		if filter.Zero() {
			ses.Screen.Line("%s", spec.nothing)
		} else {
			ses.Screen.Line("no such row: %s", spec.nothing)
		}
		return nil
	}
	days, err := ses.Calendar(now)
	if err != nil {
		return err
	}
	showList(ses.Screen, v.Rows, days)
	if v.More > 0 {
		ses.Screen.Line("and %d more; --limit %d lists them", v.More, min(int64(MostListed), v.More+int64(limit)))
	}
	return nil
}

// FilterFlags say which waiting rows are meant.
type FilterFlags struct {
	Gateways, Whats, Kinds, Sinks []string
	Runs                          []uint64
	Matching, Since, Until        string

	MatchingFlag string
	Spec         ListSpec
}

// Check finds mistakes that need no database, all at once.
func (f *FilterFlags) Check(a *session.Session) error {
	var found []error
	among := func(flag string, given, words []string) {
		for _, word := range given {
			if !slices.Contains(words, word) {
				found = append(found, fmt.Errorf("--%s: %w", flag, cli.UnknownWord("value", word, words)))
			}
		}
	}
	among(cli.FlagWhat, f.Whats, f.Spec.Whats)
	among(cli.FlagKind, f.Kinds, f.Spec.Kinds)
	among(cli.FlagSink, f.Sinks, jobs.Sinks())
	if _, _, err := f.times(a); err != nil {
		found = append(found, err)
	}
	return errors.Join(found...)
}

func (f *FilterFlags) times(a *session.Session) (since, until time.Time, err error) {
	if f.Since == "" && f.Until == "" {
		return since, until, nil
	}
	c, err := a.Load()
	if err != nil {
		return since, until, err
	}
	since, sinceErr := momentOf(cli.FlagSince, f.Since, c.Business.Location())
	until, untilErr := momentOf(cli.FlagUntil, f.Until, c.Business.Location())
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

// Filter is what the flags mean now.
func (f *FilterFlags) Filter(ctx context.Context, a *session.Session, db *session.Database, now time.Time) (worklist.Filter, error) {
	since, until, err := f.times(a)
	if err != nil {
		return worklist.Filter{}, exit.Usage(err)
	}
	if err := KnownRuns(ctx, db, f.Runs); err != nil {
		return worklist.Filter{}, err
	}
	filter := worklist.Filter{
		What: f.Whats, Kinds: f.Kinds, Gateways: f.Gateways, Sinks: f.Sinks, Reason: f.Matching, Since: since, Until: until,
	}
	for _, id := range f.Runs {
		run, err := runs.FindRun(ctx, db.DB, id)
		if err != nil || run == nil {
			return filter, exit.Failed(err)
		}
		filter.Runs = append(filter.Runs, listRun(*run, now))
	}
	return filter, nil
}

// listRun is the time in which a run changed rows.
func listRun(run runs.PastRun, now time.Time) worklist.Run {
	r := worklist.Run{ID: run.ID, From: run.Started, To: now}
	if run.Finished != nil {
		r.To = *run.Finished
	}
	return r
}

// Typed is the flags as they are typed again.
func (f *FilterFlags) Typed() string {
	var b strings.Builder
	add := func(flag string, values ...string) {
		if text := strings.Join(values, ","); text != "" {
			fmt.Fprintf(&b, " --%s %s", flag, Quoted(text))
		}
	}
	add(cli.FlagGateway, f.Gateways...)
	for _, id := range f.Runs {
		add(cli.FlagRun, strconv.FormatUint(id, 10))
	}
	add(f.MatchingFlag, f.Matching)
	add(cli.FlagSince, f.Since)
	add(cli.FlagUntil, f.Until)
	add(cli.FlagWhat, f.Whats...)
	add(cli.FlagKind, f.Kinds...)
	add(cli.FlagSink, f.Sinks...)
	return b.String()
}

// Quoted is an argument as a shell reads it in one piece.
func Quoted(value string) string {
	if value == "" {
		return `""`
	}
	return text.Word(value, `"…"`)
}

// Given reports whether one of the flags was typed.
func (f *FilterFlags) Given(changed func(flag string) bool) bool {
	return slices.ContainsFunc([]string{cli.FlagGateway, cli.FlagRun, f.MatchingFlag, cli.FlagSince, cli.FlagUntil, cli.FlagWhat, cli.FlagKind, cli.FlagSink}, changed)
}

// KnownRuns says which of the runs are not there.
func KnownRuns(ctx context.Context, db *session.Database, ids []uint64) error {
	var found []error
	for _, id := range ids {
		switch run, err := runs.FindRun(ctx, db.DB, id); {
		case err != nil:
			return exit.Failed(err)
		case run == nil:
			found = append(found, fmt.Errorf("--run: no run %d; see duly runs", id))
		}
	}
	return exit.Usage(errors.Join(found...))
}
