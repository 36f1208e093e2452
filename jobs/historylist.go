package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/gateway"
	"duly/internal/payment"
	"duly/internal/query"
	"duly/steps"
	"duly/writers"
)

const (
	// a comparison begins this long before the mark: clocks differ, and a server that took over may lack the last commits.
	listOverlap = time.Hour
	// a list is asked for this much further than now: the gateway's clock may be ahead.
	listAhead = time.Hour
	// the first part of a list: a night, or a weekend without one, is one part.
	firstSlice = 72 * time.Hour
	// the shortest part that is tried where a longer one has too many pages.
	leastSlice = time.Second
	// how long a list that failed is left alone.
	listAgain = time.Second
)

// listCheck compares the list of one gateway with the tables.
type listCheck struct {
	history *history
	name    string
	over    chan struct{} // closed when the comparison has ended

	mu       sync.Mutex
	standing standing
	failure  error
	unknowns int
	told     bool
	forgot   error     // why invoices are left alone that it may have forgotten charges of; nil: none is, or it was told
	failing  bool      // the last request for a page was not answered
	moved    time.Time // by the process's own clock, when a page came last
	coverage billing.Coverage
	open     map[string]payment.Payment // what is listed under the keys of attempts that were not settled then
	accounts []uint32                   // the rows of gateway_accounts that count as its account

	// Of the comparison's own goroutine.
	account query.ListedAccount
	pages   int
	spent   time.Duration
	newest  writers.Compared // the newest attempt that was met
	// Payments of ours, by key, that the list must show if it is whole, until it has shown them.
	expected map[string]payment.Control
}

// at is how the comparison stands, and why nothing may be sent if that is so.
func (c *listCheck) at() (standing, string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.standing == listUnknown {
		return listUnknown, c.unknownText()
	}
	if c.failure != nil {
		return c.standing, c.failure.Error()
	}
	return c.standing, ""
}

func (c *listCheck) unknownText() string {
	return fmt.Sprintf("gateway %s has %s under keys of ours that no attempt accounts for: was the database restored, or do two installations share "+
		"the account without gateways.%s.key_prefix? Nothing is charged there until each is accounted for: duly adopt %s",
		c.name, plural(int64(c.unknowns), "charge"), c.name, c.name)
}

// stuck reports whether nobody waits for the comparison: its gateway does not answer.
func (c *listCheck) stuck(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failing || now.Sub(c.moved) > silentFor
}

func (c *listCheck) covers() billing.Coverage {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.coverage
}

// settle ends the comparison. Unknown charges that were found are not forgotten for another reason.
func (c *listCheck) settle(at standing, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failure = err
	if c.standing = at; c.unknowns > 0 {
		c.standing = listUnknown
	}
}

// found counts unknown charges; nothing more is sent to the gateway.
func (c *listCheck) found(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.unknowns += n; n > 0 && c.standing != listComparing {
		c.standing = listUnknown
	}
}

// problem is what the run fails with, told once.
func (c *listCheck) problem() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.forgot; err != nil {
		c.forgot, c.told = nil, true
		return err
	}
	switch {
	case c.told:
		return nil
	case c.standing == listUnknown:
		c.told = true
		return errors.New(c.unknownText())
	case c.standing == listBroken:
		c.told = true
		return c.failure
	}
	return nil
}

// forget notes that an invoice is left alone of which the gateway may have forgotten charges that the tables have lost.
func (c *listCheck) forget() error {
	err := fmt.Errorf("the database may have been restored or have lost commits, and gateway %s shows no charge for longer than it keeps keys: find out what it took for "+
		"earlier due dates, settle that, then run: duly doctor --history-confirmed --reason …", c.name)
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.told {
		c.forgot = err
	}
	return err
}

// heard notes that a page came, or that none did.
func (c *listCheck) heard(failing bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failing = failing; !failing {
		c.moved = c.history.job.Clock()
	}
}

