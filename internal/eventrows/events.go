// Package eventrows reads events for their delivery.
package eventrows

import (
	"context"
	"database/sql"

	"github.com/jmoiron/sqlx"

	"duly/internal/mysql"
	"duly/internal/outbox"
)

// Delivered reads the delivered columns of events.
const Delivered = `SELECT id, type, subject, payload, COALESCE(dedupe_key, '') AS dedupe, created_at FROM events WHERE id IN (?)`

// Of reads events by their ids. Null names the columns of a row that are NULL.
func Of(ctx context.Context, tx *sqlx.Tx, ids []uint64) (map[uint64]outbox.Event, error) {
	var rows []struct {
		ID      uint64
		Type    sql.NullString
		Subject sql.NullString
		Payload []byte
		Dedupe  string
		Created sql.NullTime `db:"created_at"`
	}
	if err := mysql.SelectIn(ctx, tx, &rows, Delivered, ids); err != nil {
		return nil, err
	}
	events := make(map[uint64]outbox.Event, len(rows))
	for _, r := range rows {
		e := outbox.Event{ID: r.ID, Type: r.Type.String, Subject: r.Subject.String, Dedupe: r.Dedupe, Payload: r.Payload, CreatedAt: r.Created.Time}
		switch {
		case !r.Type.Valid:
			e.Null = "type"
		case !r.Subject.Valid:
			e.Null = "subject"
		case r.Payload == nil:
			e.Null = "payload"
		case !r.Created.Valid:
			e.Null = "created_at"
		}
		events[r.ID] = e
	}
	return events, nil
}
