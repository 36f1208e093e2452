package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"duly/internal/audit"
	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/query"
	"duly/internal/store"
	"duly/internal/text"
	"duly/readers"
	"duly/steps"
	"duly/writers"
)

// AuditOptions configures an audit.
type AuditOptions struct {
	// Window is what is audited; zero: what followed the last audit.
	Window payment.Window
	// From and To, if there is no Window, are the first and the last business day that are audited; one of them
	// alone is both.
	From, To payment.Date
	// Lag is how long payments are left alone, since they may be under way: AuditLag, but in a demo, and 0 where an operator asks
	// for everything up to now.
	Lag       time.Duration
	Bounds    AuditBounds
	ChunkSize int
	// Steps are the names of the steps to run; none: all.
	Steps []string
	// Note is called with each line about what the audit could not compare, and why that is no failure; nil: it is logged.
	Note func(text string)
}

// AuditLag is how long payments are left to themselves before they are audited.
const AuditLag = 15 * time.Minute

const (
	// an audit begins this long before the end of the last one.
	auditOverlap = time.Hour
	// how long the first audit looks back.
	auditFirst = 24 * time.Hour
	// how far apart a gateway's clock and ours may be without costing look-ups; lists are read that much further.
	auditMargin = 15 * time.Minute
	// how old a payment may be, of which nothing shows that its gateway would know it, for the next audit to ask again.
	auditPatience = 7 * 24 * time.Hour
)

// The steps of the audit.
const (
	StepMatch  = "match"
	StepLookUp = "look-up"
)

// AuditSteps lists the names of the audit's steps.
func AuditSteps() []string { return []string{StepMatch, StepLookUp} }

// Audit is the job that compares our payments with what the gateways say. It writes down what differs and changes
// nothing else.
//
// Each page that a gateway lists is joined to our payments by key; then those of ours that were not met are looked
// up: the ones that we say were paid, and all that are settled where a gateway lists nothing. What differs is looked
// at once more, and our row is read again after that, so that nothing is found that merely moved meanwhile.
//
// The window goes from the end of the last whole audit, less an hour, to 15 minutes ago. A record of a gateway lies
// in it by the gateway's clock, a payment of ours by ours, and a pair by either, so that nothing falls between two
// windows however far the clocks are apart. Whole is an audit that compared everything: one that failed, was stopped
// or had a gateway down moves the end of what is audited by nothing, and the next one begins where it began. One of
// dates moves it only if it follows on from it.
func Audit(d Deps, o AuditOptions) batch.Job {
	a := &auditRun{
		Deps: d, worker: newWorker(d, store.Selection{}), o: o, list: newAuditLists(), notes: map[string]int64{}, open: map[string]int64{},
		counts: make(map[audit.Standing]int64),
	}
	all := []batch.Step{
		batch.Tasklet{StepName: StepMatch, StepLabel: LabelOf(StepMatch), Do: a.step(a.match)},
		batch.Tasklet{StepName: StepLookUp, StepLabel: LabelOf(StepLookUp), Do: a.step(a.lookUp)},
	}
	return batch.Job{Name: AuditJob, Steps: pick(all, o.Steps)}
}

type auditRun struct {
	Deps
	worker

	o       AuditOptions
	window  payment.Window
	audited time.Time // up to when everything was audited before
	begun   bool
	matched bool // every gateway that lists was listed to the end
	list    auditLists
	met     audit.Met
	ends    audit.Ends
	notes   map[string]int64
	open    map[string]int64 // payments that the next audit asks about again, by why
	counts  map[audit.Standing]int64
	told    int64 // findings of this run that were counted
}

// step begins the audit before the first of its steps, and counts what is new after each.
func (a *auditRun) step(do func(context.Context, *batch.StepExecution) error) func(context.Context, *batch.StepExecution) error {
	return func(ctx context.Context, x *batch.StepExecution) error {
		if _, err := a.abandon(ctx, x); err != nil { // what a dead audit found is new to this one
			return err
		}
		if err := x.Retry(ctx, a.begin); err != nil {
			return fmt.Errorf("settle what to audit: %w", err)
		}
		if !a.window.From.Before(a.window.To) {
			a.note(ctx, x, "there is nothing to audit yet: the window is empty")
			return nil
		}
		err := do(ctx, x)
		return errors.Join(err, x.Retry(ctx, func(ctx context.Context) error { return a.count(ctx, x) }))
	}
}

