package e2e_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/gateway/simulator"
	"duly/internal/test/testdb"
)

// databases lends databases to the subtests of one test and takes them back empty: to make and to drop one takes
// longer than most subtests keep the server busy.
type databases struct {
	t *testing.T

	mu   sync.Mutex
	free []*testdb.DB
}

func lend(t *testing.T) *databases {
	t.Helper()
	return &databases{t: t}
}

// world makes a world for a subtest, on an empty database.
func (d *databases) world(t *testing.T, cfg simulator.Config) *world {
	t.Helper()
	return d.worldIn(t, simulator.Default, cfg)
}

// worldIn is world with a provider that speaks a dialect.
func (d *databases) worldIn(t *testing.T, dialect string, cfg simulator.Config) *world {
	t.Helper()
	db := d.take()
	t.Cleanup(func() {
		// What a failed test leaves is of no use to another.
		if !t.Failed() && empty(t, db) {
			d.giveBack(db)
		}
	})
	return worldIn(t, db, dialect, cfg)
}

func (d *databases) take() *testdb.DB {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n := len(d.free); n > 0 {
		db := d.free[n-1]
		d.free = d.free[:n-1]
		return db
	}
	return testdb.New(d.t)
}

func (d *databases) giveBack(db *testdb.DB) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.free = append(d.free, db)
}

// empty deletes every row that was added, and lets ids begin at 1 again.
func empty(t *testing.T, db *testdb.DB) bool {
	t.Helper()
	// The context of the test has ended, as this is its cleanup.
	var tables []string
	if err := db.Select(&tables, `SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()
AND table_type = 'BASE TABLE' AND table_name NOT IN ('claim_probe', 'duly_migrations')`); err != nil {
		t.Errorf("list the tables: %v", err)
		return false
	}
	for _, table := range tables {
		var used bool
		err := db.Get(&used, "SELECT EXISTS (SELECT 1 FROM "+table+")")
		if err == nil && used {
			_, err = db.Exec(fmt.Sprintf("DELETE FROM %s; ALTER TABLE %s AUTO_INCREMENT = 1", table, table))
		}
		if err != nil {
			t.Errorf("empty %s: %v", table, err)
			return false
		}
	}
	return true
}

// TestLentDatabasesAreEmpty: the second test to be lent a database finds it as if it were new.
func TestLentDatabasesAreEmpty(t *testing.T) {
	d := lend(t)
	for range 2 {
		t.Run("lent", func(t *testing.T) {
			w := d.world(t, simulator.Config{})
			require.Zero(t, w.count(`SELECT COUNT(*) FROM subscriptions`))
			w.enrol("pm_ok", "pm_ok")
			require.Equal(t, 1, w.count(`SELECT MIN(id) FROM subscriptions`))
			w.finish(1)
			w.reconcile()
		})
	}
	require.Len(t, d.free, 1)
}
