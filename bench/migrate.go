package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"duly/bench/working"
	"duly/internal/batch"
	"duly/migrations"
)

const (
	migratedFrom  = "00008_changes.sql" // the tables are filled as they were before it
	migrateTarget = 2                   // seconds: the second for which a migration waits for a table, and one more for a busy machine
	migrateAlone  = 10 * time.Second    // the shop before, for its baseline
	migratePause  = 3 * time.Second     // between two tries for a table that is in use
)

// migrating is M1: what a working shop waits for while `migrate up` changes tables of ten million rows each, and one of its reports, which
// takes seconds, uses two of them nearly all the time.
func migrating(ctx context.Context, l *lab) (rows []row, err error) {
	n := l.size(millions)
	if err := l.enoughDisk(); err != nil {
		return nil, err
	}
	s, err := l.olderSchema(ctx, n)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.drop(ctx)) }()
	shop := working.Shop{DB: s.DB, Subscriptions: n, Now: l.now, Today: l.today()}
	before, err := shop.Beside(ctx, func(ctx context.Context) error { return batch.Wait(ctx, migrateAlone) })
	if err != nil {
		return nil, err
	}
	begun, tries := l.now(), 0
	during, err := shop.Beside(ctx, func(ctx context.Context) error {
		for {
			tries++
			_, err := migrations.Up(ctx, s.DB.DB.DB)
			if !errors.Is(err, migrations.ErrInUse) {
				return err
			}
			if err := batch.Wait(ctx, migratePause); err != nil {
				return err
			}
		}
	})
	if err != nil {
		return nil, err
	}
	took := l.now().Sub(begun)
	l.say("  migrated in %.1f s, at try %d; the shop's longest: %s; before: %s", took.Seconds(), tries, during, before)
	return []row{{
		what: fmt.Sprintf("longest statement of a shop beside `migrate up`, %d rows in each table", n), figure: fmt.Sprintf("%.2f s", during.Longest.Seconds()),
		baseline: fmt.Sprintf("%.2f s before", before.Longest.Seconds()), ratio: during.Longest.Seconds(), absolute: true, target: target{atMost: true, limit: migrateTarget, also: "seconds"},
		notes: []string{
			fmt.Sprintf("Subscriptions, invoices and attempts as they were before %s. Six connections change subscriptions, insert invoices with attempts and read both, a pause of 2 ms between two; a seventh runs one report after the other. All migrations took %.1f s, at try %d: %s Before: %s", migratedFrom, took.Seconds(), tries, during, before),
		},
	}}, nil
}

// olderSchema is a schema as it was before [migratedFrom], with n rows in each of the tables that are large at a shop.
func (l *lab) olderSchema(ctx context.Context, n int) (*schema, error) {
	s, err := l.bareSchema(ctx)
	if err != nil {
		return nil, err
	}
	for name := ""; name != migratedFrom; {
		if name, err = migrations.Down(ctx, s.DB.DB.DB); err != nil {
			return nil, s.dropped(ctx, err)
		}
	}
	if err := working.Fill(ctx, s.DB, n); err != nil {
		return nil, s.dropped(ctx, err)
	}
	return s, l.quiet(ctx)
}
