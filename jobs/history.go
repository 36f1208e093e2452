package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"duly/internal/audit"
	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/payment"
	"duly/internal/store"
	"duly/writers"
)

// ListBounds bound the comparison of one gateway's list with the tables at the beginning of a run. What they leave is
// compared by the next runs; until then invoices are looked up one by one before they are charged.
type ListBounds struct {
	Pages int
	Time  time.Duration // of reading pages; outages do not count
	// Slice is how many pages a part of the list may have: the mark moves by whole parts.
	Slice int
}

// DefaultListBounds are a million payments of the payments API, or a minute: more than the nightly run of a shop with a
// million subscriptions finds, and no longer than a first run after an upgrade may wait before it charges anybody.
func DefaultListBounds() ListBounds { return ListBounds{Pages: 1000, Time: time.Minute, Slice: 200} }

const (
	// silentFor is how long the first charges of other gateways wait for one that answers nothing.
	silentFor = 5 * time.Second
	// clearAgain is how often what waits for a comparison looks again.
	clearAgain = 5 * time.Millisecond
	// lostReach is the highest number of a key that an invoice is taken to have come to in a history which may be lost. Numbers that
	// took nothing are no trace: an operator may have requeued it past them, and a gateway may have put it off.
	lostReach = 20
)

// history is what a billing run finds out, before it sends anything, about what the gateways took under our keys. It
// compares their lists with the tables while the run recovers and issues; only sends wait for it. It implements
// steps.History.
type history struct {
	job   *billingJob
	reach int // the highest number of a key that dunning comes to
	once  sync.Once
	// Not changed after the start: the comparisons by gateway, and in the order of the gateways' names.
	checks   map[string]*listCheck
	all      []*listCheck
	last     atomic.Pointer[dueDate] // the newest that an item had
	rejected rejectedPeriods
}

// standing is how the comparison of one gateway's list stands.
type standing uint8

const (
	listComparing standing = iota
	listClear              // charges may be sent
	listUnknown            // it has charges that no attempt accounts for
	listSilent             // it cannot be listed now
	listBehind             // its list is not compared to the end, and it cannot be asked by key
	listBroken             // the comparison failed for a reason of ours
)

// start begins the comparisons, once in a run.
func (h *history) start(x *batch.StepExecution) {
	h.once.Do(func() {
		h.checks = make(map[string]*listCheck, len(h.job.Gateways))
		now := h.job.Clock()
		for _, name := range slices.Sorted(maps.Keys(h.job.Gateways)) {
			c := &listCheck{history: h, name: name, moved: now, over: make(chan struct{})}
			h.checks[name] = c
			h.all = append(h.all, c)
		}
		for _, c := range h.all {
			x.Beside(func(ctx context.Context) { c.run(ctx, x) })
		}
	})
}

// verdict says whether charges may be sent to a gateway: not yet, or not in this run and why.
//
// The others are waited for as well, since a subscription may have been charged elsewhere before, but for those that
// cannot be listed now: these hold the others back only if the database may have been restored.
func (h *history) verdict(gateway string) (batch.LaneState, string) {
	c := h.checks[gateway]
	if c == nil {
		return batch.LaneOpen, ""
	}
	now := h.job.Clock()
	switch at, why := c.at(); at {
	case listComparing:
		return batch.LaneHeld, ""
	case listUnknown, listSilent, listBehind, listBroken:
		return batch.LaneClosed, why
	case listClear:
	}
	suspected := h.suspected()
	for _, other := range h.all {
		switch at, why := other.at(); {
		case other == c:
		case at == listComparing && (suspected || !other.stuck(now)):
			return batch.LaneHeld, ""
		case suspected && (at == listSilent || at == listBroken):
			return batch.LaneClosed, "the database may have been restored, and not every gateway could be listed: " + why
		}
	}
	return batch.LaneOpen, ""
}

// state is the state of a gateway's lane for charges.
func (h *history) state(gateway string) batch.LaneState {
	if s := h.job.Gateways.State(gateway); s == batch.LaneClosed || s == batch.LanePaused {
		return s
	}
	if s, _ := h.verdict(gateway); s != batch.LaneOpen {
		return s
	}
	return h.job.Gateways.State(gateway)
}

// Clear implements steps.History.
func (h *history) Clear(ctx context.Context, gateway string) error {
	for {
		switch s, why := h.verdict(gateway); s {
		case batch.LaneOpen:
			return nil
		case batch.LaneClosed:
			return fmt.Errorf("not sent: %s", why)
		case batch.LaneHeld, batch.LanePaused:
		}
		if err := h.wait(ctx); err != nil {
			return err
		}
	}
}

