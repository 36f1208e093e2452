package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"duly/internal/audit"
	"duly/internal/payment"
	"duly/internal/query/worklist"
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

// listed is a row with the commands that move it on.
type listed struct {
	worklist.Row

	Next []wayOut `json:"next"`
}

// listSpec is one of the lists.
type listSpec struct {
	name, short, nothing string
	whats, kinds         []string // that it may hold
	sinks                bool
	open                 func(business payment.Date) worklist.List
}

func listSpecs() []listSpec {
	return []listSpec{
		{
			name: "review", short: "Rows that wait for an operator: invoices, attempts, subscriptions, orders", nothing: "nothing is in review",
			whats: []string{worklist.Invoice, worklist.Attempt, worklist.Subscription, worklist.Order}, open: worklist.InReview,
		},
		{
			name: "doubt", short: "Charges in flight or in doubt, and orders whose payment is", nothing: "nothing is in flight or in doubt",
			whats: []string{worklist.Attempt, worklist.Order}, open: func(payment.Date) worklist.List { return worklist.InDoubt() },
		},
		{
			name: "findings", short: "Findings of audits that are open", nothing: "no finding is open",
			kinds: findingKinds(), open: func(payment.Date) worklist.List { return worklist.Findings() },
		},
		{
			name: "dead-events", short: "Events whose delivery was given up", nothing: "no event was given up",
			sinks: true, open: func(payment.Date) worklist.List { return worklist.DeadDeliveries() },
		},
		{
			name: "unknown", short: "Charges that are unknown here, and subscriptions that duly never bills since their status says nothing", nothing: "nothing is unknown",
			whats: []string{worklist.Charge, worklist.Subscription}, open: worklist.Unknown,
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

func (a *app) listCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List what waits for somebody, with the command to type next",
		Long: "Lists what waits, rows with equal reasons together, with their ids and the command to type next. With --verbose each row\n" +
			"stands by itself with every command that moves it on, the usual one first: a command of which the line says that a gateway\n" +
			"is asked is refused where the gateway says otherwise, the others are accepted as they stand, with a reason in place of the\n" +
			"dots. The same filters take many rows at once in duly resolve and duly requeue. It only reads, so a replica will do.",
		Example: "  duly list review\n" +
			"  duly list review --run 17 --what invoice\n" +
			"  duly list findings --kind unknown_there --json",
	}
	for _, spec := range listSpecs() {
		cmd.AddCommand(a.listOne(spec))
	}
	group(cmd)
	return cmd
}

func (a *app) listOne(spec listSpec) *cobra.Command {
	var f filterFlags
	limit := listLimit
	cmd := &cobra.Command{
		Use: spec.name, Short: spec.short, Example: "  duly list " + spec.name + "\n  duly list " + spec.name + " --since 2026-01-31 --limit 500", Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if limit < 1 || limit > mostListed {
				err = fmt.Errorf("--limit: %d is not a number from 1 to %d", limit, mostListed)
			}
			if err = errors.Join(err, f.check(a)); err != nil {
				return usage(err)
			}
			return a.withSchema(cmd.Context(), func(db *database) error { return a.list(cmd.Context(), db, spec, f, limit) })
		},
	}
	flags := cmd.Flags()
	f.add(a, cmd, flagReason, spec)
	a.verboseFlag(cmd, "each row by itself, with every command that moves it on")
	flags.IntVar(&limit, flagLimit, limit, "list so many `ROWS` at most, and count the others")
	return cmd
}

