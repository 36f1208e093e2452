package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/gateway/simulator"
	"duly/internal/payment"
	"duly/internal/test/testdb"
	"duly/internal/view"
)

// through is the shop behind a proxy before its database.
func (s *shop) through(t *testing.T) (*shop, *testdb.Proxy) {
	t.Helper()
	proxy := testdb.NewProxy(t, s.db.DSN)
	one := *s
	one.env = append(slices.Clone(s.env), "DULY_DATABASE_DSN="+proxy.DSN)
	return &one, proxy
}

// What cannot work is refused before anything is charged, in one line, with exit code 2.
func TestAStartIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(t *testing.T, s *shop) *shop
		job   string
		says  string
	}{
		"a column of a view that cannot be written": {
			func(t *testing.T, s *shop) *shop {
				t.Helper()
				s.exec(t, "RENAME TABLE subscriptions TO shop_subscriptions")
				s.exec(t, `CREATE VIEW subscriptions AS SELECT id, customer_id, CONCAT(status) AS status, gateway, payment_method, method_type, description, amount,
currency, interval_unit, interval_count, anchor_day, next_billing_date, review_reason, cancelled_at, cancel_reason, created_at, updated_at FROM shop_subscriptions`)
				return s
			}, "billing", "cannot write status of subscriptions (error 1348",
		},
		"a right that is missing": {
			func(t *testing.T, s *shop) *shop {
				t.Helper()
				s.guard(t)
				s.exec(t, "REVOKE INSERT ON bookings FROM "+workerRole)
				return s.as(workerRole)
			}, "billing", "cannot write new rows of bookings (error 1142",
		},
		"a right that reconcile needs": {
			func(t *testing.T, s *shop) *shop {
				t.Helper()
				s.guard(t)
				s.exec(t, "REVOKE UPDATE (stock) ON products FROM "+workerRole)
				return s.as(workerRole)
			}, "reconcile", "cannot write stock of products (error 114",
		},
		"a proxy that gives each transaction another session": {
			func(t *testing.T, s *shop) *shop {
				t.Helper()
				one, proxy := s.through(t)
				proxy.BeforeEach("SET time_zone = '-09:00'")
				return one
			}, "reconcile", "session settings are lost between statements: found time zone -09:00",
		},
		"a proxy that resets the isolation level": {
			func(t *testing.T, s *shop) *shop {
				t.Helper()
				one, proxy := s.through(t)
				proxy.BeforeEach("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
				return one
			}, "billing", "session settings are lost between statements: found isolation level REPEATABLE-READ",
		},
		"a table that is gone": {
			func(t *testing.T, s *shop) *shop {
				t.Helper()
				s.exec(t, "DROP TABLE bookings")
				return s
			}, "billing", "error 1146",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t)
			s.enrol(t, "ok", 9900)
			s = c.spoil(t, s)
			got := s.duly(t, "run", c.job)
			require.Equal(t, batch.ExitUsage, got.code, got.out+got.err)
			require.Contains(t, got.err, c.says)
			require.Equal(t, 1, strings.Count(strings.TrimSpace(got.err), "\n")+1, "one line: %s", got.err)
			require.Zero(t, s.sim.Stats().Requests["createPayment"])
			require.Zero(t, s.number(t, "SELECT COUNT(*) FROM job_runs"))
		})
	}
}

// A cluster that refuses a start for the moment is away: exit code 4, and the next try runs.
func TestAStartOnAClusterInTrouble(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(proxy *testdb.Proxy){
		"the probe conflicts with another node's": func(p *testdb.Proxy) {
			p.Fail("UPDATE claim_probe", -1, 1213, "40001", "Deadlock found when trying to get lock; try restarting transaction")
		},
		"the node has left its cluster": func(p *testdb.Proxy) {
			p.Fail("claim_probe", -1, 1047, "08S01", "WSREP has not yet prepared node for application use")
		},
		"the schema cannot be read": func(p *testdb.Proxy) {
			p.Fail("duly_migrations", -1, 1047, "08S01", "WSREP has not yet prepared node for application use")
		},
		"out of time": func(p *testdb.Proxy) { p.Fail("known_servers", -1, 1969, "70100", "max_statement_time exceeded") },
		"a limit of the hour": func(p *testdb.Proxy) {
			p.Fail("FROM pauses", -1, 1226, "42000", "User 'duly' has exceeded the 'max_questions' resource")
		},
		"a replica": func(p *testdb.Proxy) {
			p.Fail("INSERT INTO job_runs", -1, 1290, "HY000", "running with the --read-only option")
		},
		"commits in conflict": func(p *testdb.Proxy) { p.Fail("COMMIT", -1, 3101, "40000", "Plugin instructed the server to rollback") },
		"commits in conflict 2": func(p *testdb.Proxy) {
			p.Fail("COMMIT", -1, 1180, "HY000", `Got error 149 "Lock deadlock; Retry transaction" during COMMIT`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t)
			s.enrol(t, "ok", 9900)
			one, proxy := s.through(t)
			fail(proxy)
			got := one.duly(t, "run", "billing")
			require.Equal(t, batch.ExitUnfinished, got.code, got.out+got.err)
			proxy.Mend()
			got = one.duly(t, "run", "billing")
			require.Equal(t, batch.ExitDone, got.code, got.out+got.err)
			require.Equal(t, int64(1), s.requests())
		})
	}
}

