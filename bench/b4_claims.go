package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/jmoiron/sqlx"

	"duly/bench/inprocess"
	"duly/bench/record"
)

const (
	flatRows       = 2_000_000
	flatTarget     = 1.2
	snapshotTarget = 1.4
)

// flatClaims is B4: a claim costs as much at the end of a long run as at its begin, also while another connection holds
// a snapshot that keeps the server from purging what the run has moved.
func flatClaims(ctx context.Context, l *lab) ([]row, error) {
	n := l.size(flatRows)
	alone, beside := &claimEnds{limit: flatTarget}, &claimEnds{limit: snapshotTarget}
	for range l.rounds {
		if err := l.claimRound(ctx, n, alone, false); err != nil {
			return nil, err
		}
		if err := l.claimRound(ctx, n, beside, true); err != nil {
			return nil, err
		}
	}
	return []row{
		alone.row(fmt.Sprintf("flat claims, last ÷ first of %d due", n)),
		beside.row("flat claims, beside an old snapshot"),
	}, nil
}

// claimEnds are what claims took, in µs an item, by round.
type claimEnds struct {
	first, last []float64
	claims      int
	limit       float64
}

func (c *claimEnds) row(what string) row {
	return row{
		what:     what,
		figure:   fmt.Sprintf("%.1f µs an item", median(c.last)),
		baseline: fmt.Sprintf("%.1f µs at first", median(c.first)),
		ratio:    median(c.last) / median(c.first),
		rounds:   ratios(c.last, c.first),
		target:   target{atMost: true, limit: c.limit},
		notes: []string{fmt.Sprintf("Wall time of the %d first and the %d last claims of %d, each with its commit, while other chunks are charged and settled; a gateway in the process answers at once.",
			c.claims, c.claims, costChunk)},
	}
}

func (l *lab) claimRound(ctx context.Context, n int, ends *claimEnds, snapshot bool) (err error) {
	s, err := l.schema(ctx, n)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.drop(ctx)) }()
	if snapshot {
		conn, err := s.snapshot(ctx)
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close() }() // it ends with the schema
	}
	recorder := &record.Spans{Now: l.now}
	done, err := worker{gateway: inprocess.Instant{}, parallelism: costParallelism, chunkSize: costChunk, trace: recorder.Trace}.bill(ctx, s)
	if err != nil {
		return err
	}
	first, last, claims, err := recorder.Ends()
	if err != nil {
		return err
	}
	ends.first, ends.last, ends.claims = append(ends.first, first), append(ends.last, last), claims
	l.say("  old snapshot %t: %.1f µs an item at first, %.1f µs at last; %s", snapshot, first, last, perSecond(float64(n)/done.took.Seconds()))
	return nil
}

// snapshot begins to read the schema as it is now, on a connection that keeps it.
func (s *schema) snapshot(ctx context.Context) (*sqlx.Conn, error) {
	conn, err := s.Connx(ctx)
	if err != nil {
		return nil, err
	}
	for _, statement := range []string{
		"SET SESSION wait_timeout = 28800",
		"SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
		"START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
		"DO (SELECT COUNT(*) FROM claim_probe)",
	} {
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return nil, errors.Join(fmt.Errorf("hold a snapshot: %w", err), conn.Close())
		}
	}
	return conn, nil
}
