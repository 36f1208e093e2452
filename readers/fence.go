package readers

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jmoiron/sqlx"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/mysql"
)

// fence holds a claim to what the database has acknowledged to this run before: the newest attempt that it claimed
// and the newest that it settled. A server that shows them otherwise is not the one that confirmed them, or was set back,
// so that whatever else it says of charges may be old.
type fence struct {
	claim, settled *batch.Mark
}

// fenceOf is the fence of the run that ctx belongs to, as it stands now.
func fenceOf(ctx context.Context) fence {
	var f fence
	f.claim, f.settled = batch.Execution(ctx).Acknowledged.Marks()
	return f
}

// ids are the attempts that are to be found.
func (f fence) ids() []uint64 {
	var ids []uint64
	for _, m := range []*batch.Mark{f.claim, f.settled} {
		if m != nil {
			ids = append(ids, m.ID)
		}
	}
	return ids
}

// fenceRow is an attempt as it is now.
type fenceRow struct {
	ID     uint64
	Key    string `db:"idempotency_key"`
	Status string
	Lease  []byte
}

func (r fenceRow) lease() (lease [16]byte) {
	copy(lease[:], r.Lease)
	return lease
}

// check returns an error that wraps batch.ErrHistoryLost unless rows show what was acknowledged.
func (f fence) check(rows []fenceRow) error {
	have := make(map[uint64]fenceRow, len(rows))
	for _, r := range rows {
		have[r.ID] = r
	}
	if m := f.claim; m != nil {
		if r, ok := have[m.ID]; !ok || r.Key != m.Key || m.Again && r.lease() == m.Before {
			return historyLost(*m, "claimed")
		}
	}
	if m := f.settled; m != nil {
		r, ok := have[m.ID]
		if !ok || r.Key != m.Key || r.Status == string(billing.AttemptInFlight) && r.lease() == m.Lease {
			return historyLost(*m, "settled")
		}
	}
	return nil
}

func historyLost(m batch.Mark, did string) error {
	return fmt.Errorf("%w: attempt %d (%s), which this run %s, is not there as it was confirmed; nothing of this claim was sent. "+
		"Find out which server is the primary and what it has lost (docs/runbook.md, \"A fail-over\"), then run again",
		batch.ErrHistoryLost, m.ID, m.Key, did)
}

const fenceRows = `SELECT id, idempotency_key, status, lease FROM payment_attempts WHERE id IN (?)`

// stand checks the fence in a claim's transaction after the claim has written: written is an attempt that it took, which
// must show the lease that it was just given. So the server that answers is the one that was written to, and no replica to
// which a proxy sent a read.
func (f fence) stand(ctx context.Context, tx *sqlx.Tx, written uint64, lease [16]byte) error {
	ids := f.ids()
	if len(ids) == 0 {
		return nil
	}
	var rows []fenceRow
	if err := mysql.SelectIn(ctx, tx, &rows, fenceRows, append(ids, written)); err != nil {
		return err
	}
	ours := func(r fenceRow) bool { return r.ID == written && r.lease() == lease }
	if !slices.ContainsFunc(rows, ours) {
		return fmt.Errorf("attempt %d does not show the lease that was just written: reads and writes of a transaction go to different servers", written)
	}
	return f.check(rows)
}

// breached ends the run if err says that the database has lost commits; it returns the error to end the step with.
func breached(ctx context.Context, err error) error {
	if !errors.Is(err, batch.ErrHistoryLost) {
		return err
	}
	x := batch.Execution(ctx)
	x.Halt(err)
	return x.Halted()
}