// One conflict with another node at the start costs nothing.
func TestAStartBesideAnotherNode(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.enrol(t, "ok", 9900)
	one, proxy := s.through(t)
	proxy.Fail("UPDATE claim_probe", 3, 1213, "40001", "Deadlock found when trying to get lock; try restarting transaction")
	require.Equal(t, batch.ExitDone, one.duly(t, "run", "billing").code)
}

// A setting under which a migration would fail half-way is found before its first statement.
func TestMigrateUpLooksAtTheServerFirst(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.db = testdb.NewServer(t, "--log-bin=log", "--binlog-format=STATEMENT", "--server-id=1").Empty(t)
	s.env = append(s.env, "DULY_DATABASE_DSN="+s.db.DSN)
	got := s.duly(t, "migrate", "up")
	require.Equal(t, batch.ExitUsage, got.code, got.err)
	require.Contains(t, got.err, "set binlog_format to ROW or MIXED on the server")
	require.Zero(t, s.number(t, "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE()"))

	s.exec(t, "SET GLOBAL binlog_format = ROW")
	require.Equal(t, batch.ExitDone, s.duly(t, "migrate", "up").code)
	one, proxy := s.through(t)
	proxy.BeforeEach("SET time_zone = '-09:00'")
	require.Equal(t, batch.ExitUsage, one.duly(t, "migrate", "up").code)
}

// An error in the middle of a migration says that it can be run again.
func TestMigrateUpAfterAnError(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.db = testdb.Empty(t)
	s.env = append(s.env, "DULY_DATABASE_DSN="+s.db.DSN)
	one, proxy := s.through(t)
	proxy.Fail("CREATE TABLE IF NOT EXISTS payments", -1, 1071, "42000", "Specified key was too long")
	got := one.duly(t, "migrate", "up")
	require.Equal(t, batch.ExitFailed, got.code)
	require.Contains(t, got.err, "run it again")
	proxy.Fail("CREATE TABLE IF NOT EXISTS orders", -1, 1021, "HY000", "Disk full")
	require.Equal(t, batch.ExitUnfinished, one.duly(t, "migrate", "up").code)
	proxy.Mend()
	require.Equal(t, batch.ExitDone, one.duly(t, "migrate", "up").code)
	require.Equal(t, batch.ExitDone, one.duly(t, "doctor").code)
}

// A database that goes away for milliseconds again and again ends no night: every job runs, and everybody is charged once.
func TestBlipsEndNoNight(t *testing.T) {
	s := newShop(t)
	s.sim.Update(func(c *simulator.Config) { c.Latency.Fixed = 5 * time.Millisecond })
	const n = 40
	for range n {
		s.enrol(t, "ok", 9900)
	}
	for range 5 {
		s.order(t, "payment_in_progress", payment.Succeeded)
	}
	one, proxy := s.through(t)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(500 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-stop:
				return
			case <-ticker.C:
				proxy.Refuse()
				time.AfterFunc(10*time.Millisecond, proxy.Admit)
			}
		}
	}()
	var got ended
	for range 3 { // what a blip has kept locked is left to the next run
		got = one.duly(t, "run", "nightly", "--no-progress", "--json")
		require.Contains(t, []int{batch.ExitDone, batch.ExitUnfinished}, got.code, got.out+got.err)
		night := document[view.Night](t, got)
		require.Len(t, night.Jobs, 6)
		for _, p := range night.Jobs {
			require.Empty(t, p.Error, p.Job)
		}
		if got.code == batch.ExitDone {
			break
		}
	}
	close(stop)
	<-done
	proxy.Admit()
	require.Equal(t, int64(n), s.number(t, "SELECT COUNT(*) FROM invoices WHERE status = 'paid'"))
	require.Zero(t, s.number(t, "SELECT COUNT(*) FROM invoices WHERE status = 'review'"))
	require.Zero(t, s.number(t, "SELECT COUNT(*) FROM order_checks WHERE reason IS NOT NULL"))
	succeeded := 0
	for _, entry := range s.sim.Ledger() {
		if entry.Status == payment.Succeeded {
			succeeded++
		}
	}
	require.Equal(t, n+5, succeeded)
}
