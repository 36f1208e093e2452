package mysql

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"
)

// Work is what the transactions of one name cost a process so far.
type Work struct {
	Count  int64         // transactions that ended
	Time   time.Duration // in transactions, one that lasts included
	Locked int64         // tries that a lock ended (1205, 1213)
	Lost   time.Duration // in those tries
}

// works adds up the cost of transactions by name. It is safe for concurrent use.
type txStats struct {
	now func() time.Time // nil: nothing is measured

	mu     sync.Mutex
	byName map[string]*working
}

type working struct {
	Work

	open int // transactions under way
	last time.Time
}

// add changes the work of that name, after its time was brought up to date.
func (w *txStats) add(name string, change func(*working)) {
	if w.now == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	if w.byName == nil {
		w.byName = map[string]*working{}
	}
	of := w.byName[name]
	if of == nil {
		of = &working{last: now}
		w.byName[name] = of
	}
	of.until(now)
	change(of)
}

func (w *working) until(now time.Time) {
	w.Time += time.Duration(w.open) * now.Sub(w.last)
	w.last = now
}

// begin and end stand around a transaction.
func (w *txStats) begin(name string) { w.add(name, func(of *working) { of.open++ }) }

func (w *txStats) end(name string) {
	w.add(name, func(of *working) { of.open--; of.Count++ })
}

// try runs one try of a transaction, and counts it if a lock ends it.
func (w *txStats) try(name string, run func() error) error {
	if w.now == nil {
		return run()
	}
	began := w.now()
	err := run()
	if repeatable(err) {
		w.add(name, func(of *working) { of.Locked++; of.Lost += w.now().Sub(began) })
	}
	return err
}

// Work is what transactions cost this process so far, by their names; empty if Options had no clock.
func (db *DB) Work() map[string]Work {
	db.works.mu.Lock()
	defer db.works.mu.Unlock()
	all := make(map[string]Work, len(db.works.byName))
	for name, w := range db.works.byName {
		w.until(db.works.now())
		all[name] = w.Work
	}
	return all
}

// Locks are the waits for row locks of everybody on the server.
type Locks struct {
	Waiting int64         // statements that wait at the moment
	Waited  time.Duration // of all waits that ended since the server started
}

// ReadLocks asks the server; it needs no right.
func ReadLocks(ctx context.Context, db *DB) (Locks, error) {
	var rows []struct {
		Name  string `db:"Variable_name"`
		Value string `db:"Value"`
	}
	err := db.SelectContext(ctx, &rows, `SHOW GLOBAL STATUS WHERE Variable_name IN ('Innodb_row_lock_current_waits', 'Innodb_row_lock_time')`)
	if err != nil {
		return Locks{}, fmt.Errorf("read lock waits: %w", Classify(ctx, err))
	}
	var l Locks
	for _, row := range rows {
		n, err := strconv.ParseInt(row.Value, 10, 64)
		if err != nil {
			return Locks{}, fmt.Errorf("read lock waits: %s is %q", row.Name, row.Value)
		}
		if row.Name == "Innodb_row_lock_time" {
			l.Waited = time.Duration(n) * time.Millisecond
		} else {
			l.Waiting = n
		}
	}
	return l, nil
}
