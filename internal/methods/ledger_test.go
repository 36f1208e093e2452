package methods_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/require"

	"duly/internal/billing/network"
	"duly/internal/methods"
	"duly/internal/payment"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
)

func TestMain(m *testing.M) { os.Exit(testdb.Main(m)) }

// Two claims of a card that is near its ceiling follow each other, and the second counts what the first has made.
func TestClaimsOfOneMethodFollowEachOther(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	now := time.Now().UTC()
	attempt := func(q sqlx.Execer, n int, status string) {
		_, err := q.Exec(`INSERT INTO payment_attempts (invoice_id, subscription_id, attempt_no, stage, idempotency_key, reference, customer_id, amount,
currency, gateway, payment_method, body_version, status, run_id, lease, created_at, settled_at) VALUES (?, ?, 1, 0, ?, 'r', 'c', 100, 'KRW', 'main', 'pm_card', 1, ?, 1,
'1234567890123456', ?, IF(? = 'declined', ?, NULL))`, n, n, fmt.Sprintf("sub_%d_20260131-1", n), status, now.Add(-time.Minute), status, now.Add(-time.Minute))
		require.NoError(t, err)
	}
	db := worktest.Open(t, plain.DSN)
	for n := range 8 {
		attempt(db, n+1, "declined")
	}
	key := network.Key{Gateway: "main", Method: "pm_card", Money: payment.Money{Amount: 100, Currency: "KRW"}}
	rules := network.Rules{On: true, Ceilings: network.Ceilings{Visa30d: 15, Mastercard30d: 35, Mastercard24h: 10, Unknown30d: 15, Unknown24h: 10}}
	ledger := func(tx *sqlx.Tx) (*network.Ledger, error) {
		return methods.Ledger(t.Context(), tx, rules, []network.Key{key}, []string{key.Method}, now)
	}
	first, err := db.BeginTxx(t.Context(), nil)
	require.NoError(t, err)
	before, err := ledger(first)
	require.NoError(t, err)
	require.False(t, before.Take(key, 0).Held())
	attempt(first, 9, "in_flight")
	attempt(first, 10, "in_flight")

	second, err := db.BeginTxx(t.Context(), nil)
	require.NoError(t, err)
	var after *network.Ledger
	done := make(chan error, 1)
	go func() {
		var err error
		after, err = ledger(second)
		done <- err
	}()
	waits := func() bool {
		return worktest.Get[int](t, plain, `SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'`) > 0
	}
	const look = 150 * time.Millisecond // the server's own view is as old as a tenth of a second
	require.Eventually(t, func() bool { return waits() || len(done) > 0 }, time.Minute, look)
	require.NoError(t, first.Commit())
	require.NoError(t, <-done)
	require.True(t, after.Take(key, 0).Held(), "eight were declined, and two are on their way")
	require.NoError(t, second.Rollback())
}