// wait waits a moment for comparisons. The error says that the run ends.
func (h *history) wait(ctx context.Context) error {
	x := batch.Execution(ctx)
	select {
	case <-x.Stopping():
		return fmt.Errorf("not sent: %w", batch.ErrStopped)
	default:
	}
	if x.Halted() != nil || x.Lease.Left() <= 0 || batch.Wait(ctx, clearAgain) != nil {
		return errors.New("not sent: the run ends")
	}
	return nil
}

// noLookUps are the numbers of an item that is not looked up.
var noLookUps = billing.LookUps{First: 1, Last: 0} //nolint:gochecknoglobals // a constant

// asked is the comparison of the gateway that an item is looked up at, and the number of its key; nil: it is not looked up.
func (h *history) asked(item billing.Claimed) (c *listCheck, n int) {
	c = h.checks[item.Gateway]
	if c == nil || !h.job.Gateways[item.Gateway].Capabilities().FindByKey {
		return nil, 0
	}
	id, ok := billing.ParseKey(h.job.keyPrefix(item.Gateway), item.Charge.Key)
	if !ok {
		return nil, 0
	}
	return c, id.N
}

// FirstSend implements steps.History.
func (h *history) FirstSend(item billing.Claimed) (billing.LookUps, error) {
	due := h.due(item)
	if err := h.rejected.hold(item.Charge.Reference); err != nil {
		return noLookUps, err
	}
	if c := h.checks[item.Gateway]; c == nil || c.covers().Shows(due) {
		return noLookUps, nil // nearly every charge of a night: its key need not be read
	}
	c, n := h.asked(item)
	if c == nil {
		return noLookUps, nil
	}
	cover, now := c.covers(), h.job.Business()
	if !h.job.Gateways[item.Gateway].Capabilities().LookupOutlivesKey && h.suspected() && !cover.Remembered(due, now) {
		return noLookUps, fmt.Errorf("not sent: %w", c.forget())
	}
	return cover.FirstSend(due, n, h.highest(), now), nil
}

// highest is the highest number of its key that an invoice can have come to.
func (h *history) highest() int {
	if h.suspected() {
		return max(h.reach, lostReach)
	}
	return h.reach
}

// suspected reports whether the database may have been restored, and nobody has said that the tables are whole.
func (h *history) suspected() bool { return h.job.o.Suspected != nil && h.job.o.Suspected() }

// Later implements steps.History.
func (h *history) Later(ctx context.Context, item billing.Claimed) (billing.LookUps, error) {
	c, n := h.asked(item)
	if c == nil {
		return noLookUps, h.rejected.hold(item.Charge.Reference)
	}
	for {
		if at, _ := c.at(); at != listComparing || c.stuck(h.job.Clock()) {
			if err := h.rejected.hold(item.Charge.Reference); err != nil {
				return noLookUps, err
			}
			return c.covers().Later(h.due(item), n, h.highest()), nil
		}
		if err := h.wait(ctx); err != nil {
			return noLookUps, err
		}
	}
}

// due is when the due date of an item begins. Most items of a night have one date, so that the last one is remembered.
func (h *history) due(item billing.Claimed) time.Time {
	last := h.last.Load()
	if last == nil || last.date != item.Invoice.Due {
		last = &dueDate{item.Invoice.Due, item.Invoice.Due.In(h.job.Zone).From}
		h.last.Store(last)
	}
	return last.begins
}

// dueDate is a due date, and when it begins in the business time zone.
type dueDate struct {
	date   payment.Date
	begins time.Time
}

// Listed implements steps.History.
func (h *history) Listed(gateway, key string) *payment.Payment {
	c := h.checks[gateway]
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if p, ok := c.open[key]; ok {
		return &p
	}
	return nil
}

// Unknown implements steps.History.
func (h *history) Unknown(ctx context.Context, gateway string, found []payment.Payment) (int, error) {
	c := h.checks[gateway]
	if c == nil {
		return 0, fmt.Errorf("gateway %s is not compared", gateway)
	}
	x := batch.Execution(ctx)
	strange, held, err := c.strange(ctx, x, found)
	if err != nil || len(strange) == 0 {
		return 0, err
	}
	return len(strange), c.note(ctx, x, strange, held)
}

