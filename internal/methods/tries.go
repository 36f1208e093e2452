package methods

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/billing"
	"duly/internal/billing/network"
	"duly/internal/mysql"
	"duly/internal/payment"
)

// Tries reads the tries of methods from an instant on that were declined, or may be yet. The index names a method as the database compares
// texts, so that others may be read beside it.
const Tries = `SELECT gateway, payment_method, amount, currency, status, doubted, COALESCE(network, '') AS network, created_at, settled_at
FROM payment_attempts FORCE INDEX (by_method) WHERE payment_method IN (?) AND created_at >= ? AND status IN ('declined', 'in_flight', 'in_doubt')`

// window is how much longer than the longest window of a network is looked back: a try counts from when it was settled.
const window = network.Window + 24*time.Hour

// Since is from when on the tries of a method matter at an instant.
func Since(now time.Time) time.Time { return now.Add(-window).UTC() }

// IDs are those of Tries, and LockIDs locks them: the index has them in the order of methods, and rows are locked by primary key in ascending order.
const (
	IDs = `SELECT id FROM payment_attempts FORCE INDEX (by_method)
WHERE payment_method IN (?) AND created_at >= ? AND status IN ('declined', 'in_flight', 'in_doubt')`
	LockIDs = `SELECT id FROM payment_attempts WHERE id IN (?) ORDER BY id FOR UPDATE`
)

// lock locks the tries of methods, so that claims of one method follow each other.
func lock(ctx context.Context, tx *sqlx.Tx, methods []string, now time.Time) error {
	var ids []uint64
	if err := mysql.SelectIn(ctx, tx, &ids, IDs, methods, Since(now)); err != nil || len(ids) == 0 {
		return err
	}
	slices.Sort(ids)
	return mysql.SelectIn(ctx, tx, &ids, LockIDs, ids)
}

// Read reads the tries of methods that matter at an instant.
func Read(ctx context.Context, q sqlx.QueryerContext, methods []string, now time.Time) (map[network.Key][]network.Try, error) {
	if len(methods) == 0 {
		return nil, nil //nolint:nilnil // an empty map
	}
	var rows []struct {
		Gateway  string
		Method   string `db:"payment_method"`
		Amount   int64
		Currency string
		Status   string
		Doubted  bool
		Network  string
		Created  time.Time    `db:"created_at"`
		Settled  sql.NullTime `db:"settled_at"`
	}
	if err := mysql.SelectIn(ctx, q, &rows, Tries, methods, Since(now)); err != nil {
		return nil, err
	}
	tries := make(map[network.Key][]network.Try)
	for _, r := range rows {
		t := network.Try{Network: payment.Network(r.Network), At: r.Created}
		switch status := billing.AttemptStatus(r.Status); {
		case status == billing.AttemptInDoubt, status == billing.AttemptInFlight && r.Doubted:
			t.Pending, t.Doubtful = true, true
		case status == billing.AttemptInFlight:
			t.Pending = true
		case r.Settled.Valid:
			t.At = r.Settled.Time
		}
		k := network.Key{Gateway: r.Gateway, Method: r.Method, Money: payment.Money{Amount: r.Amount, Currency: r.Currency}}
		tries[k] = append(tries[k], t)
	}
	return tries, nil
}
