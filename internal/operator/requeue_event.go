package operator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/mysql"
	"duly/internal/outbox"
	"duly/internal/store"
)

const (
	requeuedEvent       = `SELECT sink, status, next_try_at FROM event_deliveries WHERE event_id = ? ORDER BY sink FOR UPDATE`
	updateRequeuedEvent = `UPDATE event_deliveries SET status = 'pending', tries = 0, next_try_at = ?, last_error = NULL, run_id = NULL
WHERE event_id = ? AND sink = ? AND status = 'dead'`
)

// RequeueEvent makes the deliveries of an event that were given up due again: those to the sinks that are named,
// or to all. The error wraps ErrNotThere, or is a RefusedError that says what to do instead.
func RequeueEvent(ctx context.Context, db *mysql.DB, id uint64, now time.Time, action Action, sinks ...string) error {
	return mysql.Tx(ctx, db, "requeue", func(tx *sqlx.Tx) error {
		var there uint64
		if err := tx.GetContext(ctx, &there, `SELECT id FROM events WHERE id = ?`, id); err != nil {
			return absent(err, "event", id)
		}
		var rows []deliveryState
		if err := tx.SelectContext(ctx, &rows, requeuedEvent, id); err != nil {
			return err
		}
		dead, err := requeueable(id, rows, sinks)
		if err != nil {
			return store.Refuse(err)
		}
		for _, sink := range dead {
			n, err := rowsOf(tx.ExecContext(ctx, updateRequeuedEvent, store.Instant(now.Truncate(time.Microsecond)), id, sink))
			if err := store.AllOf(n, 1, "deliveries", err); err != nil {
				return err
			}
		}
		return action.Write(ctx, tx)
	})
}

type deliveryState struct {
	Sink   string
	Status string
	Next   *time.Time `db:"next_try_at"`
}

// requeueable are those of the named sinks, or of all, whose delivery was given up, or why an operator cannot have it again.
func requeueable(id uint64, rows []deliveryState, sinks []string) ([]string, error) {
	var dead []string
	var why []string
	found := map[string]bool{}
	for _, r := range rows {
		found[r.Sink] = true
		if len(sinks) > 0 && !slices.Contains(sinks, r.Sink) {
			continue
		}
		switch outbox.Status(r.Status) {
		case outbox.Dead:
			dead = append(dead, r.Sink)
		case outbox.Delivered:
			why = append(why, r.Sink+" has it")
		case outbox.Pending:
			said := "it is due for " + r.Sink
			if r.Next != nil {
				said += " at " + r.Next.UTC().Format(time.DateTime) + " UTC"
			}
			why = append(why, said+": run `duly run outbox` then")
		}
	}
	for _, sink := range sinks {
		if !found[sink] {
			why = append(why, sink+" has no delivery of it")
		}
	}
	switch {
	case len(dead) == 0 && len(why) > 0:
		return nil, fmt.Errorf("event %d was not given up: %s", id, strings.Join(why, "; "))
	case len(dead) == 0:
		return nil, errors.New("event " + fmt.Sprint(id) + " has no delivery yet: run `duly run outbox`")
	}
	return dead, nil
}
