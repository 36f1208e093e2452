package writers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/batch"
	"duly/internal/mysql"
	"duly/internal/outbox"
)

const (
	insertDeliveries = `INSERT INTO event_deliveries (event_id, sink, subject, status, next_try_at) VALUES `
	sameDelivery     = ` ON DUPLICATE KEY UPDATE event_id = event_id`

	insertMark = `INSERT INTO outbox_marks (sink, event_id, seen_id, seen_at) VALUES (?, 0, ?, UTC_TIMESTAMP(6))
ON DUPLICATE KEY UPDATE sink = sink`
	moveMark = `UPDATE outbox_marks SET event_id = ?, seen_id = ?, seen_at = UTC_TIMESTAMP(6) WHERE sink = ? AND event_id = ? AND seen_id = ?`
)

// Fan gives a sink its deliveries of events; those that it has stay as they are.
func Fan(ctx context.Context, tx mysql.Execer, sink string, events []outbox.Event, now time.Time) error {
	rows := make([][]any, len(events))
	for i, e := range events {
		rows[i] = []any{e.ID, sink, e.Subject, string(outbox.Pending), instant(now.Truncate(time.Microsecond))}
	}
	_, err := mysql.Insert(ctx, tx, insertDeliveries, rows, sameDelivery)
	return err
}

// Mark is how far a sink has been given its deliveries: up to Event for good, while Seen was the newest event.
type Mark struct{ Event, Seen uint64 }

// MoveMark moves a sink's mark; it does nothing if another worker has moved it. The first mark is at 0.
func MoveMark(ctx context.Context, tx mysql.Execer, sink string, from, to Mark) error {
	if from == (Mark{}) {
		if _, err := tx.ExecContext(ctx, insertMark, sink, 0); err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, moveMark, to.Event, to.Seen, sink, from.Event, from.Seen)
	return err
}

// Deliver writes what became of deliveries to one sink, of those that are still under the lease that they were
// claimed with. It implements batch.Writer.
type Deliver struct {
	DB   *mysql.DB
	Sink string
	Now  func() time.Time // the business clock
}

const (
	lockDeliveries = `SELECT event_id AS id, run_id IS NOT NULL AS claimed, lease FROM event_deliveries
WHERE event_id IN (?) AND COALESCE(sink) = ? ORDER BY event_id FOR UPDATE`

	// The rows are locked, and there: nothing is inserted. Their lease stays, so that a settlement that is made
	// again knows its own; without a run it holds nothing.
	settleDeliveries = `INSERT INTO event_deliveries (event_id, sink, status, tries, next_try_at, last_error, delivered_at) VALUES `
	overDeliveries   = ` ON DUPLICATE KEY UPDATE run_id = NULL, status = VALUES(status), tries = VALUES(tries), next_try_at = VALUES(next_try_at),
last_error = VALUES(last_error), delivered_at = VALUES(delivered_at)`

	giveBack = `UPDATE event_deliveries SET run_id = NULL WHERE event_id IN (?) AND COALESCE(sink) = ? AND COALESCE(status) = 'pending'`
)

// most characters of an error are kept.
const errorLength = 255

// Write implements batch.Writer. What was settled before, by a commit whose answer was lost, is counted and left as
// it is; what another worker has by now is left to it.
func (w *Deliver) Write(ctx context.Context, results []outbox.Result) (batch.Tally, error) {
	var tally batch.Tally
	err := mysql.Tx(ctx, w.DB, "outbox", func(tx *sqlx.Tx) error {
		tally = batch.Tally{}
		return w.write(ctx, tx, results, &tally)
	})
	return tally, err
}

// owned is whose a delivery is.
type owned struct {
	lease   [16]byte
	claimed bool
}

