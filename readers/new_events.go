package readers

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/batch"
	"duly/internal/mysql"
	"duly/internal/outbox"
	"duly/internal/store"
)

// NewEvents finds the events that a sink has no delivery of yet. It walks them from the sink's mark, which trails the
// newest event by as long as a row can be on its way: numbers are given out before their rows can be seen.
type NewEvents struct {
	DB    *mysql.DB
	Sink  string
	Types []string // the types that the sink wants; nil: all

	id uint64
}

const (
	fanCandidates = `SELECT e.id, COALESCE(e.subject, '') AS subject FROM events e LEFT JOIN event_deliveries d ON d.event_id = e.id AND d.sink = ?
WHERE e.id > ?%s AND d.event_id IS NULL ORDER BY e.id LIMIT ?`

	sinkMark = `SELECT event_id, seen_id, TIMESTAMPDIFF(MICROSECOND, seen_at, UTC_TIMESTAMP(6)) AS age FROM outbox_marks WHERE sink = ?`

	newestEvent = `SELECT COALESCE(MAX(id), 0) FROM events`

	// Rows of transactions that have not ended are locked: this fails as long as there are any.
	settledEvents = `SELECT id FROM events WHERE id > ? AND id <= ? ORDER BY id LIMIT ? FOR UPDATE NOWAIT`
)

// onItsWay is how long a row may take to be inserted after its number was given out: longer than any wait for a
// lock. How long its transaction takes after that does not matter.
const onItsWay = 10 * time.Minute

// lockPage is how many events are looked at in one transaction.
const lockPage = 5000

// EventMark is how far a sink has been given its deliveries.
type EventMark struct {
	Event  uint64 // every event up to here has its delivery, and no other can appear
	Seen   uint64 // the newest event when the mark was last moved
	Newest uint64 // the newest event now
	// Ripe: no event up to Seen can appear any more.
	Ripe bool
	// Restarted: numbers are given out anew, since the events were emptied. The mark says nothing any more.
	Restarted bool

	age time.Duration // since the mark was last moved
}

// Begin reads the sink's mark and goes to it.
func (f *NewEvents) Begin(ctx context.Context) (EventMark, error) {
	mark, err := f.mark(ctx)
	if f.id = mark.Event; mark.Restarted {
		f.id = 0
	}
	return mark, mysql.Classify(ctx, err)
}

func (f *NewEvents) mark(ctx context.Context) (EventMark, error) {
	m, err := f.row(ctx)
	if err != nil || m.Restarted || m.Seen == m.Event || m.age < onItsWay {
		return m, err
	}
	m.Ripe, err = f.settled(ctx, m)
	return m, err
}

// row reads the mark as it stands, without a lock.
func (f *NewEvents) row(ctx context.Context) (EventMark, error) {
	var m EventMark
	var row struct {
		Event uint64 `db:"event_id"`
		Seen  uint64 `db:"seen_id"`
		Age   int64  // microseconds
	}
	err := f.DB.GetContext(ctx, &row, sinkMark, f.Sink)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return m, err
	}
	m.Event, m.Seen, m.age = row.Event, row.Seen, time.Duration(row.Age)*time.Microsecond
	if err := f.DB.GetContext(ctx, &m.Newest, newestEvent); err != nil {
		return m, err
	}
	m.Restarted = m.Newest < m.Seen
	return m, nil
}

// settled reports whether every transaction that wrote events up to Seen has ended.
func (f *NewEvents) settled(ctx context.Context, m EventMark) (bool, error) {
	for from, ids := m.Event, []uint64(nil); ; from = ids[len(ids)-1] {
		err := mysql.Tx(ctx, f.DB, "outbox-mark", func(tx *sqlx.Tx) error {
			ids = ids[:0]
			return tx.SelectContext(ctx, &ids, settledEvents, from, m.Seen, lockPage)
		})
		switch {
		case errors.Is(err, batch.ErrLocked):
			return false, nil
		case err != nil:
			return false, err
		case len(ids) < lockPage:
			return true, nil
		}
	}
}

// Read reads the next events without a delivery, in tx. Took moves the walk behind them.
func (f *NewEvents) Read(ctx context.Context, tx sqlx.QueryerContext, limit int) ([]outbox.Event, error) {
	wanted, args := f.wanted([]any{f.Sink, f.id})
	var rows []struct {
		ID      uint64
		Subject string
	}
	if err := sqlx.SelectContext(ctx, tx, &rows, fmt.Sprintf(fanCandidates, wanted), append(args, limit)...); err != nil {
		return nil, err
	}
	events := make([]outbox.Event, len(rows))
	for i, r := range rows {
		events[i] = outbox.Event{ID: r.ID, Subject: r.Subject}
	}
	return events, nil
}

// wanted is the condition that an event is of a type that the sink wants, and args with what it needs.
func (f *NewEvents) wanted(args []any) (string, []any) {
	if f.Types == nil {
		return "", args
	}
	for _, t := range f.Types {
		args = append(args, t)
	}
	return " AND e.type IN (" + store.Marks(len(f.Types)) + ")", args
}

// Took moves the walk behind the events.
func (f *NewEvents) Took(events []outbox.Event) {
	if len(events) > 0 {
		f.id = events[len(events)-1].ID
	}
}
