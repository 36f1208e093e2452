package jobs

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/batch"
	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/runs"
	"duly/internal/store"
	"duly/internal/text"
)

// This file is a shop's own job, whole; docs/own-job.md walks through it. It is not among Names.

// DeliveredJob is the name of the job.
const DeliveredJob = "delivered"

// DeliveredSteps lists the names of the job's steps.
func DeliveredSteps() []string { return []string{StepDeliver} }

// DeliveredOptions configures the job.
type DeliveredOptions struct {
	// After is how long after its last change a shipped order counts as delivered.
	After     time.Duration
	ChunkSize int
}

// Delivered is the job that moves orders from `shipped` to `delivered`, statuses that are the shop's own, once
// nothing was heard of them for long enough, and tells of each with the event order.delivered.
func Delivered(d Deps, o DeliveredOptions) batch.Job {
	shipped := shippedOrders{db: d.DB, before: d.Business().Add(-o.After)}
	return batch.Job{
		Name: DeliveredJob,
		Steps: []batch.Step{&batch.Chunk[parcel, arrival]{
			StepName:  DeliveredSteps()[0],
			StepLabel: batch.Label{Unit: "order", Succeeded: "delivered"},
			Reader:    &parcelReader{shippedOrders: shipped},
			Processor: parcelProcessor{},
			Writer:    &arrivalWriter{shippedOrders: shipped},
			Fail:      func(p parcel, err error) arrival { return arrival{parcel: p, failed: err} },
			Lane:      func(parcel) string { return "" },
			Width:     func(string) int { return 1 },
			State:     func(string) batch.LaneState { return batch.LaneOpen },
			Size:      o.ChunkSize, FlushEvery: flushEvery,
		}},
		Left: shipped.left,
	}
}

// shippedOrders are the orders that the job is about.
type shippedOrders struct {
	db     *mysql.DB
	before time.Time // fixed for the run, so that it comes to an end
}

// parcel is an order that is on its way: what the step reads.
type parcel struct {
	ID      uint64
	Created time.Time `db:"created_at"`
}

// arrival is what became of a parcel: what the step writes.
type arrival struct {
	parcel

	event  payment.Event
	failed error // why it was not processed
}

// left names what the run leaves undone: exit code 4.
func (s shippedOrders) left(ctx context.Context) ([]string, error) {
	var n int64
	err := s.db.GetContext(ctx, &n, `SELECT COUNT(*) FROM orders WHERE status = 'shipped' AND updated_at < ?`, s.before)
	if err != nil || n == 0 {
		return nil, mysql.Classify(ctx, err)
	}
	return []string{text.Plural(n, "order") + " shipped long ago and not delivered"}, nil
}

// parcelReader walks the orders by an index, each claim from where the last one ended.
type parcelReader struct {
	shippedOrders

	last parcel
}

const selectParcels = `SELECT id, created_at FROM orders
WHERE status = 'shipped' AND (created_at > ? OR (created_at = ? AND id > ?)) AND updated_at < ?
ORDER BY created_at, id LIMIT ?`

// Read implements batch.Reader. It claims nothing: this job does nothing outside the database, so the locks of the
// transaction that writes are claim enough.
func (r *parcelReader) Read(ctx context.Context, want batch.ClaimRequest) (batch.Claim[parcel], error) {
	var found []parcel
	err := r.db.SelectContext(ctx, &found, selectParcels, r.last.Created, r.last.Created, r.last.ID, r.before, want.Limit)
	if err != nil {
		return batch.Claim[parcel]{}, mysql.Classify(ctx, err)
	}
	if len(found) > 0 {
		r.last = found[len(found)-1]
	}
	return batch.Claim[parcel]{Items: found, Done: len(found) < want.Limit}, nil
}

// parcelProcessor does the work on one order, outside of any transaction: here a carrier would be asked.
type parcelProcessor struct{}

// Process implements batch.Processor.
func (parcelProcessor) Process(_ context.Context, p parcel) (arrival, error) {
	id := strconv.FormatUint(p.ID, 10)
	return arrival{parcel: p, event: payment.Event{
		Type: "order.delivered", Subject: "order:" + id, Dedupe: "order.delivered:" + id,
		Payload: map[string]any{"order_id": p.ID},
	}}, nil
}

// arrivalWriter writes orders and events in one transaction.
type arrivalWriter struct {
	shippedOrders
}

// COALESCE keeps a small table from being locked by the index on status, with rows of others.
const lockParcels = `SELECT id FROM orders WHERE id IN (?) AND COALESCE(status) = 'shipped' AND updated_at < ?
ORDER BY id FOR UPDATE SKIP LOCKED`

// Write implements batch.Writer. It may be called again for the same orders: only those that are still shipped,
// unchanged and locked by nobody else are written; the others are released, for a later run if need be.
func (w *arrivalWriter) Write(ctx context.Context, arrivals []arrival) (batch.Tally, error) {
	ids, events := make([]uint64, 0, len(arrivals)), map[uint64]payment.Event{}
	for _, a := range arrivals {
		if a.failed == nil {
			ids, events[a.ID] = append(ids, a.ID), a.event
		}
	}
	var locked []uint64
	if len(ids) > 0 {
		err := mysql.Tx(ctx, w.db, "delivered", func(tx *sqlx.Tx) error {
			locked = locked[:0]
			if err := mysql.SelectIn(ctx, tx, &locked, lockParcels, ids, w.before); err != nil {
				return err
			}
			if err := runs.Hold(ctx, tx, batch.Execution(ctx).Run); err != nil { // another run may have taken over
				return err
			}
			return deliver(ctx, tx, locked, events)
		})
		if err != nil {
			return batch.Tally{}, err
		}
	}
	done := int64(len(locked))
	return batch.Tally{Succeeded: done, Released: int64(len(arrivals)) - done}, nil
}

func deliver(ctx context.Context, tx *sqlx.Tx, ids []uint64, events map[uint64]payment.Event) error {
	rows, told := make([][]any, len(ids)), make([]payment.Event, len(ids))
	for i, id := range ids {
		rows[i], told[i] = []any{id}, events[id]
	}
	n, err := mysql.Update(ctx, tx, "orders", nil, rows, "status = 'shipped'", "status = 'delivered'")
	if err != nil {
		return err
	}
	if n != int64(len(ids)) {
		return fmt.Errorf("%d of %d orders were shipped", n, len(ids))
	}
	return store.WriteEvents(ctx, tx, told)
}

// Reject implements batch.Writer: an order that cannot be written stays as it is, and stops no other.
func (w *arrivalWriter) Reject(ctx context.Context, a arrival, cause error) (batch.Tally, error) {
	batch.Execution(ctx).Log.ErrorContext(ctx, "an order could not be delivered", slog.Uint64("order_id", a.ID), slog.String("reason", mysql.Reason(cause)))
	return batch.Tally{Rejected: 1}, nil
}

// Keep implements batch.Writer: nothing happened outside of the database that would have to be remembered.
func (w *arrivalWriter) Keep(context.Context, []arrival) error { return nil }