func (w *Deliver) write(ctx context.Context, tx *sqlx.Tx, results []outbox.Result, tally *batch.Tally) error {
	owners, err := w.lock(ctx, tx, results)
	if err != nil {
		return err
	}
	// After the waits for locks; see Settle.
	if err := mysql.Hold(ctx, tx, batch.Execution(ctx).Run); err != nil {
		return err
	}
	var rows [][]any
	var back []uint64
	for _, r := range results {
		ends := make(map[uint64]outbox.End, len(r.Ends))
		for _, end := range r.Ends {
			ends[end.ID] = end
		}
		for _, e := range r.Events {
			owner := owners[e.ID]
			if owner.lease != r.Lease {
				continue
			}
			end, ended := ends[e.ID]
			if !ended {
				tally.Released++
				if owner.claimed {
					back = append(back, e.ID)
				}
				continue
			}
			count(tally, end)
			if owner.claimed {
				rows = append(rows, w.row(end))
			}
		}
	}
	if _, err := mysql.Insert(ctx, tx, settleDeliveries, rows, overDeliveries); err != nil || len(back) == 0 {
		return err
	}
	query, args, err := mysql.In(giveBack, back, w.Sink)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, query, args...)
	return err
}

func (w *Deliver) lock(ctx context.Context, tx *sqlx.Tx, results []outbox.Result) (map[uint64]owned, error) {
	var ids []uint64
	for _, r := range results {
		for _, e := range r.Events {
			ids = append(ids, e.ID)
		}
	}
	var rows []struct {
		ID      uint64
		Claimed bool
		Lease   []byte
	}
	if err := mysql.SelectIn(ctx, tx, &rows, lockDeliveries, ids, w.Sink); err != nil {
		return nil, err
	}
	owners := make(map[uint64]owned, len(rows))
	for _, row := range rows {
		o := owned{claimed: row.Claimed}
		copy(o.lease[:], row.Lease)
		owners[row.ID] = o
	}
	return owners, nil
}

func (w *Deliver) row(end outbox.End) []any {
	at, delivered, reason := any(nil), any(nil), text(mysql.Cut(end.Reason, errorLength))
	switch end.Status {
	case outbox.Pending:
		at = instant(end.At.Truncate(time.Microsecond))
	case outbox.Delivered:
		delivered = instant(end.At.Truncate(time.Microsecond))
	case outbox.Dead:
	}
	return []any{end.ID, w.Sink, string(end.Status), end.Tries, at, reason, delivered}
}

func count(t *batch.Tally, end outbox.End) {
	switch end.Status {
	case outbox.Delivered:
		t.Succeeded++
	case outbox.Pending:
		t.Released++
	case outbox.Dead:
		t.Review++
	}
}

// Reject implements batch.Writer: the deliveries are given up with the cause, whatever became of them.
func (w *Deliver) Reject(ctx context.Context, r outbox.Result, cause error) (batch.Tally, error) {
	for i := range r.Ends {
		end := &r.Ends[i]
		said := "it was not delivered"
		if end.Status == outbox.Delivered {
			said = "it was delivered"
		}
		end.Status, end.Reason = outbox.Dead, said+", and that could not be written: "+mysql.Reason(cause)
	}
	return w.Write(ctx, []outbox.Result{r})
}

// Keep implements batch.Writer. Nothing is kept: a later run takes the events over and delivers them again, and
// receivers tell by the id.
func (w *Deliver) Keep(context.Context, []outbox.Result) error { return nil }

const (
	requeuedEvent = `SELECT sink, status, next_try_at FROM event_deliveries WHERE event_id = ? ORDER BY sink FOR UPDATE`
	requeueEvent  = `UPDATE event_deliveries SET status = 'pending', tries = 0, next_try_at = ?, last_error = NULL, run_id = NULL
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
			return refused(err)
		}
		for _, sink := range dead {
			n, err := rowsOf(tx.ExecContext(ctx, requeueEvent, instant(now.Truncate(time.Microsecond)), id, sink))
			if err := all(n, 1, "deliveries", err); err != nil {
				return err
			}
		}
		return action.write(ctx, tx)
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
