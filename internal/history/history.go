package history

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/store"
	"duly/steps"
)

// Bounds bound the comparison of one gateway's list with the tables at the beginning of a run. What they leave is
// compared by the next runs; until then invoices are looked up one by one before they are charged.
type Bounds struct {
	Pages int
	Time  time.Duration // of reading pages; outages do not count
	// Slice is how many pages a part of the list may have: the mark moves by whole parts.
	Slice int
}

// defaultBounds are a million payments of the payments API, or a minute: more than the nightly run of a shop with a
// million subscriptions finds, and no longer than a first run after an upgrade may wait before it charges anybody.
func defaultBounds() Bounds { return Bounds{Pages: 1000, Time: time.Minute, Slice: 200} }

const (
	// silentFor is how long the first charges of other gateways wait for one that answers nothing.
	silentFor = 5 * time.Second
	// clearAgain is how often what waits for a comparison looks again.
	clearAgain = 5 * time.Millisecond
	// lostReach is the highest number of a key that an invoice is taken to have come to in a history which may be lost. Numbers that
	// took nothing are no trace: an operator may have requeued it past them, and a gateway may have put it off.
	lostReach = 20
)

// History is what a billing run finds out, before it sends anything, about what the gateways took under our keys. It
// compares their lists with the tables while the run recovers and issues; only sends wait for it. It implements
// steps.History.
type History struct {
	DB       *mysql.DB
	Gateways steps.Gateways
	// Accounts, KeyPrefixes, Clock, Business and Zone are those of the job.
	Accounts    map[string]uint32
	KeyPrefixes map[string]string
	Clock       func() time.Time
	Business    func() time.Time
	Zone        *time.Location
	// Controls finds payments that a whole list shows.
	Controls *store.Controls
	// Effective is the later of the business date and today.
	Effective func() payment.Date
	// Suspected reports whether the database may have been restored; nil: it was not.
	Suspected func() bool
	// AllowFuture: the business date may be later than today, so that charges may be older than their due date.
	AllowFuture bool
	// Reach is the highest number of a key that dunning comes to.
	Reach int
	// Bounds bound the comparison of a list; zero: defaultBounds.
	Bounds Bounds

	once sync.Once
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
func (h *History) start(x *batch.StepExecution) {
	h.once.Do(func() {
		if h.Bounds == (Bounds{}) {
			h.Bounds = defaultBounds()
		}
		h.checks = make(map[string]*listCheck, len(h.Gateways))
		now := h.Clock()
		for _, name := range slices.Sorted(maps.Keys(h.Gateways)) {
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
// cannot be listed now, or not to the end: these hold the others back only if the database may have been restored.
func (h *History) verdict(gateway string) (batch.LaneState, string) {
	c := h.checks[gateway]
	if c == nil {
		return batch.LaneOpen, ""
	}
	now := h.Clock()
	switch at, why := c.at(); at {
	case listComparing:
		return batch.LaneHeld, ""
	case listUnknown, listSilent, listBehind, listBroken:
		return batch.LaneClosed, why
	case listClear:
	}
	suspected := h.restored()
	for _, other := range h.all {
		switch at, why := other.at(); {
		case other == c:
		case at == listComparing && (suspected || !other.stuck(now)):
			return batch.LaneHeld, ""
		case suspected && (at == listSilent || at == listBroken):
			return batch.LaneClosed, "the database may have been restored, and not every gateway could be listed: " + why
		case suspected && other.unread():
			return batch.LaneClosed, "the database may have been restored, and the list of gateway " + other.name + " is not compared to the end: the next run goes on"
		}
	}
	return batch.LaneOpen, ""
}

// State is the state of a gateway's lane for charges.
func (h *History) State(gateway string) batch.LaneState {
	if s := h.Gateways.State(gateway); s == batch.LaneClosed || s == batch.LanePaused {
		return s
	}
	if s, _ := h.verdict(gateway); s != batch.LaneOpen {
		return s
	}
	return h.Gateways.State(gateway)
}

// Clear implements steps.History.
func (h *History) Clear(ctx context.Context, gateway string) error {
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
func (h *History) wait(ctx context.Context) error {
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
func (h *History) asked(item billing.Claimed) (c *listCheck, n int) {
	c = h.checks[item.Gateway]
	if c == nil || !h.Gateways[item.Gateway].Capabilities().FindByKey {
		return nil, 0
	}
	id, ok := billing.ParseKey(h.KeyPrefixes[item.Gateway], item.Charge.Key)
	if !ok {
		return nil, 0
	}
	return c, id.N
}

// FirstSend implements steps.History.
func (h *History) FirstSend(item billing.Claimed) (billing.LookUps, error) {
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
	cover, now := c.covers(), h.Business()
	if !h.Gateways[item.Gateway].Capabilities().LookupOutlivesKey && h.restored() && !cover.Remembered(due, now) {
		return noLookUps, fmt.Errorf("not sent: %w", c.forget())
	}
	return cover.FirstSend(due, n, h.highest(), now), nil
}

// highest is the highest number of its key that an invoice can have come to.
func (h *History) highest() int {
	if h.restored() {
		return max(h.Reach, lostReach)
	}
	return h.Reach
}

// restored reports whether the database may have been restored, and nobody has said that the tables are whole.
func (h *History) restored() bool { return h.Suspected != nil && h.Suspected() }

// Later implements steps.History.
func (h *History) Later(ctx context.Context, item billing.Claimed) (billing.LookUps, error) {
	c, n := h.asked(item)
	if c == nil {
		return noLookUps, h.rejected.hold(item.Charge.Reference)
	}
	for {
		if at, _ := c.at(); at != listComparing || c.stuck(h.Clock()) {
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
func (h *History) due(item billing.Claimed) time.Time {
	last := h.last.Load()
	if last == nil || last.date != item.Invoice.Due {
		last = &dueDate{item.Invoice.Due, item.Invoice.Due.In(h.Zone).From}
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
func (h *History) Listed(gateway, key string) *payment.Payment {
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
func (h *History) Unknown(ctx context.Context, gateway string, found []payment.Payment) (int, error) {
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

// awaitIdly is for how long the first charges wait for comparisons before the time is used for other work.
const awaitIdly = 250 * time.Millisecond

// Await waits until charges may be sent to some gateway, or never will in this run. idle is a piece of other work that it does when that
// takes a while, and reports whether there is more; nil: there is none.
func (h *History) Await(ctx context.Context, x *batch.StepExecution, idle func(ctx context.Context) (more bool)) {
	for began := x.Now(); x.Lease.Left() > 0 && x.Halted() == nil; {
		held := false
		for name := range h.Gateways {
			switch h.State(name) {
			case batch.LaneOpen:
				return
			case batch.LaneHeld:
				held = true
			case batch.LaneClosed, batch.LanePaused:
			}
		}
		if !held || ctx.Err() != nil {
			return
		}
		if idle != nil && batch.Since(began, x.Now()) >= awaitIdly {
			if !idle(x.Work) {
				idle = nil
			}
			continue
		}
		if batch.Wait(ctx, clearAgain) != nil {
			return
		}
	}
}

// end waits for the comparisons that go on, so that a run tells of unknown charges although it had nothing to charge, and
// gives up those that nobody waits for.
func (h *History) end(ctx context.Context, x *batch.StepExecution) {
	for _, c := range h.all {
		for {
			if at, _ := c.at(); at != listComparing || c.stuck(h.Clock()) || x.Lease.Left() <= 0 {
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
func (h *History) problems() error {
	var found []error
	for _, c := range h.all {
		found = append(found, c.problem())
	}
	return errors.Join(found...)
}

// Reasons say why gateways are sent nothing in this run.
func (h *History) Reasons() []string {
	var reasons []string
	for _, c := range h.all {
		if s, why := h.verdict(c.name); s == batch.LaneClosed {
			reasons = append(reasons, why)
		}
	}
	return reasons
}