// await waits until charges may be sent to some gateway, or never will in this run.
func (h *history) await(ctx context.Context, x *batch.StepExecution) {
	for x.Lease.Left() > 0 && x.Halted() == nil {
		held := false
		for name := range h.job.Gateways {
			switch h.state(name) {
			case batch.LaneOpen:
				return
			case batch.LaneHeld:
				held = true
			case batch.LaneClosed, batch.LanePaused:
			}
		}
		if !held || batch.Wait(ctx, clearAgain) != nil {
			return
		}
	}
}

// end waits for the comparisons that go on, so that a run tells of unknown charges although it had nothing to charge, and
// gives up those that nobody waits for.
func (h *history) end(ctx context.Context, x *batch.StepExecution) {
	for _, c := range h.all {
		for {
			if at, _ := c.at(); at != listComparing || c.stuck(h.job.Clock()) || x.Lease.Left() <= 0 {
				break
			}
			select {
			case <-c.over:
			case <-ctx.Done():
				return
			case <-time.After(clearAgain):
			}
		}
	}
}

// problems are the errors of comparisons that were not told yet.
func (h *history) problems() error {
	var found []error
	for _, c := range h.all {
		found = append(found, c.problem())
	}
	return errors.Join(found...)
}

// reasons say why gateways are sent nothing in this run.
func (h *history) reasons() []string {
	var reasons []string
	for _, c := range h.all {
		if s, why := h.verdict(c.name); s == batch.LaneClosed {
			reasons = append(reasons, why)
		}
	}
	return reasons
}

// run compares the list, beside the steps of the run.
func (c *listCheck) run(ctx context.Context, x *batch.StepExecution) {
	defer close(c.over)
	defer func() {
		if p := recover(); p != nil {
			x.Log.ErrorContext(ctx, "panic while a list was compared", slog.Any("panic", batch.PanicError(p)), slog.String("stack", string(debug.Stack())))
			c.settle(listBroken, batch.PanicError(p))
		}
	}()
	at, err := c.compare(ctx, x)
	if at == listBroken && (errors.Is(err, batch.ErrStopped) || errors.Is(err, batch.ErrLeaseLost)) {
		at = listSilent // the run ends, for a reason that it tells of itself
	}
	if at != listClear && ctx.Err() != nil {
		at, err = listSilent, fmt.Errorf("gateway %s was left alone: its charges were not listed before the run ended", c.name)
	}
	c.settle(at, err)
	if at != listClear {
		x.Log.WarnContext(ctx, "nothing is charged at a gateway in this run", slog.String("gateway", c.name), slog.Any("error", err))
	}
}

// record writes unknown charges down: what they are, and a finding for money that the gateway kept. Those that rejected attempts account
// for are adopted as any other, and their invoices go to review.
func (c *listCheck) record(ctx context.Context, x *batch.StepExecution, found []payment.Payment, rejected []billing.RejectedAnyway) error {
	j := c.history.job
	var findings []audit.Finding
	for _, p := range found {
		f, ok := audit.Unknown(c.name, p, nil)
		if !ok {
			continue
		}
		if at := slices.IndexFunc(rejected, func(r billing.RejectedAnyway) bool { return r.Key == p.Key }); at >= 0 {
			f.Detail.Row, f.Detail.Text = audit.Row{Table: audit.Attempts, ID: rejected[at].Attempt}.String(), rejected[at].String()
		}
		findings = append(findings, f)
	}
	return x.Retry(ctx, func(ctx context.Context) error {
		if err := writers.UnknownCharges(ctx, j.DB, c.name, j.Accounts[c.name], j.keyPrefix(c.name), found); err != nil {
			return err
		}
		if err := writers.RejectedAnyway(ctx, j.DB, rejected, j.Business()); err != nil {
			return err
		}
		return store.Findings(ctx, j.DB, j.Business(), findings)
	})
}

// checked is a step of a run that compares the lists of its gateways beside it.
type checked struct {
	batch.Step

	history *history
	last    bool
}

// Run implements batch.Step.
func (s checked) Run(ctx context.Context, x *batch.StepExecution) error {
	s.history.start(x)
	err := s.Step.Run(ctx, x)
	if s.last && !errors.Is(err, batch.ErrHalt) {
		s.history.end(ctx, x)
	}
	return errors.Join(err, s.history.problems())
}

// withHistory compares the gateways' lists beside steps, if one of them sends charges.
func withHistory(h *history, all []batch.Step) []batch.Step {
	if !slices.ContainsFunc(all, func(s batch.Step) bool { return s.Name() != StepIssue }) {
		return all
	}
	out := make([]batch.Step, len(all))
	for i, s := range all {
		out[i] = checked{Step: s, history: h, last: i == len(all)-1}
	}
	return out
}