// compare reads the gateway's list from the mark on and moves the mark.
func (c *listCheck) compare(ctx context.Context, x *batch.StepExecution) (standing, error) {
	j := c.history.job
	g := j.Gateways[c.name]
	able := g.Capabilities()
	cover := billing.Coverage{Guard: able.KeyLife - able.LongestRequest, Once: able.ChargesOnce, Lags: able.ListLag > 0, Early: j.o.AllowFuture}
	if err := x.Retry(ctx, func(ctx context.Context) (err error) {
		c.account, err = query.Listed(ctx, j.DB, j.Accounts[c.name])
		return err
	}); err != nil {
		return listBroken, c.failed(err)
	}
	c.mu.Lock()
	c.accounts = c.account.Accounts
	c.mu.Unlock()
	c.found(c.holding(c.account))
	c.history.rejected.add(c.account.Rejected)
	if reason, closed := g.Closed(); closed {
		return listSilent, fmt.Errorf("gateway %s was left alone: %s", c.name, reason)
	}
	if !able.List || c.account.Mark.To.IsZero() {
		if err := c.early(ctx, x, &cover); err != nil {
			return listBroken, c.failed(err)
		}
	}
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.coverage = cover
	}()
	if !able.List {
		return listClear, nil
	}
	w, known, err := c.window(ctx, x, able, cover.Early)
	if err != nil {
		return listBroken, c.failed(err)
	}
	whole, err := c.list(ctx, x, w, known)
	partial, incomplete := errors.AsType[*partialError](err)
	if _, down := errors.AsType[*unlistedError](err); down {
		return listSilent, err
	} else if err != nil && !incomplete {
		return listBroken, c.failed(err)
	}
	if c.newest.Attempt != 0 {
		x.Acknowledged.Met(batch.Mark{ID: c.newest.Attempt, Key: c.newest.Key})
	}
	if err := c.count(ctx, x); err != nil {
		return listBroken, c.failed(err)
	}
	// A list that lacks what a lost history charged looks whole: what may have been restored is asked for by key as well.
	trusted := whole && (!c.history.suspected() || !able.FindByKey)
	if cover.Complete, cover.From, cover.To = trusted, known, w.To; !known.After(query.OldestDue.In(j.Zone).To) {
		cover.From = time.Time{}
	}
	if whole && trusted {
		return listClear, nil
	}
	if err := c.early(ctx, x, &cover); err != nil {
		return listBroken, c.failed(err)
	}
	if whole {
		return listClear, nil
	}
	if incomplete && able.FindByKey {
		x.Leave(partial.Error() + "; until then each charge is looked up before it is made")
		return listClear, nil
	} else if incomplete {
		return listBehind, partial
	}
	x.Log.WarnContext(ctx, "a gateway's list is not compared to the end; the next run goes on", slog.String("gateway", c.name), slog.Int("pages", c.pages))
	if !able.FindByKey {
		return listBehind, fmt.Errorf("gateway %s was left alone: its list is not compared to the end (%s), and it cannot be asked by key; the next run goes on from where this one came to",
			c.name, plural(int64(c.pages), "page"))
	}
	return listClear, nil
}