// begin settles the window, once, and writes it down.
func (a *auditRun) begin(ctx context.Context) error {
	if a.begun {
		return nil
	}
	var err error
	if a.audited, err = query.AuditedTo(ctx, a.DB); err != nil {
		return err
	}
	a.window = a.o.Span(a.audited, a.Business(), a.Zone)
	if err := writers.BeginAudit(ctx, a.DB, a.window, a.audited); err != nil {
		return err
	}
	a.begun = true
	return nil
}

// Span is the window of an audit that begins now. It ends before what may be under way.
func (o AuditOptions) Span(audited, now time.Time, zone *time.Location) payment.Window {
	latest := mysql.Stored(now.Add(-o.Lag))
	w := o.Window
	switch {
	case w != payment.Window{}:
	case o.From != 0 || o.To != 0:
		first, last := o.From, o.To
		if first == 0 {
			first = last
		}
		if last == 0 {
			last = first
		}
		w = payment.Window{From: first.In(zone).From, To: last.In(zone).To}
	case audited.IsZero():
		w = payment.Window{From: latest.Add(-auditFirst), To: latest}
	default:
		w = payment.Window{From: audited.Add(-auditOverlap), To: latest}
	}
	if w.To.After(latest) {
		w.To = latest
	}
	return w
}

// PastAuditWindow is the window that an earlier audit had, by its params; false if it came to none.
func PastAuditWindow(params []byte) (payment.Window, bool) {
	var past struct {
		From time.Time `json:"window_from"`
		To   time.Time `json:"window_to"`
	}
	if err := json.Unmarshal(params, &past); err != nil {
		return payment.Window{}, false
	}
	w := payment.Window{From: past.From, To: past.To}
	return w, !w.From.IsZero()
}

// count counts the findings that are new since it last did.
func (a *auditRun) count(ctx context.Context, x *batch.StepExecution) error {
	n, err := query.NewFindings(ctx, a.DB, x.Run.ID)
	if err != nil {
		return err
	}
	x.Count(batch.Tally{Review: n - a.told})
	a.told = n
	return nil
}

// match compares what gateways list with our payments.
func (a *auditRun) match(ctx context.Context, x *batch.StepExecution) error {
	m := &steps.Audit{Gateways: a.Gateways}
	var failed []error
	for _, name := range slices.Sorted(maps.Keys(a.Gateways)) {
		if ctx.Err() != nil || x.Lease.Left() <= 0 {
			return errors.Join(failed...)
		}
		if !a.Gateways[name].Capabilities().List {
			a.note(ctx, x, "gateway "+name+" lists no payments: ours are looked up one by one, and what it took without our knowing is not found")
			continue
		}
		err := a.readList(ctx, x, m, name)
		switch {
		case err == nil:
		case errors.Is(err, errList):
			a.list.failed[name] = true
			x.Leave(err.Error())
		case ctx.Err() == nil:
			failed = append(failed, fmt.Errorf("gateway %s: %w", name, err))
		}
	}
	a.matched = len(failed) == 0 && ctx.Err() == nil && len(x.Left()) == 0
	return errors.Join(append(failed, a.refused())...)
}

// join compares one page with our payments.
func (a *auditRun) join(ctx context.Context, x *batch.StepExecution, m *steps.Audit, listing *audit.Listing, page []payment.Payment) error {
	var rows []audit.Ours
	if err := x.Retry(ctx, func(ctx context.Context) (err error) {
		rows, err = store.Matches(ctx, a.DB, page)
		return err
	}); err != nil {
		return err
	}
	var tally, judged batch.Tally
	var suspects []audit.Pair
	for _, p := range listing.Join(page, rows) {
		if p.Known {
			a.ends.Add(listing.Gateway, p.Ours, p.Theirs)
		}
		if !a.within(p) {
			continue
		}
		if !p.Known && billing.ForeignKey(a.keyPrefix(listing.Gateway), p.Theirs.Key) {
			a.notes["under keys with another prefix than gateways."+listing.Gateway+".key_prefix, which another installation made"]++
			continue
		}
		if !p.Known {
			a.list.addUnmatched(listing.Gateway, p.Theirs.ID)
		}
		tally.Read++
		_, differs := p.Differs(listing.Gateway, nil)
		switch {
		case differs:
			suspects = append(suspects, p)
		case p.Known && p.Ours.Standing == audit.Unsettled:
			tally.InDoubt++
		default:
			tally.Succeeded++
		}
	}
	seen := m.Look(x.Work, listing.Gateway, suspects, a.width(listing.Gateway))
	err := x.Retry(ctx, func(ctx context.Context) (err error) {
		judged, err = a.judge(ctx, x, seen)
		return err
	})
	if err != nil {
		return err
	}
	tally.Add(judged)
	x.Count(tally)
	return nil
}

