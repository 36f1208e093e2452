package writers

import (
	"context"
	"time"

	"duly/internal/mysql"
	"duly/internal/outbox"
	"duly/internal/store"
)

const (
	insertDeliveries = `INSERT INTO event_deliveries (event_id, sink, subject, status, next_try_at) VALUES `
	sameDelivery     = ` ON DUPLICATE KEY UPDATE event_id = event_id`

	insertMark = `INSERT INTO outbox_marks (sink, event_id, seen_id, seen_at) VALUES (?, 0, ?, UTC_TIMESTAMP(6))
ON DUPLICATE KEY UPDATE sink = sink`
	updateMark = `UPDATE outbox_marks SET event_id = ?, seen_id = ?, seen_at = UTC_TIMESTAMP(6) WHERE sink = ? AND event_id = ? AND seen_id = ?`
)

// AddDeliveries gives a sink its deliveries of events; those that it has stay as they are.
func AddDeliveries(ctx context.Context, tx mysql.Execer, sink string, events []outbox.Event, now time.Time) error {
	rows := make([][]any, len(events))
	for i, e := range events {
		rows[i] = []any{e.ID, sink, e.Subject, string(outbox.Pending), store.Instant(now.Truncate(time.Microsecond))}
	}
	_, err := mysql.Insert(ctx, tx, insertDeliveries, rows, sameDelivery)
	return err
}

// MoveMark moves a sink's mark; it does nothing if another worker has moved it. The first mark is at 0.
func MoveMark(ctx context.Context, tx mysql.Execer, sink string, from, to outbox.Mark) error {
	if from == (outbox.Mark{}) {
		if _, err := tx.ExecContext(ctx, insertMark, sink, 0); err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, updateMark, to.Event, to.Seen, sink, from.Event, from.Seen)
	return err
}
