package mysql

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/batch"
)

// ErrNoSkipLocked says that the server parses FOR UPDATE SKIP LOCKED and ignores it, so two workers would claim the same rows.
var ErrNoSkipLocked = errors.New("this database ignores FOR UPDATE SKIP LOCKED: two workers would claim the same rows;" +
	" use MySQL 8+ or MariaDB 10.6+")

// errWaits: a claim waited for another one.
var errWaits = fmt.Errorf("%w (a second claim waits for the first)", ErrNoSkipLocked)

const (
	probeClaim = `SELECT id FROM claim_probe ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED`
	probeWrite = `UPDATE claim_probe SET claimed_at = UTC_TIMESTAMP(6) WHERE id = 1`
	probeSame  = `UPDATE claim_probe SET claimed_by = ? WHERE id = ?`
	probeMark  = `UPDATE claim_probe SET claimed_by = ?, claimed_at = UTC_TIMESTAMP(6) WHERE id = ?`
)

// Probe checks that SKIP LOCKED is real: two connections claim from a table of two rows, and must not both
// be given, and both commit, the same row. An empty answer means that another worker probes at the moment: it is
// tried again, and so is a conflict. A claim that waits instead of skipping is refused as well, but not for the first time: a server
// under load can be that slow.
func Probe(ctx context.Context, db *DB) error {
	waited := 0
	for range 20 {
		done, err := probeOnce(ctx, db)
		if errors.Is(err, errWaits) && waited < 2 {
			waited++
			continue
		}
		if done || err != nil && !errors.Is(err, batch.ErrLocked) { // a conflict with another worker, perhaps on another node
			return err
		}
		jitter := mathrand.N(40 * time.Millisecond) //nolint:gosec // no secret
		if err := batch.Wait(ctx, 10*time.Millisecond+jitter); err != nil {
			return err
		}
	}
	return fmt.Errorf("%w: the rows of claim_probe stay locked", batch.ErrUnavailable)
}

// WriteProbe reports whether the database accepts writes, by a small transaction on a table of duly's own.
func WriteProbe(ctx context.Context, db *DB) error {
	return Tx(ctx, db, "probe", func(tx *sqlx.Tx) error {
		_, err := tx.ExecContext(ctx, probeWrite)
		return err
	})
}

func probeOnce(ctx context.Context, db *DB) (done bool, err error) {
	first, err := begin(ctx, db)
	if err != nil {
		return false, err
	}
	defer first.end()
	a, ok, err := first.claim(ctx)
	if err != nil || !ok {
		return false, err
	}
	second, err := begin(ctx, db)
	if err != nil {
		return false, err
	}
	defer second.end()
	// A second claim that does not come back at once waits for the first: SKIP LOCKED is not honoured.
	soon, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	b, ok, err := second.claim(soon)
	if err != nil {
		if soon.Err() != nil && ctx.Err() == nil {
			return false, errWaits
		}
		return false, err
	}
	if !ok {
		return false, nil
	}
	errFirst, errSecond := first.tx.Commit(), second.tx.Commit()
	if a == b && errFirst == nil && errSecond == nil {
		return false, ErrNoSkipLocked
	}
	if err := errors.Join(errFirst, errSecond); err != nil {
		return false, fmt.Errorf("probe: %w", Classify(ctx, err))
	}
	return true, nil
}

type probing struct {
	conn *sqlx.Conn
	tx   *sqlx.Tx
}

func begin(ctx context.Context, db *DB) (*probing, error) {
	conn, err := acquire(ctx, db)
	if err != nil {
		return nil, fmt.Errorf("probe: %w", Classify(ctx, err))
	}
	tx, err := conn.BeginTxx(ctx, nil)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("probe: %w", Classify(ctx, err)), conn.Close())
	}
	return &probing{conn, tx}, nil
}

func (p *probing) end() {
	_ = p.tx.Rollback() // after a commit it does nothing
	_ = p.conn.Close()  // gives the connection back
}

// claim takes one row and writes to it, as a real claim does: on a cluster only a write meets its rival.
func (p *probing) claim(ctx context.Context) (id int, ok bool, err error) {
	if err := p.tx.GetContext(ctx, &id, probeClaim); errors.Is(err, sql.ErrNoRows) {
		return 0, false, nil
	} else if err != nil {
		return 0, false, fmt.Errorf("probe: %w", Classify(ctx, err))
	}
	mark := make([]byte, 16)
	_, _ = rand.Read(mark) // never fails
	marked, err := p.write(ctx, probeMark, mark, id)
	if err != nil {
		return 0, false, err
	}
	same, err := p.write(ctx, probeSame, mark, id)
	if err == nil && same < marked {
		err = SessionLost("CLIENT_FOUND_ROWS off")
	}
	return id, err == nil, err
}

// write runs a statement and returns how many rows it affected.
func (p *probing) write(ctx context.Context, query string, args ...any) (int64, error) {
	result, err := p.tx.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, fmt.Errorf("probe: %w", Classify(ctx, err))
	}
	return result.RowsAffected()
}
