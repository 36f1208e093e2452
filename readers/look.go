package readers

import (
	"context"
	"fmt"

	"duly/internal/amounts"
	"duly/internal/billable"
	"duly/internal/billing"
	"duly/internal/billing/advance"
	"duly/internal/billing/guard"
	"duly/internal/billing/network"
	"duly/internal/methods"
	"duly/internal/mysql"
	"duly/internal/store"
)

// Look reads the next rows of the walk, at most limit, without a lock and without a change; done: there are no more.
func (d *DueSubscriptions) Look(ctx context.Context, db *mysql.DB, limit int) (page []DueSubscription, done bool, err error) {
	candidates, err := d.candidates(ctx, db, limit)
	if err != nil || len(candidates) == 0 {
		return nil, true, mysql.Classify(ctx, err)
	}
	var rows []store.SubscriptionRow
	ids := store.SortedIDs(candidates, func(c candidate) uint64 { return c.ID })
	lock, args := d.lock(ids)
	err = store.ReadSubscriptions(lock, func(query string) error { return mysql.SelectIn(ctx, db, &rows, query, args...) })
	if err != nil {
		return nil, false, mysql.Classify(ctx, err)
	}
	count := methods.Counting{Rules: d.Policy.Network}
	if count.Rules.Counting() {
		count.At = d.Now()
	}
	page, crowded, err := billable.WithInvoices(ctx, db, rows, billable.AllDates, count)
	if err != nil {
		return nil, false, mysql.Classify(ctx, err)
	}
	tries, err := methods.Read(ctx, db, crowded, count.At)
	if err != nil {
		return nil, false, mysql.Classify(ctx, err)
	}
	due := make([]billing.Invoice, len(page))
	for i, row := range page {
		page[i].Tries = tries[row.NetworkKey(row.Money)]
		due[i] = billing.Invoice{SubscriptionID: row.ID, Due: row.Next, Money: row.Money}
	}
	verdicts, err := amounts.Forecast(ctx, db, d.Policy.Guards, due)
	if err != nil {
		return nil, false, mysql.Classify(ctx, err)
	}
	for i := range page {
		page[i].Amount = verdicts[i]
	}
	last := candidates[len(candidates)-1]
	d.walk.Date, d.walk.ID = last.Date, last.ID
	return page, false, nil
}

// OpenInvoice is an open invoice that is due, with what the rules read beside it.
type OpenInvoice struct {
	billing.Invoice

	Subscription billing.Subscription
	Gone         bool // the subscription's row is not there
	Past         []billing.PastAttempt
	Tries        []network.Try // earlier ones of the method, as far as they count
	Amount       guard.Verdict // of the guards of amounts
}

// Look reads the next rows of the walk, at most limit, without a lock and without a change; done: there are no more. Of s it needs DB,
// Selection, Stage, Policy, Today and Now alone.
func (s *OpenInvoices) Look(ctx context.Context, limit int) (page []OpenInvoice, done bool, err error) {
	candidates, err := s.candidates(ctx, s.DB, limit)
	if err != nil || len(candidates) == 0 {
		return nil, true, mysql.Classify(ctx, err)
	}
	if page, err = s.lookAt(ctx, store.SortedIDs(candidates, func(c candidate) uint64 { return c.ID })); err != nil {
		return nil, false, mysql.Classify(ctx, err)
	}
	last := candidates[len(candidates)-1]
	s.walk.Date, s.walk.ID = last.Date, last.ID
	return page, false, nil
}

func (s *OpenInvoices) lookAt(ctx context.Context, ids []uint64) ([]OpenInvoice, error) {
	var rows []store.InvoiceRow
	// A run takes up what earlier runs have put off: no instant is too late.
	never := "9999-12-31"
	if err := mysql.SelectIn(ctx, s.DB, &rows, stageLock, ids, s.Stage, s.Selection.Business, never); err != nil || len(rows) == 0 {
		return nil, err
	}
	subscriptions, err := store.SubscriptionsOf(ctx, s.DB, rows, "")
	if err != nil {
		return nil, err
	}
	past, err := store.PastOf(ctx, s.DB, rows)
	if err != nil {
		return nil, err
	}
	out, keys := make([]OpenInvoice, len(rows)), make([]network.Key, len(rows))
	for i, r := range rows {
		sub, ok := subscriptions[r.SubscriptionID]
		out[i] = OpenInvoice{Invoice: advance.On(r.Invoice(), s.Today()), Subscription: sub, Gone: !ok, Past: past[r.ID]}
		keys[i] = sub.NetworkKey(out[i].Money)
	}
	invoices := make([]billing.Invoice, len(out))
	for i := range out {
		invoices[i] = out[i].Invoice
	}
	verdicts, err := amounts.Forecast(ctx, s.DB, s.Policy.Guards, invoices)
	if err != nil {
		return nil, err
	}
	for i := range out {
		out[i].Amount = verdicts[i]
	}
	if !s.Policy.Network.Counting() {
		return out, nil
	}
	tries, err := methods.Read(ctx, s.DB, methods.Names(s.Policy.Network, keys), s.Now())
	if err != nil {
		return nil, err
	}
	for i, k := range keys {
		out[i].Tries = tries[k]
	}
	return out, nil
}

// Look reads the ids of the next orders of the walk that look due, without a lock and without a change, some of them again; done: there
// are no more. Of s it needs DB, Selection, Policy and Now alone.
func (s *StaleOrders) Look(ctx context.Context) (ids []uint64, done bool, err error) {
	if done, err := s.fill(ctx); err != nil || done {
		return nil, done, err
	}
	ids = s.queue[:min(lookPage, len(s.queue))]
	s.queue = s.queue[len(ids):]
	return ids, false, nil
}

// NewOfType is how many events of a type a sink has no delivery of.
type NewOfType struct {
	Type string
	New  int64
}

const newSums = `SELECT e.type, COUNT(*) AS new FROM events e LEFT JOIN event_deliveries d ON d.event_id = e.id AND d.sink = ?
WHERE e.id > ?%s AND d.event_id IS NULL GROUP BY e.type`

// Look counts the events that the sink has no delivery of yet, by type, without a lock and without a change.
func (f *NewEvents) Look(ctx context.Context) ([]NewOfType, error) {
	mark, err := f.row(ctx)
	if err != nil {
		return nil, fmt.Errorf("read how far %s is: %w", f.Sink, mysql.Classify(ctx, err))
	}
	from := mark.Event
	if mark.Restarted {
		from = 0
	}
	wanted, args := f.wanted([]any{f.Sink, from})
	var list []NewOfType
	if err := f.DB.SelectContext(ctx, &list, fmt.Sprintf(newSums, wanted), args...); err != nil {
		return nil, fmt.Errorf("count new events: %w", mysql.Classify(ctx, err))
	}
	return list, nil
}
