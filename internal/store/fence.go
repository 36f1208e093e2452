package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/jmoiron/sqlx"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/mysql"
)

// Fence holds a claim to what the database has acknowledged to this run before: the newest attempt that it claimed
// and the newest that it settled. A server that shows them otherwise is not the one that confirmed them, or was set back,
// so that whatever else it says of charges may be old. Another server than the one that the run began on may show them and
// lack what it confirmed to other runs.
type Fence struct {
	claim, settled *batch.Mark
	server         mysql.Server
}

// FenceOf is the fence of the run that ctx belongs to, as it stands now. server is the one that it began on.
func FenceOf(ctx context.Context, server mysql.Server) Fence {
	f := Fence{server: server}
	f.claim, f.settled = batch.Execution(ctx).Acknowledged.Marks()
	return f
}

// IDs are the attempts that are to be found.
func (f Fence) IDs() []uint64 {
	var ids []uint64
	for _, m := range []*batch.Mark{f.claim, f.settled} {
		if m != nil {
			ids = append(ids, m.ID)
		}
	}
	return ids
}

// FenceRow is an attempt as it is now.
type FenceRow struct {
	ID     uint64
	Key    string `db:"idempotency_key"`
	Status string
	Lease  []byte
	Server sql.NullString // of the server that answers; null: it was not asked for
}

func (r FenceRow) leaseID() (lease [16]byte) {
	copy(lease[:], r.Lease)
	return lease
}

// Check returns an error that wraps batch.ErrHistoryLost unless the server that the run began on shows in rows what was
// acknowledged.
func (f Fence) Check(rows []FenceRow) error {
	have, server := make(map[uint64]FenceRow, len(rows)), ""
	for _, r := range rows {
		have[r.ID] = r
		if r.Server.Valid {
			server = r.Server.String
		}
	}
	if err := f.server.Check(server); err != nil {
		return fmt.Errorf("%w; nothing of this claim was sent", err)
	}
	if m := f.claim; m != nil {
		if r, ok := have[m.ID]; !ok || r.Key != m.Key || m.Again && r.leaseID() == m.Before {
			return historyLost(*m, "claimed")
		}
	}
	if m := f.settled; m != nil {
		r, ok := have[m.ID]
		if !ok || r.Key != m.Key || r.Status == string(billing.AttemptInFlight) && r.leaseID() == m.Lease {
			return historyLost(*m, "settled")
		}
	}
	return nil
}

func historyLost(m batch.Mark, did string) error {
	return fmt.Errorf("%w: attempt %d (%s), which this run %s, is not there as it was confirmed; nothing of this claim was sent. %s",
		batch.ErrHistoryLost, m.ID, m.Key, did, findOut)
}

const (
	findOut = `Find out which server is the primary and what it has lost (docs/runbook.md, "A fail-over"), then run again`

	fenceRows = `SELECT id, idempotency_key, status, lease, %s AS server FROM payment_attempts WHERE id IN (?)`
)

// Stand checks the fence in a claim's transaction after the claim has written: written is an attempt that it took, which
// must show the lease that it was just given. So the server that answers is the one that was written to, and no replica to
// which a proxy sent a read.
func (f Fence) Stand(ctx context.Context, tx *sqlx.Tx, written uint64, lease [16]byte) error {
	ids := f.IDs()
	if len(ids) == 0 && !f.server.Known() {
		return nil
	}
	var rows []FenceRow
	if err := mysql.SelectIn(ctx, tx, &rows, fmt.Sprintf(fenceRows, f.server.Column()), append(ids, written)); err != nil {
		return err
	}
	ours := func(r FenceRow) bool { return r.ID == written && r.leaseID() == lease }
	if !slices.ContainsFunc(rows, ours) {
		return fmt.Errorf("attempt %d does not show the lease that was just written: reads and writes of a transaction go to different servers", written)
	}
	return f.Check(rows)
}

// Breached ends the run if err says that the database has lost commits; it returns the error to end the step with.
func Breached(ctx context.Context, err error) error {
	if !errors.Is(err, batch.ErrHistoryLost) {
		return err
	}
	x := batch.Execution(ctx)
	x.Halt(err)
	return x.Halted()
}
