// Package writers writes down what became of claimed work: one file an outcome set. Every function does SQL
// alone, in the transaction it is given or in one of its own that can be repeated.
package writers

import (
	"context"
	"encoding/json"
	"fmt"

	"duly/internal/billing"
	"duly/internal/mysql"
	"duly/internal/payment"
)

const insertEvents = `INSERT INTO events (type, subject, payload, dedupe_key) VALUES `

// sameEvent: an event that is there already stays as it is.
const sameEvent = ` ON DUPLICATE KEY UPDATE id = id`

// Tell writes events in the transaction of the change that they tell of.
func Tell(ctx context.Context, tx mysql.Execer, list []payment.Event) error {
	return events(ctx, tx, list)
}

// events writes events in the transaction of the change that they tell of.
func events(ctx context.Context, tx mysql.Execer, list []billing.Event) error {
	rows := make([][]any, 0, len(list))
	for _, e := range list {
		payload, err := json.Marshal(e.Payload)
		if err != nil {
			return fmt.Errorf("event %s: %w", e.Type, err)
		}
		rows = append(rows, []any{e.Type, e.Subject, string(payload), mysql.Cut(e.Dedupe, 191)})
	}
	_, err := mysql.Insert(ctx, tx, insertEvents, rows, sameEvent)
	return err
}
