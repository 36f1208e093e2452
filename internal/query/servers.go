package query

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"duly/internal/mysql"
)

const (
	countServers = `SELECT COUNT(*) FROM known_servers`
	knownServer  = `SELECT confirmed_at, suspected_at, COALESCE(suspicion, '') AS suspicion FROM known_servers WHERE server = ?`

	newestAttempt = `SELECT id, idempotency_key FROM payment_attempts ORDER BY id DESC LIMIT 1`

	attemptKeys = `SELECT id, idempotency_key FROM payment_attempts WHERE id IN (?)`

	selectOthersAlive = `SELECT EXISTS (SELECT 1 FROM job_runs WHERE job = 'billing' AND host <> ? AND heartbeat_at >= ? - INTERVAL lease_ms * 1000 MICROSECOND)`

	// What requests of a history that is lost were sent under: its newest attempts, as far as they are left, tell.
	selectLongestTerms = `SELECT (SELECT COALESCE(MAX(lease_ms), 0) FROM job_runs WHERE job = 'billing') AS lease_ms,
(SELECT COALESCE(MAX(longest_request_ms), 0) FROM (SELECT longest_request_ms FROM payment_attempts ORDER BY id DESC LIMIT 10000) x) AS longest_ms`
)

// Standing is what the tables say of themselves, for who asks whether they were set back.
type Standing struct {
	Servers int // that are known
	Seen    bool
	// Confirmed is when somebody trusted this server, Suspected when its history was suspected last, and why; zero: never.
	Confirmed, Suspected time.Time
	Suspicion            string
	NewestID             uint64
	NewestKey            string
	Keys                 map[uint64]string // of those attempts that are there
}

// StandingOf reads the standing on a server, with the keys of attempts.
func StandingOf(ctx context.Context, db *mysql.DB, server string, attempts []uint64) (Standing, error) {
	s := Standing{Keys: map[uint64]string{}}
	var known []struct {
		Confirmed sql.NullTime `db:"confirmed_at"`
		Suspected sql.NullTime `db:"suspected_at"`
		Suspicion string
	}
	if err := db.GetContext(ctx, &s.Servers, countServers); err != nil {
		return s, fmt.Errorf("read the known servers: %w", mysql.Classify(ctx, err))
	}
	if err := db.SelectContext(ctx, &known, knownServer, server); err != nil {
		return s, fmt.Errorf("read the known servers: %w", mysql.Classify(ctx, err))
	}
	for _, k := range known {
		s.Seen, s.Confirmed, s.Suspected, s.Suspicion = true, k.Confirmed.Time, k.Suspected.Time, k.Suspicion
	}
	type row struct {
		ID  uint64
		Key string `db:"idempotency_key"`
	}
	var newest, there []row
	if err := db.SelectContext(ctx, &newest, newestAttempt); err != nil {
		return s, fmt.Errorf("read the newest attempt: %w", mysql.Classify(ctx, err))
	}
	for _, r := range newest {
		s.NewestID, s.NewestKey = r.ID, r.Key
	}
	if len(attempts) > 0 {
		if err := mysql.SelectIn(ctx, db, &there, attemptKeys, attempts); err != nil {
			return s, fmt.Errorf("read attempts %d: %w", attempts, mysql.Classify(ctx, err))
		}
	}
	for _, r := range there {
		s.Keys[r.ID] = r.Key
	}
	return s, nil
}

// OthersAlive reports whether a billing run of another host may have been alive at an instant, or later.
func OthersAlive(ctx context.Context, db *mysql.DB, host string, at time.Time) (bool, error) {
	var alive bool
	err := db.GetContext(ctx, &alive, selectOthersAlive, mysql.Cut(host, 255), at.UTC())
	return alive, mysql.Classify(ctx, err)
}

// LongestTerms are the longest lease of a billing run that is known, and the longest time that a request of the newest
// attempts can be on its way.
func LongestTerms(ctx context.Context, db *mysql.DB) (lease, longest time.Duration, err error) {
	var row struct {
		LeaseMS   int64 `db:"lease_ms"`
		LongestMS int64 `db:"longest_ms"`
	}
	if err := db.GetContext(ctx, &row, selectLongestTerms); err != nil {
		return 0, 0, fmt.Errorf("read the longest lease and request: %w", mysql.Classify(ctx, err))
	}
	return time.Duration(row.LeaseMS) * time.Millisecond, time.Duration(row.LongestMS) * time.Millisecond, nil
}