// within reports whether a pair lies in the window: what the gateway records by its clock, our row by ours.
func (a *auditRun) within(p audit.Pair) bool {
	return p.Theirs.CreatedAt.IsZero() || a.window.Holds(p.Theirs.CreatedAt) || p.Known && a.window.Holds(p.Ours.CreatedAt)
}

// lookUp asks about our payments that were not met, and notes that the audit is whole if it is.
func (a *auditRun) lookUp(ctx context.Context, x *batch.StepExecution) error {
	reader := &readers.Audit{
		DB: a.DB, Window: a.window, Met: &a.met, Ask: a.ask, Counts: a.counts,
		Found: func(ctx context.Context, found []audit.Finding) error {
			found, err := a.doubled(ctx, x, found)
			if err != nil {
				return err
			}
			return store.Findings(ctx, a.DB, a.Business(), found)
		},
	}
	match := &steps.Audit{Gateways: a.Gateways}
	err := a.run(ctx, x, &batch.Chunk[audit.Ours, audit.Seen]{
		StepName:  StepLookUp,
		Reader:    reader,
		Processor: match,
		Writer:    auditWriter{a},
		Gate: &steps.AuditGate{
			Match: match, Controls: a.controls, Source: a.controlReader(), Ends: &a.ends, Proves: a.proves, Width: a.width,
		},
		Fail: func(o audit.Ours, err error) audit.Seen {
			return audit.Seen{Pair: audit.Pair{Ours: o, Known: true}, Gateway: o.Gateway, Left: err.Error()}
		},
		Lane:  func(o audit.Ours) string { return o.Gateway },
		Width: a.width,
		State: a.Gateways.State,
		Size:  a.o.ChunkSize, FlushEvery: flushEvery,
	})
	a.tell(ctx, x)
	whole := a.matched && reader.Ended() && ctx.Err() == nil && len(x.Left()) == 0 && len(x.Failures()) == 0
	if err != nil || !whole || !a.moves() {
		return err
	}
	return x.Retry(ctx, func(ctx context.Context) error { return writers.EndAudit(ctx, a.DB, a.window.To) })
}

// moves reports whether a whole audit of this window moves the end of what is audited on.
func (a *auditRun) moves() bool {
	if a.audited.IsZero() {
		return a.o.Window == payment.Window{} && a.o.From == 0 && a.o.To == 0
	}
	return !a.window.From.After(a.audited) && a.window.To.After(a.audited)
}

// ask says whether a payment of ours that was not met is to be looked up.
func (a *auditRun) ask(o audit.Ours) bool {
	g, known := a.Gateways[o.Gateway]
	settled := o.Standing == audit.Paid || o.Standing == audit.Refunded
	if known && !g.Capabilities().List {
		settled = settled || o.Standing == audit.NotPaid
	}
	switch {
	case !settled || a.list.failed[o.Gateway]:
		return false
	case !known:
		a.skip(o, "of gateway "+o.Gateway+", which is not configured")
		return false
	case o.GatewayID == "" && (o.Key == "" || !g.Capabilities().FindsByKeyAlone()):
		a.skip(o, "without an id that gateway "+o.Gateway+" can be asked by")
		return false
	}
	return true
}

// skip counts a payment that cannot be audited, once.
func (a *auditRun) skip(o audit.Ours, why string) {
	a.met.Add(o.Row)
	a.notes[why]++
}

// tell notes what was counted.
func (a *auditRun) tell(ctx context.Context, x *batch.StepExecution) {
	if n := a.counts[audit.Unsettled]; n > 0 {
		a.note(ctx, x, text.Plural(n, "payment")+" of the window not settled yet: recovery, reconcile and refunds settle them")
	}
	if n := a.counts[audit.InReview]; n > 0 {
		a.note(ctx, x, text.Plural(n, "payment")+" of the window in review")
	}
	for _, why := range slices.Sorted(maps.Keys(a.notes)) {
		a.note(ctx, x, text.Plural(a.notes[why], "payment")+" "+why)
	}
	for _, why := range slices.Sorted(maps.Keys(a.open)) {
		x.Leave(text.Plural(a.open[why], "payment") + " " + why)
	}
}

func (a *auditRun) note(ctx context.Context, x *batch.StepExecution, text string) {
	if a.o.Note != nil {
		a.o.Note(text)
		return
	}
	x.Log.InfoContext(ctx, "audit", slog.String("note", text))
}
