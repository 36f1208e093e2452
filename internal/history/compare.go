package history

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/gateway"
	"duly/internal/payment"
	"duly/internal/query"
	"duly/internal/text"
)

const (
	// a comparison begins this long before the mark: clocks differ, and a server that took over may lack the last commits.
	listOverlap = time.Hour
)

// compare reads the gateway's list from the mark on and moves the mark.
func (c *listCheck) compare(ctx context.Context, x *batch.StepExecution) (standing, error) {
	h := c.history
	g := h.Gateways[c.name]
	able := g.Capabilities()
	cover := billing.Coverage{Guard: able.KeyLife - able.LongestRequest, Once: able.ChargesOnce, Lags: able.ListLag > 0, Early: h.AllowFuture}
	if err := x.Retry(ctx, func(ctx context.Context) (err error) {
		c.account, err = query.Listed(ctx, h.DB, h.Accounts[c.name])
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
	c.mu.Lock()
	c.short = !whole
	c.mu.Unlock()
	partial, incomplete := errors.AsType[*partialError](err)
	if _, down := errors.AsType[*unlistedError](err); down {
		return listSilent, err
	} else if err != nil && !incomplete {
		return listBroken, c.failed(err)
	}
	if c.newest.ID != 0 {
		x.Acknowledged.Met(c.newest)
	}
	if err := c.count(ctx, x); err != nil {
		return listBroken, c.failed(err)
	}
	// A list that lacks what a lost history charged looks whole: what may have been restored is asked for by key as well.
	trusted := whole && (!c.history.restored() || !able.FindByKey)
	if cover.Complete, cover.From, cover.To = trusted, known, w.To; !known.After(query.OldestDue.In(h.Zone).To) {
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
	blind := c.blind(able)
	if incomplete && blind == "" {
		x.Leave(partial.Error() + "; until then each charge is looked up before it is made")
		return listClear, nil
	} else if incomplete {
		return listBehind, partial
	}
	x.Log.WarnContext(ctx, "a gateway's list is not compared to the end; the next run goes on", slog.String("gateway", c.name), slog.Int("pages", c.pages))
	if blind != "" {
		return listBehind, fmt.Errorf("gateway %s was left alone: its list is not compared to the end (%s), and %s; the next run goes on from where this one came to",
			c.name, text.Plural(int64(c.pages), "page"), blind)
	}
	return listClear, nil
}

// blind says why look-ups by key do not stand in for a list that was not read to its end; empty: they do. A charge that a lost history made may
// be of another customer at the gateway than the one that is charged now: the tables have lost which.
func (c *listCheck) blind(able gateway.Capabilities) string {
	switch {
	case !able.FindByKey:
		return "it cannot be asked by key"
	case able.FindNeedsCustomer && c.history.restored():
		return "the database may have been restored, and a look-up by key finds the payments of one customer alone"
	}
	return ""
}

// count counts the unknown charges again that wait for an operator: those that were listed may have waited before.
func (c *listCheck) count(ctx context.Context, x *batch.StepExecution) error {
	c.mu.Lock()
	clean := c.unknowns == 0
	c.mu.Unlock()
	if clean {
		return nil
	}
	h := c.history
	return x.Retry(ctx, func(ctx context.Context) error {
		now, err := query.Listed(ctx, h.DB, h.Accounts[c.name])
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
	if c.history.restored() {
		return account.Open + len(account.Rejected)
	}
	return account.Open
}

func (c *listCheck) failed(err error) error {
	return fmt.Errorf("compare the charges of gateway %s with the tables: %w", c.name, err)
}

// early finds out whether charges may have been made before their due date.
func (c *listCheck) early(ctx context.Context, x *batch.StepExecution, cover *billing.Coverage) error {
	h := c.history
	_, offset := h.Business().In(h.Zone).Zone()
	return x.Retry(ctx, func(ctx context.Context) error {
		early, err := query.ChargedEarly(ctx, h.DB, time.Duration(offset)*time.Second)
		cover.Early = cover.Early || early
		return err
	})
}

// window is what is to be listed, and from when on the list answers for charges: before the mark the tables did.
func (c *listCheck) window(ctx context.Context, x *batch.StepExecution, able gateway.Capabilities, early bool) (w payment.Window, known time.Time, err error) {
	h := c.history
	now := h.Business().UTC().Round(0)
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
			oldest, err = query.OldestChargeable(ctx, h.DB, h.Effective())
			return err
		})
	}
	w.From = oldest.In(h.Zone).From
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