func (a *app) list(ctx context.Context, db *database, spec listSpec, f filterFlags, limit int) error {
	business, err := a.clock(ctx, db.DB)
	if err != nil {
		return err
	}
	filter, err := f.filter(ctx, a, db, business())
	if err != nil {
		return err
	}
	c, err := a.load()
	if err != nil {
		return err
	}
	now := business()
	v := listView{List: spec.name, Rows: []listed{}, At: now.UTC().Truncate(time.Microsecond)}
	today := payment.DateOf(now.In(c.Business.Location()))
	if err := spec.open(today).Each(ctx, db.DB, filter, func(l worklist.Row) error {
		if len(v.Rows) == limit {
			v.More++
			return nil
		}
		v.Rows = append(v.Rows, listed{l, waysOut(l, now, asks(c))})
		return nil
	}); err != nil {
		return failed(err)
	}
	if a.json {
		return a.print(v)
	}
	if len(v.Rows) == 0 {
		if filter.Zero() {
			a.line("%s", spec.nothing)
		} else {
			a.line("no such row: %s", spec.nothing)
		}
		return nil
	}
	days, err := a.calendar(now)
	if err != nil {
		return err
	}
	a.showList(v.Rows, days)
	if v.More > 0 {
		a.line("and %d more; --limit %d lists them", v.More, min(int64(mostListed), v.More+int64(limit)))
	}
	return nil
}

// flagMatching is the part of a reason, where --reason is what is recorded.
const (
	flagMatching = "matching"
	flagSince    = "since"
	flagUntil    = "until"
	flagWhat     = "what"
	flagKind     = "kind"
	flagSink     = "sink"
)

// filterFlags say which waiting rows are meant.
type filterFlags struct {
	gateways, whats, kinds, sinks []string
	runs                          []uint64
	matching, since, until        string

	matchingFlag string
	spec         listSpec
}

// add gives a command the flags that mean something to its list. matching is how the part of the reason is called.
func (f *filterFlags) add(a *app, cmd *cobra.Command, matching string, spec listSpec) {
	f.matchingFlag, f.spec = matching, spec
	flags := cmd.Flags()
	if !spec.sinks {
		flags.StringSliceVar(&f.gateways, flagGateway, nil, "only rows of the gateway of this `NAME` (repeat, or separate by commas; default all)")
		complete(cmd, flagGateway, func(cmd *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return a.completeGateway(cmd, nil, typed)
		})
	}
	flags.Var(idList{&f.runs}, flagRun, "only rows that the run of this `ID` left so (repeat, or separate by commas; default all)")
	complete(cmd, flagRun, a.completeRerun)
	flags.StringVar(&f.matching, matching, "", "only rows whose reason contains this `TEXT`, in any letter case (default any)")
	flags.StringVar(&f.since, flagSince, "", "only rows that have waited since this `DAY` or instant, or for less long (default any)")
	flags.StringVar(&f.until, flagUntil, "", "only rows that have waited since before this `DAY` or instant (default any)")
	add := func(to *[]string, flag, text string, words []string) {
		if len(words) > 1 {
			flags.StringSliceVar(to, flag, nil, text+": "+strings.Join(words, ", ")+" (default all)")
			complete(cmd, flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
		}
	}
	add(&f.whats, flagWhat, "only rows of this `SORT`", spec.whats)
	add(&f.kinds, flagKind, "only findings of this `KIND`", spec.kinds)
	if spec.sinks {
		flags.StringSliceVar(&f.sinks, flagSink, nil, "only deliveries to the receiver of this `NAME`: "+strings.Join(jobs.Sinks(), ", ")+" (default all)")
	}
}

// check finds mistakes that need no database, all at once.
func (f *filterFlags) check(a *app) error {
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

func (f *filterFlags) times(a *app) (since, until time.Time, err error) {
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
func (f *filterFlags) filter(ctx context.Context, a *app, db *database, now time.Time) (worklist.Filter, error) {
	since, until, err := f.times(a)
	if err != nil {
		return worklist.Filter{}, usage(err)
	}
	if err := knownRuns(ctx, db, f.runs); err != nil {
		return worklist.Filter{}, err
	}
	filter := worklist.Filter{
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
func listRun(run runs.PastRun, now time.Time) worklist.Run {
	r := worklist.Run{ID: run.ID, From: run.Started, To: now}
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
func (f *filterFlags) given(flags *pflag.FlagSet) bool {
	return slices.ContainsFunc([]string{flagGateway, flagRun, f.matchingFlag, flagSince, flagUntil, flagWhat, flagKind, flagSink}, flags.Changed)
}
