// Package readers claims work: one file a claim, all of them walking an index by key set and committing what
// they took before they return it.
package readers

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"duly/internal/batch"
	"duly/internal/mysql"
	"duly/internal/payment"
)

// Selection is what a run was told to work on.
type Selection struct {
	Business      payment.Date
	Subscriptions []uint64 // empty: all
	Orders        []uint64 // empty: all
}

// Gateways narrow a count down by gateway.
type Gateways struct {
	Names []string
	Only  bool // those of these gateways; else those of all others
}

// exactly is a column that names a gateway, to be compared letter by letter and blank by blank, whatever its character set and
// collation. A gateway is configured under one spelling, and its pauses, account and limits are found by it. So what the shop wrote
// otherwise is of a gateway that is not configured, and named as that: to take MAIN for main could charge at an account that the shop
// did not mean, and a row that the database takes for one and the program for another would be forgotten.
func exactly(column string) string { return "CAST(CONVERT(" + column + " USING utf8mb4) AS BINARY)" }

// clause is the condition on the column that names the gateway, beginning with AND; none without names.
func (g Gateways) clause(column string) (string, []any) {
	if len(g.Names) == 0 {
		return "", nil
	}
	args := make([]any, len(g.Names))
	for i, name := range g.Names {
		args[i] = name
	}
	not := " NOT"
	if g.Only {
		not = ""
	}
	return " AND " + exactly(column) + not + " IN (" + marks(len(args)) + ")", args
}

// only narrows a query down to the selected subscriptions; column names them.
func (s Selection) only(column string) (string, []any) { return among(column, s.Subscriptions) }

// onlyOrders narrows a query down to the selected orders; column names them.
func (s Selection) onlyOrders(column string) (string, []any) { return among(column, s.Orders) }

// among is the condition that a column has one of the ids; none at all for no ids.
func among(column string, ids []uint64) (string, []any) {
	if len(ids) == 0 {
		return "", nil
	}
	args := make([]any, len(ids))
	for i, id := range ids {
		args[i] = id
	}
	return " AND " + column + " IN (" + marks(len(ids)) + ")", args
}

// marks are n placeholders; n is at least 1.
func marks(n int) string { return "?" + strings.Repeat(",?", n-1) }

// phase is how a walk meets locked rows.
type phase int

const (
	// forward passes over what is locked.
	forward phase = iota
	// waiting starts again at the head and waits for locks, to take what was passed over.
	waiting
	// rest starts again at the head after a lock outlasted the wait, and passes over what is locked.
	rest
)

// walk is a pass over an index by key set: it goes on from where it stood, not from the head, so that a
// locked or poisoned row holds nobody up and a claim costs the same however much is behind it.
type walk struct {
	phase phase
	date  payment.Date // the key that was read last
	at    time.Time
	id    uint64
	// locked: a row stayed locked until the end of the walk.
	locked bool
	// single: rows are claimed one by one until the walk stands behind this id, because a chunk failed.
	single int
}

// lock is the clause that reads rows for a claim.
func (w *walk) lock() string { return w.phase.lock() }

func (p phase) lock() string {
	if p == waiting {
		return " FOR UPDATE"
	}
	return " FOR UPDATE SKIP LOCKED"
}

// from is the date that the next claim goes on from, as it is stored. At first it is the zero date of MySQL, which rows have
// whose date was not valid.
func (w *walk) from() any {
	if w.date.IsZero() {
		return "0000-00-00"
	}
	return w.date
}

// limit is how many rows the next claim takes.
func (w *walk) limit(want int) int {
	if w.single > 0 {
		return 1
	}
	return want
}

// end is called when a pass has come to its end; it reports whether that was the last one.
func (w *walk) end() bool {
	if w.phase == forward {
		w.restart(waiting)
		return false
	}
	w.restart(forward)
	return true
}

func (w *walk) restart(p phase) {
	w.phase, w.date, w.at, w.id, w.single = p, 0, time.Time{}, 0, 0
}

// failed decides what a failed claim of limit rows means: nil if the claim is to be made again, in another
// way, else the error for the engine. A claim of one row that fails by itself is for the caller to deal with.
func (w *walk) failed(kind batch.FailureKind, err error, limit int) error {
	switch {
	case kind == batch.FailureLocked && w.phase == waiting:
		w.locked = true
		w.restart(rest)
		return nil
	case !retried(kind) && limit > 1:
		w.single = limit
		return nil
	}
	return err
}

// took notes that a claim of one row was made while rows are claimed one by one.
func (w *walk) took() {
	if w.single > 0 {
		w.single--
	}
}

func leaseName() ([16]byte, error) {
	b, err := mysql.NewLease()
	if err != nil {
		return [16]byte{}, err
	}
	return [16]byte(b), nil
}

// committed finds out, by the lease that only this claim wrote, whether a transaction whose COMMIT was not
// answered took effect. It returns an error as long as the database cannot be asked.
func committed(ctx context.Context, db *mysql.DB, lease [16]byte) (bool, error) {
	var n int
	if err := db.GetContext(ctx, &n, "SELECT COUNT(*) FROM payment_attempts WHERE lease = ?", lease[:]); err != nil {
		return false, fmt.Errorf("read a claim back: %w: %w", batch.ErrUnavailable, err)
	}
	return n > 0, nil
}

func sortedIDs[T any](rows []T, id func(T) uint64) []uint64 {
	ids := make([]uint64, len(rows))
	for i, row := range rows {
		ids[i] = id(row)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}
