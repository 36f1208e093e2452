package claims

import (
	"context"
	"slices"

	"github.com/jmoiron/sqlx"

	"duly/internal/batch"
	"duly/internal/mysql"
	"duly/internal/runs"
	"duly/internal/store"
)

// LeaseName returns a random name for a claim's lease.
func LeaseName() ([16]byte, error) {
	b, err := runs.NewLease()
	if err != nil {
		return [16]byte{}, err
	}
	return [16]byte(b), nil
}

// Leases are those that a reader has claimed under.
type Leases map[[16]byte]bool

// New returns a name for the next claim's lease, which is one of l from now on.
func (l *Leases) New() ([16]byte, error) {
	lease, err := LeaseName()
	if err != nil {
		return lease, err
	}
	if *l == nil {
		*l = Leases{}
	}
	(*l)[lease] = true
	return lease, nil
}

// Mine reports whether a row is claimed under one of l. Other leases of this run's are left over from before: nothing else of it is under way.
func (l Leases) Mine(lease []byte) bool { return len(lease) == 16 && l[[16]byte(lease)] }

// Free leaves out the rows that are being worked on: claimed under one of mine, or by another run that has not ended.
func Free[T any](ctx context.Context, tx *sqlx.Tx, mine Leases, rows []T, claim func(T) (lease []byte, run uint64)) ([]T, error) {
	owner := func(row T) uint64 {
		lease, run := claim(row)
		if len(lease) != 16 || run == batch.Execution(ctx).Run.ID {
			return 0
		}
		return run
	}
	owners := store.KnownIDs(rows, owner)
	var running []uint64
	if len(owners) > 0 {
		if err := mysql.SelectIn(ctx, tx, &running, store.RunningRuns, owners); err != nil {
			return nil, err
		}
	}
	return slices.DeleteFunc(rows, func(row T) bool {
		lease, _ := claim(row)
		return mine.Mine(lease) || slices.Contains(running, owner(row))
	}), nil
}

// TookEffect reads back, by a query that counts the rows of a lease, whether a claim of them took effect. Without rows nothing was written
// under the lease: the claim is made again.
func TookEffect[T any](ctx context.Context, db *mysql.DB, query string, lease [16]byte, items []T, id func(T) uint64) (bool, error) {
	if len(items) == 0 {
		return false, nil
	}
	var n []int
	err := mysql.SelectIn(ctx, db, &n, query, store.SortedIDs(items, id), lease[:])
	return err == nil && n[0] > 0, err
}