// count counts the unknown charges again that wait for an operator: those that were listed may have waited before.
func (c *listCheck) count(ctx context.Context, x *batch.StepExecution) error {
	c.mu.Lock()
	clean := c.unknowns == 0
	c.mu.Unlock()
	if clean {
		return nil
	}
	j := c.history.job
	return x.Retry(ctx, func(ctx context.Context) error {
		now, err := query.Listed(ctx, j.DB, j.Accounts[c.name])
		if err != nil {
			return err
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.unknowns = max(c.holding(now), 1) // who adopts meanwhile changes nothing about this run
		return nil
	})
}

// holding is how many unknown charges hold the gateway up: also those that rejected attempts account for, if the tables may lack what
// would tell otherwise.
func (c *listCheck) holding(account query.ListedAccount) int {
	if c.history.suspected() {
		return account.Open + len(account.Rejected)
	}
	return account.Open
}

func (c *listCheck) failed(err error) error {
	return fmt.Errorf("compare the charges of gateway %s with the tables: %w", c.name, err)
}

// early finds out whether charges may have been made before their due date.
func (c *listCheck) early(ctx context.Context, x *batch.StepExecution, cover *billing.Coverage) error {
	j := c.history.job
	_, offset := j.Business().In(j.Zone).Zone()
	return x.Retry(ctx, func(ctx context.Context) error {
		early, err := query.ChargedEarly(ctx, j.DB, time.Duration(offset)*time.Second)
		cover.Early = cover.Early || early
		return err
	})
}

// window is what is to be listed, and from when on the list answers for charges: before the mark the tables did.
func (c *listCheck) window(ctx context.Context, x *batch.StepExecution, able gateway.Capabilities, early bool) (w payment.Window, known time.Time, err error) {
	j := c.history.job
	now := j.Business().UTC().Round(0)
	w.To = now.Add(-able.ListLag)
	if able.ListLag > 0 && !able.FindByKey && able.KeyLife-able.LongestRequest <= able.ListLag {
		// What the list does not show yet is guarded by nothing: it is waited for.
		w.To = now
		if batch.Wait(ctx, able.ListLag) != nil {
			return w, known, batch.ErrStopped
		}
	}
	if mark := c.account.Mark; !mark.To.IsZero() {
		w.From = earlier(mark.To, w.To).Add(-listOverlap)
		return w, mark.From, nil
	}
	oldest := query.OldestDue
	if !early {
		err = x.Retry(ctx, func(ctx context.Context) error {
			var err error
			oldest, err = query.OldestChargeable(ctx, j.DB, j.effective())
			return err
		})
	}
	w.From = oldest.In(j.Zone).From
	if oldest.IsZero() {
		w.From = w.To
	}
	w.From = earlier(w.From, w.To.Add(-listOverlap))
	return w, w.From, err
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// unlistedError is why a gateway could not be listed.
type unlistedError struct {
	gateway string
	cause   error
	noList  bool // it may have none
}

func (e *unlistedError) Error() string {
	text := fmt.Sprintf("gateway %s was left alone: what it charged cannot be listed: %v", e.gateway, e.cause)
	if e.noList {
		text += fmt.Sprintf("; check gateways.%s.url, and if the gateway has no list of payments, set gateways.%[1]s.list to false", e.gateway)
	}
	return text
}

func (e *unlistedError) Unwrap() error { return e.cause }

// list reads a window part by part. It reports whether all of it was read, whatever it found.
func (c *listCheck) list(ctx context.Context, x *batch.StepExecution, w payment.Window, known time.Time) (bool, error) {
	bounds := c.history.bounds()
	if err := c.expect(ctx, x, w); err != nil {
		return false, err
	}
	for length := firstSlice; w.From.Before(w.To); {
		part := payment.Window{From: w.From, To: w.From.Add(length)}
		if !part.To.Before(w.To) {
			part.To = w.To
		}
		before := c.pages
		end, err := c.part(ctx, x, part, part.To.Equal(w.To))
		switch {
		case err != nil:
			return false, err
		case end == outOfBounds:
			return false, nil
		case end == tooLong:
			if length = part.To.Sub(part.From) / 2; length < leastSlice {
				return false, nil
			}
			continue
		}
		if missing, incomplete := c.missing(); incomplete && part.To.Equal(w.To) {
			return false, &partialError{c.name, missing}
		}
		if err := c.mark(ctx, x, known, part.To); err != nil {
			return false, err
		}
		w.From = part.To
		if (c.pages-before)*8 <= bounds.Slice {
			length *= 4
		}
	}
	return true, nil
}

// mark moves the account's mark on, unless something before it waits to be accounted for.
func (c *listCheck) mark(ctx context.Context, x *batch.StepExecution, from, to time.Time) error {
	j := c.history.job
	c.mu.Lock()
	clean := c.unknowns == 0
	c.mu.Unlock()
	if !clean || j.Accounts[c.name] == 0 {
		return nil
	}
	done := c.newest
	done.Account, done.From, done.To = j.Accounts[c.name], from, to
	return x.Retry(ctx, func(ctx context.Context) error { return writers.MoveListMark(ctx, j.DB, done, j.Business()) })
}

// partEnd is how the reading of a part ended.
type partEnd uint8

const (
	readToTheEnd partEnd = iota
	tooLong              // it has more pages than a part may have
	outOfBounds          // the comparison has read as much as it may, or goes round in a circle
)

// part reads one part of the list page by page, and the tables after each.
func (c *listCheck) part(ctx context.Context, x *batch.StepExecution, w payment.Window, last bool) (partEnd, error) {
	bounds := c.history.bounds()
	if last {
		w.To = w.To.Add(listAhead)
	}
	seen := map[string]bool{}
	for cursor := ""; ; {
		if c.pages >= bounds.Pages || c.spent >= bounds.Time {
			return outOfBounds, nil
		}
		page, err := c.read(ctx, x, w, cursor)
		if err != nil {
			return 0, err
		}
		if err := c.page(ctx, x, page.Payments); err != nil {
			return 0, err
		}
		switch {
		case page.Cursor == "":
			return readToTheEnd, nil
		case seen[page.Cursor]:
			return outOfBounds, nil
		case len(seen)+1 >= bounds.Slice:
			return tooLong, nil
		}
		cursor = page.Cursor
		seen[cursor] = true
	}
}

// read reads one page, again while the gateway is down, for as long as an outage is waited for.
func (c *listCheck) read(ctx context.Context, x *batch.StepExecution, w payment.Window, cursor string) (payment.Listing, error) {
	j := c.history.job
	g, m := j.Gateways[c.name], &steps.Audit{Gateways: j.Gateways}
	for began := j.Clock(); ; {
		asked := j.Clock()
		page, err := m.List(ctx, c.name, w, cursor)
		c.pages++
		if err == nil {
			c.spent += j.Clock().Sub(asked)
			c.heard(false)
			return page, nil
		}
		c.heard(true)
		_, closed := g.Closed()
		known, told := errors.AsType[*gateway.ListError](err)
		lasting := told && !known.Failure && !known.Misconfigured && known.RetryAfter == 0
		waits := !closed && !lasting && ctx.Err() == nil && x.Lease.Left() > 0 && j.Clock().Sub(began) < g.MaxOutage()
		if !waits || batch.Wait(ctx, listAgain) != nil {
			return page, &unlistedError{c.name, err, told && known.NoList}
		}
	}
}

// page compares one page with the tables, which are read after it: who charges beside this run commits an attempt before
// its request leaves.
func (c *listCheck) page(ctx context.Context, x *batch.StepExecution, listed []payment.Payment) error {
	j := c.history.job
	var ours []payment.Payment
	for _, p := range listed {
		if _, ok := billing.ParseKey(j.keyPrefix(c.name), p.Key); ok {
			ours = append(ours, p)
		}
		if c.expected[p.Key].PaymentID == p.ID {
			delete(c.expected, p.Key)
		}
	}
	strange, held, err := c.strange(ctx, x, ours)
	c.unsettled(ours, held)
	if held.Newest > c.newest.Attempt {
		c.newest.Attempt, c.newest.Key = held.Newest, held.NewestKey
	}
	if err != nil || len(strange) == 0 {
		return err
	}
	// One that was pending may have been decided between the list and the tables.
	for i, p := range strange {
		if _, ok := held.Attempts[p.Key]; !ok || p.Status != payment.Pending {
			continue
		}
		m := &steps.Audit{Gateways: j.Gateways}
		if now := m.Again(ctx, c.name, p); now != nil {
			strange[i] = *now
		}
	}
	if strange, held, err = c.strange(ctx, x, strange); err != nil || len(strange) == 0 {
		return err
	}
	return c.note(ctx, x, strange, held)
}

// unsettled keeps what is listed under the keys of attempts that are not settled: recovery reads it.
func (c *listCheck) unsettled(ours []payment.Payment, held query.KeysHeld) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range ours {
		switch held.Attempts[p.Key].Status {
		case billing.AttemptInFlight, billing.AttemptInDoubt:
			if c.open == nil {
				c.open = map[string]payment.Payment{}
			}
			c.open[p.Key] = p
		case billing.AttemptSucceeded, billing.AttemptDeclined, billing.AttemptReleased, billing.AttemptRejected, billing.AttemptReview:
		}
	}
}

// listMargin is how far apart a gateway's clock and ours may be without a list being taken for incomplete.
const listMargin = listOverlap

// expect finds a few payments of ours that a list of the window must show.
func (c *listCheck) expect(ctx context.Context, x *batch.StepExecution, w payment.Window) error {
	j := c.history.job
	var recent []payment.Control
	err := x.Retry(ctx, func(ctx context.Context) (err error) {
		recent, err = j.controlReader().Recent(ctx, c.name, w.To.Add(-listMargin))
		return err
	})
	c.expected = make(map[string]payment.Control, len(recent))
	for _, control := range recent {
		if !control.At.Before(w.From.Add(listMargin)) {
			c.expected[control.Key] = control
		}
	}
	return err
}

// missing is a payment of ours that the list does not show although it was read to its end.
func (c *listCheck) missing() (payment.Control, bool) {
	for _, control := range c.expected {
		return control, true
	}
	return payment.Control{}, false
}

// partialError says that a list does not show what the gateway took.
type partialError struct {
	gateway string
	missing payment.Control
}

func (e *partialError) Error() string {
	return fmt.Sprintf("gateway %s lists its payments without %s, which it took on %s: is gateways.%[1]s.url right? If its list is behind, raise gateways.%[1]s.list_lag; "+
		"if it is never whole, set gateways.%[1]s.list to false", e.gateway, e.missing.PaymentID, e.missing.At.UTC().Format(time.DateTime+" UTC"))
}

// strange are the charges that the tables do not account for. It is safe for concurrent use.
func (c *listCheck) strange(ctx context.Context, x *batch.StepExecution, list []payment.Payment) ([]payment.Payment, query.KeysHeld, error) {
	var held query.KeysHeld
	if len(list) == 0 {
		return nil, held, nil
	}
	keys := make([]string, len(list))
	for i, p := range list {
		keys[i] = p.Key
	}
	j := c.history.job
	c.mu.Lock()
	accounts := c.accounts
	c.mu.Unlock()
	if len(accounts) == 0 { // they are not read yet
		accounts = []uint32{j.Accounts[c.name]}
	}
	err := x.Retry(ctx, func(ctx context.Context) (err error) {
		held, err = query.Held(ctx, j.DB, x.Run.ID, accounts, keys)
		return err
	})
	if err != nil {
		return nil, held, err
	}
	var strange []payment.Payment
	for _, p := range list {
		if !held.Accounts(p) {
			strange = append(strange, p)
		}
	}
	return strange, held, nil
}

func (h *history) bounds() ListBounds {
	if b := h.job.o.List; b != (ListBounds{}) {
		return b
	}
	return DefaultListBounds()
}
