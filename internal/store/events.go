package store

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/billing"
	"duly/internal/mysql"
	"duly/internal/mysql/sqltext"
	"duly/internal/payment"
)

const (
	insertEvents = `INSERT INTO events (type, subject, payload, dedupe_key) VALUES `

	// An event that is there already stays as it is.
	sameEvent = ` ON DUPLICATE KEY UPDATE id = id`

	usedKeys  = `SELECT dedupe_key, created_at FROM events WHERE dedupe_key IN (?)`
	actedOnce = `SELECT COUNT(*) > 0 FROM operator_actions WHERE subject IN (?) AND created_at >= ?`
)

// dedupeLength is the width of events.dedupe_key.
const dedupeLength = 191

// WriteEvents writes events in the transaction of the change that they tell of.
func WriteEvents(ctx context.Context, tx *sqlx.Tx, list []payment.Event) error {
	return WriteBillingEvents(ctx, tx, list)
}

// WriteBillingEvents writes events in the transaction of the change that they tell of.
func WriteBillingEvents(ctx context.Context, tx *sqlx.Tx, list []billing.Event) error {
	keys, err := dedupeKeys(ctx, tx, list)
	if err != nil {
		return err
	}
	rows := sqltext.NewRows(insertEvents, len(list))
	var payload bytes.Buffer
	encoder := json.NewEncoder(&payload)
	for i, e := range list {
		payload.Reset()
		if err := encoder.Encode(e.Payload); err != nil {
			return fmt.Errorf("event %s: %w", e.Type, err)
		}
		rows.Row().Text(e.Type).Text(e.Subject).Encoded(bytes.TrimSuffix(payload.Bytes(), []byte("\n"))).Text(keys[i])
	}
	_, err = mysql.InsertRows(ctx, tx, rows, sameEvent)
	return err
}

// dedupeKeys returns the key of each event: of the next occurrence, if the event occurs again. The caller holds the lock on
// what the events are about, so that nobody else writes their keys meanwhile.
func dedupeKeys(ctx context.Context, tx *sqlx.Tx, list []payment.Event) ([]string, error) {
	keys := make([]string, len(list))
	var repeating []string
	for i, e := range list {
		keys[i] = mysql.Cut(e.Dedupe, dedupeLength)
		if e.Repeats() {
			repeating = append(repeating, keys[i])
		}
	}
	if len(repeating) == 0 {
		return keys, nil
	}
	used, err := usedAt(ctx, tx, repeating)
	if err != nil {
		return nil, err
	}
	for i, e := range list {
		at, taken := used[keys[i]]
		if !taken || !e.Repeats() {
			continue
		}
		if keys[i], err = nextKey(ctx, tx, e, at); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// nextKey returns the key of an event whose first occurrence was written at that time: the next one that is free, or the last
// one that is used if the event did not occur again.
func nextKey(ctx context.Context, tx *sqlx.Tx, e payment.Event, at time.Time) (string, error) {
	last := mysql.Cut(e.Dedupe, dedupeLength)
	for n := 2; ; n++ {
		key := e.Occurrence(n)
		if len(key) > dedupeLength { // the identity was cut, and has no room for a number
			return last, nil
		}
		used, err := usedAt(ctx, tx, []string{key})
		if err != nil {
			return "", err
		}
		if next, taken := used[key]; taken {
			last, at = key, next
			continue
		}
		again, err := occursAgain(ctx, tx, e, at)
		if err != nil || !again {
			return last, err
		}
		return key, nil
	}
}

// occursAgain reports whether an event whose last occurrence was written at that time occurs once more.
func occursAgain(ctx context.Context, tx *sqlx.Tx, e payment.Event, last time.Time) (bool, error) {
	if e.Transition {
		return true, nil
	}
	query, args, err := mysql.In(actedOnce, e.Actors, last)
	if err != nil {
		return false, err
	}
	var acted bool
	err = tx.GetContext(ctx, &acted, query, args...)
	return acted, err
}

// usedAt returns those of the keys that events have, with the time when these were written.
func usedAt(ctx context.Context, tx *sqlx.Tx, keys []string) (map[string]time.Time, error) {
	var rows []struct {
		Key string    `db:"dedupe_key"`
		At  time.Time `db:"created_at"`
	}
	if err := mysql.SelectIn(ctx, tx, &rows, usedKeys, keys); err != nil {
		return nil, err
	}
	used := make(map[string]time.Time, len(rows))
	for _, r := range rows {
		used[r.Key] = r.At
	}
	return used, nil
}
