package readers

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"duly/internal/mysql"
)

// EventSum is how many events of a type a sink has not got yet.
type EventSum struct {
	Type  string // empty: the event is gone
	New   int64  // of them, those that have no delivery yet
	Due   int64  // to be sent now
	Later int64  // to be sent again at a later time
	Next  *time.Time
}

// DueEvent is an event that is to be sent now.
type DueEvent struct {
	ID      uint64
	Type    string
	Tries   int       // that failed
	Created time.Time `db:"created_at"`
}

const (
	deliverySums = `SELECT COALESCE(e.type, '') AS type, COALESCE(SUM(d.next_try_at <= ?), 0) AS due, COALESCE(SUM(d.next_try_at > ?), 0) AS later,
MIN(CASE WHEN d.next_try_at > ? THEN d.next_try_at END) AS next FROM event_deliveries d LEFT JOIN events e ON e.id = d.event_id
WHERE d.sink = ? AND d.status = 'pending' GROUP BY 1`

	newSums = `SELECT e.type, COUNT(*) AS new FROM events e LEFT JOIN event_deliveries d ON d.event_id = e.id AND d.sink = ?
WHERE e.id > ?%s AND d.event_id IS NULL GROUP BY e.type`

	firstDue = `SELECT e.id, e.type, d.tries, e.created_at FROM event_deliveries d JOIN events e ON e.id = d.event_id
WHERE d.sink = ? AND d.status = 'pending' AND d.next_try_at <= ? ORDER BY d.next_try_at, d.event_id LIMIT ?`
)

// Deliveries sums up, by type, what the sink has its deliveries of and has not got.
func (p Peek) Deliveries(ctx context.Context, sink string, now time.Time) ([]EventSum, error) {
	var sums []EventSum
	now = now.UTC()
	if err := p.DB.SelectContext(ctx, &sums, deliverySums, now, now, now, sink); err != nil {
		return nil, fmt.Errorf("count what is to be delivered: %w", mysql.Classify(ctx, err))
	}
	return byType(sums), nil
}

// FirstDeliveries are the first events that would be sent to the sink, at most limit.
func (p Peek) FirstDeliveries(ctx context.Context, sink string, now time.Time, limit int) ([]DueEvent, error) {
	var first []DueEvent
	if err := p.DB.SelectContext(ctx, &first, firstDue, sink, now.UTC(), limit); err != nil {
		return nil, fmt.Errorf("read what is to be delivered: %w", mysql.Classify(ctx, err))
	}
	return first, nil
}

// NewEvents sums up, by type, the events that a sink which wants these types has no delivery of yet; nil: all types.
func (p Peek) NewEvents(ctx context.Context, sink string, types []string) ([]EventSum, error) {
	f := &Fan{DB: p.DB, Sink: sink, Types: types}
	mark, err := f.row(ctx)
	if err != nil {
		return nil, fmt.Errorf("read how far %s is: %w", sink, mysql.Classify(ctx, err))
	}
	from := mark.Event
	if mark.Restarted {
		from = 0
	}
	wanted, args := f.wanted([]any{sink, from})
	var sums []EventSum
	if err := p.DB.SelectContext(ctx, &sums, fmt.Sprintf(newSums, wanted), args...); err != nil {
		return nil, fmt.Errorf("count new events: %w", mysql.Classify(ctx, err))
	}
	return byType(sums), nil
}

func byType(sums []EventSum) []EventSum {
	slices.SortFunc(sums, func(a, b EventSum) int { return strings.Compare(a.Type, b.Type) })
	return sums
}
