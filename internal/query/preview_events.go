package query

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"duly/internal/mysql"
	"duly/readers"
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

	firstDue = `SELECT e.id, e.type, d.tries, e.created_at FROM event_deliveries d JOIN events e ON e.id = d.event_id
WHERE d.sink = ? AND d.status = 'pending' AND d.next_try_at <= ? ORDER BY d.next_try_at, d.event_id LIMIT ?`
)

// Deliveries sums up, by type, what the sink has its deliveries of and has not got.
func (p Preview) Deliveries(ctx context.Context, sink string, now time.Time) ([]EventSum, error) {
	var sums []EventSum
	now = now.UTC()
	if err := p.DB.SelectContext(ctx, &sums, deliverySums, now, now, now, sink); err != nil {
		return nil, fmt.Errorf("count what is to be delivered: %w", mysql.Classify(ctx, err))
	}
	return byType(sums), nil
}

// FirstDeliveries are the first events that would be sent to the sink, at most limit.
func (p Preview) FirstDeliveries(ctx context.Context, sink string, now time.Time, limit int) ([]DueEvent, error) {
	var first []DueEvent
	if err := p.DB.SelectContext(ctx, &first, firstDue, sink, now.UTC(), limit); err != nil {
		return nil, fmt.Errorf("read what is to be delivered: %w", mysql.Classify(ctx, err))
	}
	return first, nil
}

// NewEvents sums up, by type, the events that a sink which wants these types has no delivery of yet; nil: all types.
func (p Preview) NewEvents(ctx context.Context, sink string, types []string) ([]EventSum, error) {
	list, err := (&readers.NewEvents{DB: p.DB, Sink: sink, Types: types}).Look(ctx)
	if err != nil {
		return nil, err
	}
	sums := make([]EventSum, len(list))
	for i, of := range list {
		sums[i] = EventSum{Type: of.Type, New: of.New}
	}
	return byType(sums), nil
}

func byType(sums []EventSum) []EventSum {
	slices.SortFunc(sums, func(a, b EventSum) int { return strings.Compare(a.Type, b.Type) })
	return sums
}
