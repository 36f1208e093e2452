package history

import (
	"context"
	"errors"
	"fmt"
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
	// listAhead is how much further than now a list is asked for: the gateway's clock may be ahead.
	listAhead = time.Hour
	// firstSlice is the first part of a list: a night, or a weekend without one, is one part.
	firstSlice = 72 * time.Hour
	// leastSlice is the shortest part that is tried where a longer one has too many pages.
	leastSlice = time.Second
	// listAgain is how long a list that failed is left alone.
	listAgain = time.Second
)

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
		if (c.pages-before)*8 <= c.history.Bounds.Slice {
			length *= 4
		}
	}
	return true, nil
}

// mark moves the account's mark on, unless something before it waits to be accounted for.
func (c *listCheck) mark(ctx context.Context, x *batch.StepExecution, from, to time.Time) error {
	h := c.history
	c.mu.Lock()
	clean := c.unknowns == 0
	c.mu.Unlock()
	if !clean || h.Accounts[c.name] == 0 {
		return nil
	}
	return x.Retry(ctx, func(ctx context.Context) error {
		return writers.MoveListMark(ctx, h.DB, h.Accounts[c.name], payment.Window{From: from, To: to}, c.newest, h.Business())
	})
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
	if last {
		w.To = w.To.Add(listAhead)
	}
	seen := map[string]bool{}
	for cursor := ""; ; {
		if c.pages >= c.history.Bounds.Pages || c.spent >= c.history.Bounds.Time {
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
		case len(seen)+1 >= c.history.Bounds.Slice:
			return tooLong, nil
		}
		cursor = page.Cursor
		seen[cursor] = true
	}
}

// read reads one page, again while the gateway is down, for as long as an outage is waited for.
func (c *listCheck) read(ctx context.Context, x *batch.StepExecution, w payment.Window, cursor string) (payment.Listing, error) {
	h := c.history
	g, m := h.Gateways[c.name], &steps.Audit{Gateways: h.Gateways}
	for began := h.Clock(); ; {
		asked := h.Clock()
		page, err := m.List(ctx, c.name, w, cursor)
		c.pages++
		if err == nil {
			c.spent += h.Clock().Sub(asked)
			c.heard(false)
			return page, nil
		}
		c.heard(true)
		_, closed := g.Closed()
		known, told := errors.AsType[*gateway.ListError](err)
		lasting := told && !known.Failure && !known.Misconfigured && known.RetryAfter == 0
		waits := !closed && !lasting && ctx.Err() == nil && x.Lease.Left() > 0 && h.Clock().Sub(began) < g.MaxOutage()
		if !waits || batch.Wait(ctx, listAgain) != nil {
			return page, &unlistedError{c.name, err, told && known.NoList}
		}
	}
}

// page compares one page with the tables, which are read after it: who charges beside this run commits an attempt before
// its request leaves.
func (c *listCheck) page(ctx context.Context, x *batch.StepExecution, listed []payment.Payment) error {
	h := c.history
	var ours []payment.Payment
	for _, p := range listed {
		if _, ok := billing.ParseKey(h.KeyPrefixes[c.name], p.Key); ok {
			ours = append(ours, p)
		}
		if c.expected[p.Key].PaymentID == p.ID {
			delete(c.expected, p.Key)
		}
	}
	strange, held, err := c.strange(ctx, x, ours)
	c.unsettled(ours, held)
	if held.Newest > c.newest.ID {
		c.newest.ID, c.newest.Key = held.Newest, held.NewestKey
	}
	if err != nil || len(strange) == 0 {
		return err
	}
	// One that was pending may have been decided between the list and the tables.
	for i, p := range strange {
		if _, ok := held.Attempts[p.Key]; !ok || p.Status != payment.Pending {
			continue
		}
		m := &steps.Audit{Gateways: h.Gateways}
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
	h := c.history
	var recent []payment.Control
	err := x.Retry(ctx, func(ctx context.Context) (err error) {
		recent, err = h.Controls.Recent(ctx, c.name, w.To.Add(-listMargin))
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
	h := c.history
	c.mu.Lock()
	accounts := c.accounts
	c.mu.Unlock()
	if len(accounts) == 0 { // they are not read yet
		accounts = []uint32{h.Accounts[c.name]}
	}
	err := x.Retry(ctx, func(ctx context.Context) (err error) {
		held, err = query.Held(ctx, h.DB, x.Run.ID, accounts, keys)
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
