package writers

import (
	"context"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/batch"
	"duly/internal/mysql"
	"duly/internal/outbox"
	"duly/internal/runs"
	"duly/internal/store"
)

// Deliveries writes what became of deliveries to one sink, of those that are still under the lease that they were
// claimed with. It implements batch.Writer.
type Deliveries struct {
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
func (w *Deliveries) Write(ctx context.Context, results []outbox.Result) (batch.Tally, error) {
	var tally batch.Tally
	err := mysql.Tx(ctx, w.DB, "outbox", func(tx *sqlx.Tx) error {
		tally = batch.Tally{}
		return w.settle(ctx, tx, results, &tally)
	})
	return tally, err
}

// owned is whose a delivery is.
type owned struct {
	lease   [16]byte
	claimed bool
}

func (w *Deliveries) settle(ctx context.Context, tx *sqlx.Tx, results []outbox.Result, tally *batch.Tally) error {
	owners, err := w.lock(ctx, tx, results)
	if err != nil {
		return err
	}
	// After the waits for locks; see Settle.
	if err := runs.Hold(ctx, tx, batch.Execution(ctx).Run); err != nil {
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

func (w *Deliveries) lock(ctx context.Context, tx *sqlx.Tx, results []outbox.Result) (map[uint64]owned, error) {
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

func (w *Deliveries) row(end outbox.End) []any {
	at, delivered, reason := any(nil), any(nil), store.Text(mysql.Cut(end.Reason, errorLength))
	switch end.Status {
	case outbox.Pending:
		at = store.Instant(end.At.Truncate(time.Microsecond))
	case outbox.Delivered:
		delivered = store.Instant(end.At.Truncate(time.Microsecond))
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
func (w *Deliveries) Reject(ctx context.Context, r outbox.Result, cause error) (batch.Tally, error) {
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
func (w *Deliveries) Keep(context.Context, []outbox.Result) error { return nil }
