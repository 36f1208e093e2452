package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jmoiron/sqlx"

	"duly/internal/mysql"
)

const (
	selectPrefix = `SELECT key_prefix FROM gateway_accounts WHERE id = ?`
	// The prefixes of a gateway's accounts: keys that were made at one of them may be listed at another one that is the same.
	selectPrefixes = `SELECT id, key_prefix FROM gateway_accounts WHERE gateway = ? ORDER BY id`
	setPrefix      = `UPDATE gateway_accounts SET key_prefix = ? WHERE id = ?`
	anyAttempt     = `SELECT id FROM payment_attempts WHERE gateway = ? LIMIT 1`
)

// OtherPrefixError is a gateway whose charges have keys with another prefix than the one that is configured.
type OtherPrefixError struct{ gateway, stored, configured string }

func (e *OtherPrefixError) Error() string {
	at := "gateways." + e.gateway + ".key_prefix: "
	if e.stored == "" {
		return at + fmt.Sprintf("%q would be new, and charges of this gateway were made under keys without a prefix: remove it; "+
			"for another account configure another gateway", e.configured)
	}
	return at + fmt.Sprintf("%q is not what the keys of this gateway's charges begin with: set it to %q again; "+
		"for another account configure another gateway", e.configured, e.stored)
}

// KeyPrefix stores what the keys of a gateway's charges begin with. The error is an OtherPrefixError if charges were
// made under keys with another prefix: they would not be found again.
func KeyPrefix(ctx context.Context, db *mysql.DB, gateway string, account uint32, prefix string) error {
	var now sql.NullString
	if err := db.GetContext(ctx, &now, selectPrefix, account); err != nil {
		return mysql.Classify(ctx, err)
	}
	if now.Valid && now.String == prefix { // as at every start but the first
		return nil
	}
	return mysql.Repeat(ctx, db, "prefix", func(tx *sqlx.Tx) error {
		if err := otherPrefix(ctx, tx, gateway, prefix, " FOR UPDATE"); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, setPrefix, prefix, account)
		return err
	})
}

// CheckKeyPrefix reports whether a run would take the prefix, and stores nothing. The error is an OtherPrefixError if not.
func CheckKeyPrefix(ctx context.Context, db *mysql.DB, gateway, prefix string) error {
	err := otherPrefix(ctx, db, gateway, prefix, "")
	if _, other := errors.AsType[*OtherPrefixError](err); other {
		return err
	}
	return mysql.Classify(ctx, err)
}

// otherPrefix is an OtherPrefixError if charges of the gateway were made under keys with another prefix.
func otherPrefix(ctx context.Context, q sqlx.QueryerContext, gateway, prefix, lock string) error {
	var rows []struct {
		ID     uint32
		Prefix sql.NullString `db:"key_prefix"`
	}
	if err := sqlx.SelectContext(ctx, q, &rows, selectPrefixes+lock, gateway); err != nil {
		return err
	}
	stored, other := "", prefix != "" // an account without a stored prefix was charged without one, if at all
	for _, r := range rows {
		if r.Prefix.Valid {
			stored, other = r.Prefix.String, r.Prefix.String != prefix
		}
	}
	if !other {
		return nil
	}
	var id uint64
	switch err := sqlx.GetContext(ctx, q, &id, anyAttempt, gateway); {
	case err == nil:
		return &OtherPrefixError{gateway, stored, prefix}
	case !errors.Is(err, sql.ErrNoRows):
		return err
	}
	return nil
}
