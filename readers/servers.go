package readers

import (
	"context"
	"fmt"

	"duly/internal/mysql"
)

const (
	knownServers = `SELECT COUNT(*) AS servers, COALESCE(SUM(server = ?), 0) AS seen,
COALESCE(SUM(server = ? AND confirmed_at IS NOT NULL), 0) AS confirmed FROM known_servers`

	newestAttempt = `SELECT id, idempotency_key FROM payment_attempts ORDER BY id DESC LIMIT 1`

	attemptKey = `SELECT idempotency_key FROM payment_attempts WHERE id = ?`
)

// Standing is what the tables say of themselves, for who asks whether they were set back.
type Standing struct {
	Servers   int // that are known
	Seen      bool
	Confirmed bool // somebody trusts this server
	NewestID  uint64
	NewestKey string
	Key       string // of the attempt that was asked for; empty: it is not there
}

// StandingOf reads the standing on a server, with the key of one attempt.
func StandingOf(ctx context.Context, db *mysql.DB, server string, attempt uint64) (Standing, error) {
	var s Standing
	if err := db.GetContext(ctx, &s, knownServers, server, server); err != nil {
		return s, fmt.Errorf("read the known servers: %w", mysql.Classify(ctx, err))
	}
	var newest []struct {
		ID  uint64
		Key string `db:"idempotency_key"`
	}
	var keys []string
	if err := db.SelectContext(ctx, &newest, newestAttempt); err != nil {
		return s, fmt.Errorf("read the newest attempt: %w", mysql.Classify(ctx, err))
	}
	if err := db.SelectContext(ctx, &keys, attemptKey, attempt); err != nil {
		return s, fmt.Errorf("read attempt %d: %w", attempt, mysql.Classify(ctx, err))
	}
	if len(newest) > 0 {
		s.NewestID, s.NewestKey = newest[0].ID, newest[0].Key
	}
	if len(keys) > 0 {
		s.Key = keys[0]
	}
	return s, nil
}
